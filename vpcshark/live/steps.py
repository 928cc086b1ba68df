"""What of vpcshark is run in a trial, and what must come of it. Pure but for the ground's describes: whoever runs a
command hands in how.

Must not know how a command works.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpcshark.live.ground import Ground

_PACKETS = 20
_LONGEST = 120  # seconds of a capture
_USER = ("--ssh-user", "ec2-user")
Judge = Callable[["Ended"], str]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    def said(self) -> Any:
        """Its JSON; None if it said none."""
        try:
            return json.loads(self.out)
        except ValueError:
            return None


@dataclass(frozen=True)
class Step:
    """``words`` of one ``vpcshark`` command; ``judge`` says what is wrong with how it ended, "" if nothing is."""

    name: str
    words: Sequence[str]
    judge: Judge


def steps(ground: Ground, folder: Path, key: Path) -> Iterator[Step]:
    """All of them, in their order. AwsError where the stack's instances cannot be described."""
    source, host = ground.eni("SourceId"), ground.made["HostId"]
    yield Step("interfaces", ["interfaces", "--json"], _lists(source))
    yield Step("preflight", ["preflight", source, "--host", host, "--json"], _ends_with(0))
    yield from _captures(ground, folder, key, source)
    yield from _investigations(ground)


def _captures(ground: Ground, folder: Path, key: Path, source: str) -> Iterator[Step]:
    def capture(name: str, *words: str, of: str = source) -> Step:
        file = folder / f"{name.replace(' ', '-')}.pcapng"
        bounds = ["-c", str(_PACKETS), "-a", f"duration:{_LONGEST}", "-w", str(file), "--json"]
        return Step(name, ["capture", of, *words, *_USER, *bounds], _brings_packets)

    host = ("--host", ground.made["HostId"])
    keys = ("--ssh-key", str(key), "--ssh-known-hosts", str(folder / "known_hosts"))
    ways = {"ssh": keys, "eic": (), "ssm": keys, "eice": keys}
    for way, more in ways.items():
        yield capture(f"mirror by {way}", "--mode", "mirror", *host, "--connection", way, *more)
        yield capture(f"tcpdump by {way}", "--mode", "tcpdump", "--connection", way, *more)
    role = ("--host-role", ground.made["ProfileName"])
    yield capture("launch", "--mode", "mirror", "--host", "launch", "--connection", "ssm", *role)
    path = f"path:{ground.address('SourceId')}->{ground.address('PeerId')}:80"
    yield capture("path", *host, "--connection", "ssm", *keys, of=path)
    balancer = ("--host", ground.made["BalancerArn"], "--connection", "ssm", *keys)
    yield capture("fleet", "--mode", "mirror", *balancer)


def _investigations(ground: Ground) -> Iterator[Step]:
    ends = (ground.address("SourceId"), ground.address("PeerId"))
    way = (ends[0], f"{ends[1]}:80")
    barred = (ends[0], f"{ends[1]}:81")
    group = ground.made["GroupId"]
    yield Step("walk", ["walk", *way, "--json"], _ends_with(0))
    yield Step("walk to a closed port", ["walk", *barred, "--json"], _blames(group))
    eni = ground.eni("SourceId")
    yield Step("flow logs", ["flowlogs", "where", eni, "--json"], _ends_with(0))
    yield Step("records", ["flowlogs", "read", eni, "--from", "15m", "--json"], _says_something)
    yield Step("evidence", ["walk", *way, "--evidence", "--since", "15m", "--json"], _has_seen)
    yield Step("why", ["why", *way, "--since", "15m", "--json"], _ends_with(0, 3))
    yield Step("why to a closed port", ["why", *barred, "--since", "15m", "--json"], _ends_with(1))


def _lists(eni: str) -> Judge:
    def judge(ended: Ended) -> str:
        listed = ended.said() or []
        is_there = any(eni in json.dumps(one) for one in listed)
        return _status(ended, 0) or ("" if is_there else "the source is not in the list")

    return judge


def _ends_with(*statuses: int) -> Judge:
    return lambda ended: _status(ended, *statuses)


def _brings_packets(ended: Ended) -> str:
    said: Mapping[str, Any] = ended.said() or {}
    return _status(ended, 0) or ("" if said.get("packets", 0) >= 1 else "no packet came")


def _blames(group: str) -> Judge:
    def judge(ended: Ended) -> str:
        return _status(ended, 1) or ("" if group in ended.out else "the security group is not named")

    return judge


def _says_something(ended: Ended) -> str:
    return _status(ended, 0) or ("" if ended.out.strip() else "no record came")


def _has_seen(ended: Ended) -> str:
    points = ((ended.said() or {}).get("evidence") or {}).get("points", [])
    seen = [one for one in points if one["status"] == "seen"]
    return _status(ended, 0) or ("" if seen else "no interface of the way has seen the packets")


def _status(ended: Ended, *wanted: int) -> str:
    if ended.status in wanted:
        return ""
    told = " ".join(ended.err.split())[-300:]
    return f"status {ended.status} instead of {' or '.join(map(str, wanted))}: {told}"
