"""Sound traffic over UDP, ICMP and in parts of files, that looks like a fault."""

from __future__ import annotations

import socket
import threading
import time

from plants import apps, messages
from plants.kinds import plant, seen, sound
from plants.lab import Lab, Wire
from plants.layers import ask, resolver
from plants.marks import fragmented
from plants.voice import await_turn, hold_call
from plants.wire import Effect


@sound(
    "DNS is broken: NXDOMAIN",
    admits="dns-nxdomain",
)
@seen(("dns.flags.rcode == 3", ">0", ">0"), ("dns.flags.rcode == 0 && dns.flags.response == 1", ">0", ">0"))
def dns_search_list(lab: Lab) -> str:
    """NXDOMAIN for the name with the search domain, and the address for the name itself, at once."""
    resolver(
        lab,
        lambda query, number: (
            messages.reply(query, rcode=3) if b"compute" in query else messages.reply(query, "10.9.9.9")
        ),
    )
    for number in range(lab.chance.randint(2, 6)):
        for name in (f"svc{number}.example.eu-west-1.compute.internal", f"svc{number}.example"):
            lab.must(ask(lab, name, number + 1), "it answers")
    return "each name is asked with the search domain first (NXDOMAIN) and resolves at once without it"


@sound(
    "truncated",
)
@seen(("dns.flags.truncated == 1 && dns.flags.response == 1", ">0", ">0"), ("tcp.dstport == 53", ">2", ">2"))
def dns_by_tcp(lab: Lab) -> str:
    """The answer is cut off, and comes whole by TCP."""
    resolver(lab, lambda query, number: messages.reply(query, is_cut=True))

    def whole(connection: socket.socket) -> None:
        length = int.from_bytes(connection.recv(2), "big")
        said = messages.reply(apps.drain(connection, length), "10.9.9.9", count=60)
        connection.sendall(len(said).to_bytes(2, "big") + said)
        connection.close()

    lab.server.serve(53, whole)
    for number in range(1, lab.chance.randint(3, 5)):
        lab.must(ask(lab, "many.internal", number), "it answers")
        query = messages.question("many.internal", number)
        client = lab.client.tcp(lab.server.address, 53)
        client.sendall(len(query).to_bytes(2, "big") + query)
        lab.must(len(apps.drain(client)) > 900, "the whole comes")
        client.close()
    return "TC=1 by UDP, and the whole answer by TCP at once"


@sound("-")
@seen(("dns.flags.rcode == 0 && dns.flags.response == 1", ">5", ">5"))
def dns_plain(lab: Lab) -> str:
    """All resolves."""
    resolver(lab, lambda query, number: messages.reply(query, "10.9.9.9"))
    for number in range(1, lab.chance.randint(8, 20)):
        lab.must(ask(lab, f"h{number}.internal", number), "it answers")
    return "all names resolve"


@sound("-")
@seen(("rtp.ssrc == 0x2222", ">200", ">200"), ("rtp.ssrc == 0x1111", ">200", ">200"))
def call(lab: Lab) -> str:
    """A call that everybody hears."""
    hold_call(lab, Effect(delay=0.01), seconds=lab.chance.uniform(4.5, 6))
    return "a call by SIP; RTP flows evenly both ways"


@sound("RTP loss: seconds without packets, a jump of the timestamp")
@seen(("rtp.marker == 1", ">1", ">1"))
def call_with_pauses(lab: Lab) -> str:
    """Silence suppression: no packets while nobody speaks, then a marker bit; the sequence numbers go on."""
    lab.build(wire=Wire(Effect(delay=0.01), Effect(delay=0.01)))
    sip = [lab.client.udp(5060), lab.server.udp(5060)]
    ends = (lab.client, lab.server)
    for sender, receiver, text in messages.sip(lab.client.address, lab.server.address):
        sip[sender].sendto(text, (ends[receiver].address, 5060))
        lab.must(sip[receiver].recv(4096), "it arrives")
    pause = lab.chance.randint(30, 75)

    def talk(audio: socket.socket, address: str, source: int) -> None:
        step, begin = 0, time.monotonic()
        for number in range(180):
            is_first = number % 60 == 0
            if is_first and number:
                step += pause
            await_turn(lab, begin + step * 0.02)
            audio.sendto(messages.rtp(number, source, is_first=is_first, at=step), (address, 40000))
            step += 1

    threads = [
        threading.Thread(target=talk, args=(ours.udp(40000), theirs.address, source))
        for ours, theirs, source in ((lab.client, lab.server, 0x1111), (lab.server, lab.client, 0x2222))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab.pause(0.2)
    return (
        f"RTP pauses for {pause / 50:.1f} s while nobody speaks: timestamps jump, sequence numbers do not, a "
        "marker bit follows"
    )


@sound(
    "routing loop; port closed",
)
@seen(("icmp.type == 11", ">0", "*"), ("icmp.type == 3 && icmp.code == 3", ">0", ">0"))
def traceroute(lab: Lab) -> str:
    """TTL exceeded and port unreachable are what traceroute wants."""
    lab.build(wire=Wire(Effect(delay=0.005), Effect(delay=0.005)))
    prober = lab.client.udp()
    for hops in range(1, lab.chance.randint(4, 6)):
        prober.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        for number in range(3):
            prober.sendto(apps.filling(32), (lab.server.address, 33434 + hops * 3 + number))
            lab.pause(0.1)
    return "traceroute by UDP: ICMP 11/0 of the router, ICMP 3/3 of the target, which is its end"


@sound("fragments lost")
@seen(("ip.frag_offset > 0", ">3", ">3"))
def fragments_arrive(lab: Lab) -> str:
    """Datagrams above the MTU in fragments, all there and answered."""
    sent, answered = fragmented(lab, "")
    lab.must(sent == answered, f"{answered} of {sent}")
    return f"{sent} datagrams, half of them in fragments: all arrive, all are answered"


@sound("the server never answers (one-way by design)")
@seen(("udp.dstport == 514", ">5", ">5"), ("icmp", "=0", "=0"))
def logs_sent(lab: Lab) -> str:
    """Syslog by UDP asks for no answer."""
    lab.build(wire=Wire(Effect(delay=0.003), Effect(delay=0.003)))
    lab.server.answer(514, lambda data, number: None)
    sender = lab.client.udp()
    for number in range(lab.chance.randint(8, 20)):
        sender.sendto(b"<134>1 - web app - - - line %d" % number, (lab.server.address, 514))
        lab.pause(0.1)
    return "syslog by UDP: one direction, as it is meant"


@plant(
    "healthy",
    "",
    "healthy",
    "healthy",
    admits={"client": "one-direction", "server": "", "both": "one-direction capture-lost-packets"},
    tempting="the server never answers; asymmetric routing",
)
@seen(("tcp.srcport == 8080", "=0", ">3"), ("tcp.dstport == 8080", ">3", ">3"))
def captured_one_way(lab: Lab) -> str:
    """The tap's own filter lets one direction of all flows pass: as of a mirror with rules for one direction only."""
    lab.build(wire=Wire(Effect(delay=0.003), Effect(delay=0.003)), is_tapped=False)
    lab.tap("client", lab.client.space, "e0", f"ip src host {lab.client.address}")
    lab.tap("server", lab.server.space, "e0")
    lab.server.serve(8080, apps.http(3000))
    for _ in range(lab.chance.randint(2, 4)):
        client = lab.client.tcp(lab.server.address, 8080)
        lab.must(apps.get(client)[0] == 200, "it answers")
        client.close()
    return "healthy connections; the file of the client has only what it sent, of all of them: a filter, no fault"


@sound(
    "the capture is broken: packets are cut off",
)
@seen(("frame.cap_len < frame.len", ">3", ">3"), ("tcp.analysis.retransmission", "=0", "=0"))
def cut_off(lab: Lab) -> str:
    """Only the first bytes of each packet are kept: the IP length is what counts."""
    lab.build(wire=Wire(Effect(delay=0.003), Effect(delay=0.003)), is_tapped=False)
    length = lab.chance.choice([96, 128])
    lab.tap("client", lab.client.space, "e0", snaplen=length)
    lab.tap("server", lab.server.space, "e0", snaplen=length)
    lab.server.serve(8080, apps.http(lab.chance.randint(5, 60) * 1000))
    client = lab.client.tcp(lab.server.address, 8080)
    for _ in range(3):
        lab.must(apps.get(client)[0] == 200, "it answers")
    client.close()
    return f"healthy connections, captured with a snaplen of {length} bytes"


@sound("SYN missing: a fault of the handshake")
@seen(("tcp.flags.syn == 1", "=0", "=0"), ("tcp.len > 0", ">3", ">3"))
def began_late(lab: Lab) -> str:
    """The capture begins amid a connection."""
    lab.build(wire=Wire(Effect(delay=0.003), Effect(delay=0.003)), is_tapped=False)
    lab.server.serve(8080, apps.http(5000))
    client = lab.client.tcp(lab.server.address, 8080)
    lab.must(apps.get(client)[0] == 200, "it answers")
    lab.pause(0.3)
    lab.tap("client", lab.client.space, "e0")
    lab.tap("server", lab.server.space, "e0")
    for _ in range(lab.chance.randint(2, 6)):
        lab.must(apps.get(client)[0] == 200, "it answers")
    client.close()
    return "a healthy connection that is older than the capture"


@sound("packet loss: pings")
@seen(("icmp.type == 8", ">3", ">3"), ("icmp.type == 0", ">3", ">3"))
def pings(lab: Lab) -> str:
    """Each ping is answered (by ICMP echo sockets)."""
    lab.build(wire=Wire(Effect(delay=0.02), Effect(delay=0.02)))
    prober = lab.client.socket(socket.SOCK_RAW, protocol=socket.IPPROTO_ICMP)
    for number in range(1, lab.chance.randint(5, 9)):
        prober.sendto(messages.ping(number), (lab.server.address, 0))
        lab.pause(0.2)
    return "pings, each answered"
