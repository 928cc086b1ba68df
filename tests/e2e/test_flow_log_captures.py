"""ENIs on no instance (a NAT gateway's, an attachment's, a database's) in real tshark and Wireshark, by records that
the lab's flow log wrote of packets that really passed: what Wireshark counts is what records say.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import gui
import pytest
from hands import VPCSHARK, Lab, preference, wait_until
from loose import OPEN, SHUT, Loose, await_bytes, loose
from profiled import with_profile

from vpcshark.lab.control import LabControl

pytestmark = [pytest.mark.e2e, pytest.mark.long]
FEATURES = ("list", "flowlogs")
GROUP, ROLE = "/flows/of/services", "arn:aws:iam::123456789012:role/flow"
NAMES = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "action")
FORMAT = " ".join(f"${{{name}}}" for name in ("interface-id", *NAMES, "tcp-flags", "flow-direction", "log-status"))
PICTURES = Path(__file__).resolve().parents[2] / "artifacts" / "gui"
EACH = 5


@pytest.fixture(scope="module")
def transit(lab: Lab) -> Iterator[str]:
    """An attachment of the lab's VPC."""
    ec2 = lab.client()
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    facts = lab.eni("web-1")
    made = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=facts["VpcId"], SubnetIds=[facts["SubnetId"]]
    )
    attachment = made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    yield attachment
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    ec2.delete_transit_gateway(TransitGatewayId=gateway)


@pytest.fixture(scope="module")
def services(lab: Lab, transit: str) -> Iterator[dict[str, Loose]]:
    """The three interfaces, all of types listed, with a flow log of their subnet and records of seconds."""
    control, ec2 = LabControl(lab.environment["AWS_ENDPOINT_URL"]), lab.client()
    settings = Path(lab.environment["XDG_CONFIG_HOME"]) / "vpcshark" / "config.ini"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[list]\ntypes = all\n", "utf-8")
    control.flow_logs(pace={"interval": 1, "delay": 0})
    made = ec2.create_flow_logs(
        ResourceType="Subnet",
        ResourceIds=[lab.eni("web-1")["SubnetId"]],
        TrafficType="ALL",
        LogFormat=FORMAT,
        LogGroupName=GROUP,
        DeliverLogsPermissionArn=ROLE,
        MaxAggregationInterval=60,
    )["FlowLogIds"]
    with (
        loose(lab, 1, "nat_gateway", "Interface for NAT Gateway nat-0123456789abcdef0") as nat,
        loose(lab, 2, "transit_gateway", f"Network Interface for Transit Gateway Attachment {transit}") as tgw,
        loose(lab, 3, "interface", "RDSNetworkInterface") as rds,
    ):
        three = {"nat": nat, "tgw": tgw, "rds": rds}
        wait_until(lambda: are_listed(lab, three), "all three are in the list")
        yield three
    ec2.delete_flow_logs(FlowLogIds=made)
    lab.client("logs").delete_log_group(logGroupName=GROUP)
    control.flow_logs(pace={})
    settings.unlink()


def are_listed(lab: Lab, services: Mapping[str, Loose]) -> bool:
    """Asked for anew: an answer that is a second old is not made again."""
    shown = lab.listed().run("tshark", "-D").stdout
    return all(each.eni in shown for each in services.values())


def said(lines: list[str]) -> tuple[Counter[frozenset[str]], Counter[frozenset[str]]]:
    """(records, bytes) by pair of addresses, as the lines say."""
    count: Counter[frozenset[str]] = Counter()
    size: Counter[frozenset[str]] = Counter()
    for each in lines:
        row = dict(zip(("interface-id", *NAMES), each.split(), strict=False))
        pair = frozenset((row["srcaddr"], row["dstaddr"]))
        count[pair] += 1
        size[pair] += int(row["bytes"])
    return count, size


def told(lab: Lab, file: Path) -> tuple[Counter[frozenset[str]], Counter[frozenset[str]]]:
    """The same, as tshark's Conversations count frames and bytes."""
    shown = lab.run("tshark", "-q", "-n", "-r", str(file), "-z", "conv,ip").stdout
    count: Counter[frozenset[str]] = Counter()
    size: Counter[frozenset[str]] = Counter()
    for line in shown.splitlines():
        ends, numbers = re.match(r"([\d.]+) +<-> ([\d.]+) ", line), re.findall(r"(\d+) (\d+) bytes", line)
        if ends:
            count[frozenset(ends.groups())] += int(numbers[-1][0])
            size[frozenset(ends.groups())] += int(numbers[-1][1])
    return count, size


def endpoints(lab: Lab, file: Path) -> dict[str, tuple[int, int]]:
    """Address -> (frames, bytes), as tshark's Endpoints count them."""
    shown = lab.run("tshark", "-q", "-n", "-r", str(file), "-z", "endpoints,ip").stdout
    found = [re.match(r"([\d.]+) +(\d+) +(\d+) ", line) for line in shown.splitlines()]
    return {each[1]: (int(each[2]), int(each[3])) for each in found if each}


@pytest.mark.parametrize("name", ["nat", "tgw", "rds"])
def test_tshark_opens_it_and_its_conversations_are_the_records(
    name: str, lab: Lab, services: dict[str, Loose], tmp_path: Path
):
    """Mode automatic takes the flow log, which the list says; nothing is left in the account."""
    one = services[name]
    listed = next(each for each in lab.run("tshark", "-D").stdout.splitlines() if one.eni in each)
    assert "flow log" in listed
    first = {"nat": 42_000, "tgw": 43_000, "rds": 44_000}[name]
    one.talk(first, EACH)
    one.talk(first + 100, 2, SHUT)
    lines = await_bytes(lab, GROUP, one.eni, 2 * EACH + 2)
    file = tmp_path / "out.pcapng"
    done = lab.run("tshark", "-i", one.eni, "-w", str(file), "-q", timeout=180)
    assert file.exists(), done.stderr
    lines = [each for each in lines if any(f" {first + number} " in each for number in (*range(EACH), 100, 101))]
    chosen = tmp_path / "chosen.pcapng"
    ports = f"tcp.port >= {first} and tcp.port < {first + 200}"
    lab.run("tshark", "-r", str(file), "-Y", ports, "-w", str(chosen))
    count, size = said(lines)
    assert told(lab, chosen) == (count, size)
    web = lab.eni("web-1")["PrivateIpAddress"]
    assert endpoints(lab, chosen) == dict.fromkeys((web, one.address), (count.total(), size.total()))
    syns = lab.run("tshark", "-r", str(chosen), "-Y", f"ip.addr == {one.address} and tcp.flags.syn == 1").stdout
    assert len(syns.splitlines()) == sum(int(each.split()[11]) & 2 > 0 for each in lines) >= 2 * EACH
    shut = lab.run("tshark", "-r", str(chosen), "-Y", f'tcp.port == {SHUT} and frame.comment contains "REJECT"').stdout
    assert len(shut.splitlines()) == sum(" REJECT " in each for each in lines) >= 2
    assert lab.is_clean()


@pytest.mark.parametrize(("name", "first"), [("nat", 45_100), ("tgw", 45_200), ("rds", 45_300)])
def test_followed_the_records_of_what_happens_now_come_too(
    name: str, first: int, lab: Lab, services: dict[str, Loose], tmp_path: Path
):
    one, file = services[name], tmp_path / "out.pcapng"
    running = lab.start("tshark", "-i", one.eni, *preference(one.eni, "follow", "true"), "-w", str(file), "-q")
    wait_until(lambda: file.exists() and file.stat().st_size > 100, "tshark captures")
    one.talk(first, EACH)
    ports = f"tcp.dstport >= {first} and tcp.dstport < {first + EACH}"

    def has_all() -> bool:
        shown = lab.run("tshark", "-r", str(file), "-Y", ports).stdout
        return len(shown.splitlines()) >= EACH

    wait_until(has_all, "the new records are frames")
    running.terminate()
    running.communicate(timeout=180)
    assert lab.is_clean()


@pytest.fixture(scope="module")
def screen() -> Iterator[gui.Screen]:
    missing = [tool for tool in gui.NEEDED if not any(os.access(f"{p}/{tool}", os.X_OK) for p in os.get_exec_path())]
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"missing on this machine: {', '.join(missing)}")
    with gui.Screen() as running:
        yield running


def syns(lab: Lab, eni: str, first: int) -> int:
    """Records of the interface with a SYN, whose client's port is one of the 200 from ``first`` on."""
    rows = [each.split() for each in await_bytes(lab, GROUP, eni, 1)]
    mine = [row for row in rows if any(first <= int(row[place]) < first + 200 for place in (3, 4))]
    return sum(int(row[11]) & 2 > 0 for row in mine)


@pytest.mark.parametrize("name", ["nat", "tgw", "rds"])
def test_wireshark_shows_it(name: str, lab: Lab, services: dict[str, Loose], screen: gui.Screen, tmp_path: Path):
    """By a double-click on its row, with our profile, followed: a filter counts what records say, also of what happens
    while it captures; Conversations and Endpoints are pictures to be looked at."""
    one = services[name]
    first = {"nat": 46_000, "tgw": 47_000, "rds": 48_000}[name]
    one.talk(first, EACH)
    one.talk(first + 100, 2, SHUT)
    await_bytes(lab, GROUP, one.eni, 2 * EACH + 2)
    lab.listed()
    hidden = {"capture.devices_hide": gui.other_interfaces(lab.environment)}
    folder = with_profile(tmp_path / "wireshark", hidden)
    followed = ["-C", "vpcshark", *preference(one.eni, "follow", "true")]
    with gui.wireshark(screen, lab.environment, folder, hidden, followed) as window:
        screen.wait_until_still()
        row = window.row(f".*{one.eni}")
        assert "flow log" in row.name
        screen.picture(PICTURES / f"flow-log-{name}-list.png")
        window.click(row)
        screen.wait_until_still()
        window.start(f".*{one.eni}", one.eni)
        window.wait_for("label", r"Packets: ([2-9]\d|\d{3,}|1[2-9])")
        window.key("ctrl+slash")
        window.type(f"ip.addr == {one.address} and tcp.flags.syn == 1 and tcp.port >= {first}")
        window.key("Return")
        window.wait_for("label", r"Displayed: \d+")
        before = syns(lab, one.eni, first)
        one.talk(first + 50, EACH)
        wait_until(lambda: syns(lab, one.eni, first) >= before + 2 * EACH, "there are records of what happens now")
        wait_until(
            lambda: bool(window.things("label", rf"Displayed: {syns(lab, one.eni, first)} ")),
            "Wireshark has as many frames as there are records",
        )
        screen.wait_until_still()
        screen.picture(PICTURES / f"flow-log-{name}-frames.png")
        for letter, title in (("c", "Conversations"), ("e", "Endpoints")):
            window.key("alt+s")
            screen.wait_until_still()
            window.key(letter)
            wait_until(lambda: bool(screen.windows(title, window.process.pid)), f"{title} is open")  # noqa: B023
            window.click(window.wait_for("page tab", "^IPv4"))
            screen.wait_until_still()
            screen.picture(PICTURES / f"flow-log-{name}-{title.lower()}.png")
            window.key("Escape")
            wait_until(lambda: not screen.windows(title, window.process.pid), f"{title} is shut")  # noqa: B023
    assert lab.is_clean()


def test_a_user_reads_the_same_records_on_the_command_line(lab: Lab, services: dict[str, Loose]):
    one = services["rds"]
    one.talk(49_000, 1)
    await_bytes(lab, GROUP, one.eni, 2)
    wait_until(
        lambda: bool(lab.run(*VPCSHARK, "flowlogs", "read", one.eni, "--json", "--match", f"*:49000->*:{OPEN}").stdout),
        "its record is read",
    )
