"""Real tshark and dumpcap against the lab: inner frames, all of them, and nothing left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from hands import Frame, Lab, compare, preference, read_frames, recording, tshark_json, wait_until
from pace import pace

pytestmark = pytest.mark.e2e

UNREACHABLE = "icmp[icmptype] == icmp-unreach or (icmp6 and ip6[40] == 1)"


def capture(lab: Lab, file: Path, *enis: str, options: tuple[str, ...] = (), frames: int = 300) -> str:
    """tshark until it has so many frames; returns what it said on stderr."""
    # dumpcap as root gives up its rights and must still be allowed to write the file
    file.parent.chmod(0o777)
    interfaces = [word for eni in enis for word in ("-i", eni)]
    done = lab.run("tshark", "-q", *options, *interfaces, "-c", str(frames), "-w", str(file))
    assert done.returncode == 0, done.stderr
    return done.stderr


def capture_of_each(lab: Lab, file: Path, enis: list[str]) -> None:
    """tshark until it has 200 frames of each, however much later one of them begins."""
    file.parent.chmod(0o777)
    process = lab.start("tshark", "-q", *(word for eni in enis for word in ("-i", eni)), "-w", str(file))

    def has_enough() -> bool:
        read = lab.run("tshark", "-r", str(file), "-T", "fields", "-e", "frame.interface_name").stdout.split()
        return min(read.count(eni) for eni in enis) >= 200

    wait_until(has_enough, "there are frames of each")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said


def host_option(eni: str, host: str) -> list[str]:
    """Through this machine, or through the capture host by sshd, which is what auto means."""
    return preference(eni, "host", host) if host != "auto" else []


@pytest.mark.thin(2)
@pytest.mark.parametrize("host", ["local", "auto"])
def test_every_frame_of_the_source_arrives_decapsulated(clean_lab: Lab, tmp_path: Path, host: str):
    """What tcpdump saw inside the source's namespace is in tshark's file, byte by byte, and nothing else."""
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    file = tmp_path / "out.pcapng"
    with recording(clean_lab, "web-1", tmp_path / "source.pcap") as source:
        capture(clean_lab, file, eni, options=tuple(host_option(eni, host)))
        seen = source.stop()
    got = read_frames(file)
    compared, missing, extra = compare(seen, got)
    assert compared > 50
    assert (missing, extra) == (0, 0)
    layers = {p["_source"]["layers"]["frame"]["frame.protocols"] for p in tshark_json(clean_lab, file)}
    assert not [one for one in layers if "vxlan" in one]
    assert_both_directions_and_families(clean_lab, got)


def assert_both_directions_and_families(lab: Lab, frames: list[Frame]) -> None:
    """Inbound and outbound, IPv4 and IPv6."""
    mac = bytes.fromhex(lab.eni("web-1")["MacAddress"].replace(":", ""))
    kinds = {(f.data[6:12] == mac, f.data[12:14]) for f in frames}
    assert {(True, b"\x08\x00"), (False, b"\x08\x00"), (True, b"\x86\xdd"), (False, b"\x86\xdd")} <= kinds
    assert max(f.length for f in frames) > 8000  # the jumbo-sized flow


@pytest.mark.long
def test_a_duration_of_tshark_counts_from_when_frames_can_come(clean_lab: Lab, tmp_path: Path):
    """Not from its start: bringing a mirror up takes longer than this second."""
    assert frames_of_a_duration(clean_lab, tmp_path, 1, "web-1") > 10


@pytest.mark.long
def test_a_duration_of_several_interfaces_counts_from_the_start(clean_lab: Lab, tmp_path: Path):
    """They must not keep each other from beginning."""
    assert frames_of_a_duration(clean_lab, tmp_path, 20, "web-1", "db-1") > 10


def frames_of_a_duration(lab: Lab, folder: Path, seconds: int, *names: str) -> int:
    """How many are in the file of a tshark that ends by its own clock."""
    folder.chmod(0o777)
    interfaces = [word for name in names for word in ("-i", lab.eni(name)["NetworkInterfaceId"])]
    done = lab.run("tshark", "-q", *interfaces, "-a", f"duration:{seconds}", "-w", str(folder / "out.pcapng"))
    assert done.returncode == 0, done.stderr
    return len(read_frames(folder / "out.pcapng"))


@pytest.mark.long
def test_the_interface_bears_the_enis_id_and_name(clean_lab: Lab, tmp_path: Path):
    """if_name is the ENI's id, if_description has its Name tag, names of addresses are in the file."""
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    file = tmp_path / "out.pcapng"
    capture(clean_lab, file, eni, frames=50)
    described = clean_lab.run("capinfos", "-I", str(file)).stdout
    assert f"Name = {eni}" in described
    assert "Description = web-1" in described
    hosts = clean_lab.run("tshark", "-r", str(file), "-q", "-z", "hosts").stdout
    assert "db-1" in hosts


@pytest.mark.long
def test_two_enis_at_once(clean_lab: Lab, tmp_path: Path):
    """-i A -i B: each interface has its own frames, all of them."""
    names = ("web-1", "db-1")
    enis = [clean_lab.eni(name)["NetworkInterfaceId"] for name in names]
    file = tmp_path / "out.pcapng"
    with (
        recording(clean_lab, "web-1", tmp_path / "a.pcap") as first,
        recording(clean_lab, "db-1", tmp_path / "b.pcap") as second,
    ):
        capture_of_each(clean_lab, file, enis)
        seen = [first.stop(), second.stop()]
    for index, frames in enumerate(seen):
        single = tmp_path / f"{index}.pcapng"
        wanted = f"frame.interface_name == {enis[index]}"
        clean_lab.run("tshark", "-r", str(file), "-Y", wanted, "-w", str(single))
        compared, missing, extra = compare(frames, read_frames(single))
        assert compared > 50
        assert (missing, extra) == (0, 0)


@pytest.mark.thin(2)
@pytest.mark.parametrize("host", ["local", "auto"])
def test_nothing_is_left_and_nothing_reached_the_source(clean_lab: Lab, tmp_path: Path, host: str):
    """No mirror resource, no process on the capture host, no ICMP port-unreachable at the source."""
    before = clean_lab.processes("capture-1")
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    with recording(clean_lab, "web-1", tmp_path / "icmp.pcap", UNREACHABLE) as complaints:
        capture(clean_lab, tmp_path / "out.pcapng", eni, options=tuple(host_option(eni, host)), frames=50)
        assert clean_lab.is_clean()
        wait_until(lambda: not set(clean_lab.processes("capture-1")) - set(before), "the receiver has gone")
        assert complaints.stop() == []


@pytest.mark.long
def test_a_vni_from_the_options_reaches_session_and_packets(clean_lab: Lab, tmp_path: Path):
    """-o extcap.<eni>.vni:777 is in DescribeTrafficMirrorSessions and in the outer packets."""
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    tmp_path.chmod(0o777)
    file = tmp_path / "out.pcapng"
    with recording(clean_lab, "capture-1", tmp_path / "outer.pcap", "udp dst port 4789") as outer:
        tshark = clean_lab.start("tshark", "-q", "-i", eni, *preference(eni, "vni", "777"), "-w", str(file))
        wait_until(lambda: file.exists() and file.stat().st_size > 4000, "packets come")
        sessions = clean_lab.client().describe_traffic_mirror_sessions()["TrafficMirrorSessions"]
        tshark.send_signal(signal.SIGINT)
        _, said = tshark.communicate(timeout=180)
        assert tshark.returncode == 0, said
        outer.stop()
    assert [session["VirtualNetworkId"] for session in sessions] == [777]
    packets = tshark_json(clean_lab, tmp_path / "outer.pcap", "-Y", "vxlan")
    assert {p["_source"]["layers"]["vxlan"]["vxlan.vni"] for p in packets} == {"777"}


def test_the_capture_filter_decides_what_arrives(clean_lab: Lab, tmp_path: Path):
    """-f: what libpcap accepts of tcpdump's frames is there, and nothing else."""
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    file = tmp_path / "out.pcapng"
    with recording(clean_lab, "web-1", tmp_path / "source.pcap", "tcp port 80") as source:
        capture(clean_lab, file, eni, options=("-f", "tcp port 80"), frames=100)
        seen = source.stop()
    compared, missing, extra = compare(seen, read_frames(file))
    assert compared > 20
    assert (missing, extra) == (0, 0)


def stop_by_ctrl_c(tshark, lab: Lab, eni: str) -> None:
    """What a terminal does: SIGINT to the whole process group."""
    os.killpg(tshark.pid, signal.SIGINT)


def stop_by_sigterm(tshark, lab: Lab, eni: str) -> None:
    """kill TSHARK."""
    tshark.terminate()


def stop_by_closing_the_fifo(tshark, lab: Lab, eni: str) -> None:
    """dumpcap dies, so nobody reads the FIFO, and no packet flows that would break a write."""
    for pid in children(tshark.pid):
        if "dumpcap" in Path(f"/proc/{pid}/comm").read_text():
            os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Child processes of ``pid``."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.thin(6)
@pytest.mark.parametrize("stop", [stop_by_ctrl_c, stop_by_sigterm, stop_by_closing_the_fifo])
@pytest.mark.parametrize("filter_text", ["", "host 203.0.113.99"], ids=["busy", "idle"])
def test_however_it_is_stopped_all_is_clean_within_three_seconds(
    clean_lab: Lab, tmp_path: Path, stop, filter_text: str, record_property
):
    """From the stop until no mirror resource and no receiver is left; also when no packet flows."""
    before = clean_lab.processes("capture-1")
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    tmp_path.chmod(0o777)
    tshark = clean_lab.start("tshark", "-q", "-i", eni, "-f", filter_text, "-w", str(tmp_path / "out.pcapng"))
    wait_until(lambda: bool(clean_lab.mirror_resources()["sessions"]), "the session is there")
    with pace() as now:
        start = time.monotonic()
        stop(tshark, clean_lab, eni)
        tshark.communicate(timeout=180)
        wait_until(clean_lab.is_clean, "the account is clean")
        wait_until(lambda: not set(clean_lab.processes("capture-1")) - set(before), "the receiver has gone")
        seconds = time.monotonic() - start
    record_property("seconds", round(seconds, 2))
    assert seconds < now.allows(3) + clean_lab.lateness
