"""Pictures of everything that vpcshark shows in Wireshark, to be looked at: tour.py FOLDER [PART ...] (root).

The list, each tab of the dialog, a tooltip, a value out of range, an error, a capture with toolbar, log and stop. Does
what a user does, with the Wireshark that is installed; judges nothing. Must not know how the product works.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from gui import ALONE, OURS, GuiError, Screen, Wireshark, other_interfaces, wait_for, wireshark

WEB = "web-1 · eth0"
TABS = ("Capture", "Mirror", "Capture host", "Launch", "Connection", "AWS", "Debug")
Shoot = Callable[[str], None]


def open_options(window: Wireshark) -> None:
    """By the gear, which moves with the rows while other interfaces of this machine come and go."""

    def is_open() -> bool:
        with suppress(StopIteration):
            window.click(window.gear(window.row(WEB)))
            window.wait_for("page tab", "^Mirror$", 20)
            return True
        return False

    wait_for(is_open, "the options are open")


def dialog(window: Wireshark, shoot: Shoot) -> None:
    """Each tab, the tooltip of a field, a reload, a value that is refused."""
    open_options(window)
    for tab in TABS:
        window.click(window.wait_for("page tab", f"^{tab}$"))
        window.wait_for("page tab list", f"^{tab}$")
        shoot(f"tab-{tab.lower().replace(' ', '-')}")
    window.click(window.wait_for("page tab", "^Capture host$"))
    window.press("List instances and targets")
    shoot("reloaded")
    window.screen.xdotool("mousemove", *window.wait_for("label", "^Capture host$").middle)
    wait_for(lambda: len(window.screen.windows("", window.process.pid)) > 2, "a tooltip is shown", 10)
    shoot("tooltip")
    window.click(window.wait_for("page tab", "^Mirror$"))
    window.fill("VNI", "16777216")
    shoot("refused")
    window.key("Escape")
    wait_for(lambda: not window.things("dialog"), "the dialog has closed")


def error(window: Wireshark, shoot: Shoot) -> None:
    """The row that chooses, without a choice."""
    window.click(window.row("AWS: choose an ENI"), 2)
    window.wait_for("label", "(?i)eni", 120)
    window.wait_for("push button", "^OK$", 120)
    shoot("error")
    window.press("OK")


def capture(window: Wireshark, shoot: Shoot) -> None:
    """With the toolbar."""
    window.key("alt+v", "Down", "Down", "Down", "Right", "Return")
    window.wait_for("push button", "^Log$")
    window.click(window.row(WEB), 2)
    window.wait_for_title("Capturing from")
    wait_for(lambda: " frames " in window.field("^State$").content, "the toolbar counts frames")
    shoot("capturing")
    window.press("Log")
    window.wait_for("dialog", "Log")
    shoot("log")
    window.press("Close")
    window.stop()
    shoot("stopped")
    window.key("ctrl+w")  # back to the list
    window.row(WEB)


PARTS = (dialog, capture, error)  # the toolbar would stay with the one that failed


def tour(screen: Screen, window: Wireshark, folder: Path, parts: Sequence[str]) -> None:
    """The parts that are named, without a name all; one that can't be done is said, and the next begins."""

    def shoot(name: str) -> None:
        screen.picture(folder / f"{name}.png")
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()

    shoot("list")
    for part in [one for one in PARTS if not parts or one.__name__ in parts]:
        try:
            part(window, shoot)
        except GuiError as fault:
            sys.stdout.write(f"{part.__name__}: {fault}\n")
            shoot(f"{part.__name__}-failed")
            window.key("Escape", "Escape")


def main() -> None:
    """Run in a lab; without one, in a new one."""
    if "VPCSHARK_LAB" not in os.environ:
        again = [*ALONE, sys.executable, "-m", "vpcshark", "lab", "run", "--", sys.executable, __file__, *sys.argv[1:]]
        sys.exit(subprocess.run(again, check=False).returncode)
    with (
        TemporaryDirectory(prefix="vpcshark-tour-") as folder,
        Screen() as screen,
        wireshark(
            screen, os.environ, Path(folder), {"capture.devices_hide": other_interfaces(os.environ, OURS)}
        ) as window,
    ):
        tour(screen, window, Path(sys.argv[1]).resolve(), sys.argv[2:])


if __name__ == "__main__":
    main()
