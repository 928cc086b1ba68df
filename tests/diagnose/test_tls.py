"""TLS handshakes between real contexts of OpenSSL, as packets: who left, and whether that can be seen."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from certificates import made
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes

Said = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def handshake(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Said]:
    """What both sides of a TLS 1.2 connection say, and the client's request: it asks for "db.example.com", and does not
    look at the certificate, which is for "server". ``wants``: the server wants a certificate of the client."""
    own = tmp_path_factory.mktemp("tls") / "own.pem"
    own.write_bytes(made(SERVER, -1, 90)[0])
    return lambda wants=False: _handshake(own, wants)


def _handshake(own: Path, wants: bool) -> Said:
    at_server, at_client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    at_server.load_cert_chain(own)
    at_server.maximum_version = ssl.TLSVersion.TLSv1_2
    at_server.verify_mode = ssl.CERT_REQUIRED if wants else ssl.CERT_NONE
    at_client.check_hostname, at_client.verify_mode = False, ssl.CERT_NONE
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = at_client.wrap_bio(down, up, server_hostname="db.example.com")
    server = at_server.wrap_bio(up, down, server_side=True)
    said: Said = []
    for _ in range(2):
        for who, end, out in ((CLIENT, client, up), (SERVER, server, down)):
            with suppress(ssl.SSLError):  # it waits for the other one, or has refused it
                end.do_handshake()
            told = out.read()
            out.write(told)
            said.append((who, told))
    if not wants:
        client.do_handshake()
        client.write(b"GET / HTTP/1.1\r\n\r\n")
        said.append((CLIENT, up.read()))
    return [each for each in said if each[1]]


def spoken(said: Said) -> Tcp:
    """The same in a capture, up to the last ACK."""
    tcp = Tcp(Story(now=time.time()), port=443).open()
    for who, data in said:
        for at in range(0, len(data), 1460):
            tcp.say(who, data[at : at + 1460])
            tcp.story.wait(0.02)
            tcp.ack(SERVER if who == CLIENT else CLIENT)
    return tcp


def ended(tcp: Tcp, who: str, flags: str = "FA") -> None:
    tcp.raw(who, flags)
    tcp.seq[who] += 1
    tcp.story.wait(0.02)
    tcp.ack(SERVER if who == CLIENT else CLIENT)


def kinds(tcp: Tcp) -> list[str]:
    return [each.kind for each in examine(list(read_bytes(tcp.story.pcap()).points.values())).findings]


@pytest.mark.parametrize("flags", ["FA", "RA"])
def test_a_client_that_leaves_after_a_certificate_for_another_name_is_told(handshake, flags: str) -> None:
    tcp = spoken(handshake()[:-1])
    ended(tcp, CLIENT, flags)
    assert "tls-name" in kinds(tcp)


def test_a_client_that_is_still_there_when_the_capture_ends_has_not_left(handshake) -> None:
    assert kinds(spoken(handshake()[:-1])) == []


def test_a_client_that_the_server_sends_away_has_not_left(handshake) -> None:
    tcp = spoken(handshake()[:-1])
    tcp.story.wait(60)
    for who in (SERVER, CLIENT):
        ended(tcp, who)
    assert kinds(tcp) == []


def test_a_client_that_needed_no_connection_after_all_has_not_left_for_its_certificate(handshake) -> None:
    tcp = spoken(handshake()[:-1])
    tcp.story.wait(90)
    ended(tcp, CLIENT)
    assert kinds(tcp) == []


def test_of_a_client_whose_packets_the_capture_lost_nobody_says_that_it_asked_nothing(handshake) -> None:
    said = handshake()
    tcp = spoken(said)
    ended(tcp, CLIENT)
    lost = next(p for p in tcp.story.packets if bytes(p).endswith(said[-3][1][-40:]))
    tcp.story.packets.remove(lost)
    assert kinds(tcp) == ["capture-lost-packets"]


def test_of_a_client_whose_later_packets_are_cut_nobody_says_that_it_asked_nothing(handshake) -> None:
    tcp = spoken(handshake())
    ended(tcp, CLIENT)
    whole = list(tcp.story.packets)
    tcp.story.packets = [
        old if p.wirelen > 300 or old[1].src == SERVER else p
        for old, p in zip(whole, tcp.story.cut(90).packets, strict=True)
    ]
    assert kinds(tcp) == []


def test_a_client_that_has_no_certificate_to_show_is_refused_and_does_not_leave_for_a_name(handshake) -> None:
    tcp = spoken(handshake(wants=True))
    ended(tcp, SERVER)
    assert kinds(tcp) == ["tls-alert"]


def test_a_client_whose_end_has_an_earlier_time_than_all_that_was_said_has_not_left_after_it(handshake) -> None:
    """Clocks are set back, and damaged files have any times."""
    tcp = spoken(handshake()[:-1])
    tcp.story.now -= 60
    tcp.raw(CLIENT, "FA")
    assert kinds(tcp) == []
