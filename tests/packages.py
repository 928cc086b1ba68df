"""Builds sdist and wheel and tries the wheel as a user would, under pip, pipx and uv: `make packages`.

Judges by what the installed program does, away from the checkout: version, launcher in an empty extcap folder, its
answer to Wireshark's question, uninstall. Must not use what is in the checkout but to build from it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
IN_WHEEL = (
    "vpcshark/py.typed",
    "data/share/vpcshark/extcap/vpcshark",
    "data/share/vpcshark/extcap/vpcshark.bat",
    "entry_points.txt",
    "LICENSE",
)
IN_SDIST = (
    "extcap/vpcshark",
    "installer/iam/",
    "installer/cloudformation/",
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


def build(tools: Path, where: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is made of it: so what the sdist lacks is missed."""
    run([tools / "python", "-m", "build", "--outdir", where, PROJECT])
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


def by_pip(tools: Path, wheel: Path, home: Path) -> tuple[Path, list[str | Path]]:
    """(the program, the command that uninstalls it)."""
    run([sys.executable, "-m", "venv", home / "venv"])
    run([home / "venv/bin/pip", "install", "--quiet", wheel])
    return home / "venv/bin/vpcshark", [home / "venv/bin/pip", "uninstall", "--yes", "vpcshark"]


def by_pipx(tools: Path, wheel: Path, home: Path) -> tuple[Path, list[str | Path]]:
    """The same."""
    run([tools / "pipx", "install", wheel])
    return home / ".local/bin/vpcshark", [tools / "pipx", "uninstall", "vpcshark"]


def by_uv(tools: Path, wheel: Path, home: Path) -> tuple[Path, list[str | Path]]:
    """The same."""
    run([tools / "uv", "tool", "install", "--python", sys.executable, wheel])
    return home / ".local/bin/vpcshark", [tools / "uv", "tool", "uninstall", "vpcshark"]


def try_out(program: Path, home: Path, remove: Sequence[str | Path]) -> None:
    """From --version to nothing left."""
    folder = home / "extcap"
    launcher = folder / "vpcshark"
    say(f"  {run([program, '--version']).strip()}")
    run([program, "config", "path"])
    run([program, "install", "--dir", folder])
    if "{call=--vni}" not in run([launcher, *ENI]):
        sys.exit(f"{launcher} does not answer Wireshark.")
    run([program, "uninstall", "--dir", folder])
    run(remove)
    left = [path for path in (launcher, program) if path.exists()]
    if left:
        sys.exit(f"Left behind: {left}")


def main() -> None:
    """All of it, or the ways that are named (by_uv); ends with status 1 and a sentence at the first fault."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run([sys.executable, "-m", "venv", folder / "tools"])
        tools = folder / "tools/bin"
        run([tools / "pip", "install", "--quiet", "build", "twine", "pipx", "uv"])
        sdist, wheel = build(tools, folder / "dist")
        check_contents(sdist, wheel)
        say(f"{sdist.name} and {wheel.name} are complete.")
        for way in [one for one in (by_pip, by_pipx, by_uv) if not sys.argv[1:] or one.__name__ in sys.argv[1:]]:
            home = folder / way.__name__
            home.mkdir()
            places = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "CACHE", "STATE")}
            os.environ.update(places, HOME=str(home), AWS_EC2_METADATA_DISABLED="true")
            for variable in [
                one for one in os.environ if one.startswith(("PIPX_", "UV_TOOL", "XDG_DATA_HOME", "XDG_BIN_HOME"))
            ]:
                del os.environ[variable]
            say(f"{way.__name__}:")
            program, remove = way(tools, wheel, home)
            try_out(program, home, remove)
    say("Each installs, answers Wireshark and leaves nothing.")


if __name__ == "__main__":
    main()
