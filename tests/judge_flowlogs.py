"""``make judge-flowlogs CASES=FOLDER``: records that others documented, and what they say these mean.

FOLDER has flow-records/records.json with its Parquet file, packet-walk.json and emnify/expected.json; it stays out
of the repository. The eight records of the walk and those of the talk are told there in words, and are built here.
Prints a table; exit status 1 on a difference.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from vpcshark.cli.main import run
from vpcshark.evidence.findings import Records
from vpcshark.evidence.findings import judge as judged
from vpcshark.evidence.points import Point
from vpcshark.flowlogs import match
from vpcshark.flowlogs.cover import FlowLog
from vpcshark.flowlogs.delivery import Tally
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.flowlogs.wanted import Wanted
from vpcshark.network.packet import Packet

WIDE = (
    "version interface-id srcaddr dstaddr srcport dstport protocol start end action pkt-srcaddr pkt-dstaddr log-status"
)


def show(text: str | Path, *arguments: str) -> list[dict[str, Any]]:
    """The objects that the command prints of a file, or of lines."""
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as place:
        path = text if isinstance(text, Path) else Path(place) / "flows.log"
        if isinstance(text, str):
            path.write_text(text)
        with redirect_stdout(out), redirect_stderr(err):
            status = run(["flowlogs", "show", str(path), "--json", *arguments])
    if status or err.getvalue():
        raise RuntimeError(err.getvalue())
    return [json.loads(line) for line in out.getvalue().splitlines()]


def documented(folder: Path) -> Iterator[tuple[str, str]]:
    """(case, what differs) of each example line of the AWS documentation, alone and as a file of its format."""
    cases = json.loads((folder / "records.json").read_text("utf-8"))["cases"]
    files: dict[str, list[Any]] = {}
    for case in cases:
        files.setdefault(case["format"], []).append(case)
    for names, members in files.items():
        found = show("\n".join(case["line"] for case in members) + "\n", "--log-format", names)
        for case, record in zip(members, found, strict=True):
            yield case["id"], "; ".join(_against(case["expect"], record, case, members))


def _against(
    expect: Mapping[str, Any], record: Mapping[str, Any], case: Mapping[str, Any], members: Any
) -> Iterator[str]:
    meant = record["meaning"]
    for name, wanted in expect.items():
        if name in ("note", "hop", "meaning"):
            continue
        said = meant[name] if name in meant and name != "traffic-path" else record.get(name)
        if said != wanted and str(said) != str(wanted):
            yield f"{name} is {said}, not {wanted}"
    if "NACL" in expect.get("meaning", "") and "network ACL" not in meant.get("rejected-by", ""):
        yield "it is not told that a network ACL dropped the reply"
    if "internet gateway" in expect.get("meaning", "") and expect["meaning"] != meant["traffic-path"]:
        yield f"its path is {meant['traffic-path']}"
    if "flow" in expect:
        yield from _matched(expect["flow"], case)


def _matched(flow: str, case: Mapping[str, Any]) -> Iterator[str]:
    """The record is found by its flow, and not by the flow back."""
    there, back = flow.replace(">", "->"), "->".join(reversed(flow.split(">")))
    for text, count in ((there, 1), (back, 0)):
        out, err = io.StringIO(), io.StringIO()
        with tempfile.NamedTemporaryFile("w") as file, redirect_stdout(out), redirect_stderr(err):
            file.write(case["line"] + "\n")
            file.flush()
            run(["flowlogs", "show", file.name, "--json", "--log-format", case["format"], "--match", text])
        if len(out.getvalue().splitlines()) != count:
            yield f"{text} finds {len(out.getvalue().splitlines())}"


def parquet(file: Path) -> Iterator[tuple[str, str]]:
    """The file reads as the text that pyarrow's own values make."""
    from pyarrow import parquet as judge

    rows = judge.read_table(file).to_pylist()
    lines = [" ".join("-" if value in (None, "None") else str(value) for value in row.values()) for row in rows]
    header = " ".join(name.replace("_", "-") for name in rows[0])
    text = show("\n".join([header, *lines]) + "\n")
    yield "parquet", "" if show(file) == text and len(text) == len(rows) else "it differs from its text"


def walked(folder: Path) -> Iterator[tuple[str, str]]:
    """The packet walk's records: each interface of the way there has one of that flow, and of the way back. Of the two
    attachments' interfaces the first shows itself as the packet's target, the second as its source."""
    case = json.loads((folder / "packet-walk.json").read_text("utf-8"))["cases"][0]
    told = case["flow_log_records"]
    client, server = case["src"]["ip"], case["dst"]["ip"]
    forward, back = ([each.split()[0] for each in case[way]] for way in ("forward", "return"))
    steps = [(eni, client, server, "49999 8000", place) for place, eni in enumerate(forward)]
    steps += [(eni, server, client, "8000 49999", place) for place, eni in enumerate(back)]
    own = {eni: f"10.9.9.{number}" for number, eni in enumerate(told["per_eni"])}
    lines = []
    for eni, start in zip(told["enis_in_query_order"], told["start_in_query_order"], strict=True):
        step = next(each for each in steps if each[0] == eni)
        steps.remove(step)
        _, source, target, ports, place = step
        ends = [f"{source} {target}", f"{source} {own[eni]}", f"{own[eni]} {target}", f"{source} {target}"][place]
        lines.append(f"3 {eni} {ends} {ports} 6 {start} {start + 60} ACCEPT {source} {target} OK")
    text = "\n".join([WIDE, *lines, *(line.replace("49999", "49998") for line in lines)]) + "\n"
    for way, flow, enis in (
        ("there", f"{client}:49999->{server}:8000/tcp", forward),
        ("back", f"{server}:8000->{client}:49999/tcp", back),
    ):
        found = Counter(record["interface-id"] for record in show(text, "--match", flow))
        yield f"packet walk {way}", "" if found == Counter(enis) else f"seen at {found}, not {enis}"
        yield from evidence(way, (flow, [each for each in text.splitlines()[1:]]), enis, dict.fromkeys(enis, "seen"))
        yield from evidence(f"{way}, none", (flow, text.splitlines()[9:]), enis, dict.fromkeys(enis, "not seen"))
    yield "packet walk, rows", "" if len(lines) == told["rows"] else f"{len(lines)} rows"


def evidence(
    name: str, told: tuple[str, Sequence[str]], enis: Sequence[str], wanted: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What the lines show at each interface of a way, as ``vpcshark walk --evidence`` judges it."""
    kind, flow = LogFormat(tuple(WIDE.split())), match.parse(told[0])
    assert flow.source is not None
    assert flow.destination is not None
    ends = str(flow.source.network_address), str(flow.destination.network_address)
    ports = [(port, port) for port in (flow.source_port or 0, flow.destination_port or 0)]
    log = FlowLog("fl-1", "vpc-1", "VPC", "ALL", "cloud-watch-logs", "g", kind.names, 60, "ACTIVE", "SUCCESS", "")
    read = Records(log, Wanted(0, 1 << 40), Tally(), [(kind, line.encode().split()) for line in told[1]])
    for row in read.rows:
        read.tally.note(*row)
    points = [
        Point("forward", number, eni, "interface", Packet(*ends, "6", *ports), number in (0, len(enis) - 1))
        for number, eni in enumerate(enis)
    ]
    found = {point.id: judged(point, read, 1 << 41).status for point in points}
    yield f"evidence {name}", "" if found == wanted else f"{found}, not {wanted}"


def talk(file: Path) -> Iterator[tuple[str, str]]:
    """The rows that the talk shows: its REJECT is found among what the same flow has elsewhere."""
    rows: Sequence[Sequence[str]] = json.loads(file.read_text("utf-8"))["flow_log_rows_seen_in_talk"]
    names = "version interface-id vpc-id srcaddr dstaddr srcport dstport protocol action flow-direction log-status"
    lines = [
        f"5 {eni.strip('.')} {vpc} 10.1.0.10 10.2.0.20 {sport} {dport} 6 {action} {way} OK"
        for eni, vpc, sport, dport, action, way in rows
    ]
    found = show("\n".join([names, *lines]) + "\n", "--match", "10.1.0.10:12345->10.2.0.20:80/tcp")
    verdicts = [(each["interface-id"], each["meaning"]["verdict"]) for each in found]
    wanted = [(row[0].strip("."), {"ACCEPT": "accepted", "REJECT": "rejected"}[row[4]]) for row in rows]
    wide = [
        f"5 {row[0].strip('.')} 10.1.0.10 10.2.0.20 {row[2]} {row[3]} 6 {number} {number} {row[4]} "
        "10.1.0.10 10.2.0.20 OK"
        for number, row in enumerate(rows)
    ]
    expected = {row[0].strip("."): {"ACCEPT": "seen", "REJECT": "rejected"}[row[4]] for row in rows}
    yield from evidence("talk", ("10.1.0.10:12345->10.2.0.20:80/tcp", wide), [*expected], expected)
    yield "talk", "" if verdicts == wanted and ("rejected" in dict(verdicts).values()) else f"{verdicts}"


def judge(cases: Path) -> int:
    """Print each case; 1 if one differs."""
    rows = [*documented(cases / "flow-records"), *parquet(cases / "flow-records" / "flows.parquet")]
    rows += [*walked(cases), *talk(cases / "emnify" / "expected.json")]
    for name, differs in rows:
        print(f"{'differs' if differs else 'agrees':8} {re.sub(r'[^ -~]', '?', name):28} {differs}")  # noqa: T201
    bad = sum(bool(differs) for _, differs in rows)
    print(f"{len(rows)} cases, {bad} differ")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(judge(Path(sys.argv[1])))
