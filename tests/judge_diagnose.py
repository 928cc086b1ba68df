"""``make judge-diagnose CASES=FOLDER``: what diagnose says of labelled captures, beside the naive reading of tshark.

FOLDER has LABELS.tsv and captures; it stays out of the repository. A table with the columns "proves" and "admits" says
itself which classes a capture proves ("a|b": either; "healthy"; "-": nobody can tell) and what else is true of it; for
other tables ``KNOWN`` says it by name. Each frame number of a finding is looked up with tshark, which knows nothing of
us: the frame must be there and belong to one of the finding's flows. Exit status 1 if something is wrong.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "support"))
import frame_facts

from vpcshark.cli.main import run

HEALTHY, OPEN = "healthy", "-"
ARTEFACTS = {"capture-lost-packets", "capture-duplicated", "mirror-artefact"}
KNOWN: Mapping[str, str] = {
    "slowfile-clientside.pcapng": "pmtu-black-hole",
    "slowfile-serverside.pcapng": "pmtu-black-hole",
    "slowfile-clientside.pcapng slowfile-serverside.pcapng": "pmtu-black-hole mss-clamp-one-way",
    "PMTUD.pcapng": HEALTHY,
    "Lab1-ItsNotTheNetwork.pcapng": "zero-window",
    "tcp-duplicate-acks.pcapng": "loss",
    "tlsbroken.pcapng": "tls-version",
    "sample-slowserver.pcapng": "slow-server",
    "tcp_retransmissions.pcapng": OPEN,
    "tcp_dupack.pcapng": "loss",
    "tcp_zerowindowdead.pcapng": "zero-window",
    "tcp_refuseconnection.pcapng": "refused",
    "latency1.pcapng": HEALTHY,
    "latency2.pcapng": "slow-network",
    "latency4.pcapng": "slow-server",
    "nowebaccess1.pcapng": "dns-unanswered",
    "nowebaccess3.pcapng": "syn-unanswered",
    "http_espn_fail.pcapng": "syn-unanswered",
    "stranded_clientside.pcapng": "dns-servfail",
    "stranded_branchdns.pcapng": "dns-servfail",
    "weather_working.pcapng": HEALTHY,
    "tickedoffdeveloper.pcapng": HEALTHY,
    "icmp_traceroute.pcapng": HEALTHY,
    "dns_query_nonexistent.pcapng": "dns-nxdomain",
    "ip_frag_source.pcapng": HEALTHY,
    "ssh-dups.pcap": "capture-duplicated",
    "qi_internet_SYNACK.pcap": "injected-data",
    "1000-requests-one-dropped.pcap.gz": "capture-lost-packets",
    "fin_retransmission.pcap": "slow-network",
    "no-handshake.pcap": OPEN,
    "one-sided-2745.pcap": OPEN,
    "syn-then-rst.pcap": HEALTHY,
    "tls-1.2-handshake-failure.pcap": "tls-alert|tls-cipher",
    "tls-early-alert.pcap": HEALTHY,
    "tls-expired-cert.pcap": "tls-expired",
    "tls-certificate-request-failed.pcap": "tls-alert",
    "tls_alert.pcap": "tls-version|tls-alert",
    "ssl-cert-name-mismatch.pcap": "tls-name",
    "gso-ipv4.pcap": HEALTHY,
    "bigtcp-ipv4.pcap": HEALTHY,
    "path_MTU_discovery.cap": HEALTHY,
    "TCP_SACK.cap": HEALTHY,
    "HTTP.cap": HEALTHY,
    "localhost-bad-chksum.pcap": HEALTHY,
    "vxlan-encapsulated-http.pcap": HEALTHY,
    "tls-to-http-port.pcap": "tls-plaintext",
}
"""What LABELS.tsv of the public captures tells in words."""


class Case(NamedTuple):
    """Files (one, or one for each point), what they prove, and what else is true of them."""

    name: str
    files: list[Path]
    proves: list[set[str]]
    admits: set[str]

    @property
    def is_sound(self) -> bool:
        """Is nothing wrong there?"""
        return any(HEALTHY in each or each <= ARTEFACTS for each in self.proves)

    @property
    def is_open(self) -> bool:
        """Can nobody tell by these packets?"""
        return any(OPEN in each for each in self.proves)


def cases(folder: Path) -> Iterator[Case]:
    """The labelled captures that are there."""
    with (folder / "LABELS.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    names = [row["name"] for row in rows]
    for row in rows:
        yield from _case(folder, row["name"], row.get("proves") or KNOWN.get(row["name"], ""), row.get("admits") or "")
    for name in KNOWN:
        if " " in name and set(name.split()) <= set(names):
            yield from _case(folder, name, KNOWN[name], "")


def _case(folder: Path, name: str, proves: str, admits: str) -> Iterator[Case]:
    files = [folder / each for each in name.split()]
    if proves and all(file.exists() for file in files):
        yield Case(name, files, [set(each.split("|")) for each in proves.split()], set(admits.split()))


class Said(NamedTuple):
    """What diagnose said."""

    status: int
    answer: dict[str, Any]

    @property
    def sure(self) -> set[str]:
        """Classes that are proved or likely."""
        return {each["class"] for each in self.answer["findings"] if each["confidence"] != "cannot-tell"}

    @property
    def open(self) -> set[str]:
        """Classes that are left open."""
        return {each["class"] for each in self.answer["findings"]} - self.sure


def diagnosed(files: Sequence[Path]) -> Said:
    """Run the command as a script does."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run(["diagnose", *map(str, files), "--json"])
    if not out.getvalue():
        raise RuntimeError(f"{files}: {err.getvalue()}")
    return Said(status, json.loads(out.getvalue()))


def verdict(case: Case, said: Said) -> str:
    """``right``, or what is wrong; ``open`` where it cannot tell what can be told."""
    if case.is_open:
        return "right" if not said.sure - case.admits else f"says {sorted(said.sure)}, nobody can tell"
    allowed = set().union(*case.proves) | case.admits | ARTEFACTS
    if extra := said.sure - allowed:
        return f"says {sorted(extra)}"
    wanted = [each for each in case.proves if HEALTHY not in each]
    missing = [each for each in wanted if not each & said.sure]
    if not missing:
        healthy = all(each <= ARTEFACTS for each in wanted)
        if case.is_sound and healthy and said.status == 3:
            return "open"
        return "right"
    return (
        "open"
        if all(each & said.open or said.status == 3 for each in missing)
        else f"misses {sorted(map(sorted, missing))}"
    )


def misplaced(case: Case, said: Said) -> list[str]:
    """Frames of findings that are not there, of none of the finding's flows, or not what it says, as tshark sees them;
    and display filters that are none."""
    found = said.answer["findings"]
    filters = [each for each in found if each["filter"] and not _is_filter(each["filter"], case.files[0])]
    return [*frame_facts.wrong(found), *(f"{each['class']}: {each['filter']} is no display filter" for each in filters)]


_FILTERS: dict[str, bool] = {}


def _is_filter(text: str, file: Path) -> bool:
    if text not in _FILTERS:
        words = ["tshark", "-n", "-c", "1", "-r", str(file), "-Y", text]
        _FILTERS[text] = subprocess.run(words, capture_output=True, check=False).returncode == 0
    return _FILTERS[text]


def naive(files: Sequence[Path]) -> bool:
    """Does tshark's expert have any warning or note of the sequence kind, or an error? A common way to read it."""
    for file in files:
        done = subprocess.run(
            ["tshark", "-n", "-q", "-r", str(file), "-z", "expert"], capture_output=True, text=True, check=False
        )
        level = ""
        for row in done.stdout.splitlines():
            if row.startswith(("Errors", "Warns", "Notes", "Chats")):
                level = row.split()[0]
            elif (level == "Errors" and row.strip() and row.split()[0].isdecimal()) or (
                level in ("Warns", "Notes") and "Sequence" in row
            ):
                return True
    return False


def main(folders: Sequence[str]) -> int:
    """Judge, print, tell."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    bad, total, alarms, naive_right = [], Counter[str](), Counter[str](), Counter[str]()
    for folder in folders:
        for case in cases(Path(folder)):
            said = diagnosed(case.files)
            told = verdict(case, said)
            kind = "open" if case.is_open else " ".join("|".join(sorted(each)) for each in case.proves)
            column = told if told in ("right", "open") else "wrong"
            counts[kind][column] += 1
            total[column] += 1
            sound = case.is_sound
            alarm = naive(case.files)
            naive_right[
                "alarm on sound" if alarm and sound else "silent on fault" if not alarm and not sound else "other"
            ] += 1
            if sound and said.sure - ARTEFACTS - case.admits:
                alarms["false"] += 1
            alarms["sound"] += sound
            alarms["faulty"] += not sound
            if column != "right":
                bad.append(f"{case.name}: {told} (wanted {kind}; said {sorted(said.sure)} open {sorted(said.open)})")
            bad += [f"{case.name}: {each}" for each in misplaced(case, said)]
    _print(counts, total, alarms, naive_right, bad)
    return 1 if bad else 0


def _print(
    counts: Mapping[str, Counter[str]],
    total: Counter[str],
    alarms: Counter[str],
    naive_right: Counter[str],
    bad: Sequence[str],
) -> None:
    print(f"{'class':52} right wrong can't tell")  # noqa: T201
    for kind, found in sorted(counts.items()):
        print(f"{kind[:52]:52} {found['right']:5} {found['wrong']:5} {found['open']:10}")  # noqa: T201
    given = total["right"] + total["wrong"]
    everything = given + total["open"]
    print(f"{'in all':52} {total['right']:5} {total['wrong']:5} {total['open']:10}")  # noqa: T201
    print(f"precision {total['right'] / max(given, 1):.3f}, recall {total['right'] / max(everything, 1):.3f}")  # noqa: T201
    print(f"false alarms on sound captures: {alarms['false']} of {alarms['sound']}")  # noqa: T201
    print(  # noqa: T201
        f"tshark -z expert, read naively: alarms on {naive_right['alarm on sound']} of {alarms['sound']} sound ones, "
        f"silent on {naive_right['silent on fault']} of {alarms['faulty']} others"
    )
    for each in bad:
        print(each)  # noqa: T201


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Say where the captures are: make judge-diagnose CASES=FOLDER")
    sys.exit(main(sys.argv[1:]))
