"""What a newcomer does and sees, by README's own lines: run by ``newcomer`` in a chroot, with the wheel's path.

Prints a line of JSON for each step; what the commands said goes to stderr. Judges by what others show: tshark, the
windows on a screen, files, processes. Knows of vpcshark what README and docs/uninstall.md say. Standard library alone.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HOME = Path.home()
CHECKOUT = HOME / "vpcshark"
WORK = HOME / "work"
LONGEST = 3600.0  # seconds: for what hangs
CODE = re.compile(r"(?ms)^```\n(.*?)^```")


class Fault(Exception):
    """Something is not as README says."""


def block(page: str, heading: str) -> list[str]:
    """The commands in the first block below a heading, without their comments."""
    below = (CHECKOUT / page).read_text("utf-8").split(f"\n## {heading}\n", 1)[1]
    found = CODE.search(below)
    assert found, f"{page} has no commands below {heading}"
    return [line.split("  #")[0].strip() for line in found[1].splitlines()]


def do(command: str, where: Path = WORK, *, status: int | None = 0) -> str:
    """Run it in a shell, as typed; what it said. ``status`` None: anything but 0."""
    sys.stderr.write(f"$ {command}\n")
    sys.stderr.flush()
    done = subprocess.run(
        command,
        shell=True,
        cwd=where,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LONGEST,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    sys.stderr.write(said)
    if done.returncode != status if status is not None else not done.returncode:
        raise Fault(f"“{command}” ended with status {done.returncode}: {said.strip()[-300:]}")
    return said


def packets(file: Path) -> int:
    """As tshark counts them."""
    if not file.exists():
        raise Fault(f"{file} is not there")
    count = len(do(f"tshark -r {shlex.quote(str(file))} -T fields -e frame.number 2>/dev/null").split())
    if not count:
        raise Fault(f"{file} has no packet")
    return count


def wait_for(condition: Callable[[], object], what: str, seconds: float = 600.0) -> None:
    """Until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Fault(f"it did not come to pass that {what}")
        time.sleep(0.2)


def demo() -> str:
    """README's first command."""
    said = do(block("README.md", "Try it without AWS")[0], CHECKOUT)
    if said.split()[-1] != "nothing":
        raise Fault("the demo does not say that nothing is left")
    return f"{packets(CHECKOUT / 'demo.pcapng')} packets"


def window() -> str:
    """README's second command: until the window is there, which then is closed."""
    command = block("README.md", "Try it without AWS")[1]
    with screen() as display:
        sys.stderr.write(f"$ {command}\n")
        sys.stderr.flush()
        lab = subprocess.Popen(
            f"exec {command}",
            shell=True,
            cwd=CHECKOUT,
            env={**os.environ, "DISPLAY": display},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        wait_for(lambda: lab.poll() is not None or is_shown(display), "Wireshark's window is there")
        for wireshark in processes("wireshark"):
            os.kill(wireshark, signal.SIGTERM)
        status = lab.wait(LONGEST)
    if status not in (0, 128 + signal.SIGTERM):
        raise Fault(f"it ended with status {status}")
    return "window seen"


@contextmanager
def screen() -> Iterator[str]:
    """Where windows can be; its name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x960x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as process:
        os.close(write)
        try:
            with os.fdopen(read) as answer:
                yield f":{answer.readline().strip()}"
        finally:
            process.terminate()


def is_shown(display: str) -> bool:
    """Is Wireshark's main window on that screen?"""
    done = subprocess.run(
        ["xwininfo", "-display", display, "-root", "-tree"], capture_output=True, text=True, check=False
    )
    return '"The Wireshark Network Analyzer"' in done.stdout


def processes(name: str) -> list[int]:
    """Those of this name; everything in here is ours."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() == name:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def pipx() -> str:
    """README's way to install, of the wheel."""
    command = block("README.md", "Install")[0]
    if not command.startswith("pipx install "):
        raise Fault(f"README installs by “{command}”")
    do(f"pipx install {shlex.quote(sys.argv[1])}")
    return do("vpcshark --version").strip()


def install() -> str:
    """README's second line."""
    said = do(block("README.md", "Install")[1])
    launcher = Path(said.split(" is installed")[0].splitlines()[-1])
    if not os.access(launcher, os.X_OK):
        raise Fault(f"{launcher} is not there")
    return str(launcher).replace(str(HOME), "~")


def listing() -> str:
    """tshark lists it, once, though nobody has signed in to AWS yet."""
    rows = [line for line in do("tshark -D").splitlines() if re.match(r"\d+\. aws-", line)]
    if not any("aws-choose" in row for row in rows):
        raise Fault("tshark -D has no row of vpcshark's")
    if len(rows) != len(set(rows)):
        raise Fault(f"tshark -D lists them twice: {rows}")
    return f"{len(rows)} rows"


def capture() -> str:
    """In the lab, with what was installed: first the command that says what is lacking, then README's first capture."""
    said = do("vpcshark lab run -- true", status=None)
    lacking = re.search(r"Run: (pipx inject .*)", said)
    if lacking is None:
        raise Fault(f"it does not say how to get the lab: {said.strip()[-300:]}")
    do(lacking[1])
    first = block("README.md", "Your first capture")[1].replace(" -w ", " -a duration:10 -w ")
    if os.geteuid():
        first = first.replace(" --host launch", "")  # README: without root there is nothing to launch it on
    eni = "$(tshark -D | sed -n 's/^[0-9]*[.] \\(eni-[^ ]*\\) (web-1 .*eth0.*/\\1/p' | head -n 1)"
    second = f"tshark -i {eni} -a duration:10 -w second.pcapng"
    said = do(f"vpcshark lab run -- sh -euc {shlex.quote(f'{first}; {second}; echo Left:; vpcshark ps')}")
    if "No captures" not in said.rpartition("Left:")[2]:
        raise Fault("vpcshark ps shows that something is left in the account")
    return f"{packets(WORK / 'first.pcapng')} packets by capture, {packets(WORK / 'second.pcapng')} by tshark"


def uninstall() -> str:
    """What docs/uninstall.md says, and nothing is left."""
    for command in block("docs/uninstall.md", "Uninstall")[-2:]:
        do(command)
    if "aws-" in do("tshark -D"):
        raise Fault("tshark still lists vpcshark")
    left = [str(path) for path in HOME.rglob("*vpcshark*") if CHECKOUT not in (path, *path.parents)]
    left += [str(path) for path in Path("/run/netns").glob("*")]
    if left:
        raise Fault(f"left behind: {left}")
    wait_for(lambda: not running(), f"all processes of vpcshark have ended: {running()}", 120)
    return "nothing is left"


def running() -> list[str]:
    """Command lines of processes that are vpcshark's, beside ourselves."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in found if "vpcshark" in line and "newcomer_steps" not in line]


STEPS = {
    "demo": demo,
    "window": window,
    "pipx": pipx,
    "install": install,
    "tshark -D": listing,
    "capture": capture,
    "uninstall": uninstall,
}


def main() -> None:
    """One after the other; whatever fails, the next is tried."""
    WORK.mkdir()
    os.environ["PATH"] = f"{HOME}/.local/bin:{os.environ['PATH']}"
    for name, step in STEPS.items():
        begun = time.monotonic()
        try:
            remark, ok = step(), True
        except (Fault, AssertionError, OSError, subprocess.SubprocessError) as error:
            remark, ok = str(error) or type(error).__name__, False
        seconds = round(time.monotonic() - begun, 1)
        sys.stderr.write(f"-- {name}: {'ok' if ok else 'FAIL'}, {seconds} s, {remark}\n")
        print(json.dumps({"step": name, "ok": ok, "seconds": seconds, "remark": remark}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
