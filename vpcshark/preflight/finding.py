"""One finding of preflight, and the command line that mends it. Pure; must not know what is checked."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from vpcshark.preflight.picture import Picture

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """What one check found. ``level``: "fail" (no packet will arrive, or AWS will refuse), "warn" (some may not, or
    it could not be seen), "ok". ``resource`` is the id of what the sentence is about, ``rule`` that of the rule, route
    or entry inside it ("" if it is none); ``command`` the AWS command line that mends it, "" if none does."""

    check: str
    level: str
    resource: str
    sentence: str
    rule: str = ""
    command: str = ""


def as_json(finding: Finding) -> dict[str, Any]:
    """For scripts (``vpcshark preflight --json``)."""
    return asdict(finding)


def failures(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stop a capture."""
    return [finding for finding in findings if finding.level == FAIL]


def command(picture: Picture, service: str, operation: str, *arguments: str, **options: object) -> str:
    """``aws ec2 create-route --route-table-id rtb-1 … --region …``, quoted for a POSIX shell. ``options`` are written
    with underscores; True is a flag without a value."""
    words = ["aws", service, operation]
    for name, value in options.items():
        words.append("--" + name.replace("_", "-"))
        words += [] if value is True else [str(value)]
    words += arguments
    words += ["--region", picture.region] if picture.region else []
    words += ["--profile", picture.profile] if picture.profile else []
    return shlex.join(words)


def placed(picture: Picture, text: str) -> str:
    """A command line of the network's, with the picture's region and profile; "" for none."""
    place = ["--region", picture.region] if picture.region else []
    place += ["--profile", picture.profile] if picture.profile else []
    return " ".join(filter(None, (text, shlex.join(place)))) if text else ""


def attaching(picture: Picture, eni: str) -> str:
    """The command that attaches an ENI to an instance, which the person has to name."""
    facts = {"network_interface_id": eni, "instance_id": "INSTANCE", "device_index": 1}
    return command(picture, "ec2", "attach-network-interface", **facts)


def starting(picture: Picture, instance: str) -> str:
    """The command that starts a stopped instance."""
    return command(picture, "ec2", "start-instances", instance_ids=instance)


def not_seen(check: str, resource: str, why: str, consequence: str) -> Finding:
    """A warning for what could not be asked for: ``why`` is AWS's sentence, ``consequence`` what is unknown now."""
    return Finding(check, WARN, resource, f"{consequence} {why}")
