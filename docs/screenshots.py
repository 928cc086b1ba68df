"""Takes the pictures in docs/images from real Wireshark, on a screen of its own, in a lab. Run by `make screenshots`.

Needs root and what tests/install-tools.sh installs. It must not know how the product works: it does what a user does.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT = Path(__file__).resolve().parent.parent
IMAGES = PROJECT / "docs" / "images"
sys.path.insert(0, str(PROJECT / "tests" / "support"))

from gui import ALONE, OURS, GuiError, Screen, Wireshark, other_interfaces, wireshark  # noqa: E402

logger = logging.getLogger("screenshots")


def picture(screen: Screen, window: Wireshark, name: str, is_still: bool = True) -> None:
    """Wireshark's window as docs/images/<name>, in few colours, so that it is small."""
    screen.xdotool("mousemove", 5, 5)  # no tooltip, nothing lit up
    if is_still:
        screen.wait_until_still()
    raw = screen.picture(window.folder / name)
    frame = "{}x{}+{}+{}".format(*window.frame())
    small = ["+repage", "-dither", "None", "-colors", "200", "-strip", "-define", "png:compression-level=9"]
    subprocess.run(["convert", str(raw), "-crop", frame, *small, f"PNG8:{IMAGES / name}"], check=True)
    logger.info("%s: %d KB", name, (IMAGES / name).stat().st_size // 1024)


def take(screen: Screen, window: Wireshark) -> None:
    """The list of interfaces, the options, a capture."""
    picture(screen, window, "interfaces.png")
    window.click(window.gear(window.row("web-1 · eth0")))
    window.click(window.wait_for("page tab", "^Capture host$"))
    picture(screen, window, "options.png")
    window.key("Escape")
    window.click(window.row("web-1 · eth0"), 2)
    window.wait_for_title("Capturing from")
    window.wait_for("label", r"Packets: [2-9]\d\d")
    picture(screen, window, "capture.png", is_still=False)
    window.stop()


def main() -> None:
    """Run in a lab; without one, in a new one."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if "VPCSHARK_LAB" not in os.environ:
        again = [*ALONE, sys.executable, "-m", "vpcshark", "lab", "run", "--", sys.executable, __file__]
        sys.exit(subprocess.run(again, check=False).returncode)
    IMAGES.mkdir(exist_ok=True)
    hidden = {"capture.devices_hide": other_interfaces(os.environ, OURS)}
    with (
        TemporaryDirectory(prefix="vpcshark-pictures-") as folder,
        Screen() as screen,
        wireshark(screen, os.environ, Path(folder), hidden) as window,
    ):
        try:
            take(screen, window)
        except GuiError:
            screen.picture(PROJECT / "artifacts" / "gui" / "screenshots-failed.png")
            raise


if __name__ == "__main__":
    main()
