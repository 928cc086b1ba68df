"""Who can log in to an instance, and what they may do there: files over the machine's own, in a mount namespace.

The namespaces of the lab share this machine's file system; here each instance gets its own users, sudo rules, home
folders and missing programs without a change to the machine. Must not know sshd's configuration nor what users do.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vpcshark.errors import VpcsharkError

PLACE = "/home/.lab"
"""Root's alone, on a file system of the instance's own: sshd runs an AuthorizedKeysCommand only from such a place."""
FRESH_SECONDS = 60  # how long EC2 Instance Connect offers a pushed key
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class User:
    """One login. ``sudo`` is what stands behind the user's name in sudoers ("": nothing), ``defaults`` what is set
    there for the user; ``rc`` is its .bashrc. Without ``has_keys`` sshd takes no key for it, not even a pushed one."""

    name: str
    uid: int
    sudo: str = ""
    rc: str = ""
    defaults: str = ""
    has_keys: bool = True


USERS = (
    User("ec2-user", 54001, "ALL=(ALL) NOPASSWD: ALL"),
    User("ubuntu", 54002, "ALL=(ALL) NOPASSWD: ALL"),
    User("guest", 54003),
    User("asked", 54004, "ALL=(ALL) ALL"),
    User("noisy", 54005, "ALL=(ALL) NOPASSWD: ALL", "echo 'Welcome to the lab.'\necho 'Be good.' >&2\n"),
    User("dumper", 54006, "ALL=(root) NOPASSWD: /usr/bin/tcpdump, /usr/sbin/tcpdump"),
    User("seated", 54007, "ALL=(ALL) NOPASSWD: ALL", defaults="requiretty"),
    User("keyless", 54008, "ALL=(ALL) NOPASSWD: ALL", has_keys=False),
)


def command(folder: Path, keys: Path, missing: tuple[str, ...], pushed: Path, more: Sequence[str] = ()) -> list[str]:
    """Write the files into ``folder``; what to put before a command so that it runs among them.

    ``keys`` has the lab's public key, ``missing`` names programs that the instance lacks, ``pushed`` is where Instance
    Connect leaves its keys, one file per user and key; ``more`` are lines of shell that come last. VpcsharkError if the
    machine has no unshare(1).
    """
    if shutil.which("unshare") is None:
        raise VpcsharkError("The lab needs the program unshare.", "Install the package util-linux.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pushed.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text, mode in _files():
        (folder / name).write_text(text)
        (folder / name).chmod(mode)
    (folder / "instance-connect").write_text(_keys_command(pushed))
    script = "\n".join([*_script(folder, keys, missing), *more, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]


def _files() -> list[tuple[str, str, int]]:
    shell = shutil.which("bash", path=_PATH) or "/bin/sh"
    passwd = "".join(f"{u.name}:x:{u.uid}:{u.uid}:lab:/home/{u.name}:{shell}\n" for u in USERS)
    shadow = "".join(f"{u.name}:*:19000:0:99999:7:::\n" for u in USERS)
    group = "".join(f"{u.name}:x:{u.uid}:\n" for u in USERS)
    rules = "".join(f"Defaults:{u.name} {u.defaults}\n" for u in USERS if u.defaults)
    rules += "".join(f"{u.name} {u.sudo}\n" for u in USERS if u.sudo)
    sudoers = f'Defaults secure_path="{_PATH}"\nroot ALL=(ALL:ALL) ALL\n{rules}'
    return [
        ("passwd", _machine("passwd") + passwd, 0o644),
        ("shadow", _machine("shadow") + shadow, 0o640),
        ("group", _machine("group") + group, 0o644),
        ("sudoers", sudoers, 0o440),
    ]


def _machine(name: str) -> str:
    text = Path("/etc", name).read_text() if Path("/etc", name).exists() else ""
    ours = {user.name for user in USERS}
    return "".join(f"{line}\n" for line in text.splitlines() if line.split(":")[0] not in ours)


def _keys_command(pushed: Path) -> str:
    """What sshd asks for a user's further keys: those that Instance Connect pushed within the last minute."""
    return (
        f'#!/bin/sh\nexec find {shlex.quote(str(pushed))}/"$1" -type f '
        f"-newermt '-{FRESH_SECONDS} seconds' -exec cat {{}} +\n"
    )


def _script(folder: Path, keys: Path, missing: tuple[str, ...]) -> list[str]:
    quoted = {name: shlex.quote(str(folder / name)) for name in ("passwd", "shadow", "group", "sudoers")}
    lines = ["set -e"]
    for name, path in quoted.items():
        lines.append(f"[ ! -e /etc/{name} ] || mount --bind {path} /etc/{name}")
    lines.append("mount -t sysfs sysfs /sys || :")  # else it shows this machine's interfaces
    lines.append("mkdir -p /home && mount -t tmpfs -o mode=755 tmpfs /home")
    lines.append(f"mkdir {PLACE} && cp {shlex.quote(str(keys / 'id_ed25519.pub'))} {PLACE}/authorized_keys")
    lines.append(f"install -m 755 {shlex.quote(str(folder / 'instance-connect'))} {PLACE}/instance-connect")
    lines.append(f"chmod 644 {PLACE}/authorized_keys")
    for user in USERS:
        lines.append(f"install -d -m 755 -o {user.uid} -g {user.uid} /home/{user.name}")
        if user.rc:
            lines.append(f"printf %s {shlex.quote(user.rc)} > /home/{user.name}/.bashrc")
    lines += [f"mount --bind /dev/null {place}" for name in missing for place in places(name)]
    return lines


def places(name: str) -> list[str]:
    """Every file that a login would run as ``name``; a device without the right to execute in its place hides it."""
    found = [f"{folder}/{name}" for folder in _PATH.split(":") if os.access(f"{folder}/{name}", os.X_OK)]
    return sorted({shlex.quote(os.path.realpath(place)) for place in found})
