"""Sound traffic of kinds that look like faults: nothing is told of it, read in columns or packet by packet."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from packets import CLIENT, SERVER, Story, Tcp
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6TimeExceeded, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes

MAC = "02:00:00:00:00:01"
ASKED = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def page(tcp: Tcp) -> None:
    """A request, and its answer."""
    tcp.say(CLIENT, ASKED)
    tcp.story.wait(0.02)
    tcp.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + bytes(900))
    tcp.ack(CLIENT)


def closed(tcp: Tcp) -> None:
    """Both ends close."""
    for one, other in ((CLIENT, SERVER), (SERVER, CLIENT)):
        tcp.raw(one, "FA")
        tcp.seq[one] += 1
        tcp.story.wait(0.02)
        tcp.ack(other)


def both_open_at_once() -> Story:
    """Their SYNs cross (RFC 9293, figure 7)."""
    story = Story()
    tcp = Tcp(story, port=5000, sport=5001)
    tcp.raw(CLIENT, "S")
    story.wait(0.005).wait(0)
    tcp.raw(SERVER, "S")
    tcp.seq = {host: seq + 1 for host, seq in tcp.seq.items()}
    tcp.raw(CLIENT, "SA", seq=tcp.seq[CLIENT] - 1)
    story.wait(0.02)
    tcp.raw(SERVER, "SA", seq=tcp.seq[SERVER] - 1, id=0)
    for _ in range(4):
        tcp.say(CLIENT, bytes(500))
        story.wait(0.03)
        tcp.say(SERVER, bytes(400))
        tcp.ack(CLIENT)
        story.wait(1)
    closed(tcp)
    return story


def kept_alive_since_before() -> Story:
    """The capture begins with a keep-alive, which repeats the number of a byte that was sent before."""
    story = Story()
    tcp = Tcp(story, port=5432)
    for _ in range(4):
        tcp.raw(CLIENT, "A", seq=tcp.seq[CLIENT] - 1)
        story.wait(0.02)
        tcp.ack(SERVER)
        story.wait(45)
    tcp.say(CLIENT, b"Q\0\0\0\x0dselect 1\0")
    story.wait(0.02)
    tcp.say(SERVER, bytes(60))
    tcp.ack(CLIENT)
    return story


def _no_such(name: str) -> Callable[[], Story]:
    def make() -> Story:
        story = Story()
        labels = b"".join(bytes((len(part),)) + part.encode() for part in name.split(".")) + b"\0"
        query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0\1\0\1"
        story.udp(CLIENT, SERVER, (50000, 53), query)
        story.wait(0.02).udp(SERVER, CLIENT, (53, 50000), query[:2] + b"\x81\x83" + query[4:])
        return story

    return make


def ports_used_again_too_soon() -> Story:
    """The old connection's last ACK answers the SYN; the client resets that one, and its next SYN is let in."""
    story = Story()
    old = Tcp(story).open()
    page(old)
    old.raw(SERVER, "FA")
    old.seq[SERVER] += 1
    old.raw(CLIENT, "FA")
    old.seq[CLIENT] += 1
    story.wait(0.02)
    old.ack(SERVER)
    story.wait(1)
    new = Tcp(story)
    new.seq = {CLIENT: 500, SERVER: 700_000}
    new.raw(CLIENT, "S")
    story.wait(0.02)
    old.ack(SERVER)
    new.raw(CLIENT, "R", seq=old.seq[SERVER])
    story.wait(1)
    page(new.open())
    return story


def leave_is_waited_for() -> Story:
    """A client that says "Expect: 100-continue" waits a second for leave, and goes on without."""
    story = Story()
    tcp = Tcp(story).open()
    tcp.say(CLIENT, b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
    story.wait(0.02)
    tcp.ack(SERVER)
    story.wait(1)
    tcp.say(CLIENT, bytes(1000))
    story.wait(0.02)
    tcp.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    tcp.ack(CLIENT)
    return story


def switched_to_messages() -> Story:
    """After a WebSocket's handshake a message of the one is no answer to one of the other."""
    story = Story()
    tcp = Tcp(story).open()
    tcp.say(CLIENT, b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    story.wait(0.02)
    tcp.say(SERVER, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
    tcp.ack(CLIENT)
    for _ in range(6):
        story.wait(7)
        tcp.say(CLIENT, b"\x81\x85abcdhello")
        story.wait(0.03)
        tcp.ack(SERVER)
        story.wait(2.5)
        tcp.say(SERVER, b"\x81\x03abc")
        tcp.ack(CLIENT)
    return story


def _heard_now_and_then(every: float) -> Callable[[], Story]:
    """A protocol that nobody knows here: after a greeting each side speaks by its own clock, or is asked for news."""

    def make() -> Story:
        story = Story()
        tcp = Tcp(story, port=5432).open(0.002)
        tcp.say(CLIENT, b"\0\0\0\x20START")
        story.wait(0.01)
        tcp.say(SERVER, b"W\0\0\0\7")
        tcp.ack(CLIENT)
        for _ in range(12):
            story.wait(0.001 if every < 1 else every)
            tcp.say(CLIENT, b"d" + bytes(34))
            story.wait(0.002)
            tcp.ack(SERVER)
            story.wait(every)
            tcp.say(SERVER, b"d" + bytes(40))
            tcp.ack(CLIENT)
        return story

    return make


def traced_by_syns() -> Story:
    """A hop that does not answer is three SYNs without an answer."""
    story = Story()
    for hops in range(1, 7):
        for number in range(3):
            tcp = Tcp(story, sport=45000 + 3 * hops + number)
            syn = tcp.raw(CLIENT, "S", ttl=hops)
            story.wait(0.02)
            if hops == 4:
                story.wait(5)
            else:
                story.icmp(f"10.0.{hops}.254", syn, 11, 0)
    tcp = Tcp(story, sport=45900)
    tcp.raw(CLIENT, "S", ttl=9)
    tcp.seq[CLIENT] += 1
    story.wait(0.02)
    tcp.raw(SERVER, "SA", id=0)
    tcp.raw(CLIENT, "R", id=0)
    return story


def looked_for_open_ports() -> Story:
    """A scanner that resets what it has begun."""
    story = Story()
    for number in range(20):
        tcp = Tcp(story, sport=41000 + number)
        tcp.raw(CLIENT, "S")
        story.wait(0.02)
        tcp.raw(SERVER, "SA", id=0, ack=tcp.seq[CLIENT] + 1)
        tcp.seq[CLIENT] += 1
        tcp.raw(CLIENT, "R", id=0)
    return story


def _asked_in_the_syn(request: bytes) -> Callable[[], Story]:
    """TCP Fast Open (RFC 7413), of which every second server takes the data."""

    def make() -> Story:
        story = Story()
        for number in range(6):
            tcp = Tcp(story, sport=42000 + number)
            tcp.raw(CLIENT, "S", request, options=[("MSS", 1460), ("SAckOK", b""), (34, b"12345678")])
            story.wait(0.03)
            taken = number % 2 * len(request)
            tcp.seq[CLIENT] += 1 + taken
            tcp.raw(SERVER, "SA", id=0, options=[("MSS", 1460), ("SAckOK", b"")])
            tcp.seq[SERVER] += 1
            if not taken:
                tcp.say(CLIENT, request)
                story.wait(0.03)
            else:
                tcp.ack(CLIENT)
            tcp.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + bytes(900))
            tcp.ack(CLIENT)
            story.wait(3)
            closed(tcp)
            story.wait(0.3)
        return story

    return make


def _held(request: bytes) -> Callable[[], Story]:
    """A request that says for how long it may be held, and is."""

    def make() -> Story:
        story = Story()
        tcp = Tcp(story).open()
        for number in range(4):
            tcp.ask(request)
            story.wait(15 + 5 * number)
            tcp.say(SERVER, b"HTTP/1.1 204 No Content\r\n\r\n")
            tcp.ack(CLIENT)
            story.wait(0.01)
        return story

    return make


def _held_in_parts(*parts: bytes) -> Callable[[], Story]:
    """The same of a request whose head and body are a packet each."""

    def make() -> Story:
        story = Story()
        tcp = Tcp(story).open()
        for _ in range(3):
            for part in parts:
                tcp.say(CLIENT, part)
            story.wait(0.02)
            tcp.ack(SERVER)
            story.wait(20)
            tcp.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            tcp.ack(CLIENT)
            story.wait(0.01)
        return story

    return make


def _of_aws(target: str, body: bytes) -> bytes:
    """The head of a request in AWS's JSON protocol."""
    named = f"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: {target}\r\nContent-Length: {len(body)}\r\n\r\n"
    return named.encode()


QUEUE = b'{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/111122223333/q","WaitTimeSeconds":20}'
PLAIN = b'{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/111122223333/q"}'
NO_TARGET = _of_aws("", QUEUE).replace(b"X-Amz-Target: \r\n", b"")


def _unread(port: int, waits: tuple[float, ...]) -> Story:
    """Requests in a protocol that can't be read, the last ones of which are answered late."""
    story = Story()
    tcp = Tcp(story, port=port).open(0.002)
    for wait in (0.001, 0.001, *waits):
        tcp.say(CLIENT, bytes(30))
        story.wait(0.002)
        tcp.ack(SERVER)
        story.wait(wait)
        tcp.say(SERVER, bytes(40))
        tcp.ack(CLIENT)
        story.wait(0.01)
    return story


def page_about_status_lines() -> Story:
    """Its text has one where a packet begins."""
    story = Story()
    tcp = Tcp(story).open().ask()
    for body in (b"HTTP/1.1 200 OK\r\nContent-Length: 1500\r\n\r\n", b"HTTP/1.1 504 Gateway Timeout\r\n is what"):
        tcp.say(SERVER, body + bytes(700))
        tcp.ack(CLIENT)
    return story


def _in_fragments(is_backwards: bool) -> Callable[[], Story]:
    """A device on the way clears Don't Fragment and cuts each segment in two, which it sends in this order or that."""

    def make() -> Story:
        story = Story()
        tcp = Tcp(story).open().ask()
        for _ in range(20):
            story.wait(0.01)
            tcp.say(SERVER, bytes(1460))
            tcp.ack(CLIENT)
        whole, story.packets = story.packets, []
        for frame in whole:
            frame[IP].flags = 0
            parts = fragment(frame, 1376) if len(frame) > 1400 else [frame]
            for part in reversed(parts) if is_backwards else parts:
                part.time = frame.time
                story.packets.append(part)
        return story

    return make


def _begins_with_what_is_sent_again(asked: int, has_sack: bool) -> Callable[[], Story]:
    """What is behind it came before the capture began, as the ACKs say; ``asked`` of them come before it does."""

    def make() -> Story:
        story = Story()
        tcp = Tcp(story, port=443)
        lost, tcp.seq[SERVER] = tcp.seq[SERVER], tcp.seq[SERVER] + 21 * 1448
        sack = [("SAck", (lost + 1448, tcp.seq[SERVER]))] if has_sack else []
        for _ in range(asked):
            tcp.ack(CLIENT, ack=lost, options=sack)
            story.wait(0.001)
        tcp.raw(SERVER, "A", bytes(1448), seq=lost)
        for _ in range(40):
            tcp.ack(CLIENT)
            story.wait(0.02)
            tcp.say(SERVER, bytes(1448))
        tcp.ack(CLIENT)
        closed(tcp)
        return story

    return make


def traced_backwards() -> Story:
    """IPv6 probes that are alike but for a falling hop limit, which no traceroute begins as high as a host does."""
    story = Story()
    for hops in range(12, 0, -1):
        probe = IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=hops) / UDP(sport=4000, dport=33434) / Raw(bytes(24))
        story.put(Ether(src=MAC, dst=MAC) / probe)
        story.wait(0.1)
    return story


SOUND: dict[str, Callable[[], Story]] = {
    "held until there are news": _held(b"GET /v1/kv/a?index=7&wait=60s HTTP/1.1\r\nHost: a\r\n\r\n"),
    "held by its path": _held(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"),
    "held by preference": _held(b"GET /news HTTP/1.1\r\nHost: a\r\nPrefer: respond-async, wait=30\r\n\r\n"),
    "held by a queue": _held(_of_aws("AmazonSQS.ReceiveMessage", QUEUE) + QUEUE),
    "held by a queue's own settings": _held_in_parts(_of_aws("AmazonSQS.ReceiveMessage", PLAIN), PLAIN),
    "held as its body says": _held(NO_TARGET + QUEUE),
    "held by a queue, in the older protocol": _held(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nAction=ReceiveMessage&Version=2012-11-05"
    ),
    "held until there is an activity": _held(_of_aws("AWSStepFunctions.GetActivityTask", b"{}") + b"{}"),
    "held until there is an event": _held(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a page about status lines": page_about_status_lines,
    "traced backwards": traced_backwards,
    "in fragments": _in_fragments(is_backwards=False),
    "in fragments, the last one first": _in_fragments(is_backwards=True),
    "begins with what is sent again": _begins_with_what_is_sent_again(0, has_sack=False),
    "begins with what is asked for": _begins_with_what_is_sent_again(3, has_sack=False),
    "begins with what is asked for by SACK": _begins_with_what_is_sent_again(3, has_sack=True),
    "both open at once": both_open_at_once,
    "kept alive since before": kept_alive_since_before,
    "an address that is on no list": _no_such("2.0.0.10.lists.example.net"),
    "a proxy that may be there": _no_such("wpad.example.net"),
    "a service that nobody offers": _no_such("_ldap._tcp.example.net"),
    "ports used again too soon": ports_used_again_too_soon,
    "leave is waited for": leave_is_waited_for,
    "switched to messages": switched_to_messages,
    "heartbeats of both sides": _heard_now_and_then(5),
    "polls that wait for news": _heard_now_and_then(0.55),
    "traced by SYNs": traced_by_syns,
    "looked for open ports": looked_for_open_ports,
    "asked in the SYN": _asked_in_the_syn(ASKED),
    "asked much in the SYN": _asked_in_the_syn(b"GET /a HTTP/1.1\r\nCookie: " + b"a" * 1160 + b"\r\n\r\n"),
}


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_told_of_sound_traffic(name: str) -> None:
    data = SOUND[name]().pcap()
    for in_columns in (False, True):
        report = examine(list(read_bytes(data, in_columns=in_columns).points.values()))
        assert [finding.sentence for finding in report.findings] == []


def test_a_name_that_nobody_has_is_still_told() -> None:
    report = examine(list(read_bytes(_no_such("shop.example.net")().pcap()).points.values()))
    assert [finding.kind for finding in report.findings] == ["dns-nxdomain"]


@pytest.mark.parametrize("request_", [ASKED, _of_aws("AmazonSQS.SendMessage", PLAIN) + PLAIN])
def test_a_request_that_may_not_be_held_is_still_slow(request_: bytes) -> None:
    (finding,) = examine(list(read_bytes(_held(request_)().pcap()).points.values())).findings
    assert finding.kind == "slow-server"


def test_a_status_line_after_a_leave_to_go_on_is_the_answer() -> None:
    story = Story()
    tcp = Tcp(story).open().ask(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
    for line in (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 504 Gateway Timeout\r\n\r\n"):
        tcp.say(SERVER, line)
        tcp.ack(CLIENT)
    assert [each.kind for each in examine(list(read_bytes(story.pcap()).points.values())).findings] == ["http-504"]


ROUND: dict[str, Callable[[int], Packet]] = {
    "echo": lambda number: ICMPv6EchoRequest(id=4, seq=number, data=bytes(40)),
    "datagram": lambda number: UDP(sport=4000, dport=5000) / Raw(bytes([number]) * 24),
    "SYN": lambda number: TCP(sport=4000, dport=5000, seq=7),
}


@pytest.mark.parametrize("in_columns", [False, True])
@pytest.mark.parametrize("name", ROUND)
def test_without_an_identification_the_content_tells_what_goes_in_a_circle(name: str, in_columns: bool) -> None:
    story = Story()
    for number in range(3):
        for hops in range(60, 20, -2):
            story.put(
                Ether(src=MAC, dst=MAC) / IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=hops) / ROUND[name](number)
            )
            story.wait(0.0005)
        story.wait(1)
    report = examine(list(read_bytes(story.pcap(), in_columns=in_columns).points.values()))
    assert [finding.kind for finding in report.findings] == ["routing-loop"]


def test_a_report_about_an_ipv6_packet_that_was_sent_for_any_distance_is_a_circle() -> None:
    story = Story()
    syn = IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=64) / TCP(sport=4000, dport=5000, seq=7)
    story.put(Ether(src=MAC, dst=MAC) / syn)
    story.wait(0.05)
    told = IPv6(src="2001:db8::fe", dst="2001:db8::1") / ICMPv6TimeExceeded() / Raw(bytes(syn))
    story.put(Ether(src=MAC, dst=MAC) / told)
    assert [each.kind for each in examine(list(read_bytes(story.pcap()).points.values())).findings] == ["routing-loop"]


def test_an_unreadable_request_that_is_answered_after_whole_seconds_may_have_been_held() -> None:
    """Alike in all: a message queue's hold of 20 s, and a server that runs into a time-out of its own."""
    for waits, sure in (((20.0,), "cannot-tell"), ((7.3,), "likely"), ((20.0, 7.3), "likely")):
        (finding,) = examine(list(read_bytes(_unread(6379, waits).pcap()).points.values())).findings
        assert (finding.kind, finding.confidence) == ("slow-server", sure)
        assert "wait for news" in finding.sentence


@pytest.mark.parametrize("in_columns", [False, True])
def test_a_syn_whose_sender_goes_on_was_answered_where_the_capture_takes_one_direction(in_columns: bool) -> None:
    story = Story()
    page(Tcp(story).open())
    page(Tcp(story.wait(5), sport=40001).open())
    story.packets = [packet for packet in story.packets if packet[IP].src == CLIENT]
    report = examine(list(read_bytes(story.pcap(), in_columns=in_columns).points.values()))
    assert [(each.kind, each.confidence) for each in report.findings] == [("one-direction", "cannot-tell")]
