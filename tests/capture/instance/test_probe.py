"""A test connection from a host: made for real between namespaces, and what its answer is taken for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.plants import spaces
from tests.support.plants.lab import Lab
from tests.support.plants.paths import NO_FRAG_NEEDED
from vpcshark.capture.instance import probe
from vpcshark.errors import TransportError
from vpcshark.why.tried import ANSWERED, CANNOT, CONNECTED, REFUSED, SILENT, UNREACHABLE, Echo, Probe, Router

PORT = 8080


@pytest.fixture
def lab(as_root: None, tmp_path: Path) -> Iterator[Lab]:
    """A client and a server with a router between; ``build`` makes it."""
    made = Lab(tmp_path, "probe", 7)
    yield made
    made.end()


def tried(lab: Lab, kind: str = "tcp", port: int = PORT, here: str = "") -> Probe:
    """What the command says when it runs on the client."""
    command = probe.command(lab.server.address, port, kind, here or lab.client.address)
    return probe.parse(spaces.run(lab.client.space, *command).encode())


def test_a_connection_and_the_sizes_that_pass(lab: Lab):
    lab.build(is_tapped=False)
    lab.server.listen(PORT)
    found = tried(lab)
    assert (found.outcome, found.milliseconds >= 0, found.hole) == (CONNECTED, True, None)
    assert [(each.size, each.is_answered) for each in found.echoes] == [
        (1280, True),
        (1400, True),
        (1500, True),
        (8500, False),
        (9001, False),
    ]
    assert all(each.is_refused for each in found.echoes[3:])  # the host's own interface says so, by its MTU or without
    assert {each.mtu for each in found.echoes[3:]} < {0, 1500}


def test_a_port_where_nothing_listens(lab: Lab):
    lab.build(is_tapped=False)
    assert tried(lab).outcome == REFUSED


@pytest.mark.long
def test_a_way_that_drops_the_connection(lab: Lab):
    lab.build(is_tapped=False)
    lab.forward("tcp dport 8080 drop")
    lab.server.listen(PORT)
    assert tried(lab).outcome == SILENT


@pytest.mark.long
def test_a_router_that_says_its_mtu(lab: Lab):
    lab.build(hops=(0, 1400), is_tapped=False)
    lab.server.listen(PORT)
    found = tried(lab)
    assert (found.outcome, found.path_mtu, found.hole) == (CONNECTED, 1400, None)
    assert Echo(1500, False, 1400, lab.router.address, is_refused=True) in found.echoes
    assert [each.address for each in found.routers][-1:] == [lab.server.address]


def test_a_hop_that_hides_its_mtu(lab: Lab):
    """Its ICMP is dropped: the connection opens, and what is larger vanishes."""
    lab.build(hops=(0, 1400), rules=NO_FRAG_NEEDED, is_tapped=False)
    lab.server.listen(PORT)
    found = tried(lab)
    assert (found.outcome, found.hole) == (CONNECTED, (1400, 1500))


@pytest.mark.long
@pytest.mark.parametrize(("kind", "outcome"), [("dns", ANSWERED), ("udp", ANSWERED)])
def test_datagrams(lab: Lab, kind: str, outcome: str):
    lab.build(is_tapped=False)
    lab.server.answer(PORT, lambda data, _: data)
    assert tried(lab, kind).outcome == outcome
    assert tried(lab, kind, PORT + 1).outcome == REFUSED  # an ICMP port unreachable, told by connect(2)


def test_it_leaves_from_the_address_that_is_asked_for_or_not_at_all(lab: Lab):
    lab.build(is_tapped=False)
    lab.server.listen(PORT)
    assert tried(lab, here="192.0.2.1").outcome == CANNOT


@pytest.mark.parametrize("there", ["10.0.0.1; reboot", "$(id)", "-I lo", ""])
def test_what_is_no_address_reaches_no_shell(there: str):
    with pytest.raises(ValueError, match="does not appear to be"):
        probe.command(there, 80, "tcp", "10.0.0.1")


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("12 connected", CONNECTED),
        ("12 ECONNREFUSED", REFUSED),
        ("- bash: connect: Connection refused", REFUSED),
        ("3000 EHOSTUNREACH", UNREACHABLE),
        ("- bash: line 1: /dev/tcp/10.0.0.1/80: No route to host", UNREACHABLE),
        ("5000 silent", SILENT),
        ("- nothing", CANNOT),
        ("0 EADDRNOTAVAIL", CANNOT),
    ],
)
def test_outcomes_in_the_words_of_python_and_of_bash(said: str, outcome: str):
    assert probe.parse(f"vpcshark:tried:{said}\nvpcshark:end:ok\n".encode()).outcome == outcome


@pytest.mark.parametrize(("said", "code"), [("12 answered rcode 5", 5), ("12 answered rcode 0", 0), ("12 answered", 0)])
def test_what_a_dns_answer_says(said: str, code: int):
    found = probe.parse(f"vpcshark:tried:{said}\nvpcshark:end:ok\n".encode())
    assert (found.outcome, found.code) == (ANSWERED, code)


@pytest.mark.parametrize(
    ("row", "echo"),
    [
        (
            "1500 From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)",
            Echo(1500, False, 1400, "10.0.0.1", is_refused=True),
        ),
        (
            "1500 From 2001:db8::1 icmp_seq=1 Packet too big: mtu=1400",
            Echo(1500, False, 1400, "2001:db8::1", is_refused=True),
        ),
        ("8500 ping: local error: message too long, mtu=1500", Echo(8500, False, 1500, is_refused=True)),
        ("8500 ping: sendmsg: Message too long", Echo(8500, False, is_refused=True)),
        ("8500 ", Echo(8500, False)),
        ("1280 answered", Echo(1280, True)),
    ],
)
def test_what_ping_says_of_sizes(row: str, echo: Echo):
    assert probe.parse(f"vpcshark:echo:{row}\nvpcshark:end:ok\n".encode()).echoes == (echo,)


def test_what_tracepath_says_of_routers():
    rows = [
        " 1?: [LOCALHOST]                      pmtu 9001",
        " 1:  10.0.0.1                                              0.045ms ",
        " 2:  no reply",
        " 3:  10.0.2.1                                              0.3ms pmtu 1400",
        " 4:  10.0.2.9                                              0.4ms reached",
        "     Resume: pmtu 1400 hops 4 back 4 ",
    ]
    said = "".join(f"vpcshark:hop:{row}\n" for row in rows) + "vpcshark:end:ok\n"
    assert probe.parse(said.encode()).routers == (
        Router(1, "10.0.0.1", 9001),
        Router(3, "10.0.2.1", 1400),
        Router(4, "10.0.2.9"),
    )


def test_an_answer_without_its_end_is_none():
    with pytest.raises(TransportError, match="did not come to its end"):
        probe.parse(b"vpcshark:tried:3 connected\n")


@pytest.mark.root  # ping may be refused to others (net.ipv4.ping_group_range)
@pytest.mark.parametrize("family", [socket.AF_INET6])
def test_over_ipv6_here(family: int):
    """On loopback: the port answers, and every size passes."""
    import subprocess

    with socket.create_server(("::1", 0), family=family) as server:
        command = probe.command("::1", server.getsockname()[1], "tcp", "::1")
        found = probe.parse(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (found.outcome, [each.is_answered for each in found.echoes]) == (CONNECTED, [True] * 5)
