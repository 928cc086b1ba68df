"""Are the frames of a finding what it says? Judged by tshark's fields alone: this knows classes, and nothing of ours.

``wrong`` looks up every frame of an answer in the contract's form: it is there, it is of one of the finding's flows,
and it shows what the class is about.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

FIELDS = (
    *("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"),
    *("tcp.flags.syn", "tcp.flags.ack", "tcp.flags.reset", "tcp.len", "tcp.window_size_value", "tcp.options.mss_val"),
    *("tcp.checksum.status", "icmp.type", "icmpv6.type", "dns.flags.response", "dns.flags.rcode"),
    *("dns.flags.truncated", "tls.handshake.type", "tls.alert_message.desc", "http.response.code", "ip.dsfield"),
    *("ip.flags.mf", "ip.frag_offset", "ipv6.fraghdr.offset", "ip.flags.df", "ipv6.fraghdr.more", "ipv6.tclass"),
)
_ENDS = FIELDS[:8]
Shown = Mapping[str, str]
"""A frame's fields; of several (tunnels, quoted headers) separated by commas."""
Is = Callable[[Shown], bool]


def _has(name: str, *values: str) -> Is:
    wanted = set(values)
    return lambda shown: bool(shown[name]) if not wanted else bool(wanted & set(shown[name].split(",")))


def _either(*those: Is) -> Is:
    return lambda shown: any(each(shown) for each in those)


def _both(*those: Is) -> Is:
    return lambda shown: all(each(shown) for each in those)


_TCP, _UDP, _DNS = _has("tcp.srcport"), _has("udp.srcport"), _has("dns.flags.response")
_SYN, _RESET = _has("tcp.flags.syn", "1", "True"), _has("tcp.flags.reset", "1", "True")
_ACK, _WHOLE = _has("tcp.flags.ack", "1", "True"), _has("ip.flags.df", "1", "True")
_ICMP = _either(_has("icmp.type"), _has("icmpv6.type"))
_TLS = _either(_has("tls.handshake.type"), _has("tls.alert_message.desc"), _TCP)
_TORN = _either(
    *(_has("ip.flags.mf", "1", "True"), _has("ipv6.fraghdr.offset")),
    lambda shown: shown["ip.frag_offset"] not in ("", "0"),
)


def _data(shown: Shown) -> bool:
    return any(each not in ("", "0") for each in shown["tcp.len"].split(","))


def _any(_: Shown) -> bool:
    return True


SOME: Mapping[str, Is] = {
    "mss-clamp-one-way": _both(_SYN, _has("tcp.options.mss_val")),
    "syn-unanswered": _both(_SYN, lambda shown: not _ACK(shown)),
    "synack-unanswered": _both(_SYN, _ACK),
    "ack-unanswered": _both(_SYN, _ACK),
    "backlog-full": _SYN,
    "refused": _RESET,
    "icmp-refused": _ICMP,
    "idle-timeout": _data,
    "nat-ports-exhausted": _SYN,
    "zero-window": _has("tcp.window_size_value", "0"),
    "slow-server": _data,
    "slow-network": _SYN,
    "slow-client": _data,
    "policer": _data,
    "shaper": _data,
    "reordering": _data,
    "duplicates": _data,
    "dns-unanswered": _has("dns.flags.response", "0", "False"),
    "dns-rate-limited": _has("dns.flags.response", "0", "False"),
    "dns-nxdomain": _has("dns.flags.rcode", "3"),
    "dns-servfail": _has("dns.flags.rcode", "2", "5"),
    "dns-truncated": _has("dns.flags.truncated", "1", "True"),
    "tls-alert": _TLS,
    "tls-expired": _TLS,
    "tls-version": _TLS,
    "tls-cipher": _TLS,
    "tls-name": _TLS,
    "tls-no-server-hello": _TLS,
    "http-502": _either(_has("http.response.code", "502"), _RESET),
    "http-504": _has("http.response.code", "504"),
    "fragments-lost": _either(_TORN, _ICMP),
    "corruption": _has("tcp.checksum.status", "0", "Bad"),
    "reset-by-middlebox": _RESET,
    "reset-by-peer": _RESET,
    "mirror-artefact": _ICMP,
}
"""What at least one frame of a finding is."""
EVERY: Mapping[str, Is] = {
    "syn-unanswered": _SYN,
    "mss-clamp-one-way": _SYN,
    "pmtu-black-hole": _either(_TCP, _UDP, _ICMP),
    "dns-unanswered": _DNS,
    "dns-rate-limited": _DNS,
    "dns-nxdomain": _DNS,
    "dns-servfail": _DNS,
    "rtp-loss": _UDP,
    "rtp-jitter": _UDP,
    "rtp-one-way": _either(_UDP, _ICMP),
    "mirror-artefact": _ICMP,
    "zero-window": _TCP,
    "loss": _either(_data, _SYN, _UDP, _TORN, _TCP),
}
"""What each of them is."""


def wrong(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Sentences about frames that are not what the findings say; none is good."""
    listed = list(findings)
    numbers: dict[str, set[int]] = defaultdict(set)
    for finding in listed:
        for frame in finding["frames"]:
            numbers[frame["file"]].add(frame["number"])
    known = {file: _looked_up(file, wanted) for file, wanted in numbers.items()}
    return [said for finding in listed for said in _of(finding, known)]


def _of(finding: Mapping[str, Any], known: Mapping[str, Mapping[int, Shown]]) -> list[str]:
    kind, said, shown = finding["class"], [], []
    for frame in finding["frames"]:
        found = known[frame["file"]].get(frame["number"])
        if found is None:
            said.append(f"{kind}: frame {frame['number']} is not there")
            continue
        shown.append(found)
        if finding["flows"] and not any(_belongs(found, flow) for flow in finding["flows"]):
            said.append(f"{kind}: frame {frame['number']} is of no flow of it")
        if not EVERY.get(kind, _any)(found):
            said.append(f"{kind}: frame {frame['number']} is not what such a finding is about")
    if kind in SOME and not any(SOME[kind](each) for each in shown):
        said.append(f"{kind}: none of its frames {[f['number'] for f in finding['frames']]} shows it")
    return said + [f"{kind}: {each}" for each in _together(finding, shown)]


def _together(finding: Mapping[str, Any], shown: Sequence[Shown]) -> Iterator[str]:
    """What all of them say together."""
    if finding["class"] == "marks-changed" and len({each["ip.dsfield"] + each["ipv6.tclass"] for each in shown}) < 2:
        yield "all its frames have the same mark"
    is_four = any(each["ip.src"] for each in shown)
    if "Don't Fragment" in finding["sentence"] and is_four and not any(_WHOLE(each) for each in shown):
        yield "none of its frames has Don't Fragment"


def _looked_up(file: str, numbers: set[int]) -> dict[int, Shown]:
    chosen = f"frame.number in {{{','.join(map(str, sorted(numbers)))}}}"
    words: Sequence[str] = ["tshark", "-n", "-o", "tcp.check_checksum:TRUE", "-r", file, "-Y", chosen, "-T", "fields"]
    fields = [word for name in ("frame.number", *FIELDS) for word in ("-e", name)]
    done = subprocess.run([*words, *fields], capture_output=True, text=True, check=False)
    found: dict[int, Shown] = {}
    for row in done.stdout.splitlines():
        number, *values = row.split("\t")
        found[int(number)] = dict(zip(FIELDS, values, strict=True))
    return found


def _belongs(shown: Shown, flow: Mapping[str, Any]) -> bool:
    found = {one for name in _ENDS for one in shown[name].split(",") if one}
    ports = {str(flow[name]) for name in ("source_port", "target_port") if flow[name]}
    ends = {flow["source"], flow["target"]}
    return ends <= found and (ports <= found or not any(each.isdecimal() for each in found))
