"""A real sshd for an instance: the lab's host key, and logins by the lab's key or one that Instance Connect pushed.

Must not know namespaces: it is told what to write where, and gives a command.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from vpcshark.errors import VpcsharkError
from vpcshark.lab.vpc import users

_PRIVILEGE_SEPARATION = Path("/run/sshd")  # Debian's sshd refuses to start without it; its service unit makes it
_LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp
_PORT = "0016"
_INNER = "127.0.0.1"


def command(keys: Path, config: Path, *, is_inner: bool = False) -> list[str]:
    """Write ``config`` for the keys in ``keys`` and return the command; ``is_inner``: on the loopback address alone.
    VpcsharkError if there is no sshd."""
    program = shutil.which("sshd", path=f"/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', '')}")
    if program is None:
        raise VpcsharkError("The lab's capture host needs sshd.", "Install the package openssh-server.")
    _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    whole = config.with_suffix(".new")  # the sshd of another instance may be about to read it
    whole.write_text(_configuration(keys, "yes" if _is_root_locked() else "no"))
    whole.chmod(0o600)
    whole.replace(config)
    inner = ["-o", f"ListenAddress={_INNER}"] if is_inner else []
    return [program, "-D", "-e", "-f", str(config), *inner]  # by its full path: sshd starts itself again per connection


def _configuration(keys: Path, use_pam: str) -> str:
    lines = [
        "Port 22",
        f"HostKey {keys / 'host_ed25519'}",
        f"AuthorizedKeysFile {users.PLACE}/authorized_keys",
        f"AuthorizedKeysCommand {users.PLACE}/instance-connect %u",
        "AuthorizedKeysCommandUser root",
        "AuthenticationMethods publickey",
        "PermitRootLogin prohibit-password",
        "StrictModes no",  # the lab's folder may lie in /tmp, which anyone may write to
        f"UsePAM {use_pam}",
        "UseDNS no",
        "PidFile none",
        "PrintMotd no",
        "PrintLastLog no",
        "MaxStartups 100",
        "PermitUserEnvironment no",
        "AllowTcpForwarding yes",
        "LogLevel VERBOSE",
    ]
    for user in users.USERS:
        if not user.has_keys:
            lines += [f"Match User {user.name}", "AuthorizedKeysFile none", "AuthorizedKeysCommand none"]
    return "\n".join(lines) + "\n"


def _is_root_locked() -> bool:
    """Without PAM, sshd lets nobody in whose password is locked (sshd(8)), not even by key."""
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("root:!") for line in lines)


def is_listening(pid: int) -> bool:
    """Whether something listens on TCP 22 where process ``pid`` is."""
    try:
        rows = [row.split() for row in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    except OSError:
        return False
    return any(row[1].endswith(f":{_PORT}") and row[3] == _LISTENING for row in rows)
