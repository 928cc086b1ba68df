"""A capture filter's text, as far as it is looked at before libpcap reads it: host names, and parts to quote. Pure.

A host name would be looked up, and may mean other addresses when the receiver's program is compiled: so names are
hidden behind addresses that ``accepted_packets`` takes for unknown. Must not know programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from vpcshark.wire.mirror_rules.accepted_packets import UNKNOWN

_V4, _V6 = str(IPv4Address(UNKNOWN)), str(IPv6Address(UNKNOWN.to_bytes(4, "big") * 4))
_STAND_INS = (f"({_V4} or {_V6})", _V4, _V6)  # libpcap takes the pair but after "ip" or "ip6"
_WORD = re.compile(r"(?<![\w.:\\-])(?!0x|tcp-|icmp6?-)(?=[\w.-]*[A-Za-z])\w[\w.-]*(?![\w.:-])")
_NOT_HOSTS, _HOSTS = ("port", "portrange", "proto", "protochain"), ("host", "net", "src", "dst", "gateway")
# The words of libpcap's scanner.l. One that is missing here is taken for a name: wider rules, never narrower ones.
_KEYWORDS = re.compile(
    r"and|or|not|ip6?|tcp|udp|sctp|icmp6?|ig[mr]p|pim|vrrp|carp|ah|esp|r?arp|atalk|aarp|decnet|iso|stp|ipx|netbeui|lat|"
    r"moprc|mopdl|sca|clnp|esis|isis|es-is|is-is|l1|l2|iih|lsp|c?snp|psnp|ether|fddi|tr|wlan|link|ppp|slip|mask|len|less|"
    r"greater|broadcast|multicast|inbound|outbound|ifindex|vlan|mpls|pppoe[ds]|geneve|tcpflags|icmp6?type|icmp6?code"
)
_JOIN = re.compile(r"(?<![\w.\\-])(?:and|or)(?![\w.-])|&&|\|\|")
_MOST_PARTS = 50


def without_names(text: str) -> tuple[str, ...]:
    """What to give to libpcap instead, the best first."""
    kind, names = "", []
    for word in _WORD.finditer(text):
        if word[0] in _NOT_HOSTS + _HOSTS:
            kind = word[0]
        elif kind not in _NOT_HOSTS and not _KEYWORDS.fullmatch(word[0]):
            names.append(word)
    ends = [0, *(end for name in names for end in name.span()), len(text)]
    rest = [text[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True)]
    return tuple(stand_in.join(rest) for stand_in in _STAND_INS) if names else (text,)


def parts(text: str) -> Iterator[str]:
    """The text cut at "and" and "or", each part without what stands around it."""
    for part in dict.fromkeys(_JOIN.split(text)[:_MOST_PARTS]):
        part = re.sub(r"^(?:\s|not\b|!|\((?!.*\)))+|\s+$", "", part)
        while part.endswith(")") and part.count(")") > part.count("("):
            part = part[:-1].rstrip()
        yield part
