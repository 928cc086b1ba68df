"""Where attacks are run, against the lab's API in this process; each run leaves a row for the table. Must not know
what the attacks are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import judge
from cage import Cage, Outcome, Place
from rogue_ssh import Rogue

ROW = "attack"


@dataclass(frozen=True)
class Account:
    """An honest API with the lab's usual instances: ``environment`` leads to it."""

    ec2: Any
    environment: Mapping[str, str]
    instances: Mapping[str, Any]

    def eni(self, instance: str) -> str:
        return str(self.instances[instance].enis[0].id)


@dataclass
class Arena:
    """Where attacks are run. ``idle``: KiB of a run that does nothing."""

    cage: Cage
    idle: int
    account: Account
    note: Callable[[str, object], None] = lambda name, value: None

    def place(self, rogue: Rogue | None = None) -> Place:
        """Folders for a run; with a rogue host, whatever host is meant is at its port."""
        place = self.cage.place()
        if rogue is not None:
            place.put("home/.ssh/config", b"Host *\n  HostName 127.0.0.1\n")
        return place

    def run(
        self,
        attack: str,
        arguments: Sequence[str],
        *,
        place: Place | None = None,
        environment: Mapping[str, str] | None = None,
        stop: float = 0.0,
        is_data: bool = False,
    ) -> tuple[Outcome, list[str]]:
        """Run a command; what is wrong with how it ended. A row of the table is noted."""
        given = {**self.account.environment, **(environment or {})}
        done = self.cage.run(place or self.place(), arguments, given, stop)
        found = judge.problems(done, self.idle, is_data=is_data)
        kib = max(done.peak - self.idle, 0)
        verdict = "; ".join(found) or "ends cleanly"
        row = [attack, f"{done.seconds:.1f} s", f"{kib >> 10} MB", str(done.status), verdict, done.cpu]
        self.note(ROW, row)
        if table := os.environ.get("VPCSHARK_ATTACKS"):  # also of a run that is cut off
            with open(table, "a") as file:
                file.write("\t".join(map(str, row)) + "\n")
        return done, found


def log_in(rogue: Rogue) -> list[str]:
    """The options that lead to a rogue host by SSH."""
    where = ["--connection", "ssh", "--ssh-port", str(rogue.port), "--ssh-user", "root"]
    return [*where, "--ssh-key", str(rogue.key), "--ssh-known-hosts", str(rogue.known_hosts)]


def told(done: Outcome, found: Sequence[str]) -> str:
    """What a failed test shows."""
    log = done.log[-3000:].decode(errors="backslashreplace")
    return f"{'; '.join(found)}\n{done.command}\nstatus {done.status}\n{done.err[-2000:]!r}\n{shown(log)}"


def shown(text: str) -> str:
    """The text for a terminal: of what is not ASCII, only its number."""
    return "\n".join(ascii(line)[1:-1] for line in text.splitlines())
