"""What the lab's EC2, SSM and EC2 Instance Connect know of its instances' logins: pushed keys, Session Manager's
sessions, console output.

What ``api.moto_logins`` answers with stands here. Must not know moto.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vpcshark.errors import VpcsharkError
from vpcshark.lab import keys
from vpcshark.lab.model import LabInstance
from vpcshark.lab.vpc.ssm_service import SsmService


class Logins:
    """From its making to ``close``; ``folder`` is the lab's."""

    def __init__(self, folder: Path, instances: Iterable[LabInstance], ssm: SsmService) -> None:
        self._folder = folder
        self._instances = {each.id: each for each in instances}
        self._ssm = ssm

    def join(self, instance: LabInstance) -> None:
        """It is there from now on."""
        self._instances[instance.id] = instance

    def leave(self, instance: str) -> None:
        """It is not there any more."""
        self._instances.pop(instance, None)

    def push_key(self, instance: str, user: str, key: str) -> bool:
        """See ``LoginServices``; sshd asks for what lies there (``users``)."""
        if instance not in self._instances:
            return False
        place = self._folder / "instance-connect" / instance / user
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys.write_private(place / secrets.token_hex(8), key.strip().encode() + b"\n")
        return True

    def managed(self) -> Sequence[str]:
        """See ``LoginServices``."""
        return self._ssm.managed()

    def start_session(self, instance: str, port: int) -> Mapping[str, str]:
        """See ``LoginServices``."""
        return self._ssm.start(instance, port)

    def resume_session(self, session: str) -> Mapping[str, str]:
        """See ``LoginServices``."""
        return self._ssm.resume(session)

    def end_session(self, session: str) -> None:
        """See ``LoginServices``."""
        self._ssm.end(session)

    def session_faults(self, method: str, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See ``LoginServices``."""
        return self._ssm.faults.ask(method, facts)

    def endpoints(self) -> Sequence[Mapping[str, Any]]:
        """See ``LoginServices``; there are none."""
        return []

    def make_endpoint(self, blocks: str, place: Mapping[str, Any]) -> Mapping[str, Any]:
        """See ``LoginServices``; VpcsharkError, as nothing leads into a topology's instances from here."""
        raise VpcsharkError(f"A lab of a topology has no Instance Connect Endpoint, also not in {place['SubnetId']}.")

    def remove_endpoint(self, identity: str) -> None:
        """See ``LoginServices``; there are none."""

    def console(self, instance: str) -> str:
        """See ``LoginServices``; as cloud-init prints it, through a serial console. EC2 keeps its last 64 KB, so an
        instance that has run for long shows its host keys no more."""
        known = self._instances.get(instance)
        if known is None or "console" not in known.roles:
            return "cloud-init: booted long ago\r\n"
        host = (self._folder / "ssh" / "host_ed25519.pub").read_text(encoding="ascii").split()
        lines = ["cloud-init: booted", "-----BEGIN SSH HOST KEY KEYS-----", f"{host[0]} {host[1]} ip-10-0-0-1"]
        return "\r\n".join([*lines, "-----END SSH HOST KEY KEYS-----", ""])

    def close(self) -> None:
        """End every connection."""
        self._ssm.close()
