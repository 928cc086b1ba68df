"""The ten most tempting false diagnoses, each with packets that are made for it, and beside it the true one."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable

import pytest
from packets import CLIENT, ROUTER, SERVER, Story, Tcp
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from vpcshark.diagnose.report import Report, examine
from vpcshark.diagnose.table import read_bytes
from vpcshark.diagnose.verdicts import rates


def judged(*stories: Story) -> Report:
    tables = [read_bytes(story.pcap(), place) for place, story in enumerate(stories)]
    return examine([point for table in tables for point in table.points.values()])


def kinds(*stories: Story) -> list[str]:
    return [finding.kind for finding in judged(*stories).findings]


def test_1_the_mirror_targets_icmp_is_not_about_the_mirrored_port() -> None:
    story = Story()
    for _ in range(3):
        syn = IP(src=CLIENT, dst=SERVER, id=7, ttl=64) / TCP(sport=40000, dport=80, flags="S", seq=5)
        vxlan = struct.pack(">II", 0x08000000, 77 << 8) + bytes(Ether() / syn)
        carrier = story.udp("10.0.0.9", "10.0.9.9", (50000, 4789), vxlan)
        story.wait(0.00003).send("10.0.9.9", "10.0.0.9", ICMP(type=3, code=3) / Raw(bytes(carrier[IP])[:28]))
        story.wait(1.5)
    assert kinds(story) == ["syn-unanswered", "mirror-artefact"]


CARRIER_ERRORS = [
    (ROUTER, 3, 4, "mirror-artefact", "10.0.0.254 tells 10.0.0.9 3 times of carriers"),
    (ROUTER, 3, 4, "mirror-artefact", "only 1400 bytes pass"),
    (ROUTER, 3, 13, "icmp-refused", '"prohibited by a filter"'),
    (ROUTER, 3, 3, "icmp-refused", '"port unreachable"'),
    ("10.0.9.9", 3, 3, "mirror-artefact", "nothing there listens to VXLAN"),
    ("10.0.9.9", 3, 10, "icmp-refused", '"host prohibited"'),
]


@pytest.mark.parametrize(("source", "kind", "code", "verdict", "said"), CARRIER_ERRORS)
def test_1_that_nobody_listens_is_told_only_where_the_target_itself_says_so(
    source: str, kind: int, code: int, verdict: str, said: str
) -> None:
    story, inner = Story(), Story()
    _download(inner, 3)
    for number, frame in enumerate(inner.packets):
        vxlan = struct.pack(">II", 0x08000000, 77 << 8) + bytes(frame)
        carrier = story.wait(0.02).udp("10.0.0.9", "10.0.9.9", (50000, 4789), vxlan)
        if number in (2, 4, 6):
            story.icmp(source, carrier, kind, code, mtu=1400 * (code == 4))
    (finding,) = judged(story).findings
    assert (finding.kind, finding.confidence) == (verdict, "proved")
    assert said in finding.sentence
    assert len(finding.frames) == 3


def test_nothing_is_lost_before_a_sender_that_stands_at_the_capture_point() -> None:
    """What the capture missed of it, and what is sent again after that, was lost behind it."""
    story = Story(ttls={CLIENT: 64, SERVER: 59, ROUTER: 64})
    tcp = Tcp(story).open()
    for number in range(40):
        missed = tcp.skip(CLIENT, 1000) if number % 6 == 3 else 0
        for _ in range(4):
            tcp.say(CLIENT, bytes(1000))
            story.wait(0.001)
            tcp.ack(SERVER, **({"ack": missed} if missed else {}))
        if missed:
            story.wait(0.03)
            tcp.raw(CLIENT, "A", bytes(1000), seq=missed)
            tcp.ack(SERVER)
    (finding,) = judged(story).findings
    assert finding.kind == "loss"
    assert "were lost behind this capture point" in finding.sentence


def test_2_silence_after_a_request_is_a_black_hole_if_the_sequence_number_went_on() -> None:
    story = Story()
    tcp = Tcp(story, mss=8961).open().ask()
    tcp.skip(SERVER, 5000)
    story.wait(8)
    tcp.raw(CLIENT, "FA", ack=90001)
    tcp.seq[CLIENT] += 1
    story.wait(0.02)
    tcp.ack(SERVER)
    story.wait(3)
    tcp.ack(SERVER)
    assert kinds(story) == ["pmtu-black-hole"]


def test_2_data_of_a_syn_that_nobody_took_and_that_never_come_again_are_a_black_hole_too() -> None:
    """TCP Fast Open without luck: the server acknowledges the SYN alone, and what it is sent then is too large."""
    story = Story(ttls={CLIENT: 60, SERVER: 64, ROUTER: 64})
    tcp = Tcp(story, mss=8961)
    tcp.raw(CLIENT, "S", bytes(1400), options=[("MSS", 8961)])
    tcp.seq[CLIENT] += 1
    tcp.raw(SERVER, "SA", id=0, options=[("MSS", 8961)])
    tcp.seq[SERVER] += 1
    tcp.say(SERVER, b"220 ready\r\n")
    story.wait(0.02)
    tcp.skip(CLIENT, 1400)
    tcp.ack(CLIENT)
    story.wait(8)
    tcp.raw(CLIENT, "FA")
    tcp.ack(SERVER, ack=tcp.seq[CLIENT] - 1400)
    story.wait(3)
    assert kinds(story) == ["pmtu-black-hole"]


def test_2_that_the_server_sends_nothing_is_not_seen_from_a_client_whose_vpc_lowers_no_ttl() -> None:
    for ttl, sure in ((64, "cannot-tell"), (59, "likely")):
        story = Story(ttls={CLIENT: ttl, SERVER: 64, ROUTER: 64})
        Tcp(story).open().ask()
        story.wait(8).udp(CLIENT, ROUTER, (5000, 5001), b"the capture goes on")
        (finding,) = judged(story).findings
        assert (finding.kind, finding.confidence) == ("slow-server", sure)


def test_2_and_a_slow_server_if_it_did_not() -> None:
    story = Story()
    tcp = Tcp(story).open().ask()
    story.wait(8)
    tcp.raw(CLIENT, "FA")
    tcp.seq[CLIENT] += 1
    story.wait(0.02)
    tcp.ack(SERVER)
    story.wait(3)
    tcp.ack(SERVER)
    assert kinds(story) == ["slow-server"]


def _download(story: Story, count: int = 60) -> None:
    tcp = Tcp(story).open().ask()
    for _ in range(count):
        story.wait(0.001)
        tcp.say(SERVER, bytes(1460))
        tcp.ack(CLIENT)


def test_3_a_capture_that_has_all_twice_shows_no_loss() -> None:
    story = Story()
    _download(story)
    story.packets = [packet for packet in story.packets for _ in range(2)]
    assert kinds(story) == ["capture-duplicated"]
    assert judged(story).is_healthy


def _with_gaps(is_late: bool) -> Story:
    """Each tenth segment comes by later: sent again with a new identification, or overtaken with its own."""
    story = Story()
    tcp = Tcp(story).open().ask()
    for number in range(100):
        story.wait(0.001)
        if number % 10 != 5:
            tcp.say(SERVER, bytes(1460))
            continue
        seq = tcp.skip(SERVER, 1460)
        missed = story.idents[SERVER]
        for _ in range(3):
            story.wait(0.001)
            tcp.say(SERVER, bytes(1460))
            tcp.ack(CLIENT, ack=seq)
        story.wait(0.02)
        tcp.raw(SERVER, "A", bytes(1460), seq=seq, **({"id": missed} if is_late else {}))
        tcp.ack(CLIENT)
    return story


def _in_bursts(is_lost: Callable[[float], bool]) -> Story:
    """A download in bursts; what is lost is sent again with the next one. ``is_lost`` is told the time."""
    story, begun = Story(), Story().now
    tcp = Tcp(story).open().ask()
    missing: list[int] = []
    for _ in range(25):
        story.wait(0.05)
        base = tcp.seq[SERVER]
        for seq in [*missing, *(base + 1460 * number for number in range(20))]:
            story.wait(0.001)
            tcp.seq[SERVER] = max(tcp.seq[SERVER], seq + 1460)
            if is_lost(story.now - begun):
                story.ident(SERVER)
                missing = [*missing, seq] if seq not in missing else missing
                continue
            missing = [each for each in missing if each != seq]
            tcp.raw(SERVER, "A", bytes(1460), seq=seq)
            tcp.ack(CLIENT, ack=min(missing, default=tcp.seq[SERVER]))
    return story


@pytest.mark.parametrize("seed", [1, 5])
def test_4_losses_by_chance_are_no_policers(seed: int) -> None:
    """As steady as a policer's, but they come with the bucket full as often as with it empty."""
    dice = random.Random(seed)
    assert kinds(_in_bursts(lambda _: dice.random() < 0.06)) == ["loss"]


def test_4_losses_of_an_empty_bucket_are_a_policers() -> None:
    level, before = 60000.0, 0.0

    def is_empty(now: float) -> bool:
        nonlocal level, before
        level, before = level + 300_000 * (now - before), now
        if level < 1460:
            return True
        level = min(level, 60000) - 1460
        return False

    assert kinds(_in_bursts(is_empty)) == ["policer"]


def _through_a_bucket(seconds: float, is_by_chance: bool) -> list[rates._Event]:
    """From the first loss on, what is sent at 1.3 MB/s in bursts of ten, of which a policer lets 1 MB/s through, or
    chance as much."""
    dice, level, found = random.Random(seconds), 32_000.0, []
    for number in range(int(seconds * 900)):
        level = min(32_000.0, level + 1_000_000 * (0.001 if number % 10 else 0.00225))
        has_passed = dice.random() < 0.77 if is_by_chance else level >= 1448
        level -= 1448 * has_passed
        found.append(rates._Event(number * 1_000_000 + number // 10 * 1_250_000, 1448, has_passed))
    return list(itertools.dropwhile(lambda event: event.has_passed, found))


@pytest.mark.parametrize("wrong_by", [0.99, 1.0, 1.01])
@pytest.mark.parametrize("lasted", [0.6, 4, 30])
def test_4_a_rate_that_is_a_little_wrong_hides_no_bucket(lasted: float, wrong_by: float) -> None:
    """However long that goes on; and makes none of losses by chance."""
    for is_by_chance in (False, True):
        events = _through_a_bucket(lasted, is_by_chance)
        passed = sum(event.size for event in events if event.has_passed)
        rate = wrong_by * passed / ((events[-1].at - events[0].at) / 1e9)
        assert rates._empties_a_bucket(events, rate) is not is_by_chance


def test_4_what_is_sent_again_is_lost_and_not_reordered() -> None:
    assert kinds(_with_gaps(is_late=False)) == ["loss"]


def test_4_what_was_overtaken_is_reordered_and_not_lost() -> None:
    assert kinds(_with_gaps(is_late=True)) == ["reordering"]


def test_5_what_was_acknowledged_and_never_sent_again_the_capture_lost() -> None:
    story = Story()
    tcp = Tcp(story).open().ask()
    for number in range(40):
        story.wait(0.001)
        if number % 10 == 5:
            tcp.skip(SERVER, 1460)
        else:
            tcp.say(SERVER, bytes(1460))
        tcp.ack(CLIENT)
    report = judged(story)
    assert [finding.kind for finding in report.findings] == ["capture-lost-packets"]
    assert report.is_healthy


def test_5_of_a_connection_that_is_older_than_the_capture_what_it_lost_is_told_too() -> None:
    story = Story()
    tcp = Tcp(story)
    for number in range(40):
        story.wait(0.001)
        if number % 10 == 5:
            tcp.skip(SERVER, 1460)
        else:
            tcp.say(SERVER, bytes(1460))
        tcp.ack(CLIENT)
    assert kinds(story) == ["capture-lost-packets"]


def test_5_a_fragment_that_is_missing_though_its_segment_was_acknowledged_the_capture_lost() -> None:
    story = Story()
    _download(story)
    whole, story.packets = story.packets, []
    for number, frame in enumerate(whole):
        frame[IP].flags = 0
        parts = fragment(frame, 1376) if len(frame) > 1400 else [frame]
        for part in parts[: 1 if number == 31 else 2]:
            part.time = frame.time
            story.packets.append(part)
    assert kinds(story) == ["capture-lost-packets"]


def test_6_segments_before_the_network_card_are_neither_jumbo_nor_corrupt() -> None:
    story = Story(ttls={CLIENT: 64, SERVER: 63, ROUTER: 64})
    tcp = Tcp(story).open()
    for _ in range(10):
        sent = tcp.say(CLIENT, bytes(20000))
        sent[TCP].chksum = 0x1234
        story.wait(0.02)
        tcp.ack(SERVER)
    assert kinds(story) == []


def test_6_on_one_machine_all_checksums_are_wrong_in_both_directions() -> None:
    story = Story(ttls={CLIENT: 64, SERVER: 64, ROUTER: 64})
    tcp = Tcp(story).open()
    for _ in range(20):
        for source in (CLIENT, SERVER):
            tcp.say(source, bytes(400))[TCP].chksum = 0xFE28
            story.wait(0.001)
    assert kinds(story) == []


def test_7_one_dead_host_is_not_loss_everywhere() -> None:
    story = Story()
    for number in range(5):
        _download_from(story, 41000 + number)
    for number in range(3):
        syn = TCP(sport=42000 + number, dport=80, flags="S", seq=77)
        for _ in range(3):
            story.send(CLIENT, "10.0.5.5", syn.copy())
            story.wait(1)
    report = judged(story)
    assert [finding.kind for finding in report.findings] == ["syn-unanswered"]
    assert len(report.findings[0].flows) == 3


def test_7_a_syn_that_is_tried_again_after_a_reset_is_refused_and_not_lost() -> None:
    story = Story()
    tcp = Tcp(story)
    for _ in range(3):
        tcp.raw(CLIENT, "S")
        story.wait(0.02)
        tcp.raw(SERVER, "RA", ack=tcp.seq[CLIENT] + 1, id=0)
        story.wait(0.5)
    assert kinds(story) == ["refused"]


def _download_from(story: Story, port: int) -> None:
    tcp = Tcp(story, sport=port).open().ask()
    tcp.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    tcp.ack(CLIENT)


def test_8_a_reset_with_a_foreign_ttl_is_not_the_servers() -> None:
    story = Story()
    tcp = Tcp(story).open().ask()
    tcp.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    tcp.say(CLIENT, b"GET /more HTTP/1.1\r\n\r\n")
    story.wait(0.001)
    tcp.raw(SERVER, "RA", ttl=250)
    assert kinds(story) == ["reset-by-middlebox"]


def test_8_a_reset_after_the_close_is_nothing() -> None:
    story = Story()
    tcp = Tcp(story).open().ask()
    tcp.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    tcp.raw(SERVER, "FA")
    tcp.seq[SERVER] += 1
    story.wait(0.02)
    tcp.raw(CLIENT, "RA")
    assert kinds(story) == []


def test_8_a_reset_of_an_idle_connection_by_another_device_is_its_time_out() -> None:
    story = Story()
    tcp = Tcp(story).open().ask()
    tcp.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    tcp.ack(CLIENT)
    story.wait(362)
    tcp.say(CLIENT, b"GET /more HTTP/1.1\r\n\r\n")
    story.wait(0.001)
    tcp.raw(SERVER, "RA", ttl=250, id=0)
    assert kinds(story) == ["idle-timeout"]


def _stopped(seconds: float) -> Story:
    story = Story()
    tcp = Tcp(story).open().ask()
    tcp.say(SERVER, bytes(1460))
    tcp.ack(CLIENT, window=0)
    story.wait(seconds / 2)
    tcp.raw(SERVER, "A", b"x", seq=tcp.seq[SERVER] - 1)
    tcp.ack(CLIENT, window=0)
    story.wait(seconds / 2)
    tcp.ack(CLIENT, window=64000)
    tcp.say(SERVER, bytes(100))
    tcp.ack(CLIENT)
    return story


def test_9_probes_of_a_closed_window_are_no_keep_alives() -> None:
    assert kinds(_stopped(4)) == ["zero-window"]


def test_9_a_window_that_closes_for_ten_milliseconds_is_nothing() -> None:
    assert kinds(_stopped(0.01)) == []


def test_10_a_traceroutes_icmp_is_wanted() -> None:
    story = Story()
    for ttl in range(1, 4):
        probe = story.udp(CLIENT, SERVER, (50000, 33434 + ttl), b"x" * 32, ttl=ttl)
        story.wait(0.01).icmp(ROUTER if ttl < 3 else SERVER, probe, *((11, 0) if ttl < 3 else (3, 3)))
    assert kinds(story) == []


def test_10_a_traceroute_by_tcp_ends_on_the_way_and_is_wanted() -> None:
    story = Story()
    for ttl in range(1, 5):
        syn = TCP(sport=50000 + ttl, dport=80, flags="S", seq=ttl)
        probe = story.send(CLIENT, SERVER, syn, ttl=ttl)
        story.wait(0.01).icmp(ROUTER, probe, 11, 0)
        story.wait(1)
    assert kinds(story) == []


def test_10_probes_for_a_larger_size_that_quic_loses_are_meant_to_be_lost() -> None:
    """Padded PINGs of growing size (RFC 9000, 14.4): no answer to those, and all else goes on."""
    story = Story()
    for number in range(40):
        story.udp(CLIENT, SERVER, (50000, 443), b"\x40" + bytes(60))
        story.wait(0.02).udp(SERVER, CLIENT, (443, 50000), b"\x40" + bytes(1100))
        if number % 8 == 1:
            story.udp(CLIENT, SERVER, (50000, 443), b"\x40" + bytes(1400 + number))
        story.wait(0.3)
    assert kinds(story) == []


def _dns(name: str, ident: int, flags: int, answers: int = 0) -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split(".")) + b"\0"
    return struct.pack(">6H", ident, flags, 1, answers, 0, 0) + labels + struct.pack(">HH", 1, 1)


def test_10_a_search_list_is_no_missing_name() -> None:
    story = Story()
    for ident, (name, code) in enumerate((("www.corp.example", 3), ("www", 0))):
        story.udp(CLIENT, SERVER, (50000 + ident, 53), _dns(name, ident, 0x0100))
        story.wait(0.01).udp(SERVER, CLIENT, (53, 50000 + ident), _dns(name, ident, 0x8180 | code))
    assert kinds(story) == []


def test_10_lost_bare_acks_are_mended_by_the_next_ones() -> None:
    far, near = Story(ttls={CLIENT: 63, SERVER: 64}), Story()
    _download(far)
    _download(near)
    far.packets = [p for n, p in enumerate(far.packets) if not (p[IP].src == CLIENT and n > 10 and n % 8 == 1)]
    assert kinds(near, far) == []


def test_10_a_warning_alert_that_the_handshake_survives_is_nothing() -> None:
    story = Story()
    tcp = Tcp(story, port=443).open()
    hello = b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00\x00\x00"
    tcp.say(CLIENT, hello)
    story.wait(0.02)
    tcp.say(SERVER, b"\x15\x03\x03\x00\x02\x01\x70")
    tcp.say(SERVER, b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(32) + b"\x00\x13\x01\x00")
    for source in (CLIENT, SERVER):
        tcp.say(source, b"\x17\x03\x03\x00\x10" + bytes(16))
    assert kinds(story) == []


def test_a_quiet_pair_of_datagrams_is_healthy() -> None:
    story = Story()
    story.send(CLIENT, SERVER, UDP(sport=5000, dport=6000) / Raw(b"a"))
    story.wait(0.01).send(SERVER, CLIENT, UDP(sport=6000, dport=5000) / Raw(b"b"))
    assert judged(story).is_healthy


def held(client: str, server: str, count: int) -> Report:
    """Connections that were open before the capture carry data on; new ones wait."""
    story = Story()
    for _ in range(12):
        for number in range(count):
            data = TCP(sport=41000 + number, dport=80, flags="PA", seq=5, ack=9) / Raw(b"still there")
            story.send(client, server, data)
            story.wait(0.02)
            answer = TCP(sport=80, dport=41000 + number, flags="PA", seq=9, ack=16) / Raw(b"yes")
            story.send(server, client, answer, ttl=55)
        for number in range(2):
            story.send(client, server, TCP(sport=42000 + number, dport=80, flags="S", seq=77))
        story.wait(0.5)
    return judged(story)


def test_syns_that_wait_while_older_connections_go_on_lack_a_nats_ports_where_there_is_a_nat() -> None:
    """To a public address; inside, a rule that was changed since would do the same."""
    assert [each.kind for each in held(CLIENT, "54.0.0.7", 4).findings] == ["nat-ports-exhausted"]
    assert [each.kind for each in held(CLIENT, SERVER, 4).findings] == ["syn-unanswered"]
    assert [each.kind for each in held(CLIENT, "54.0.0.7", 2).findings] == ["syn-unanswered"]


def test_the_last_frame_of_a_finding_is_of_one_of_its_flows_too() -> None:
    """Of very many copies the first ones and the last one are named."""
    story = Story()
    for number in range(230):
        tcp = Tcp(story, sport=40000 + number)
        for _ in range(2):
            tcp.raw(CLIENT, "S", id=number + 1)
        story.wait(0.01)
        for _ in range(2):
            tcp.raw(SERVER, "SA", id=9000 + number, ack=tcp.seq[CLIENT] + 1)
    (finding,) = (each for each in judged(story).findings if each.kind == "capture-duplicated")
    last = max(frame.number for frame in finding.frames)
    assert last == len(story.packets)
    assert 40229 in {port for flow in finding.flows for port in (flow.source_port, flow.target_port)}
