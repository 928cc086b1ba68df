"""Which records are of a flow: by the packet's addresses or the interface's, whatever the order of the columns."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.errors import InputError
from vpcshark.flowlogs import logformat, match
from vpcshark.flowlogs.scan import Scan

WIDE = "interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol"


def is_of(flow: str, names: str, line: str) -> bool:
    kind = logformat.parse(names)
    row = kind.row(line.encode())
    assert row is not None
    return match.test(match.parse(flow), kind)(row)


@pytest.mark.parametrize(
    ("text", "flow"),
    [
        ("10.0.1.5:49152->10.0.2.7:443/tcp", ("10.0.1.5/32", 49152, "10.0.2.7/32", 443, 6)),
        ("10.0.1.5->10.0.2.7", ("10.0.1.5/32", None, "10.0.2.7/32", None, None)),
        ("10.0.1.5->10.0.2.7/1", ("10.0.1.5/32", None, "10.0.2.7/32", None, 1)),
        ("*:*->*:443/*", (None, None, None, 443, None)),
        ("->", (None, None, None, None, None)),
        ("10.0.0.0/8->10.0.0.0/16:80/any", ("10.0.0.0/8", None, "10.0.0.0/16", 80, None)),
        (" 2001:db8::1 -> [2001:db8::2]:53 / udp ", ("2001:db8::1/128", None, "2001:db8::2/128", 53, 17)),
        ("[2001:db8::1]->2001:db8::2/58", ("2001:db8::1/128", None, "2001:db8::2/128", None, 58)),
    ],
)
def test_a_flow_is_read(text: str, flow: tuple[object, ...]):
    found = match.parse(text)
    ends = [None if each is None else str(each) for each in (found.source, found.destination)]
    assert (ends[0], found.source_port, ends[1], found.destination_port, found.protocol) == flow


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.1.5", 'no "->"'),
        ("10.0.1->10.0.0.1", "no address"),
        ("10.0.1.5:70000->10.0.0.1", "no port"),
        ("10.0.1.5:²->10.0.0.1", "no port"),
        ("10.0.1.5->10.0.0.1/tpc", "no protocol"),
        ("10.0.1.5->10.0.0.1/256", "no protocol"),
        ("10.0.1.5->10.0.0.0/16", "may be a network or a protocol"),
        ("[2001:db8::1]x->10.0.0.1", "no end of a flow"),
    ],
)
def test_what_is_no_flow_is_a_sentence(text: str, words: str):
    with pytest.raises(InputError, match=words):
        match.parse(text)


@pytest.mark.parametrize(
    "line",
    [
        "eni-client 10.1.1.5 10.2.2.7 10.1.1.5 10.2.2.7 4000 443 6",
        "eni-attachment-left 10.1.1.5 10.1.9.9 10.1.1.5 10.2.2.7 4000 443 6",
        "eni-attachment-right 10.2.9.9 10.2.2.7 10.1.1.5 10.2.2.7 4000 443 6",
        "eni-secondary 10.1.1.5 10.2.2.1 10.1.1.5 10.2.2.7 4000 443 6",
    ],
)
def test_a_packet_is_found_on_each_interface_of_its_way(line: str):
    flow = "10.1.1.5:4000->10.2.2.7:443/tcp"
    assert is_of(flow, WIDE, line)
    assert not is_of("10.2.2.7:443->10.1.1.5:4000/tcp", WIDE, line)
    assert not is_of(flow.replace("4000", "4001"), WIDE, line)
    assert not is_of(flow.replace("tcp", "udp"), WIDE, line)


def test_ipv6_is_one_address_however_it_is_written():
    assert is_of("2001:DB8:0::1->*", "srcaddr dstaddr", "2001:db8::1 2001:db8::2")


def test_a_port_can_not_be_looked_for_where_none_is_logged():
    with pytest.raises(InputError, match="no srcport"):
        is_of("*:5->*", "srcaddr dstaddr", "10.0.0.1 10.0.0.2")


ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.11", "110.0.0.1", "-", "2001:db8::1", "2001:0db8::1"])
NUMBERS = st.sampled_from(["6", "17", "66", "443", "4", "43", "-"])


@given(
    st.permutations(["srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr", "srcport", "dstport", "protocol", "action"]),
    st.integers(0, 4),
    st.lists(st.tuples(*[ADDRESSES] * 4, *[NUMBERS] * 3, st.sampled_from([" ", "  ", "\t"])), max_size=12),
    st.sampled_from(["10.0.0.1", "2001:db8::1", "*", "10.0.0.0/24"]),
    st.sampled_from(["443", "6", "*"]),
    st.sampled_from(["6", "any"]),
    st.integers(1, 90),
)
def test_the_short_way_finds_what_taking_each_line_apart_finds(columns, left, lines, address, port, protocol, size):
    """Whatever the columns' order, how many there are, what parts the values and where blocks are cut."""
    dropped = set(["pkt-srcaddr", "pkt-dstaddr", "action", "srcaddr"][:left])
    kind = logformat.LogFormat(tuple(name for name in columns if name not in dropped))
    if "srcaddr" in dropped and "pkt-srcaddr" in dropped:
        address = "*"
    data = "".join(gap.join(_line(kind, values)) + "\n" for *values, gap in lines).encode()
    flow = match.parse(f"{address}:{port}->*/{protocol}" if ":" not in address else f"[{address}]:{port}->*/{protocol}")
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    found = [row for _, row in Scan("it", kind, flow).rows(blocks)]
    wanted = [row for _, row in Scan("it", kind).rows([data]) if _is_of(flow, dict(zip(kind.names, row, strict=True)))]
    assert found == wanted


def _line(kind: logformat.LogFormat, values: list[str]) -> list[str]:
    names = ["srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr", "srcport", "dstport", "protocol"]
    said = {**dict(zip(names, values, strict=True)), "action": "ACCEPT"}
    return [said[name] for name in kind.names]


def _is_of(flow: match.Flow, row: dict[str, bytes]) -> bool:
    """The test's own reading."""
    if flow.source is not None:
        texts = [row[name].decode() for name in ("srcaddr", "pkt-srcaddr") if name in row]
        if not any(text != "-" and ipaddress.ip_address(text) in flow.source for text in texts):
            return False
    return all(
        wanted is None or row[name] == str(wanted).encode()
        for name, wanted in (("srcport", flow.source_port), ("protocol", flow.protocol))
    )
