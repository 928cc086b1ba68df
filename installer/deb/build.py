"""Makes a .deb of a wheel: build.py WHEEL MANPAGE FOLDER prints its path. Needs dpkg-deb, and pip in its own Python.

The package has the wheel's files for Debian's Python 3, the program, man page, completion, and the launcher, which
``postinst`` links into Wireshark's own folders. Must not build the wheel, nor install anything on this machine.
"""

from __future__ import annotations

import email.utils
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
TRIPLETS = (
    "x86_64-linux-gnu",
    "aarch64-linux-gnu",
    "arm-linux-gnueabihf",
    "riscv64-linux-gnu",
    "powerpc64le-linux-gnu",
)
APPDIRS = "appdirs==1.4.4"  # Debian has it no longer, from 13 on
MAINTAINER = "maintainers@users.noreply.example"  # overridden by DEBEMAIL, as Debian's own tools have it
COMPLETION = '#compdef vpcshark\neval "$(vpcshark completion {shell})"\n'


def unpack(wheel: Path, root: Path) -> None:
    """The wheel's files, where Debian has them. The names of both folders are equally deep, so RECORD stays true."""
    usr = root / "usr"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--ignore-installed",
        "--no-compile",
        "--no-warn-script-location",
    ]
    subprocess.run([*pip, "--prefix", usr, wheel, APPDIRS], check=True)
    (found,) = usr.glob("lib/python3.*/site-packages")
    (usr / "lib/python3").mkdir()
    found.rename(usr / "lib/python3/dist-packages")
    found.parent.rmdir()
    shutil.rmtree(next((usr / "lib/python3/dist-packages").glob("appdirs-*")))
    forget(next((usr / "lib/python3/dist-packages").glob("vpcshark-*.dist-info")))
    program = usr / "bin/vpcshark"
    _, _, body = program.read_text("utf-8").partition("\n")
    program.write_text(f"#!{PYTHON}\n{body}", "utf-8")


def forget(info: Path) -> None:
    """Take out what says where this was built, and the licence, which Debian has elsewhere."""
    (info / "direct_url.json").unlink()
    shutil.rmtree(info / "licenses")
    record = info / "RECORD"
    kept = [
        line for line in record.read_text("utf-8").splitlines() if "direct_url" not in line and "/licenses/" not in line
    ]
    record.write_text("\n".join([*kept, ""]), "utf-8")


def add_launcher(root: Path) -> None:
    """With Debian's Python in it, as ``vpcshark install`` writes its own."""
    text = (root / "usr/share/vpcshark/extcap/vpcshark").read_text("utf-8")
    assert "\npython=''\n" in text
    launcher = root / "usr/share/vpcshark/launcher"
    launcher.write_text(text.replace("\npython=''\n", f"\npython={PYTHON}\n"), "utf-8")
    launcher.chmod(0o755)


def add_documents(root: Path, version: str, manpage: Path) -> None:
    """Man page, completion, licence, and what Debian asks of each package."""
    write_packed(root / "usr/share/man/man1/vpcshark.1.gz", manpage.read_bytes())
    write(root / "usr/share/bash-completion/completions/vpcshark", 'eval "$(vpcshark completion bash)"\n')
    write(root / "usr/share/zsh/vendor-completions/_vpcshark", COMPLETION.format(shell="zsh"))
    write(root / "usr/share/doc/vpcshark/copyright", (HERE / "copyright").read_text("utf-8"))
    write_packed(root / "usr/share/doc/vpcshark/changelog.gz", (HERE.parents[1] / "CHANGELOG.md").read_bytes())
    entry = f"vpcshark ({version}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n"
    entry += f" -- vpcshark maintainers <{maintainer()}>  {email.utils.formatdate(epoch())}\n"
    write_packed(root / "usr/share/doc/vpcshark/changelog.Debian.gz", entry.encode())


def add_control(root: Path, version: str) -> None:
    """What dpkg reads."""
    interests = "\n".join(f"interest-noawait /usr/lib/{triplet}/wireshark/extcap" for triplet in TRIPLETS)
    values = {"@VERSION@": version, "@MAINTAINER@": maintainer(), "@INTERESTS@": interests}
    for name in ("control", "postinst", "prerm", "triggers"):
        text = (HERE / name).read_text("utf-8")
        for mark, value in values.items():
            text = text.replace(mark, value)
        write(root / "DEBIAN" / name, text, 0o755 if name in ("postinst", "prerm") else 0o644)


def maintainer() -> str:
    """Whose package this is."""
    return os.environ.get("DEBEMAIL", MAINTAINER)


def epoch() -> float:
    """The time of the release, else of the program's text: the same sources make the same package."""
    return float(os.environ.get("SOURCE_DATE_EPOCH", (HERE.parents[1] / "CHANGELOG.md").stat().st_mtime))


def write(file: Path, text: str, mode: int = 0o644) -> None:
    """A file with its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    file.chmod(mode)


def write_packed(file: Path, data: bytes) -> None:
    """The same, by gzip without name or time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(data, 9, mtime=0))
    file.chmod(0o644)


def build(wheel: Path, manpage: Path, folder: Path) -> Path:
    """The package's path."""
    version = wheel.name.split("-")[1]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        unpack(wheel, root)
        add_launcher(root)
        add_documents(root, version, manpage)
        add_control(root, version)
        for path in root.rglob("*"):
            if path.is_dir() or path.suffix in (".py", ".html", ".typed"):
                path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(root / "usr/lib/python3/dist-packages/__pycache__", ignore_errors=True)
        package = folder / f"vpcshark_{version}_all.deb"
        done = ["dpkg-deb", "--root-owner-group", "--build", root, package]
        subprocess.run(done, check=True, stdout=subprocess.DEVNULL)
    return package


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))}\n")
