"""The receiver as a process with real sockets: what it gives, what it holds, how it ends."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from pace import pace

from vpcshark import receiver
from vpcshark.receiver.output import LIMIT
from vpcshark.wire.bpf import kernel_filter
from vpcshark.wire.bpf.libpcap import compile_filter
from vpcshark.wire.capture_files import pcapng

OUTBOUND = struct.pack("<HHIHH", 2, 4, 2, 0, 0)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="AF_PACKET needs root")


def memory(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_inner_frames_come_out_under_every_python(start, config, sender, port, inner_frame, vxlan, mode, python):
    """Bytes, length, direction and a time between before and after, from Python 3.6 on."""
    running = start(config(port, mode=mode), python)
    assert running.event("ready")["mode"] == mode
    before = time.time_ns()
    frames = [inner_frame(b"a"), inner_frame(b"b" * 1001), inner_frame(b"", source="0a:00:00:00:00:09"), b"\0"]
    for frame in (b"", *frames):  # of no bytes at all it is no frame
        sender(port, vxlan(frame))
    packets = running.packets(len(frames))
    assert [(packet[0], packet[2], packet[3]) for packet in packets] == [(0, frame, len(frame)) for frame in frames]
    assert [packet[4] for packet in packets] == [OUTBOUND, OUTBOUND, b"", b""]
    assert before <= packets[0][1] <= packets[-1][1] <= time.time_ns()
    assert running.end() == 0
    assert running.counts() == (len(frames), 0)


def test_the_same_frames_are_what_tcpdump_sees(start, config, sender, port, inner_frame, vxlan, tmp_path):
    """Times and bytes against libpcap on the same interface, and tshark reads the whole stream."""
    if os.geteuid() != 0:
        pytest.skip("tcpdump needs root")
    outer, inner = tmp_path / "outer.pcap", tmp_path / "inner.pcapng"
    command = ["tcpdump", "-i", "lo", "-c", "20", "--nano", "-Q", "in", "-w", str(outer), f"udp port {port}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tcpdump:
        assert tcpdump.stderr
        assert any(b"listening" in line for line in iter(tcpdump.stderr.readline, b""))
        running = start(config(port))
        running.event("ready")
        for size in range(20):
            sender(port, vxlan(inner_frame(b"x" * size)))
        packets = running.packets(20)
        assert tcpdump.wait(180) == 0
    running.end()
    inner.write_bytes(pcapng.section_header() + pcapng.interface_description("eni-0a") + running.output)
    data, at, theirs = outer.read_bytes(), 24, []
    while at < len(data):
        seconds, nanoseconds, captured, _ = struct.unpack_from("<IIII", data, at)
        theirs.append((seconds * 10**9 + nanoseconds, data[at + 16 + 50 : at + 16 + captured]))
        at += 16 + captured
    assert [packet[2] for packet in packets] == [frame for _, frame in theirs]
    assert max(abs(packet[1] - stamp) for packet, (stamp, _) in zip(packets, theirs, strict=True)) < 50_000_000
    tshark = ["tshark", "-r", str(inner), "-T", "fields", "-e", "udp.length"]
    lengths = subprocess.run(tshark, capture_output=True, text=True, check=True).stdout.split()
    assert lengths == [str(8 + size) for size in range(20)]


def test_sources_are_told_apart_by_vni(start, config, sender, port, inner_frame, vxlan, mode):
    """0 and 2^24-1 are VNIs like others; each has its own counts."""
    running = start(config(port, vnis=(0, 77, 2**24 - 1), mode=mode))
    running.event("ready")
    for vni in (2**24 - 1, 5, 77, 0, 77):
        sender(port, vxlan(inner_frame(b"%d" % vni), vni))
    assert [packet[0] for packet in running.packets(4)] == [2, 1, 0, 1]
    running.end()
    assert running.counts() == (4, 0)


def test_what_is_not_ours_is_counted_when_asked_for(start, config, sender, port, inner_frame, vxlan, mode):
    """Other VNIs, and what is no VXLAN: the diagnosis of a capture that shows nothing."""
    given = config(port, mode=mode)
    program, sources = compile_filter(""), [77]
    given["program"] = kernel_filter.relocate_frames(program, sources, port, foreign=True)
    given["socket_program"] = kernel_filter.relocate_datagrams(program, sources, foreign=True)
    running = start(given)
    running.event("ready")
    for vni in (5, 5, 6, 77):
        sender(port, vxlan(inner_frame(), vni))
    running.packets(1)
    running.end()
    counted = running.event("stats")
    assert (counted["received"], counted["dropped"], counted["foreign"]) == (1, 0, {"5": 2, "6": 1})
    assert len(running.packets()) == 1


def test_without_a_program_everything_on_the_port_is_looked_at(start, config, sender, port, inner_frame, vxlan, mode):
    """Null in the config: other VNIs and other things are counted, ours come out."""
    running = start(config(port, mode=mode) | {"program": None, "socket_program": None})
    running.event("ready")
    for payload in (b"\0no vxlan", vxlan(inner_frame(), flags=0), vxlan(inner_frame(), 5), vxlan(inner_frame())):
        sender(port, payload)
    assert len(running.packets(1)) == 1
    running.end()
    counted = running.event("stats")
    assert (counted["foreign"], counted["other"], counted["received"]) == ({"5": 1}, 2, 1)


def test_the_filter_works_in_the_kernel_and_can_be_swapped(start, config, sender, port, inner_frame, vxlan, mode):
    """What it refuses is neither received nor dropped."""
    running = start(config(port, "greater 100", mode=mode))
    running.event("ready")
    short, long = vxlan(inner_frame(b"x")), vxlan(inner_frame(b"x" * 100))
    for datagram in (short, long, short):
        sender(port, datagram)
    running.packets(1)
    other = config(port, "less 99")
    running.command({"program": other["program"], "socket_program": other["socket_program"]})
    running.command({"ping": 1})
    running.event("pong")
    for datagram in (long, short, long):
        sender(port, datagram)
    assert [len(packet[2]) for packet in running.packets(2)] == [142, 43]
    running.end()
    assert running.counts() == (2, 0)


def test_a_ping_tells_the_hosts_time(start, config, port, mode):
    """So that the clocks' difference can be measured."""
    running = start(config(port, mode=mode))
    running.event("ready")
    before = time.time_ns()
    running.command({"ping": "x"})
    answer = running.event("pong")
    assert answer["ping"] == "x"
    assert before - 1000 <= answer["time"] <= time.time_ns()


def test_a_remark_is_a_comment_of_the_next_statistics_block_and_the_last(start, config, port, mode):
    """And of no other, so that a file does not fill with it."""
    running = start(config(port, mode=mode, statistics_seconds=0.05))
    running.event("ready")
    running.command({"remark": "The clocks agree."})
    running.command({"ping": 1})
    running.event("pong")
    seen = len(running.blocks(pcapng.STATISTICS))
    running.until(lambda: len(running.blocks(pcapng.STATISTICS)) >= seen + 3)
    running.end()
    comments = running.comments()
    assert comments[-1] == b"The clocks agree."
    assert len([comment for comment in comments if comment]) == 2


def test_it_goes_on_where_another_receiver_left_off(start, config, sender, port, inner_frame, vxlan, mode):
    """Its counts stand on the other's, and what is missing between the two is said before the first frame, also where
    that was there before anything was written; and in the last block."""
    made = config(
        port, mode=mode, vnis=(77, 78), dropped=5, started=1000, gap="Frames are missing here, to {until} UTC."
    )
    made["interfaces"][1]["received"] = 40
    before = time.time()
    running = start(made)
    running.event("ready")
    for vni in (77, 78):
        sender(port, vxlan(inner_frame(), vni))
    running.packets(2)
    running.end()
    assert [block.kind for block in running.blocks()[:4]] == [pcapng.STATISTICS] * 2 + [pcapng.PACKET] * 2
    assert running.received(running.blocks()[1]) == 40
    told = datetime.strptime(f"{running.comments()[0][-24:].decode()}+0000", "%Y-%m-%d %H:%M:%S UTC.%z")
    assert before <= told.timestamp() <= running.packets()[0][1] / 1e9 + 1, "rounded up"
    assert running.counts() == (42, 5)
    assert running.event("stats")["received"] == 42
    comments = running.comments()
    assert all(b"Frames are missing here, to 2" in comments[place] for place in (0, -2))
    start_times = {block.body[12:][4:12] for block in running.blocks(pcapng.STATISTICS)[1::2]}
    assert start_times == {struct.pack("<II", 0, 1000)}


def test_a_cut_frame_keeps_its_length_and_says_so_once(start, config, sender, port, inner_frame, vxlan, mode):
    """PacketLength: the rest of the frame never came."""
    running = start(config(port, mode=mode))
    running.event("ready")
    for _ in range(3):
        sender(port, vxlan(inner_frame()[:64]))
    packets = running.packets(3)
    assert [(len(packet[2]), packet[3]) for packet in packets] == [(64, 142)] * 3
    assert [b"cut to 64 bytes" in packet[4] for packet in packets] == [True, False, False]


def test_the_snap_length_cuts(start, config, sender, port, inner_frame, vxlan, mode):
    """The length on the wire stays."""
    running = start(config(port, snaplen=50, mode=mode))
    running.event("ready")
    sender(port, vxlan(inner_frame()))
    assert [(len(packet[2]), packet[3]) for packet in running.packets(1)] == [(50, 142)]


def test_a_lone_frame_is_out_at_once(start, config, sender, port, inner_frame, vxlan, mode):
    """The issue's figure: in Wireshark within 50 ms. The median of nine."""
    running = start(config(port, mode=mode))
    running.event("ready")
    taken = []
    with pace() as now:
        for number in range(9):
            before = time.monotonic()
            sender(port, vxlan(inner_frame()))
            running.packets(number + 1)
            taken.append(time.monotonic() - before)
    assert statistics.median(taken) < now.allows(0.05)


def test_statistics_come_regularly(start, config, sender, port, inner_frame, vxlan, mode):
    """An ISB per period without any traffic, and one at the end."""
    running = start(config(port, mode=mode, statistics_seconds=0.02))
    running.event("ready")
    with running.changed:
        assert running.changed.wait_for(lambda: len(running.blocks(pcapng.STATISTICS)) >= 3, 20)
    sender(port, vxlan(inner_frame()))
    running.packets(1)
    running.end()
    assert running.counts() == (1, 0)


def test_frames_that_are_there_at_the_end_come_out(start, config, sender, port, inner_frame, vxlan, mode):
    """stdin closes right behind the last frame: the ring is drained first."""
    running = start(config(port, mode=mode))
    running.event("ready")
    for _ in range(50):
        sender(port, vxlan(inner_frame()))
    assert running.end() == 0
    assert len(running.packets()) == 50
    assert running.counts() == (50, 0)


def test_a_stalled_reader_gets_the_counts_once_there_is_room(start, config, sender, port, vxlan, mode):
    """Sums, so that none is missed: a block each period would grow for as long as nobody reads."""
    running = start(config(port, mode=mode, statistics_seconds=0.01), reading=False)
    running.event("ready")
    frame = vxlan(bytes(8000))
    numbers = itertools.count()

    def periods(count: int) -> None:
        """Until so many have passed at the receiver."""
        until = answered() + count * 10_000_000
        while answered() < until:
            pass

    def answered() -> int:
        """The receiver's time."""
        number = next(numbers)
        running.command({"ping": number})
        running.until(lambda: running.event("pong")["ping"] == number)
        return running.event("pong")["time"]

    def takes_more() -> bool:
        """Frames that fit into a plain user's small socket buffer."""
        before = running.event("stats")["received"]
        for _ in range(20):
            sender(port, frame)
        periods(3)
        return running.event("stats")["received"] > before

    for _ in range(LIMIT // len(frame)):
        sender(port, frame)
    while takes_more():
        pass
    running.command({"remark": "Nobody reads."})
    periods(50)
    running.read_on()
    running.until(lambda: b"Nobody reads." in running.comments())
    running.end()
    kinds = [(block.kind, b"Nobody reads." in block.body) for block in running.blocks()]
    behind = kinds[kinds.index((pcapng.STATISTICS, True)) + 1 :]
    assert behind.index((pcapng.PACKET, False)) <= 2


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT"])
def test_a_lost_terminal_is_no_reason_to_end(start, config, sender, port, inner_frame, vxlan, mode, name):
    """The end of stdin is; a Ctrl-C reaches the whole process group."""
    running = start(config(port, mode=mode))
    running.event("ready")
    running.process.send_signal(getattr(signal, name))
    sender(port, vxlan(inner_frame()))
    assert len(running.packets(1)) == 1
    assert running.end() == 0


def test_sigterm_ends_it_in_order(start, config, sender, port, inner_frame, vxlan, mode):
    """With the last frames and the counts."""
    running = start(config(port, mode=mode))
    running.event("ready")
    sender(port, vxlan(inner_frame()))
    running.packets(1)
    running.process.terminate()
    assert running.wait() == 0
    assert running.counts() == (1, 0)


def test_a_broken_stdout_ends_it(start, config, port, mode):
    """Without traffic: nobody has to send a frame first."""
    running = start(config(port, mode=mode), reading=False)
    running.event("ready")
    running.process.stdout.close()
    assert running.wait() == 1


def test_it_ends_when_stdin_closes_before_the_config(start, config, port):
    """The transport broke at once."""
    command = receiver.command(sys.executable)
    done = subprocess.run(command, input=receiver.preamble(), capture_output=True, timeout=180, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    cut = subprocess.run(command, input=receiver.preamble()[:1000], capture_output=True, timeout=180, check=False)
    assert (cut.returncode, cut.stdout) == (1, b"")


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"interfaces": [{"vni": "x", "id": 0}]}', b'{"interfaces": 5}'])
def test_a_config_that_is_none_is_refused_in_a_sentence(line):
    """Not with a traceback."""
    command = receiver.command(sys.executable)
    done = subprocess.run(
        command, input=receiver.preamble() + line + b"\n", capture_output=True, timeout=180, check=False
    )
    assert done.returncode == 1
    assert b'"event": "error"' in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_bad_command_is_said_and_survived(start, config, sender, port, inner_frame, vxlan, mode):
    """A filter that the kernel refuses leaves the one that is there."""
    running = start(config(port, mode=mode))
    running.event("ready")
    refused = {"program": [[255, 0, 0, 0]], "socket_program": [[255, 0, 0, 0]]}
    running.process.stdin.write(b"".join(json.dumps(each).encode() + b"\n" for each in (refused, {"ping": 7})))
    assert "failed" in running.event("error")["problem"]
    assert running.event("pong")["ping"] == 7  # one that came in the same moment is done
    sender(port, vxlan(inner_frame()))
    assert len(running.packets(1)) == 1


def test_a_taken_port_is_said_in_a_sentence(start, config, port):
    """Without privilege the port must be ours alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        running = start(config(port, mode="socket"))
        assert running.wait() == 1
    problem = running.event("error")
    assert problem["problem"] == f"UDP port {port} is taken by another program on the capture host."
    assert problem["remedy"]


def test_two_unprivileged_captures_do_not_share_a_port(start, config, port):
    """They would get each other's frames."""
    first, second = (start(config(port, mode="socket")) for _ in range(2))
    ends = [running for running in (first, second) if running.process.poll() is not None or _refused(running)]
    assert len(ends) == 1


def _refused(running) -> bool:
    with running.changed:
        running.changed.wait_for(lambda: running.events, 20)
        return running.events[0]["event"] == "error"


@as_root
def test_several_captures_share_a_host(start, config, sender, port, inner_frame, vxlan):
    """With privilege each has its own ring, and all hold the port together."""
    first, second = start(config(port)), start(config(port, vnis=(77, 78)))
    first.event("ready")
    second.event("ready")
    sender(port, vxlan(inner_frame(), 78))
    sender(port, vxlan(inner_frame(), 77))
    assert [packet[0] for packet in second.packets(2)] == [1, 0]
    assert len(first.packets(1)) == 1


@as_root
def test_the_port_is_free_afterwards(start, config, port):
    """No process, no socket."""
    running = start(config(port))
    running.event("ready")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, pytest.raises(OSError, match="in use"):
        probe.bind(("0.0.0.0", port))
    running.end()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", port))
        assert probe.getsockname()[1] == port


@as_root
def test_it_holds_the_port_beside_another_program(start, config, sender, port, inner_frame, vxlan):
    """A port that is held already is as good."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", port))
        running = start(config(port))
        running.event("ready")
        sender(port, vxlan(inner_frame()))
        assert len(running.packets(1)) == 1


@as_root
def test_without_privilege_it_takes_sockets(start, config, sender, port, inner_frame, vxlan):
    """nobody may not open AF_PACKET."""
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip("needs a Python that nobody may run")
    running = start(config(port), python, ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    assert running.event("ready")["mode"] == "socket"
    sender(port, vxlan(inner_frame()))
    assert len(running.packets(1)) == 1


def test_a_stalled_reader_costs_no_memory_and_every_frame_is_counted(start, config, sender, port, vxlan, mode):
    """Received and dropped are what was offered, exactly; the end of stdin is noticed though stdout is stuck."""
    running = start(config(port, mode=mode), reading=False)
    running.event("ready")
    offered, frame = 0, vxlan(bytes(8000))
    while offered < 8000:
        offered += bool(sender(port, frame))
        if offered == 2000:
            half = memory(running.process.pid)
    assert memory(running.process.pid) - half < 16 * 1024 * 1024
    running.process.stdin.close()
    running.read_on()
    assert running.wait() == 0
    received, dropped = running.counts()
    assert received + dropped == offered
    assert dropped > 0
    assert received == len(running.packets())
