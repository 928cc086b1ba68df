"""Real Wireshark on a screen, with mouse and keyboard, against the lab.

What it shows is read from the screen's own words; what AWS has, from a describe; what was captured, from Wireshark's
own file. Pictures of the steps are in artifacts/gui.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gui
import pytest
import yaml
from hands import VPCSHARK, Lab, read_frames, running_lab, tshark_json, wait_until
from stories import SERVER, talk

from vpcshark.cli import install, wireshark_profile

pytestmark = pytest.mark.e2e

PICTURES = Path(__file__).resolve().parents[2] / "artifacts" / "gui"
GROUPS = ["Capture", "Mirror", "Capture host", "Launch", "Connection", "AWS", "Debug"]
WEB = "web-1 · eth0"
LOG = re.compile(r'Connecting to AWS .*\nCapturing from eni-\w+\.\n(The filter is now "icmp or icmp6"\.\n?)+', re.S)
ICMP = {1, 44, 58}  # protocol numbers: ICMP, IPv6 fragments (their protocol is known later), ICMPv6


@pytest.fixture(scope="module")
def screen() -> Iterator[gui.Screen]:
    """A screen for the tests of this file."""
    missing = [tool for tool in gui.NEEDED if not any(os.access(f"{p}/{tool}", os.X_OK) for p in os.get_exec_path())]
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"missing on this machine: {', '.join(missing)}")
    with gui.Screen() as running:
        yield running


@pytest.fixture
def window(
    screen: gui.Screen, clean_lab: Lab, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[gui.Wireshark]:
    """Wireshark with its list of interfaces, only ENIs in it; the last thing it showed is a picture."""
    clean_lab.listed(is_named=True)
    hidden = {"capture.devices_hide": gui.other_interfaces(clean_lab.environment)}
    with gui.wireshark(screen, clean_lab.environment, tmp_path / "wireshark", hidden) as running:
        yield running
        screen.picture(PICTURES / f"{request.node.name}-end.png")


@pytest.fixture
def shoot(screen: gui.Screen, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Take a picture of a step."""
    return lambda step: screen.picture(PICTURES / f"{request.node.name}-{step}.png") and None


def sessions(lab: Lab) -> list[dict]:
    """The mirror sessions, freshly described."""
    return lab.client().describe_traffic_mirror_sessions()["TrafficMirrorSessions"]


def wait_for_session(lab: Lab) -> dict:
    """The one mirror session, when it is there."""
    wait_until(lambda: len(sessions(lab)) == 1, "there is a mirror session")
    return sessions(lab)[0]


def packets(window: gui.Wireshark) -> int:
    """The number of packets that the status bar shows."""
    shown = [re.match(r"Packets: (\d+)", label.name) for label in window.things("label", "^Packets: ")]
    return int(shown[0][1]) if shown and shown[0] else 0


def start(window: gui.Wireshark, name: str) -> None:
    """Double-click a row of the list."""
    window.start(name, f"Capturing from {name}")


@pytest.mark.long
@pytest.mark.alone
def test_the_list_shows_every_eni_by_name(window: gui.Wireshark, clean_lab: Lab, shoot: Callable[[str], None]):
    """Each ENI of the account has a row that begins with its (instance's) Name tag and has its address and id."""
    ec2 = clean_lab.client()
    instances = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    names = {i["InstanceId"]: tag["Value"] for i in instances for tag in i["Tags"] if tag["Key"] == "Name"}
    rows = [row.name for row in window.rows()]
    shoot("list")
    enis = [e for e in ec2.describe_network_interfaces()["NetworkInterfaces"] if e["InterfaceType"] == "interface"]
    for eni in enis:
        tags = [tag["Value"] for tag in eni["TagSet"] if tag["Key"] == "Name"]
        name = names.get(eni.get("Attachment", {}).get("InstanceId", ""), *tags[:1])
        found = [row for row in rows if eni["NetworkInterfaceId"] in row]
        assert len(found) == 1
        assert found[0].startswith(f"{name} · ")
        assert eni["PrivateIpAddress"] in found[0]
    assert len(rows) == len(enis) > 3


def test_a_double_click_shows_frames_and_stop_leaves_nothing(
    window: gui.Wireshark, clean_lab: Lab, shoot: Callable[[str], None]
):
    """From the list to frames with names, and back to an account with nothing in it."""
    start(window, WEB)
    session = wait_for_session(clean_lab)
    assert session["NetworkInterfaceId"] == clean_lab.eni("web-1")["NetworkInterfaceId"]
    wait_until(lambda: packets(window) > 100, "more than a hundred packets are shown")
    window.wait_for("tree item", r"^Internet Protocol Version \d, .*(Src|Dst): web-1 \(")
    shoot("capturing")
    window.stop()
    assert clean_lab.is_clean()
    window.wait_for_title(f"*{WEB}")
    assert not window.things("dialog")
    assert_file_is_what_is_shown(window, clean_lab)


def assert_file_is_what_is_shown(window: gui.Wireshark, lab: Lab) -> None:
    """Wireshark's own file has as many frames as the status bar says, all of them inner ones."""
    [file] = (window.folder / "tmp").glob("*.pcapng")
    wait_until(lambda: len(read_frames(file)) == packets(window), "all frames of the file are shown")
    layers = [p["_source"]["layers"]["frame"]["frame.protocols"] for p in tshark_json(lab, file)]
    assert len(layers) > 100
    assert not [one for one in layers if "vxlan" in one]


def is_within(thing: gui.Thing, other: gui.Thing) -> bool:
    """Is its middle in the other's area?"""
    x, y = thing.middle
    return other.x <= x < other.x + other.width and other.y <= y < other.y + other.height


@pytest.mark.long
def test_the_options_show_every_group_and_nothing_is_wrong_with_the_defaults(
    window: gui.Wireshark, shoot: Callable[[str], None]
):
    """The gear opens a dialog with a tab per group, which can be saved as it is."""
    window.click(window.gear(window.row(WEB)))
    dialog = window.wait_for("dialog", f"Interface Options: {WEB}")
    assert [tab.name for tab in window.things("page tab")] == GROUPS
    for group in GROUPS:
        window.click(window.wait_for("page tab", f"^{group}$"))
        window.wait_for("page tab list", f"^{group}$")
        shoot(group.replace(" ", "-").lower())
        assert [one for one in window.things() if one.role in ("combo box", "text") and is_within(one, dialog)]
    assert window.wait_for("push button", "^Save$").is_enabled


def guarded_button(window: gui.Wireshark) -> gui.Thing:
    """The dialog's button that a value out of range disables: Start where it has one (from 4.2 on; there Save keeps any
    value), else Save."""
    dialog = window.wait_for("dialog", "Interface Options")
    starts = [one for one in window.things("push button", "^Start$") if is_within(one, dialog)]
    return starts[0] if starts else window.wait_for("push button", "^Save$")


@pytest.mark.long
def test_a_vni_typed_into_the_dialog_reaches_the_session(window: gui.Wireshark, clean_lab: Lab):
    """One out of range is refused; one that is good is that of the session."""
    window.click(window.gear(window.row(WEB)))
    window.click(window.wait_for("page tab", "^Mirror$"))
    window.fill("VNI", "16777216")
    wait_until(lambda: not guarded_button(window).is_enabled, "it is refused")
    window.fill("VNI", "424242")
    wait_until(lambda: guarded_button(window).is_enabled, "it is accepted")
    window.press("Save")
    wait_until(lambda: not window.things("dialog"), "the dialog has closed")
    start(window, WEB)
    assert wait_for_session(clean_lab)["VirtualNetworkId"] == 424242
    wait_until(lambda: packets(window) > 0, "packets are shown")
    window.stop()
    assert clean_lab.is_clean()


@pytest.mark.long
def test_reload_fills_a_selector_from_the_account(window: gui.Wireshark, shoot: Callable[[str], None]):
    """The capture hosts, when the button beside their list is pressed; before, there are the fixed ones only."""
    window.click(window.gear(window.row(WEB)))
    window.click(window.wait_for("page tab", "^Capture host$"))
    offered = lambda: [one.partition(" ")[0] for one in window.choices("Capture host")]  # noqa: E731
    assert {"Automatic"} <= set(offered()) <= {"Automatic", "This", "Launch"}
    window.press("List instances and targets")
    wait_until(lambda: "db-1" in offered(), "the account's instances are offered")
    shoot("reloaded")


@pytest.fixture
def new_eni(clean_lab: Lab) -> Iterator[Callable[[str], str]]:
    """Makes an ENI in web-1's subnet, with a Name tag; it is deleted after the test."""
    ec2 = clean_lab.client()
    made: list[str] = []

    def make(name: str) -> str:
        tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": name}]}]
        answer = ec2.create_network_interface(SubnetId=clean_lab.eni("web-1")["SubnetId"], TagSpecifications=tags)
        made.append(answer["NetworkInterface"]["NetworkInterfaceId"])
        return made[-1]

    yield make
    for eni in made:
        ec2.delete_network_interface(NetworkInterfaceId=eni)


def refresh_until_listed(window: gui.Wireshark, name: str) -> None:
    """Capture > Refresh Interfaces; once more where AWS took longer than a list is waited for (2 s)."""
    gui.act_until(
        lambda: window.key(
            "alt+c", "Up", "Return"
        ),  # the menu's last item; F5, the same till then, asks nothing in 4.6
        lambda: [row for row in window.rows() if name in row.name],
        f"{name} is listed",
    )


@pytest.mark.long
def test_a_refresh_shows_a_new_eni_that_can_be_captured(
    window: gui.Wireshark, clean_lab: Lab, new_eni: Callable[[str], str], shoot: Callable[[str], None]
):
    """An ENI that was made after Wireshark's start is listed after Capture > Refresh Interfaces, and a double-click
    makes a session of it."""
    assert not [row for row in window.rows() if "brand-new" in row.name]
    eni = new_eni("brand-new")
    refresh_until_listed(window, "brand-new")
    shoot("listed")
    start(window, "brand-new")
    assert wait_for_session(clean_lab)["NetworkInterfaceId"] == eni
    window.stop()
    assert clean_lab.is_clean()


def show_toolbar(window: gui.Wireshark) -> None:
    """View > Interface Toolbars > the first one, by the keyboard."""
    window.key("alt+v", "Down", "Down", "Down", "Right", "Return")
    window.wait_for("push button", "^Log$")


def rules(lab: Lab) -> set[tuple]:
    """The protocols of the one mirror filter's rules, freshly described."""
    [one] = lab.client().describe_traffic_mirror_filters()["TrafficMirrorFilters"]
    return {rule.get("Protocol") for way in ("Ingress", "Egress") for rule in one[f"{way}FilterRules"]}


def type_filter(window: gui.Wireshark, text: str) -> None:
    """Into the toolbar's field, until it is told that it is taken: that sentence stands for some seconds alone, and a
    busy machine may lose a key."""

    def enter() -> None:
        window.fill("Filter", text)
        window.key("Return")

    gui.act_until(enter, lambda: window.things("label", "^The filter is now"), "the filter is taken")


@pytest.mark.long
@pytest.mark.alone
def test_the_toolbar_shows_live_figures_and_changes_the_filter_of_a_running_capture(
    window: gui.Wireshark, clean_lab: Lab, shoot: Callable[[str], None]
):
    """State and status text are live; a filter typed there reaches AWS and the packets; the log can be read."""
    show_toolbar(window)
    start(window, WEB)
    figures = re.compile(r"^([\d,]+) frames · 0 dropped · \d:\d\d · \$0\.\d+$")
    shown = gui.wait_for(lambda: figures.match(window.field("^State$").content), "the toolbar counts frames")
    window.wait_for("label", r"^Capturing from eni-")
    shoot("figures")
    later = gui.wait_for(
        lambda: (now := figures.match(window.field("^State$").content)) and now[1] != shown[1] and now, "it goes on"
    )
    assert int(later[1].replace(",", "")) > int(shown[1].replace(",", ""))
    assert rules(clean_lab) != ICMP
    type_filter(window, "icmp or icmp6")
    before = packets(window)
    assert rules(clean_lab) == ICMP
    wait_until(lambda: packets(window) > before + 100, "packets come on")  # some were on their way to the screen
    shoot("filtered")
    window.press("Log")
    gui.wait_for(lambda: [one for one in window.things("text") if LOG.fullmatch(one.content)], "the log is shown")
    shoot("log")
    window.press("Close")
    window.stop()
    assert clean_lab.is_clean()
    [file] = (window.folder / "tmp").glob("*.pcapng")
    kinds = [packet["_source"]["layers"]["frame"]["frame.protocols"] for packet in tshark_json(clean_lab, file)]
    assert not [kind for kind in kinds[-20:] if "icmp" not in kind]
    assert [kind for kind in kinds[:before] if "icmp" not in kind]


@pytest.mark.long
@pytest.mark.alone
def test_diagnose_pressed_in_a_running_capture_says_what_is_proved(
    window: gui.Wireshark, clean_lab: Lab, shoot: Callable[[str], None]
):
    """A connection to an address where nobody is, begun after the press. The finding comes in the status bar, a second
    press shows it in a dialog, and the log has its filter, which by tshark finds those packets in Wireshark's file."""
    show_toolbar(window)
    start(window, WEB)
    gui.wait_for(lambda: " frames " in window.field("^State$").content, "the toolbar counts frames")
    window.press("Diagnose")
    window.wait_for("label", "^Diagnosing from now on")
    shoot("pressed")
    with asking_nobody(clean_lab) as nobody:
        window.wait_for("label", "syn-unanswered")
        shoot("proved")
    window.press("Diagnose")
    window.wait_for("label", f"(?s)syn-unanswered.*{nobody}.*4711")
    shoot("all")
    window.press("OK")
    window.press("Log")
    [log] = gui.wait_for(lambda: [one for one in window.things("text") if "  Filter: " in one.content], "it is logged")
    shoot("log")
    window.press("Close")
    window.stop()
    shoot("stopped")
    assert clean_lab.is_clean()
    [file] = (window.folder / "tmp").glob("*.pcapng")
    shown = re.findall(r"^  Filter: (.*)$", log.content, re.M)
    found = clean_lab.run("tshark", "-r", str(file), "-Y", shown[0], "-T", "fields", "-e", "ip.dst", "-e", "tcp.flags")
    assert {*found.stdout.split("\n")[:-1]} == {f"{nobody}\t0x0002"}


@contextmanager
def asking_nobody(lab: Lab) -> Iterator[str]:
    """Meanwhile web-1 asks an address of its subnet, which nobody has, for a connection to port 4711: the address."""
    nobody = lab.eni("web-1")["PrivateIpAddress"].rpartition(".")[0] + ".199"
    known = ["ip", "neigh", "replace", nobody, "lladdr", "02:00:00:00:00:99", "dev", "eth0"]
    subprocess.run([*lab.namespace("web-1"), *known], check=True)
    asking = ["timeout", "20", "bash", "-c", f"exec 3<>/dev/tcp/{nobody}/4711"]
    with subprocess.Popen([*lab.namespace("web-1"), *asking], stderr=subprocess.DEVNULL):
        yield nobody


@pytest.mark.long
def test_quitting_wireshark_while_it_captures_leaves_nothing(window: gui.Wireshark, clean_lab: Lab):
    """Ctrl+Q in the middle of a capture."""
    start(window, WEB)
    wait_until(lambda: packets(window) > 20, "packets are shown")
    window.key("ctrl+q")
    window.process.wait(180)
    assert clean_lab.is_clean()


PATH = "[path web]\nsource = client\ndestination = server\nport = 80\n"


@pytest.fixture
def talk_lab(tmp_path: Path) -> Iterator[Lab]:
    """The talk's network with a server that serves, and the path in the settings."""
    raw = talk()
    raw["instances"]["server"]["serves"] = ["tcp 80"]
    file = tmp_path / "network.yaml"
    file.write_text(yaml.safe_dump(raw, sort_keys=False))
    with running_lab(topology=str(file)) as running:
        settings = Path(running.run(*VPCSHARK, "config", "path").stdout.strip())
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(PATH)
        try:
            yield running
        finally:
            running.end_started()


@pytest.mark.long
def test_the_path_is_one_interface_and_each_frame_says_where_it_was(
    screen: gui.Screen, talk_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The client's first, then the server's; the shipped profile's column names them."""
    folder = tmp_path / "wireshark"
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(folder / "profile"))
    wireshark_profile.install(io.StringIO(), install.run_command)
    talk_lab.listed("aws-web")
    loop = "while :; do curl -s --max-time 2 http://$0/; sleep 0.5; done"
    talk_lab.start(*talk_lab.namespace("client"), "sh", "-c", loop, SERVER, stdin=subprocess.DEVNULL)
    hidden = {"capture.devices_hide": gui.other_interfaces(talk_lab.environment)}
    with gui.wireshark(screen, talk_lab.environment, folder, hidden, ["-C", "vpcshark"]) as window:
        screen.picture(PICTURES / "path-list.png")
        start(window, "web")
        wait_until(lambda: packets(window) > 40, "frames are shown")
        screen.picture(PICTURES / "path-capturing.png")
        window.stop()
        screen.picture(PICTURES / "path-end.png")
        [file] = (folder / "tmp").glob("*.pcapng")
        check_points(talk_lab, file)
        assert talk_lab.is_clean()


def check_points(lab: Lab, file: Path) -> None:
    """By tshark: the client's interface first, then the server's; the same packets at both, in the order of time."""
    fields = [word for name in ("interface_id", "interface_name", "time_epoch") for word in ("-e", f"frame.{name}")]
    said = subprocess.run(["tshark", "-r", file, "-T", "fields", *fields], capture_output=True, text=True, check=True)
    rows = [row.split("\t") for row in said.stdout.splitlines()]
    names = {number: name for number, name, _ in rows}
    assert lab.eni("client")["NetworkInterfaceId"] in names["0"]
    assert lab.eni("server")["NetworkInterfaceId"] in names["1"]
    times = [float(time) for _, _, time in rows]
    assert times == sorted(times)
