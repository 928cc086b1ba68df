"""``vpcshark walk … --analyzer``: the same question to AWS's Reachability Analyzer, its answer held against the walk.

What it makes has our tags and stands in a ledger from before it is made, and is deleted whatever happens, an analysis
before its path; what cannot be is left to the next clean-up. Must not know how the walk found its own answer.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vpcshark.aws import analyzer, kinds, prices, tagging
from vpcshark.aws.analyzer import Query
from vpcshark.aws.client import Aws
from vpcshark.aws.kinds import ANALYSIS, PATH
from vpcshark.cleanup import ledger, tags
from vpcshark.cli import console
from vpcshark.cli.questions import Questions
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import AwsError, Mistake, VpcsharkError
from vpcshark.network import analyzed
from vpcshark.network.analyzed import Finding, Told
from vpcshark.network.answer import Answer
from vpcshark.network.packet import NAMES, TCP, UDP

QUESTION = f"Reachability Analyzer costs {prices.ANALYSIS_USD:.2f} USD for an analysis ({prices.READ}). Ask it?"
LEASE = analyzer.PATIENCE + 300.0  # seconds after which whoever cleans up may take it for dead


def query(found: Answer) -> Query:
    """The walk's question as the analyzer takes it. Mistake for what it does not know, so that nothing is spent."""
    source, target, packet = found.asked.source, found.asked.target, found.packet
    if packet.is_v6 or packet.protocol not in (TCP, UDP):
        raise Mistake("Reachability Analyzer knows TCP and UDP over IPv4 alone.", "Leave out --analyzer here.")
    if source.interface is None:
        raise Mistake("Reachability Analyzer begins at an interface here.", "Walk from an ENI or an instance.")
    port = packet.dport[0] if packet.dport is not None and packet.dport[0] == packet.dport[1] else None
    protocol = NAMES[packet.protocol]
    if target.interface is not None and packet.dst in target.interface.addresses:
        return Query(source.interface.id, protocol, target.interface.id, port=port)
    return Query(source.interface.id, protocol, address=packet.dst, port=port)


class Asking:
    """One question to the analyzer of the account and Region behind ``ec2``; ``header`` are the ledger's plain
    fields."""

    def __init__(self, ec2: Any, clock: Clock, folder: Path, header: dict[str, Any], account: str = "") -> None:
        self._ec2, self._clock = ec2, clock
        now = clock.now()
        self._lease = tags.Lease(f"a-{secrets.token_hex(6)}", tags.default_owner(), now + LEASE, now)
        fields = {"owner": self._lease.owner, "started": now, "expires": self._lease.expires, **header}
        try:
            self._book = ledger.Ledger(folder / f"{self._lease.capture}{ledger.SUFFIX}", fields)
        except OSError as error:
            raise VpcsharkError(
                f"The ledger cannot be written: {error.strerror}.", "Make room on the disk that holds it."
            ) from error
        if account:
            self._book.belongs_to(account)

    def answer(self, asked: Query) -> Told:
        """What it says; all that it made is gone then. AwsError, also where something could not be deleted."""
        try:
            path = self._made(PATH, lambda tags, token: analyzer.create_path(self._ec2, asked, tags, token))
            analysis = self._made(ANALYSIS, lambda tags, token: analyzer.start(self._ec2, path, tags, token))
            return analyzed.read(analyzer.wait(self._ec2, analysis, self._clock))
        finally:
            self._delete()

    def _made(self, kind: str, create: Callable[[dict[str, str], str], str]) -> str:
        token = str(uuid.uuid4())
        self._book.creating(kind, token)
        found = create(self._lease.as_tags(), token)
        self._book.created(kind, token, found)
        return found

    def _delete(self) -> None:
        """By the ledger, and by tag where an answer never came."""
        left: list[str] = []
        record = ledger.read(self._book.path)
        made = [(kind, each) for each, kind in record.made.items()]
        try:
            if record.unanswered:
                found = kinds.tagged(self._ec2, kinds.ANALYZING, tags.CAPTURE, self._lease.capture)
                made += [(one.kind, one.id) for one in found]
        except AwsError as error:
            left.append(str(error))
        for kind, each in sorted(dict.fromkeys(made), key=lambda pair: kinds.ANALYZING.index(pair[0])):
            try:
                kinds.delete(self._ec2, kind, each)
                self._book.deleted(each)
            except AwsError as error:
                left.append(f"{each} could not be deleted: {error}")
        if not left:
            self._book.finish()
            return
        for sentence in left:
            self._book.note(sentence)
        self._book.leave_open()
        raise AwsError(" ".join(left), "vpcshark cleanup tries again.")


def agreed(is_sure: bool) -> bool:
    """Has the user agreed to the price? Mistake where nobody is there to be asked."""
    read = input if console.has_person() else None
    if not is_sure and read is None:
        raise Mistake(f"--analyzer costs {prices.ANALYSIS_USD:.2f} USD, and nobody is here to agree.", "Give --yes.")
    return Questions(read, console.err().print).agree(QUESTION, True if is_sure else None)


def held(found: Answer, aws: Aws, place: tuple[str, str]) -> tuple[Told, list[Finding]]:
    """What the analyzer says, and how it compares. ``place``: profile and region, for the ledger. AwsError, Mistake."""
    asked = query(found)
    source = f"{found.asked.source.text} -> {found.asked.target.text}"
    header = {"source": source, "profile": place[0], "region": place[1]}
    account = tagging.account_id(aws.sts)
    told = Asking(aws.ec2, SystemClock(), ledger.folder(), header, account).answer(asked)
    return told, analyzed.compare(found, told)


def as_json(told: Told, findings: Sequence[Finding]) -> dict[str, Any]:
    """For scripts."""
    return {
        "state": analyzed.state(findings),
        "status": told.status,
        "path_found": told.is_found,
        "forward": [each.id for each in told.there],
        "return": [each.id for each in told.back],
        "explanations": [{"reason": each.code, "text": each.text} for each in told.explanations],
        "remarks": [*told.remarks],
        "findings": [{"state": each.state, "text": each.text} for each in findings],
        "usd": prices.ANALYSIS_USD,
    }


def words(told: Told, findings: Sequence[Finding]) -> list[str]:
    """For a person: one line each."""
    return [
        f"Reachability Analyzer: {analyzed.state(findings)}",
        *(f"  {each.state}: {each.text}" for each in findings),
        *(f"  it explains: {each.text}" for each in told.explanations),
        *(f"  it remarks: {each}" for each in told.remarks),
    ]
