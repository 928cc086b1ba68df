"""A screen of its own and real Wireshark on it, driven as a hand at mouse and keyboard would.

Xvfb, a window manager and xdotool do the work; what the screen shows is read by ``accessibility``. Nothing here waits a
fixed time: things, titles and pictures are polled until they are as wanted. It must not know what the tests want to
see, nor a part of the product.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from accessibility import Bus, Reader, Thing

NEEDED = ("Xvfb", "openbox", "xdotool", "import", "wireshark", "dbus-daemon")
SIZE = (1280, 800)
Found = TypeVar("Found")

# What would stand in the way of a picture, or ask a question that no one answers.
PREFERENCES = {
    "gui.ask_unsaved": "FALSE",
    "gui.update.enabled": "FALSE",
    "gui.interfaces_show_hidden": "FALSE",
    # all but 8, extcap (enum interface_type): local interfaces come and go, and move the rows. Newer ones don't know it
    "gui.interfaces_hide_types": "0,1,2,3,4,5,6,7,9",
    "gui.geometry.save.position": "FALSE",
    "nameres.network_name": "TRUE",
    "nameres.mac_name": "FALSE",
    "nameres.dns_pkt_addr_resolution": "FALSE",  # the names that the capture brings, not those of DNS answers in it
    "nameres.use_external_name_resolver": "FALSE",
}
# Wireshark keeps these in the file recent_common.
RECENT = {
    "privs.warn_if_elevated": "FALSE",
    "gui.geometry_main_x": "20",
    "gui.geometry_main_y": "30",
    "gui.geometry_main_width": str(SIZE[0]),
    "gui.geometry_main_height": str(SIZE[1]),
    "gui.geometry_main_maximized": "FALSE",
}


class GuiError(AssertionError):
    """Something did not appear on the screen in time."""


def wait_for(condition: Callable[[], Found], what: str, seconds: float = 180.0) -> Found:
    """Poll until ``condition()`` is true and return what it gave; GuiError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise GuiError(f"After {seconds:g} seconds it did not come to pass that {what}.")
        time.sleep(0.05)


def act_until(act: Callable[[], None], condition: Callable[[], object], what: str, times: int = 10) -> None:
    """Do as a person does who sees nothing happen: act again after half a minute. GuiError after so many times."""
    for _ in range(times):
        act()
        with suppress(GuiError):
            wait_for(condition, what, 30)
            return
    raise GuiError(f"However often it was tried, it did not come to pass that {what}.")


def end(process: subprocess.Popen[Any]) -> None:
    """End a process of ours, gently first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(180)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Screen:
    """A virtual display on a number that is free, with a window manager. A context manager."""

    def __init__(self, width: int = 1400, height: int = 960) -> None:
        self._size = f"{width}x{height}x24"
        self._processes: list[subprocess.Popen[Any]] = []
        self._folder = TemporaryDirectory(prefix="vpcshark-gui-")
        self._bus: Bus | None = None
        self.reader: Reader
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Screen:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        read, write = os.pipe()
        with os.fdopen(read) as answer:
            # Without -noreset it begins anew whenever its last client leaves: xprop below, while openbox just comes.
            command = ["Xvfb", "-noreset", "-displayfd", str(write), "-screen", "0", self._size, "-nolisten", "tcp"]
            self._processes.append(subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL))
            os.close(write)
            number = answer.readline().strip()
        if not number:
            raise GuiError("Xvfb did not start.")
        self.environment = {
            "DISPLAY": f":{number}",
            "XDG_RUNTIME_DIR": self._folder.name,
            "QT_QPA_PLATFORM": "xcb",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "LC_ALL": "C.UTF-8",
        }
        manager = subprocess.Popen(
            ["openbox", "--sm-disable"], env={**os.environ, **self.environment}, stderr=subprocess.DEVNULL
        )
        self._processes.append(manager)
        wait_for(lambda: "window id" in self.tool("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"), "openbox runs")
        self._bus = Bus({**os.environ, **self.environment})
        self.reader = Reader(self._bus.accessibility_address)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self._bus.address

    def __exit__(self, *_: object) -> None:
        if self._bus:
            self.reader.close()
            self._bus.close()
        for process in reversed(self._processes):
            end(process)
        self._folder.cleanup()

    def tool(self, *command: str) -> str:
        """Run a program of X on this screen; what it printed."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=180, check=False)
        return done.stdout

    def xdotool(self, *words: str | int) -> str:
        """Run xdotool; what it printed."""
        return self.tool("xdotool", *map(str, words)).strip()

    def windows(self, title: str, pid: int) -> list[int]:
        """The visible windows of a process whose title matches the regular expression, the oldest first."""
        found = self.xdotool("search", "--all", "--onlyvisible", "--pid", pid, "--name", title)
        return [int(word) for word in found.split()]

    def title(self, window: int) -> str:
        """The title of a window, "" if it has gone."""
        return self.xdotool("getwindowname", window)

    def picture(self, file: Path, window: int | None = None) -> Path:
        """The screen, or one window, as a PNG file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.tool("import", "-silent", "-window", str(window or "root"), str(file))
        return file

    def _pixels(self) -> bytes:
        environment = {**os.environ, **self.environment}
        command = ["import", "-silent", "-window", "root", "rgb:-"]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=180, check=True)
        return sha256(done.stdout).digest()

    def wait_until_still(self, seconds: float = 180.0) -> None:
        """Wait until two pictures in a row, a fifth of a second apart, are the same."""
        last = [b""]

        def is_still() -> bool:
            before, last[0] = last[0], self._pixels()
            time.sleep(0.2)
            return before == last[0]

        wait_for(is_still, "the picture stands still", seconds)


class Wireshark:
    """Wireshark on a screen. ``environment`` is the lab's; ``more`` are preferences."""

    def __init__(
        self,
        screen: Screen,
        environment: Mapping[str, str],
        folder: Path,
        preferences: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.screen = screen
        self.folder = folder
        self.environment = {**environment, **screen.environment, "WIRESHARK_CONFIG_DIR": str(folder / "profile")}
        self.environment["TMPDIR"] = str(folder / "tmp")
        self._prepare(environment, {**PREFERENCES, **(preferences or {})})
        self._log = (folder / "wireshark.log").open("wb")
        self.process = subprocess.Popen(
            ["wireshark", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.window = 0

    def _prepare(self, environment: Mapping[str, str], preferences: Mapping[str, str]) -> None:
        """A profile of its own, with the lab's extcap folder in it."""
        profile = self.folder / "profile"
        profile.mkdir(parents=True, exist_ok=True)
        (self.folder / "tmp").mkdir()
        (profile / "extcap").symlink_to(Path(environment["XDG_CONFIG_HOME"]) / "wireshark" / "extcap")
        (profile / "preferences").write_text("".join(f"{name}: {value}\n" for name, value in preferences.items()))
        (profile / "recent_common").write_text("".join(f"{name}: {value}\n" for name, value in RECENT.items()))

    @property
    def title(self) -> str:
        """The title of the main window."""
        return self.screen.title(self.window)

    def wait_for_main(self, seconds: float = 180.0) -> None:
        """Wait for the main window with its list of interfaces."""
        self.wait_for("label", "Ready to load or capture", seconds)
        found = wait_for(lambda: self.screen.windows("Wireshark", self.process.pid), "the main window is there")
        self.window = found[0]
        self.screen.xdotool("windowactivate", "--sync", self.window)

    def frame(self) -> tuple[int, int, int, int]:
        """Width, height, x and y of the main window on the screen, with its title bar."""
        extents = self.screen.tool("xprop", "-id", str(self.window), "_NET_FRAME_EXTENTS").split("=")[1]
        left, right, top, bottom = (int(word) for word in extents.split(","))
        main = self.things("frame")[0]
        return main.width + left + right, main.height + top + bottom, main.x - left, main.y - top

    def things(self, role: str = "", text: str = "") -> list[Thing]:
        """What Wireshark shows now, of this role, whose text the regular expression ``text`` is found in."""
        assert self.process.poll() is None, f"Wireshark has ended: {self.log()}"
        shown = self.screen.reader.things(self.process.pid, frozenset({"Packet list"}))
        return [one for one in shown if role in ("", one.role) and re.search(text, one.name)]

    def wait_for(self, role: str, text: str, seconds: float = 180.0) -> Thing:
        """Wait until such a thing is on the screen; the last one, since dialogs come after the main window."""
        found = wait_for(lambda: self.things(role, text), f"a {role} “{text}” is on the screen", seconds)
        return found[-1]

    def press(self, button: str) -> None:
        """Click the button with this text; a dialog's, where the main window has one of the same name."""
        self.click(self.wait_for("push button", f"^{button}$"))

    def fill(self, label: str, text: str) -> None:
        """Type over what is in the field beside this label."""
        self.click(self.field(f"^{label}$"))
        self.key("ctrl+a", "BackSpace")
        self.type(text)

    def wait_for_title(self, part: str, seconds: float = 180.0) -> None:
        """Wait until the main window's title has ``part``."""
        wait_for(lambda: part in self.title, f"the title has “{part}”", seconds)

    def field(self, label: str) -> Thing:
        """The field of a form that stands on the same line as the label."""
        beside = self.wait_for("label", label)
        found = wait_for(  # a field whose text changes at this moment is not told of
            lambda: [one for one in self.things("text") if beside.is_level_with(one) and one.x > beside.x],
            f"there is a field beside “{label}”",
        )
        return found[0]

    def choices(self, label: str) -> list[str]:
        """What the list beside this label offers. It is opened, since newer Qt tells of its items only then; a click
        on the label closes it, and does nothing where it is closed."""
        beside = self.wait_for("label", f"^{label}$")
        boxes = [one for one in self.things("combo box") if beside.is_level_with(one) and one.x > beside.x]
        self.click(boxes[0])
        self.screen.wait_until_still()
        found = [one.name for one in self.things("list item")]
        self.click(beside)
        self.screen.wait_until_still()
        return found

    def row(self, text: str) -> Thing:
        """The row of the list of interfaces that the regular expression matches."""
        found = wait_for(
            lambda: [one for one in self.rows() if re.match(text, one.name)], f"an interface “{text}” is listed"
        )
        return found[0]

    def start(self, row: str, title: str) -> None:
        """Double-click a row, found as by ``row``, until the main window's title has ``title``. On a busy machine the
        two clicks may be too far apart. A list that moves (a toolbar comes) is waited for: its row would be another."""
        self.row(row)
        found: list[Thing] = []

        def stands() -> bool:
            before, found[:] = found[:], [one for one in self.rows() if re.match(row, one.name)][:1]
            return [one.middle for one in before] == [one.middle for one in found]

        def double_click() -> None:
            wait_for(stands, "the list stands still")
            for each in found:
                self.click(each, times=2)

        act_until(double_click, lambda: title in self.title, f"the title has “{title}”")

    def gear(self, row: Thing) -> Thing:
        """The button left of a row that opens its options."""
        return next(one for one in self.things("tree item") if not one.name and one.is_level_with(row))

    def stop(self) -> None:
        """Press the toolbar's Stop and wait until Wireshark says that the capture has ended."""
        self.press("Stop")
        wait_for(lambda: not self.title.startswith("Capturing"), "the capture has ended", 60)

    def rows(self) -> list[Thing]:
        """The rows of the list of interfaces that have a name."""
        return [one for one in self.things("tree item") if one.name]

    def key(self, *keys: str) -> None:
        """Press keys, in X's words (ctrl+e, Return), in whatever window is active."""
        self.screen.xdotool("key", "--clearmodifiers", "--delay", "30", *keys)

    def type(self, text: str) -> None:
        """Type text into what has the focus."""
        self.screen.xdotool("type", "--delay", "30", text)

    def click(self, thing: Thing, times: int = 1) -> None:
        """Click in the middle of a thing; twice for a double-click."""
        clicks = ("click", "--repeat", times, "--delay", 60, 1)
        # without --sync, which waits for a movement that does not come where the mouse is there already
        self.screen.xdotool("mousemove", *thing.middle, *clicks)

    def log(self) -> str:
        """What Wireshark said on its terminal."""
        return (self.folder / "wireshark.log").read_text(errors="replace")

    def close(self) -> None:
        """End Wireshark; it ends its captures."""
        end(self.process)
        self._log.close()


@contextmanager
def wireshark(
    screen: Screen,
    environment: Mapping[str, str],
    folder: Path,
    preferences: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[Wireshark]:
    """A running Wireshark whose list is on the screen; it ends with the block."""
    running = Wireshark(screen, environment, folder, preferences, arguments)
    try:
        running.wait_for_main()
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.close()


ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""Before a command: the machine's own interfaces are not there. When one comes or goes, Wireshark's rows move, and its
toolbar shows another interface."""
ENIS, OURS = ("eni-",), ("aws-", "eni-")


def other_interfaces(environment: Mapping[str, str], shown: tuple[str, ...] = ENIS) -> str:
    """All interfaces but those that are ``shown``, as the value of the preference that hides them
    (capture.devices_hide)."""
    done = subprocess.run(
        ["tshark", "-D"], env=dict(environment), text=True, capture_output=True, timeout=180, check=True
    )
    names = [line.split(". ", 1)[1].split(" (")[0] for line in done.stdout.splitlines()]
    return ",".join(name for name in names if not name.startswith(shown))
