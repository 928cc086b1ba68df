"""Whose host keys the user has accepted (``vpcshark trust``), or AWS has shown: vpcshark's own known_hosts file.

Instances are in it by their ids, which are never used again, unlike addresses. Must not know where a key comes from.
"""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vpcshark import folders
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import instance_login
from vpcshark.aws.compute.console_host_keys import DoubtfulConsole
from vpcshark.cleanup import lock
from vpcshark.errors import AwsError
from vpcshark.transport.known_hosts import fingerprint, parse_line

log = logging.getLogger(__name__)


def file() -> Path:
    """Where it is."""
    return folders.config() / "known_hosts"


def add(name: str, key_type: str, key: bytes, path: Path | None = None) -> None:
    """Trust this key of the host ``name`` (an instance's id as known_hosts has it), and no other. OSError."""
    path = path or file()
    line = f"{name} {key_type} {base64.b64encode(key).decode()}"
    with _adding(path):
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        kept = [each for each in old.splitlines() if (entry := parse_line(each)) is None or name not in entry.names]
        folders.write_whole(path, "".join(f"{each}\n" for each in [*kept, line]).encode())


@contextmanager
def _adding(path: Path) -> Iterator[None]:
    """One key at a time goes into the file: a fleet's hosts are logged in to side by side, and other commands of the
    user's note keys meanwhile. The file itself is replaced, so the lock is on one beside it. OSError."""
    folders.private(path.parent)
    with open(path.with_name(f"{path.name}.lock"), "a+b", opener=_private) as file:
        lock.wait(file)
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def is_on_console(aws: Aws, instance: str, key_type: str, key: bytes) -> bool:
    """Did the instance print this key on its console, as EC2 shows it? DoubtfulConsole
    if it is unclear who printed the keys there."""
    try:
        shown = instance_login.console_keys(aws, instance)
    except DoubtfulConsole:
        raise
    except AwsError as error:
        log.info("The console output of %s cannot be read: %s", instance, error)
        return False
    if (key_type, base64.b64encode(key).decode()) not in shown:
        log.info("The console output of %s does not have its key %s.", instance, fingerprint(key))
        return False
    return True
