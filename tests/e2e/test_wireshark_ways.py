"""The way to an instance, chosen in real Wireshark's dialog: what is selected there is what the capture does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import gui
import pytest
from hands import Lab, wait_until

from vpcshark.aws.iam.features import DEFAULT
from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
FEATURES = (*DEFAULT, "connect-ssm")

PICTURES = Path(__file__).resolve().parents[2] / "artifacts" / "gui"
WEB = "web-1 · eth0"


@pytest.fixture
def window(clean_lab: Lab, tmp_path: Path) -> Iterator[gui.Wireshark]:
    """Wireshark on a screen of its own, with its list of interfaces."""
    missing = [tool for tool in gui.NEEDED if not any(os.access(f"{p}/{tool}", os.X_OK) for p in os.get_exec_path())]
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"missing on this machine: {', '.join(missing)}")
    clean_lab.listed()
    hidden = {"capture.devices_hide": gui.other_interfaces(clean_lab.environment)}
    with (
        gui.Screen() as screen,
        gui.wireshark(screen, clean_lab.environment, tmp_path / "wireshark", hidden) as running,
    ):
        yield running
        screen.picture(PICTURES / "ways-end.png")


def packets(window: gui.Wireshark) -> int:
    """The number of packets that the status bar shows."""
    shown = [re.match(r"Packets: (\d+)", label.name) for label in window.things("label", "^Packets: ")]
    return int(shown[0][1]) if shown and shown[0] else 0


def choose(window: gui.Wireshark, label: str, text: str) -> None:
    """Select ``text`` in the list beside the label, by the keyboard as Qt has it."""
    beside = window.wait_for("label", f"^{label}$")
    boxes = [one for one in window.things("combo box") if beside.is_level_with(one) and one.x > beside.x]
    assert boxes, f"there is no list beside “{label}”"
    window.click(boxes[0])
    window.type(text)
    window.key("Return")
    wait_until(
        lambda: any(one.name == text and one.is_level_with(beside) for one in window.things("combo box")),
        f"{label} is {text}",
    )


@pytest.mark.long
def test_mode_and_connection_chosen_in_the_dialog_reach_the_capture(window: gui.Wireshark, clean_lab: Lab):
    """tcpdump over Session Manager: a session is started, packets come, nothing is mirrored."""
    control = LabControl(clean_lab.environment["AWS_ENDPOINT_URL"])
    control.clear_calls()
    before = set(clean_lab.processes("web-1"))
    window.click(window.gear(window.row(WEB)))
    window.wait_for("dialog", "Interface Options")
    window.click(window.wait_for("page tab", "^Capture$"))
    choose(window, "Mode", "tcpdump on the instance")
    window.click(window.wait_for("page tab", "^Connection$"))
    choose(window, "Connection", "SSH over Session Manager (SSM)")
    window.screen.picture(PICTURES / "ways-connection.png")
    window.press("Save")
    wait_until(lambda: not window.things("dialog"), "the dialog has closed")
    window.start(WEB, f"Capturing from {WEB}")
    wait_until(lambda: packets(window) > 10, "packets are shown")
    assert "StartSession" in [call["action"] for call in control.calls()]
    assert any("tcpdump" in line for pid, line in clean_lab.processes("web-1").items() if pid not in before)
    assert clean_lab.is_clean()
    window.stop()
    wait_until(lambda: not set(clean_lab.processes("web-1")) - before, "nothing is left on the instance")
