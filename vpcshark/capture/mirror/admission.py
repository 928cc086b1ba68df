"""Runs preflight and rejects sources whose frames cannot arrive; beside it, looks up the surroundings.

Makes nothing. Must not know how a mirror is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from vpcshark.aws.client import Aws
from vpcshark.capture.contract.host import target_id
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.mirror import path_check
from vpcshark.capture.mirror.path_check import Way
from vpcshark.capture.mirror.rounds import Admitted
from vpcshark.capture.mirror.source_choice import Source
from vpcshark.capture.mirror.surroundings import Door, Surroundings
from vpcshark.errors import VpcsharkError
from vpcshark.preflight import Finding
from vpcshark.preflight.finding import OK, failures
from vpcshark.survey import picturing
from vpcshark.survey.rounds import Survey

log = logging.getLogger(__name__)
GROUP = "group"  # the check of the target's security groups
Judge = Callable[[Surroundings], Sequence[Sequence[Finding]]]
"""Surroundings -> the findings for each source."""
_OWN = ("target", GROUP)  # what the capture sees to itself where the host and its groups are its own


class Gate:
    """One capture's. Making it begins the survey, in threads of ``jobs``."""

    def __init__(self, context: Context, aws: Aws, jobs: Jobs) -> None:
        self._context = context
        self._aws = aws
        self._jobs = jobs
        self._told: dict[str, Sequence[Finding]] = {}  # ENI id -> what was found
        self._asked = (jobs.start(self._survey), jobs.start(self._may_launch)) if context.options.preflight else None

    def admit(self, around: Surroundings) -> Admitted:
        """The same surroundings, with what has to be opened, and without the sources that a query found and whose
        frames cannot come. VpcsharkError for one that was named, and where none is left."""
        if self._asked is None:
            return Admitted(around)
        surveying, launching = self._asked
        survey = self._jobs.result(surveying)
        takes_launch = around.is_own and not around.host.instance  # a kept host takes none
        permitted = self._jobs.result(launching) if takes_launch else {}
        return self._of_one_host(around, partial(self._verdicts, survey, permitted))

    def _of_one_host(self, around: Surroundings, judge: Judge) -> Admitted:
        """For the first of the hosts that frames can reach."""
        refused: list[_Refused] = []
        candidates = (around.host, *around.further)
        for host in candidates:
            try:
                return self._through(replace(around, host=host), judge)
            except _Refused as error:
                refused.append(error)
                if not error.is_the_hosts:
                    break
                if host is not candidates[-1]:
                    self._say(f"{host.name} is passed over as capture host: {error.sentence}")
        raise refused[0]

    def _through(self, around: Surroundings, judge: Judge) -> Admitted:
        """The same for one capture host. _Refused."""
        passed, opened, refused = [], [], []
        for source, told in zip(around.sources, judge(around), strict=True):
            found = [finding for finding in told if finding.check not in _seen_to(around)]
            self._told[source.eni.id] = found
            doors = self._doors(found, source)
            failed = [finding for finding in failures(found) if not doors or finding.check != GROUP]
            if failed and not source.is_found:
                raise self._refused(source, failed)
            self._tell(source, found)
            if failed:
                refused.append(self._refused(source, failed))
                self._say(f"{source.eni.id} is left out: {failed[0].sentence}")
            else:
                passed.append(source)
                opened += doors
        if not passed:
            raise refused[0]
        return Admitted(replace(around, sources=passed), tuple(dict.fromkeys(opened)), self._told)

    def _verdicts(
        self, survey: Survey, permitted: Mapping[str, bool | None], around: Surroundings
    ) -> Sequence[Sequence[Finding]]:
        """The findings for each source. ``permitted``: what DryRun said of the launch."""
        target = next((eni for eni in around.enis if eni.id == around.host.eni), None)
        fleet = around.fleet if around.fleet is not None and not around.fleet.has_one_host else None
        behind = {host.eni for host in around.fleet_hosts}
        way = Way(
            target=None if fleet else target,
            sessions=[session for found in around.sessions.values() for session in found],
            packet_length=self._context.options.packet_length,
            fleet=fleet,
            hosts=[eni for eni in around.enis if eni.id in behind],
            template=around.template,
            permitted=permitted,
            mirror_target=target_id(self._context.options.host),
        )
        sources = [source.eni for source in around.sources]
        return self._jobs.result(self._jobs.start(path_check.verdicts, self._aws, survey, sources, way))

    def _may_launch(self) -> Mapping[str, bool | None]:
        return path_check.may_launch(self._aws, self._context.options, self._context.maker.lease)

    def _survey(self) -> Survey:
        with self._context.timeline.step("look at the network"):
            return picturing.survey(self._aws)

    def _doors(self, found: Sequence[Finding], source: Source) -> list[Door]:
        if not self._context.options.open_security_group:
            return []
        address = source.eni.primary_address
        return [Door(f.resource, address) for f in failures(found) if f.check == GROUP and f.resource.startswith("sg-")]

    def _refused(self, source: Source, failed: Sequence[Finding]) -> _Refused:
        return _Refused(failed, path_check.command(source.eni.id, self._context.options))

    def _tell(self, source: Source, found: Sequence[Finding]) -> None:
        for finding in found:
            log.info("Preflight of %s: %s: %s", source.eni.id, finding.level, finding.sentence)
            if finding.level != OK:
                self._context.status.log(f"Preflight of {source.eni.id}: {finding.level}: {finding.sentence}")

    def _say(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._context.status.log(sentence)


def _seen_to(around: Surroundings) -> Sequence[str]:
    """The checks that nobody has to pass, because the capture makes it so."""
    if not around.is_own:
        return ()
    return ("target",) if around.template is not None and around.template.has_groups else _OWN


class _Refused(VpcsharkError):
    """The first thing on the frames' way, with the command that mends it in the same breath: mode auto says the problem
    alone, beside tcpdump's."""

    def __init__(self, failed: Sequence[Finding], shows: str) -> None:
        first = failed[0]
        mend = f" To mend it: {first.command}" if first.command else ""
        option = " (or give --open-security-group)" if first.check == GROUP else ""
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        super().__init__(
            f"The capture would stay empty. {first.sentence}{mend}{option}",
            f"{shows} shows this{more}; --no-preflight goes on all the same.",
        )
        self.sentence = first.sentence
        self.is_the_hosts = all(finding.check in path_check.OF_HOST for finding in failed)
