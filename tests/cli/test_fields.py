"""The table of JSON fields, which the reference is written from: what each command prints, and nothing else."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.walks import two_vpcs
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.monitoring.gateway_metrics import TRANSIT, Series
from vpcshark.capture.diagnosing.follower import Summary, Told
from vpcshark.capture.inventory.catalog import Place
from vpcshark.cleanup import overview
from vpcshark.cleanup.report import CleanupReport
from vpcshark.cleanup.sweep import Resource
from vpcshark.cli import capture, cleanup, findings, interfaces, metrics, parsing
from vpcshark.cli.fields import FIELDS
from vpcshark.cli.main import run
from vpcshark.diagnose import report
from vpcshark.diagnose.finding import Finding, Frame
from vpcshark.diagnose.flows import Flow
from vpcshark.evidence import findings as proofs
from vpcshark.evidence.points import Point
from vpcshark.flowlogs import cover
from vpcshark.flowlogs.cover import FlowLog
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


def walks(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Of several, one of which is blocked."""
    dump = two_vpcs().write(folder / "dump")
    assert run(["walk", "--from", "client", "--to", "server:81", "--from-dump", str(dump), "--json"]) == 1
    return json.loads(capsys.readouterr().out)


def record(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """What ``flowlogs`` prints of a record that has but one field."""
    file = folder / "records"
    file.write_text("version\n2\n")
    assert run(["flowlogs", "show", str(file), "--json"]) == 0
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


def flow_log_cover() -> Any:
    """Of an interface with one flow log."""
    log = FlowLog("fl-1", "eni-1", "interface", "ALL", "s3", "arn:x", ("start",), 60, "ACTIVE", "SUCCESS", "")
    return cover.as_json(cover.Place("eni-1", {"eni-1": "interface"}), [log])


def diagnosis() -> Any:
    """With a finding."""
    flow = Flow(6, bytes(4), 1, bytes(4), 2)
    found = Finding("x", "proved", "x", (flow,), (Frame(0, 1),), ("x",))
    return report.as_json(report.Report((found,), ()), ["x.pcap"])


def clean_up() -> Any:
    """One capture is removed, another stays."""
    cleaned = CleanupReport({"c-1": [Resource("session", "tms-1", {})]}, {"c-2": "it lives"})
    return cleanup.as_json(cleaned, dry_run=True)


Capsys = pytest.CaptureFixture[str]
DIAGNOSED = Summary([Told("x", "proved", "x", "", "", [1])])
EXAMPLES: dict[str, Callable[[Path, Capsys], Any]] = {
    "interfaces": lambda *_: [interfaces.as_json(Place(), Eni("eni-1", "x"))],
    "capture": lambda *_: capture.summary("eni-1", Recorder(), [], DIAGNOSED),  # type: ignore[arg-type]
    "preflight": lambda *_: [finding.as_json(finding.Finding("route", "ok", "rtb-1", "x"))],
    "doctor": lambda *_: [findings.Finding("log").as_json()],
    "walk": lambda *given: {**blocked_walk(*given), "evidence": evidence()},
    "walk --from SRC --to DST[:PORT]": walks,
    "why": open_question,
    "flowlogs show": record,
    "flowlogs read": record,
    "flowlogs where": lambda *_: flow_log_cover(),
    # dimensions and metrics have names of AWS's
    "metrics": lambda *_: metrics.as_json("tgw-1", TRANSIT, [Series((), {})], (0, 1)),
    "diagnose": lambda *_: diagnosis(),
    "ps": lambda *_: [overview.as_json(overview.Seen("c-1", "me", "live"))],
    "cleanup": lambda *_: clean_up(),
}
"""Command -> what it makes JSON of, an example of everything."""


def with_json(parser: argparse.ArgumentParser, command: str = "") -> Iterator[str]:
    """The commands that have the option, those of commands too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, made in action.choices.items():
                yield from with_json(made, f"{command} {name}".strip())
        elif "--json" in action.option_strings:
            yield command


@pytest.mark.parametrize("command", FIELDS)
def test_the_table_has_every_field_that_is_printed_and_no_other(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is within a field that the table tells as a whole, it tells in words."""
    found = set(paths(EXAMPLES[command](tmp_path, capsys)))
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
    """And no other; one may be there twice, the second time with the options that make its form another."""
    assert {command.partition(" --")[0] for command in FIELDS} == set(with_json(parsing.whole()))
