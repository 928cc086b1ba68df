"""What devices rewrite, fragments that get lost, and what only the capture is to blame for."""

from __future__ import annotations

import socket
import struct

from plants import apps, spaces
from plants.kinds import plant, seen
from plants.lab import Lab, Wire, chain, wait_until
from plants.wire import Effect

IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # linux/in.h
EF, AF41 = 0xB8, 0x88
RESENT = "tcp.analysis.retransmission || tcp.analysis.fast_retransmission"
NOTES = f"{RESENT} || tcp.analysis.out_of_order || tcp.analysis.duplicate_ack"


def _delay(lab: Lab) -> Wire:
    delay = round(lab.chance.uniform(0.001, 0.02), 4)
    return Wire(Effect(delay=delay), Effect(delay=delay))


@plant(
    "marks-changed",
    "",
    "",
    "marks-changed",
    tempting="the sender does not mark",
)
@seen(("ip.dsfield.dscp != 0 && udp.dstport == 40000", ">50", "=0"), ("udp.dstport == 40000", ">50", ">50"))
def dscp_washed(lab: Lab) -> str:
    """A router sets what is marked to best effort; one point alone cannot know."""
    mark = lab.chance.choice([EF, AF41])
    lab.build(wire=_delay(lab), rules=chain("forward", f"ip dscp {mark >> 2} counter name hit ip dscp set cs0"))
    lab.server.answer(40000, lambda data, number: None)
    sender = lab.client.udp()
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, mark)
    for _ in range(lab.chance.randint(60, 120)):
        sender.sendto(apps.filling(172), (lab.server.address, 40000))
        lab.pause(0.01)
    lab.must(lab.hits() > 50, "marks are washed off")
    return f"DSCP {mark >> 2} at the client, 0 at the server, in {lab.hits()} packets"


def fragmented(lab: Lab, rules: str) -> tuple[int, int]:
    """(datagrams sent, answered) of a service by UDP whose questions need fragments now and then."""
    lab.build(wire=_delay(lab), rules=rules)
    lab.server.answer(5000, lambda data, number: b"got %d" % len(data))
    asker = lab.client.udp()
    asker.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    sent = answered = 0
    for _ in range(lab.chance.randint(4, 7)):
        for size in (lab.chance.randint(100, 1200), lab.chance.randint(1600, 8000)):
            asker.sendto(apps.filling(size), (lab.server.address, 5000))
            sent += 1
            asker.settimeout(0.7)
            answered += apps.outcome(lambda: asker.recv(100)) == "done"
    return sent, answered


@plant(
    "fragments-lost",
    "",
    "fragments-lost",
    "fragments-lost",
    admits={"client": "fragments-lost", "server": "", "both": "loss"},
    tempting="the service ignores big requests",
)
@seen(("ip.frag_offset > 0", ">3", "=0"), ("ip.flags.mf == 1 && ip.frag_offset == 0", ">3", ">3"))
def fragments_lost(lab: Lab) -> str:
    """A filter drops all fragments but the first, which has no ports to look at."""
    rule = "ip frag-off & 0x1fff != 0 counter name hit drop"
    sent, answered = fragmented(lab, chain("ingress", rule, device="rc"))
    lab.must(answered == sent // 2 and lab.hits() > 3, f"{answered} of {sent}")
    return (
        f"{sent - answered} datagrams above the MTU: only their first fragments arrive, none is answered; "
        f"{answered} short ones are"
    )


@plant(
    "capture-lost-packets",
    "capture-lost-packets",
    "",
    "capture-lost-packets",
    tempting="loss in the network",
)
@seen(
    ("tcp.analysis.ack_lost_segment || tcp.analysis.lost_segment", ">2", "*"),
    ("tcp.analysis.retransmission || tcp.analysis.fast_retransmission", "=0", "=0"),
)
def capture_loses(lab: Lab) -> str:
    """The tap at the client misses some packets that arrived: they are acknowledged, and nobody sends them again."""
    lab.build(wire=_delay(lab), is_tapped=False)
    every, which = lab.chance.choice([(11, 4), (17, 9), (23, 5)])
    lab.tap(
        "client",
        lab.client.space,
        "e0",
        f"not arp and not (tcp src port 9000 and ip[2:2] > 500 and ip[4:2] % {every} = {which})",
    )
    lab.tap("server", lab.server.space, "e0")
    lab.server.serve(9000, apps.source(lab.chance.randint(200, 500) * 1000))
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(len(apps.drain(client)) > 100_000, "all comes")
    client.close()
    return (
        f"the capture at the client misses about one in {every} of the server's segments; the client "
        "acknowledged all, none was sent again"
    )


@plant(
    "capture-duplicated",
    "capture-duplicated",
    "healthy",
    "capture-duplicated",
    tempting="heavy loss; the network duplicates",
)
@seen(
    (
        NOTES,
        ">5",
        "*",
    )
)
def capture_sees_twice(lab: Lab) -> str:
    """The tap has two interfaces that each packet passes, as ``tcpdump -i any`` on a host with a bridge."""
    lab.build(is_tapped=False)
    lab.tap("client", lab.client.space, "e0")
    lab.tap("client", lab.router.space, "rc")
    lab.tap("server", lab.server.space, "e0")
    lab.server.serve(8080, apps.http(lab.chance.randint(5, 80) * 1000))
    for _ in range(lab.chance.randint(2, 4)):
        client = lab.client.tcp(lab.server.address, 8080)
        lab.must(apps.get(client)[0] == 200, "it answers")
        client.close()
        wait_until(lambda: True, "it is closed")
    return "each packet is captured twice within microseconds: same IP id, same TTL; the connections are healthy"


@plant(
    "capture-duplicated",
    "healthy",
    "capture-duplicated",
    "capture-duplicated",
    tempting="retransmissions; a routing loop (the TTL falls)",
)
@seen(
    (
        NOTES,
        "*",
        ">5",
    )
)
def capture_on_both_sides(lab: Lab) -> str:
    """The tap hears both sides of a router, as a mirror of two interfaces of one appliance: the TTL differs by one."""
    lab.build(is_tapped=False)
    lab.tap("client", lab.client.space, "e0")
    lab.tap("server", lab.router.space, "rc")
    lab.tap("server", lab.router.space, "rs")
    lab.server.serve(8080, apps.http(lab.chance.randint(5, 80) * 1000))
    for _ in range(lab.chance.randint(2, 4)):
        client = lab.client.tcp(lab.server.address, 8080)
        lab.must(apps.get(client)[0] == 200, "it answers")
        client.close()
    return "each packet is captured before and behind a router: same IP id, TTL one lower; the connections are healthy"


@plant(
    "mirror-artefact",
    "mirror-artefact|healthy",
    "mirror-artefact|healthy",
    admits="mirror-artefact",
    tempting="port 80 is closed: ICMP port unreachable",
)
@seen(("icmp.type == 3 && icmp.code == 3", ">0", ">0"), ("udp.dstport == 4789 && !icmp", ">0", ">0"))
def mirror_target(lab: Lab) -> str:
    """Mirrored packets in VXLAN reach a host where nothing listens on UDP 4789: its ICMP says nothing of the inner."""
    lab.build(wire=_delay(lab))
    spaces.batch(
        [
            "link add vx0 type vxlan id 77 dstport 4789 remote " + lab.server.address,
            "addr add 192.168.7.1/24 dev vx0",
            "link set vx0 mtu 1400 up",
            "neigh add 192.168.7.2 lladdr 02:00:00:00:00:02 dev vx0",
        ],
        lab.client.space,
    )
    sender = lab.client.udp(address="192.168.7.1")
    for number in range(lab.chance.randint(5, 9)):
        sender.sendto(struct.pack("!I", number) + apps.filling(40), ("192.168.7.2", 5000))
        lab.pause(0.2)
    lab.must("vx0" in spaces.run(lab.client.space, "ip", "link"), "there is a tunnel")
    return (
        "VXLAN to a host that does not take it: its ICMP port unreachable is about UDP 4789 and proves "
        "nothing about the packets within"
    )
