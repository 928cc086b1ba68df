"""The table of JSON fields, which the reference is written from: what each command prints, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.walks import two_vpcs
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.monitoring.gateway_metrics import TRANSIT, Series
from vpcshark.capture.diagnosing.follower import Told
from vpcshark.capture.inventory.catalog import Place
from vpcshark.cleanup import overview
from vpcshark.cleanup.report import CleanupReport
from vpcshark.cleanup.sweep import Resource
from vpcshark.cli import capture, cleanup, findings, interfaces, metrics, parsing
from vpcshark.cli.commands import COMMANDS
from vpcshark.cli.fields import FIELDS
from vpcshark.cli.main import run
from vpcshark.diagnose import report
from vpcshark.diagnose.finding import Finding, Frame
from vpcshark.diagnose.flows import Flow
from vpcshark.evidence import findings as proofs
from vpcshark.evidence.points import Point
from vpcshark.flowlogs.wanted import Wanted
from vpcshark.network.packet import Packet
from vpcshark.preflight import finding


class Recorder:
    """A capture that has ended."""

    packets = 0
    paths: list[str] = []  # noqa: RUF012


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Every field of some JSON, ``[]`` for the items of an array."""
    if isinstance(value, list):
        for each in value:
            yield from paths(each, f"{at}[]")
    elif isinstance(value, dict):
        for name, each in value.items():
            path = f"{at}.{name}".lstrip(".")
            yield path
            yield from paths(each, path)


def blocked_walk(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """With a blocker, whose form the unknowns have too."""
    dump = two_vpcs().write(folder / "dump")
    assert run(["walk", "client", "server:81", "--from-dump", str(dump), "--json"]) == 1
    return json.loads(capsys.readouterr().out)


def open_question(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Which packets would decide."""
    dump = two_vpcs().write(folder / "dump")
    assert run(["why", "client", "server:80", "--from-dump", str(dump), "--json"]) == 3
    return json.loads(capsys.readouterr().out)


def evidence() -> Any:
    """Of one hop."""
    point = Point("forward", 0, "eni-1", "interface", Packet("10.0.0.1", "10.0.0.2"), is_end=True)
    return {**proofs.as_json("reachable", [proofs.Finding(point, "seen")], Wanted(0, 1)), "counts": []}


def printed(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """What the command makes JSON of, from an example of everything."""
    cleaned = CleanupReport({"c-1": [Resource("session", "tms-1", {})]}, {"c-2": "it lives"})
    match command:
        case "interfaces":
            return [interfaces.as_json(Place(), Eni("eni-1", "x"))]
        case "capture":
            found = Told("loss", "proved", "x", "", "", [1])
            return {**capture.summary("eni-1", Recorder(), []), "findings": [found.as_json]}  # type: ignore[arg-type]
        case "preflight":
            return [finding.as_json(finding.Finding("route", "ok", "rtb-1", "x"))]
        case "doctor":
            return [findings.Finding("log").as_json()]
        case "walk":
            return {**blocked_walk(folder, capsys), "evidence": evidence()}
        case "metrics":
            series = Series((), {})
            return metrics.as_json("tgw-1", TRANSIT, [series], (0, 1))  # dimensions and metrics have names of AWS's
        case "diagnose":
            flow = Flow(6, bytes(4), 1, bytes(4), 2)
            found = Finding("x", "proved", "x", (flow,), (Frame(0, 1),), ("x",))
            return report.as_json(report.Report((found,), ()), ["x.pcap"])
        case "ps":
            return [overview.as_json(overview.Seen("c-1", "me", "live"))]
        case "cleanup":
            return cleanup.as_json(cleaned, dry_run=True)
    raise AssertionError(f"no example of {command} --json")


def with_json() -> list[str]:
    """The commands that have the option."""
    parsers = {name: made for action in parsing.whole()._actions for name, made in dict(action.choices or {}).items()}
    return [name for name in COMMANDS if "--json" in parsers[name].format_help()]


@pytest.mark.parametrize("command", with_json())
def test_the_table_has_every_field_that_is_printed_and_no_other(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is within a field that the table tells as a whole, it tells in words."""
    example = open_question(tmp_path, capsys) if command == "why" else printed(command, tmp_path, capsys)
    found = set(paths(example))
    told = set(FIELDS[command])
    nested = {path for path in found - told if within(path, told, FIELDS[command])}
    assert found - nested - told == set()
    assert told - found == set()


def within(path: str, told: set[str], meanings: Any) -> bool:
    """Is it part of a field whose meaning names it, or that has the form of another one?"""
    over = [each for each in told if re.match(rf"{re.escape(each)}[.\[]", path)]
    if not over:
        return False
    nearest = max(over, key=len)
    name = re.split(r"[.\]]", path)[-1]
    return f"`{name}`" in meanings[nearest] or "form" in meanings[nearest] or "the packet" in meanings[nearest]


def test_every_command_with_json_is_in_the_table() -> None:
    assert sorted(FIELDS) == sorted(with_json())
