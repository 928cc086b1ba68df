"""Several ENIs as one capture, by real tshark and by command: each one's frames under its own interface block."""

from __future__ import annotations

import json
import os
import signal
import struct
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hands import VPCSHARK, Lab, Recording, compare, read_frames, recording, wait_until

from vpcshark.aws.iam.features import DEFAULT
from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
FEATURES = (*DEFAULT, "sources")

NAMES = ("web-1", "db-1", "api-1")
STATISTICS = 5  # the type of an Interface Statistics Block
UNKNOWN = "eni-0123456789abcdef0"


@pytest.fixture
def settings(clean_lab: Lab) -> Iterator[Path]:
    """The lab's config file, gone after the test; the list that tshark was given without it is forgotten."""
    file = Path(clean_lab.environment["XDG_CONFIG_HOME"]) / "vpcshark" / "config.ini"
    file.parent.mkdir(parents=True, exist_ok=True)
    yield file
    file.unlink(missing_ok=True)
    clean_lab.listed()


def name(lab: Lab, settings: Path, text: str) -> None:
    """Put a named capture into the settings, and have it listed."""
    settings.write_text(text, "utf-8")
    time.sleep(1.1)  # an answer that is a second old is not made anew
    lab.listed()


def ids(lab: Lab, *names: str) -> list[str]:
    """The ENIs of eth0."""
    return [lab.eni(one)["NetworkInterfaceId"] for one in names]


@pytest.fixture
def recordings(clean_lab: Lab, tmp_path: Path) -> Iterator[dict[str, Recording]]:
    """tcpdump at each of ``NAMES``: ENI id -> recording."""
    with (
        recording(clean_lab, "web-1", tmp_path / "web-1.pcap") as web,
        recording(clean_lab, "db-1", tmp_path / "db-1.pcap") as db,
        recording(clean_lab, "api-1", tmp_path / "api-1.pcap") as api,
    ):
        yield dict(zip(ids(clean_lab, *NAMES), (web, db, api), strict=True))


def assert_each_under_its_own(lab: Lab, file: Path, recordings: dict[str, Recording]) -> None:
    """What tcpdump saw at each source is under that source's interface, and nothing else is."""
    seen = {eni: one.stop() for eni, one in recordings.items()}
    for eni, frames in seen.items():
        single = file.with_name(f"{eni}.pcapng")
        lab.run("tshark", "-r", str(file), "-Y", f"frame.interface_name == {eni}", "-w", str(single))
        compared, missing, extra = compare(frames, read_frames(single))
        assert compared > 50
        assert (eni, missing, extra) == (eni, 0, 0)


def interfaces(lab: Lab, file: Path) -> list[str]:
    """The names of the file's interfaces, in their order."""
    lines = lab.run("capinfos", "-I", str(file)).stdout.splitlines()
    return [line.partition("Name = ")[2] for line in lines if "Name = " in line]


def tshark(lab: Lab, interface: str, file: Path, count: int) -> None:
    """A capture by tshark, until each of ``count`` interfaces has had its share; then Ctrl-C."""
    file.parent.chmod(0o777)
    process = lab.start("tshark", "-q", "-i", interface, "-w", str(file))
    try:
        wait_until(lambda: len(enough(lab, file)) == count, f"{count} interfaces have frames")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said


def enough(lab: Lab, file: Path) -> list[str]:
    """The interfaces that have 200 frames by now."""
    shown = lab.run("tshark", "-r", str(file), "-T", "fields", "-e", "frame.interface_id").stdout
    return [one for one, frames in Counter(shown.split()).items() if frames >= 200]


@pytest.mark.thin(2)
@pytest.mark.parametrize("interface", ["aws-web", "web · 3 ENIs"])
def test_a_list_of_enis_is_one_capture(clean_lab: Lab, settings, recordings, tmp_path: Path, interface: str):
    """By the interface's name and by what the list shows: three blocks in the order of the list; nothing is left."""
    enis = ids(clean_lab, *NAMES)
    name(clean_lab, settings, f"[capture web]\nenis = {', '.join(enis)}\n")
    file = tmp_path / "out.pcapng"
    tshark(clean_lab, interface, file, 3)
    assert clean_lab.is_clean()
    assert interfaces(clean_lab, file) == enis
    assert_each_under_its_own(clean_lab, file, recordings)


@pytest.mark.long
def test_a_tag_query_is_one_capture_without_its_own_capture_host(clean_lab: Lab, settings, recordings, tmp_path: Path):
    """Name=*-1 means the instances' names, for ENIs have none: all interfaces of all three, and not capture-1, which
    receives and is of that name too."""
    name(clean_lab, settings, "[capture web]\ntags = Name=*-1\n")
    file = tmp_path / "out.pcapng"
    tshark(clean_lab, "aws-web", file, 3)  # web-1's second interface is quiet
    assert clean_lab.is_clean()
    second = clean_lab.eni("web-1", 1)["NetworkInterfaceId"]
    assert sorted(interfaces(clean_lab, file)) == sorted([*ids(clean_lab, *NAMES), second])
    assert_each_under_its_own(clean_lab, file, recordings)


@pytest.mark.long
def test_what_the_section_says_of_a_boolean_reaches_the_capture(clean_lab: Lab, settings, tmp_path: Path):
    """tshark passes each boolean's default from the dialog as if the user had chosen it."""
    name(clean_lab, settings, f"[capture web]\nenis = {', '.join(ids(clean_lab, 'web-1', 'db-1'))}\ndns = false\n")
    tmp_path.chmod(0o777)
    process = clean_lab.start("tshark", "-q", "-i", "aws-web", "-w", str(tmp_path / "out.pcapng"))
    try:
        wait_until(lambda: len(clean_lab.mirror_resources()["sessions"]) == 2, "there are the sessions")
        [made] = clean_lab.client().describe_traffic_mirror_filters()["TrafficMirrorFilters"]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said
    assert made.get("NetworkServices", []) == []


@pytest.mark.long
def test_one_that_cannot_be_is_told_before_anything_is_made(clean_lab: Lab, settings, tmp_path: Path):
    """A list is wanted as a whole: which one and why, and no create has left this machine."""
    control = LabControl(clean_lab.environment["AWS_ENDPOINT_URL"])
    (web,) = ids(clean_lab, "web-1")
    nat = next(
        eni["NetworkInterfaceId"]
        for eni in clean_lab.client().describe_network_interfaces()["NetworkInterfaces"]
        if eni["InterfaceType"] == "nat_gateway"
    )
    for wrong, words in ((nat, "of the type nat_gateway"), (UNKNOWN, "no network interface")):
        name(clean_lab, settings, f"[capture web]\nenis = {web}, {wrong}\n")
        control.clear_calls()
        done = clean_lab.run(*VPCSHARK, "capture", "web", "-w", str(tmp_path / "out.pcapng"))
        assert done.returncode == 2
        assert wrong in done.stderr
        assert words in done.stderr
        assert [call["action"] for call in control.calls() if call["action"].startswith("Create")] == []


def test_tcpdump_is_for_one_eni(clean_lab: Lab, tmp_path: Path):
    """Several need a mirror, and the message says so."""
    done = clean_lab.run(*VPCSHARK, "capture", *ids(clean_lab, "web-1", "db-1"), "--mode", "tcpdump", "-w", os.devnull)
    assert done.returncode == 2
    assert "--mode mirror" in done.stderr


@pytest.mark.long
def test_what_a_load_balancer_sends_to(clean_lab: Lab, tmp_path: Path):
    """Its own interfaces cannot be mirrored; those of its registered targets are, by instance and by address."""
    elb, first = clean_lab.client("elbv2"), clean_lab.eni("web-1")
    balancer = elb.create_load_balancer(Name="front", Type="network", Subnets=[first["SubnetId"]])["LoadBalancers"][0]
    for kind, targets in (("instance", [instance(clean_lab, "web-1")]), ("ip", [private(clean_lab, "db-1")])):
        group = elb.create_target_group(
            Name=f"front-{kind}", Protocol="TCP", Port=80, VpcId=first["VpcId"], TargetType=kind
        )["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": one} for one in targets])
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="TCP",
            Port=80 if kind == "ip" else 81,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
    file = tmp_path / "out.pcapng"
    done = clean_lab.run(*VPCSHARK, "capture", "lb:front", "-w", str(file), "-c", "50")
    assert done.returncode == 0, done.stderr
    assert sorted(interfaces(clean_lab, file)) == sorted(ids(clean_lab, "web-1", "db-1"))
    unknown = clean_lab.run(*VPCSHARK, "capture", "lb:gone", "-w", str(file))
    assert (unknown.returncode, 'Load Balancer "gone"' in unknown.stderr) == (2, True)


def instance(lab: Lab, name: str) -> str:
    """The instance of that name."""
    filters = [{"Name": "tag:Name", "Values": [name]}]
    return lab.client().describe_instances(Filters=filters)["Reservations"][0]["Instances"][0]["InstanceId"]


def private(lab: Lab, name: str) -> str:
    """Its primary private address."""
    return lab.eni(name)["PrivateIpAddress"]


def shown(lab: Lab) -> dict:
    """The one capture, as ``vpcshark ps`` has it."""
    (found,) = json.loads(lab.run(*VPCSHARK, "ps", "--json").stdout)
    return dict(found)


@pytest.mark.long
def test_sessions_have_vnis_and_numbers_of_their_own_and_ps_shows_them(clean_lab: Lab, tmp_path: Path):
    """Consecutive VNIs from the one that is given; one filter and one target for all; ps counts what it costs."""
    enis = ids(clean_lab, *NAMES)
    capture = clean_lab.start(*VPCSHARK, "capture", *enis, "--vni", "700", "-w", str(tmp_path / "out.pcapng"))
    wait_until(lambda: len(clean_lab.mirror_resources()["sessions"]) == 3, "all sessions are there")
    made = clean_lab.client().describe_traffic_mirror_sessions()["TrafficMirrorSessions"]
    assert {one["NetworkInterfaceId"]: one["VirtualNetworkId"] for one in made} == dict(
        zip(enis, (700, 701, 702), strict=True)
    )
    assert [len({one[key] for one in made}) for key in ("TrafficMirrorFilterId", "TrafficMirrorTargetId")] == [1, 1]
    wait_until(lambda: len(shown(clean_lab)["sources"]) == 3, "AWS shows all of them")
    assert sorted(shown(clean_lab)["sources"]) == sorted(enis)
    assert [one["kind"] for one in shown(clean_lab)["resources"]].count("session") == 3
    capture.terminate()
    _, said = capture.communicate(timeout=180)
    assert capture.returncode == 0, said
    assert clean_lab.is_clean()


@pytest.mark.long
def test_outbound_is_each_sources_own(clean_lab: Lab, tmp_path: Path):
    """In the kernel of the capture host, by the MAC that belongs to the VNI: db-1 answers web-1, and each one's frames
    are inbound at the other."""
    names, file = ("web-1", "db-1"), tmp_path / "out.pcapng"
    enis = ids(clean_lab, *names)
    done = clean_lab.run(*VPCSHARK, "capture", *enis, "--direction", "out", "-w", str(file), "-c", "300")
    assert done.returncode == 0, done.stderr
    fields = ("-T", "fields", "-e", "frame.interface_name", "-e", "eth.src", "-e", "frame.packet_flags_direction")
    shown = {tuple(line.split()) for line in clean_lab.run("tshark", "-r", str(file), *fields).stdout.splitlines()}
    macs = {clean_lab.eni(one)["NetworkInterfaceId"]: clean_lab.eni(one)["MacAddress"] for one in names}
    assert shown == {(eni, mac, "0x00000002") for eni, mac in macs.items()}


@pytest.mark.long
def test_what_was_dropped_is_counted_once(clean_lab: Lab, tmp_path: Path):
    """Every interface has its counts at the end; the ring's drops are of all together, in the first one's block."""
    file, enis = tmp_path / "out.pcapng", ids(clean_lab, "web-1", "db-1")
    done = clean_lab.run(*VPCSHARK, "capture", *enis, "-w", str(file), "-c", "100")
    assert done.returncode == 0, done.stderr
    last = {struct.unpack_from("<I", body)[0]: body for kind, body in blocks(file.read_bytes()) if kind == STATISTICS}
    assert sorted(last) == [0, 1]
    assert [b"those of all interfaces" in last[number] for number in (0, 1)] == [True, False]


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of a little-endian pcapng file's blocks, read by the draft's own words (section 3.1)."""
    while data:
        kind, length = struct.unpack_from("<II", data)
        yield kind, data[8 : length - 4]
        data = data[length:]


def test_a_path_is_one_interface_with_a_block_for_each_point(clean_lab: Lab, settings, recordings, tmp_path: Path):
    """Both ends of a connection, in its order, and its packets alone; nothing is left."""
    name(clean_lab, settings, "[path shop]\nsource = api-1\ndestination = db-1\nport = 80\n")
    file = tmp_path / "out.pcapng"
    tshark(clean_lab, "aws-shop", file, 2)
    assert clean_lab.is_clean()
    assert interfaces(clean_lab, file) == ids(clean_lab, "api-1", "db-1")
    theirs = clean_lab.run("tshark", "-r", str(file), "-Y", "!(tcp.port == 80 || icmp)", "-T", "fields", "-e", "ip.src")
    assert theirs.stdout == ""
    counts = clean_lab.run(
        "tshark", "-r", str(file), "-Y", "tcp.port == 80", "-T", "fields", "-e", "frame.interface_id"
    )
    assert set(counts.stdout.split()) == {"0", "1"}
