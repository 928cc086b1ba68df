"""``make judge-walk CASES=FOLDER``: walks over other people's dumps, compared with what independent evaluators found.

FOLDER has batfish/expected.json with its dumps, packet-walk.json, emnify/expected.json and reachability-guide.json; it
stays out of the repository. What the posts and the talk tell in words is built into a dump here. Prints a table; exit
status 1 on a difference.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from vpcshark.cli.main import run

VERDICTS = {
    "DENIED_IN": "blocked",
    "NULL_ROUTED": "blocked",
    "NO_ROUTE": "blocked",
    "NEIGHBOR_UNREACHABLE": "blocked",
    "ACCEPTED": "reachable",
    "EXITS_NETWORK": "reachable",
    "EXITS_OK_BOTH_WAYS": "reachable",
    "OK_BOTH_WAYS": "reachable",
}
"""What Batfish says -> what the way there is. What leaves by a virtual private gateway is unknown to a walk."""


def walk(dump: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """(exit status, the answer) of one walk."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run(["walk", *arguments, "--from-dump", str(dump), "--json"])
    if not out.getvalue():
        raise RuntimeError(err.getvalue())
    return status, json.loads(out.getvalue())


def ids(hops: Sequence[Mapping[str, Any]]) -> list[str]:
    """The hops' ids in order."""
    return [hop["resource"] for hop in hops]


def is_subsequence(wanted: Sequence[str], found: Sequence[str]) -> str:
    """ "" if ``wanted`` stands in ``found`` in its order; else what is missing first."""
    rest = iter(found)
    return next((each for each in wanted if each not in rest), "")


def batfish(folder: Path) -> Iterator[tuple[str, str]]:
    """(case, what differs) of each expected trace."""
    for case in json.loads((folder / "expected.json").read_text("utf-8"))["cases"]:
        yield case["id"], _batfish_case(folder, case)


def _batfish_case(folder: Path, case: Mapping[str, Any]) -> str:
    found = re.search(r"\((eni-\w+)\)", case["dst"])
    source = case["src"].split()[0]
    target = case["dst"].split()[0] if found is None or case["dst"].startswith("10.") else found[1]
    port = f":{case['dport']}" if case["dport"] else ""
    protocol = re.match(r"\w+", case["protocol"])
    status, answer = walk(
        folder / case["snapshot"], source, target + port, "--protocol", protocol[0] if protocol else "any"
    )
    forward = answer["forward"]
    wanted = [each for each in case["hops"] if not each.startswith("NLB ")]
    beyond = any(each.startswith("vgw-") for each in wanted)
    verdict = "unknown" if beyond else VERDICTS[case["disposition"]]
    said = []
    if _is_for_want_of_answers(answer):  # Batfish takes what a dump leaves out as open; a walk takes it as unknown
        verdict = "unknown"
    if forward["verdict"] != verdict:
        said.append(f"{forward['verdict']}, not {verdict}: {answer['unknowns']}")
    if missing := is_subsequence(wanted, ids(forward["hops"])):
        said.append(f"{missing} is not among the hops in its place")
    reasons = {hop["reason"] for hop in forward["hops"] if hop["verdict"] == "drop"}
    if case.get("reason") and case["reason"] not in reasons:
        said.append(f"{case['reason']} is not told, but {sorted(reasons)}")
    if "BOTH_WAYS" in case["disposition"]:
        back = answer["return"]
        said += [] if back["verdict"] == "reachable" and status == 0 else [f"the way back is {back['verdict']}"]
        if missing := is_subsequence(case.get("return_hops", []), ids(back["hops"])):
            said.append(f"{missing} is not among the hops back in its place")
    if verdict == "blocked":
        said += _place(case, forward)
    return "; ".join(said)


def _is_for_want_of_answers(answer: Mapping[str, Any]) -> bool:
    """Is all that is unknown only what the dump has no answer of?"""
    unknowns = [each["text"] for each in answer["unknowns"]]
    return bool(unknowns) and all("the folder has no answer of" in each for each in unknowns)


def _place(case: Mapping[str, Any], forward: Mapping[str, Any]) -> list[str]:
    """The first drop is where Batfish ends: not before its last hop but one, nor after its last."""
    hops = forward["hops"]
    first = next(number for number, hop in enumerate(hops) if hop["verdict"] == "drop")
    last = [each for each in case["hops"] if not each.startswith("NLB ")][-1]
    around = {hops[first]["resource"], hops[first]["subnet"], hops[first]["vpc"]} | set(ids(hops[first:]))
    seen = set(ids(hops[: first + 1])) | around
    return [] if last in seen else [f"the first drop is at {hops[first]['resource']}, before {last}"]


def posts(folder: Path) -> Iterator[tuple[str, str]]:
    """The packet walk over a transit gateway and the one over a NAT gateway, and the talk's."""
    from tests.support import walks

    for case in json.loads((folder / "packet-walk.json").read_text("utf-8"))["cases"]:
        yield case["id"], _told(case, walks)
    path = folder / "emnify" / "expected.json"
    if path.exists():
        yield "talk", _talk(json.loads(path.read_text("utf-8")), walks)


def _told(case: Mapping[str, Any], walks: Any) -> str:
    """Interfaces there and back, in order."""
    with tempfile.TemporaryDirectory() as place:
        dump = (
            walks.packet_walk(Path(place), case)
            if "dst" in case and isinstance(case["dst"], dict)
            else walks.nat_walk(Path(place), case)
        )
        target = case["dst"]["ip"] if isinstance(case["dst"], dict) else case["dst"]
        status, answer = walk(dump, case["src"]["eni"], f"{target}:{case['dport']}", "--protocol", case["protocol"])
    said = [] if status == 0 else [f"{answer['verdict']}: {answer['blockers']} {answer['unknowns']}"]
    for direction in ("forward", "return"):
        wanted = [each.split()[0] for each in case[direction]]
        found = [e for e in ids(answer[direction]["hops"]) if e.startswith(("eni-", "igw-"))]
        if list(dict.fromkeys(found)) != wanted:
            said.append(f"{direction}: {found}, not {wanted}")
    return "; ".join(said)


def _talk(case: Mapping[str, Any], walks: Any) -> str:
    """The analyzer's hops, in its order, from the client's network ACL on."""
    wanted = [
        found[0]
        for text in case["reachability_analyzer_hops_seen_in_talk"][1:-1]
        if (found := re.match(r"(acl|rtb|eni|tgw-attach|tgw-rtb|tgw)-[0-9a-f]+", text))
    ]
    with tempfile.TemporaryDirectory() as place:
        dump = walks.talk(Path(place), wanted)
        status, answer = walk(dump, "10.1.0.10", "10.2.0.20:80")
    said = [] if status == 0 else [f"{answer['verdict']}: {answer['blockers']} {answer['unknowns']}"]
    missing = is_subsequence(wanted, ids(answer["forward"]["hops"]))
    return "; ".join([*said, *([f"{missing} is not among the hops in its place"] if missing else [])])


def guide(path: Path) -> Iterator[tuple[str, str]]:
    """The two answers of Reachability Analyzer in its guide: whatever they name is read and told."""
    from vpcshark.cli.walk_analyzer import as_json
    from vpcshark.network import analyzed

    answers = json.loads(path.read_text("utf-8"))
    for name in ("reachable", "not_reachable"):
        raw = answers[name]["NetworkInsightsAnalyses"][0]
        said = as_json(analyzed.read(raw), [])
        wanted = [
            [row["Component"]["Id"] for row in raw.get(f"{way}PathComponents", [])] for way in ("Forward", "Return")
        ]
        reasons = [each["ExplanationCode"] for each in raw.get("Explanations", [])]
        told = [each["reason"] for each in said["explanations"]]
        is_told = (said["path_found"], said["forward"], said["return"], told)
        differs = is_told != (raw["NetworkPathFound"], *wanted, reasons)
        yield f"the analyzer's guide, {name}", f"{is_told}" if differs else ""


def judge(cases: Path) -> int:
    """Print each case; 1 if one differs."""
    rows = [*batfish(cases / "batfish"), *posts(cases)]
    if (cases / "reachability-guide.json").exists():
        rows += guide(cases / "reachability-guide.json")
    for name, differs in rows:
        print(f"{'differs' if differs else 'agrees':8} {name:42} {differs}")  # noqa: T201
    bad = sum(bool(differs) for _, differs in rows)
    print(f"{len(rows)} cases, {bad} differ")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(judge(Path(sys.argv[1])))
