"""A mirror is silent: runs preflight again, looks at the sessions, and at CloudWatch's counts.

Makes nothing. What AWS does not allow to be asked is listed, and the rest is told. Must not know who listens.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from vpcshark import threads
from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.aws.client import Aws
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import resources
from vpcshark.aws.mirroring.resources import MirrorSession
from vpcshark.aws.monitoring import metrics
from vpcshark.aws.monitoring.metrics import Counted
from vpcshark.capture.contract.frame_stream import Arrived
from vpcshark.capture.contract.host import Several
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.mirror import fleet_lookup, path_check, silence_text
from vpcshark.capture.mirror.path_check import Way
from vpcshark.capture.mirror.silence_text import Facts
from vpcshark.capture.mirror.surroundings import Surroundings
from vpcshark.errors import VpcsharkError
from vpcshark.preflight import Finding
from vpcshark.preflight.finding import FAIL, OK
from vpcshark.survey import picturing
from vpcshark.survey.rounds import Survey

log = logging.getLogger(__name__)
T = TypeVar("T")
_NOT_OF_THE_WAY = ("cost", "bandwidth", "zone")  # checks that no silence comes from


@dataclass(frozen=True)
class SecondLook:
    """At a capture that is up. ``told`` is what preflight found of each source before (ENI id -> findings; none where
    it was not asked), ``began`` when its sessions were there, in seconds since the epoch."""

    context: Context
    aws: Aws
    around: Surroundings
    told: Mapping[str, Sequence[Finding]]
    began: float

    def facts(self, arrived: Arrived, capture_filter: str) -> Facts:
        """All that can be found out now, asked side by side."""
        ec2, unseen = self.aws.ec2, list[str]()
        surveying = threads.start(picturing.survey, self.aws)
        listing = threads.start(interfaces.list_enis, ec2)
        mirroring = threads.start(resources.sessions_of, ec2)
        finding = threads.start(self._fleet)
        counting = threads.start(self.counted)
        facts = Facts(arrived, self.around.receivers, [one.vni for one in self.around.sources], capture_filter)
        counted = _or_none(counting, unseen) or []
        sessions, enis = _or_none(mirroring, unseen), _or_none(listing, unseen)
        rules = str(self.context.options.mirror_filter)
        facts = replace(facts, mirror_filter=rules, counted=counted, began=self.began, lost=self._lost(sessions))
        if enis is not None:
            new, standing = self._compared(
                self._examined(surveying.result(), enis, sessions or [], _or_none(finding, unseen))
            )
            facts = replace(facts, new=new, standing=standing, is_compared=bool(self.told))
        return replace(facts, unseen=unseen)

    def counted(self) -> list[Counted]:
        """Of the sources' instances. AwsError."""
        instances = [source.eni.instance for source in self.around.sources]
        return metrics.counted(self.aws.client("cloudwatch"), instances, self.context.clock.now())

    def still(self) -> list[str]:
        """What CloudWatch knows by now of the time since the capture began."""
        try:
            return list(silence_text.counts([one for one in self.counted() if one.began >= self.began], self.began))
        except VpcsharkError as error:
            log.info("CloudWatch was not asked again: %s", error)
            return []

    def _fleet(self) -> Fleet | None:
        """What stands behind a load balancer now; None where frames go to an ENI. VpcsharkError."""
        fleet, host = self.around.fleet, self.context.options.host
        if fleet is None or fleet.has_one_host or not isinstance(host, Several):
            return None
        return fleet_lookup.find(self.aws, host)

    def _lost(self, sessions: Sequence[MirrorSession] | None) -> list[str]:
        if sessions is None:
            return []
        shown = {session.id for session in sessions}
        return [one for one, kind in self.context.maker.made.items() if kind == "session" and one not in shown]

    def _examined(
        self, survey: Survey, enis: Sequence[Eni], sessions: Sequence[MirrorSession], fleet: Fleet | None
    ) -> dict[str, list[Finding]]:
        """Preflight anew, without the capture's own sessions; what is not listed any more is a finding, too."""
        now, mine = {eni.id: eni for eni in enis}, self.context.maker.made
        found = {source.eni.id: [_gone(source.eni.id, "source")] for source in self.around.sources}
        sources = [now[one] for one in found if one in now]
        targets = [now[host.eni] for host in self.around.hosts if host.eni in now]
        target = targets[0] if targets and not fleet else None
        others = [session for session in sessions if session.id not in mine]
        if sources:
            way = Way(target, others, self.context.options.packet_length, fleet, targets)
            judged = path_check.verdicts(self.aws, survey, sources, way)
            found |= {eni.id: findings for eni, findings in zip(sources, judged, strict=True)}
        gone = [_gone(host.eni, "target") for host in self.around.hosts if host.eni and host.eni not in now]
        return {one: [*findings, *gone] for one, findings in found.items()}

    def _compared(self, found: Mapping[str, Sequence[Finding]]) -> tuple[list[Finding], list[Finding]]:
        """(what is not in order and was, what was not before either); each sentence once."""
        new: dict[str, Finding] = {}
        standing: dict[str, Finding] = {}
        for source, findings in found.items():
            before = {_key(finding) for finding in self.told.get(source, ()) if finding.level != OK}
            for finding in findings:
                if finding.level != OK and finding.check not in _NOT_OF_THE_WAY:
                    (standing if _key(finding) in before else new).setdefault(finding.sentence, finding)
        return list(new.values()), list(standing.values())


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.check, finding.level, finding.resource


def _gone(eni: str, check: str) -> Finding:
    return Finding(check, FAIL, eni, f"{eni} is not there any more.")


def _or_none(asked: Future[T], unseen: list[str]) -> T | None:
    try:
        return asked.result()
    except VpcsharkError as error:
        log.info("%s", error)
        unseen.append(str(error))
        return None
