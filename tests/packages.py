"""Builds sdist, wheel and .deb and tries them as a user would: `make packages`.

    packages.py CHROOTS [WAY ...]

The wheel under pip, pip --user, pipx and uv; the .deb in a fresh Debian, where this runs as root.

Judges by what the installed program does, away from the checkout: version, launcher, its answer to Wireshark,
tshark's list, uninstall. Must not use what is in the checkout but to build from it.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import debians

PROJECT = debians.PROJECT
BUILT = PROJECT / "build" / "packages"
IN_WHEEL = (
    "vpcshark/py.typed",
    "vpcshark/extcap/help.html",
    "data/share/vpcshark/extcap/vpcshark",
    "data/share/vpcshark/extcap/vpcshark.bat",
    "data/share/vpcshark/installer/cloudformation/capture-host.yaml",
    "entry_points.txt",
    "LICENSE",
)
IN_SDIST = (
    "extcap/vpcshark",
    "installer/iam/",
    "installer/cloudformation/",
    "installer/arch/PKGBUILD",
    "README.md",
    "CHANGELOG.md",
    "docs/index.md",
)
ENI = ("--extcap-config", "--extcap-interface", "eni-0a1b2c3d")


def run(command: Sequence[str | Path], **environ: str) -> str:
    """Its stdout. What it said on stderr is shown if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environ},
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def say(text: str) -> None:
    """One line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tools(folder: Path) -> Path:
    """What builds, checks and installs packages: the folder of the programs."""
    run([sys.executable, "-m", "venv", folder])
    run([folder / "bin/pip", "install", "--quiet", "build", "twine", "pipx", "uv"])
    return folder / "bin"


def source() -> str:
    """Where the project is on the net, as setup.cfg says; "" as long as it says nothing."""
    settings = configparser.ConfigParser()
    settings.read(PROJECT / "setup.cfg", "utf-8")
    said = settings["metadata"].get("project_urls", "")
    named = dict(line.split(" = ", 1) for line in said.strip().splitlines())
    return named.get("Source", "").rstrip("/")


def absolute(readme: str, base: str, version: str) -> str:
    """README for an index of packages, which shows neither pages nor pictures of the project: links with their host."""
    kinds = {"": "blob", "!": "raw"}
    pattern = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z]+:|#)([^)\s]+)\)")
    return pattern.sub(lambda link: f"{link[1]}{link[2]}({base}/{kinds[link[1]]}/v{version}/{link[3]})", readme)


def copy(where: Path) -> Path:
    """What git has of the project, as it is now; README's links absolute where it is known of what."""
    listed = run(["git", "-C", PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (where / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, where / name)
    if base := source():
        readme = where / "README.md"
        readme.write_text(absolute(readme.read_text("utf-8"), base, vpcshark_version()), "utf-8")
    return where


def vpcshark_version() -> str:
    """As setup.cfg has it."""
    settings = configparser.ConfigParser()
    settings.read(PROJECT / "setup.cfg", "utf-8")
    return settings["metadata"]["version"]


def build(tools: Path, where: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is made of it: so what the sdist lacks is missed."""
    with tempfile.TemporaryDirectory() as name:
        run([tools / "python", "-m", "build", "--outdir", where, copy(Path(name))])
    (sdist,), (wheel,) = where.glob("*.tar.gz"), where.glob("*.whl")
    run([tools / "python", "-m", "twine", "check", "--strict", sdist, wheel])
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """Is all in them that a user needs?"""
    with zipfile.ZipFile(wheel) as archive:
        lacking = [part for part in IN_WHEEL if not any(name.endswith(part) for name in archive.namelist())]
        foreign = [name for name in archive.namelist() if name.startswith(("tests/", "docs/", "extcap/"))]
    with tarfile.open(sdist) as archive:
        lacking += [part for part in IN_SDIST if not any(f"/{part}" in name for name in archive.getnames())]
    if lacking or foreign:
        sys.exit(f"The packages lack {lacking} and have {foreign} in excess.")


def build_deb(tools: Path, wheel: Path, where: Path) -> Path:
    """The .deb with the wheel's files and its man page."""
    run([tools / "pip", "install", "--quiet", "argparse-manpage", wheel])
    run([tools / "python", PROJECT / "docs/manpage.py", where / "vpcshark.1"])
    builder = PROJECT / "installer/deb/build.py"
    return Path(run([tools / "python", builder, wheel, where / "vpcshark.1", where]).strip())


def try_deb(deb: Path, chroots: Path, scratch: Path) -> None:
    """In a fresh Debian 13; Debian 12 has not the libraries that we need."""
    there = debians.hand_in(deb, scratch)
    say(run(debians.fresh(debians.base(chroots, "trixie"), scratch, "sh", "tests/try_deb.sh", there)).strip())


def by_pip(tools: Path, wheel: Path, home: Path) -> tuple[Path, list[str | Path]]:
    """(the program, the command that uninstalls it)."""
    run([sys.executable, "-m", "venv", home / "venv"])
    run([home / "venv/bin/pip", "install", "--quiet", wheel])
    return home / "venv/bin/vpcshark", [home / "venv/bin/pip", "uninstall", "--yes", "vpcshark"]


def by_user(tools: Path, wheel: Path, home: Path) -> tuple[Path, list[str | Path]]:
    """The same, beside what the system's Python has; a Debian's own refuses that unless it is told twice."""
    pip = [getattr(sys, "_base_executable", sys.executable), "-m", "pip"]
    run([*pip, "install", "--quiet", "--user", "--no-warn-script-location", wheel], PIP_BREAK_SYSTEM_PACKAGES="1")
    remove = ["env", "PIP_BREAK_SYSTEM_PACKAGES=1", *pip, "uninstall", "--quiet", "--yes", "vpcshark"]
    return home / ".local/bin/vpcshark", remove


def by_pipx(tools: Path, wheel: Path, home: Path) -> tuple[Path, list[str | Path]]:
    """The same."""
    run([tools / "pipx", "install", wheel])
    return home / ".local/bin/vpcshark", [tools / "pipx", "uninstall", "vpcshark"]


def by_uv(tools: Path, wheel: Path, home: Path) -> tuple[Path, list[str | Path]]:
    """The same."""
    run([tools / "uv", "tool", "install", "--python", sys.executable, wheel])
    return home / ".local/bin/vpcshark", [tools / "uv", "tool", "uninstall", "vpcshark"]


def listed() -> list[str]:
    """The rows of tshark's list that are there without an account."""
    return [row for row in run(["tshark", "-D"]).splitlines() if "aws-choose" in row]


def try_out(program: Path, home: Path, remove: Sequence[str | Path]) -> None:
    """From --version to nothing left."""
    say(f"  {run([program, '--version']).strip()}")
    run([program, "config", "path"])
    if "AWSTemplateFormatVersion" not in run([program, "capture-host"]):
        sys.exit(f"{program} has no template of a capture host.")
    launcher = Path(run([program, "install"]).partition(" is installed")[0].splitlines()[-1])
    if "{call=--vni}" not in run([launcher, *ENI]):
        sys.exit(f"{launcher} does not answer Wireshark.")
    rows = listed()
    if len(rows) != 1:
        sys.exit(f"tshark -D lists vpcshark as {rows}.")
    run([program, "uninstall", "--purge"])
    run(remove)
    if rows := listed():
        sys.exit(f"tshark -D still lists {rows}.")
    left = [path for path in (launcher, program) if path.exists()]
    if left:
        sys.exit(f"Left behind: {left}")


def main() -> None:
    """All of it, or the ways that are named (by_uv, deb); ends with status 1 and a sentence at the first fault."""
    chroots, ways = Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory(dir=debians.made(chroots)) as name:
        folder = Path(name)
        with_tools = tools(folder / "tools")
        shutil.rmtree(BUILT, ignore_errors=True)
        sdist, wheel = build(with_tools, debians.made(BUILT))
        check_contents(sdist, wheel)
        say(f"{sdist.name} and {wheel.name} are complete.")
        if not ways or "deb" in ways:
            deb = build_deb(with_tools, wheel, BUILT)
            if os.geteuid() == 0:
                say("deb:")
                try_deb(deb, chroots, folder / "debian")
            else:
                say(f"{deb.name} is built; only root can try it.")
        for way in [one for one in (by_pip, by_user, by_pipx, by_uv) if not ways or one.__name__ in ways]:
            home = folder / way.__name__
            home.mkdir()
            places = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "CACHE", "STATE")}
            os.environ.update(places, HOME=str(home), AWS_EC2_METADATA_DISABLED="true")
            for variable in [
                one for one in os.environ if one.startswith(("PIPX_", "UV_TOOL", "XDG_DATA_HOME", "XDG_BIN_HOME"))
            ]:
                del os.environ[variable]
            say(f"{way.__name__}:")
            program, remove = way(with_tools, wheel, home)
            try_out(program, home, remove)
    say(f"Each installs, answers Wireshark and leaves nothing. They are in {BUILT}.")


if __name__ == "__main__":
    main()
