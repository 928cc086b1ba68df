"""Discovers sources, capture hosts and existing sessions, in one parallel round.

Makes nothing. Must not know how a mirror is made, nor who receives it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from vpcshark.aws.balancing import registered
from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.aws.balancing.registered import Registered
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import capture_hosts, launch_template
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.compute.launch_template import Template
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import resources
from vpcshark.aws.mirroring.resources import MirrorSession
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.contract.host import Auto, Balancer, Endpoint, Host, Instance, Launch, Local, Target, target_id
from vpcshark.capture.inventory import offered_hosts
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.mirror import host_choice, hosting, source_choice
from vpcshark.capture.mirror.hosting import Found, Launched, Tagged
from vpcshark.capture.mirror.launch_tags import FROM_TAG, launched_from
from vpcshark.capture.mirror.source_choice import Chosen, Source, Standing
from vpcshark.capture.mirror.surroundings import Surroundings
from vpcshark.cleanup import keeping
from vpcshark.errors import InputError
from vpcshark.preflight.target import sources_at
from vpcshark.settings import Hosts
from vpcshark.text import many

log = logging.getLogger(__name__)
_NOTHING_SAID = Hosts()
_ASKED: Mapping[type[Host], str] = {
    **dict.fromkeys((Target, Balancer, Endpoint), "describe the target"),
    **dict.fromkeys((Launch, Auto, Local), "describe hosts"),
    Instance: "describe the host",
}
"""The step in which is asked for what the user wants, for ``vpcshark capture --trace``."""


class Look:
    """One look around for one capture."""

    def __init__(self, context: Context, aws: Aws, is_here: IsHere, allowed: Hosts = _NOTHING_SAID) -> None:
        """``allowed``: the hosts that the user's settings let receive."""
        self._context = context
        self._aws = aws
        self._is_here = is_here
        self._allowed = allowed

    def around(self, jobs: Jobs) -> Surroundings:
        """One round: everything that is asked is asked at the same time. VpcsharkError for whatever the user wants and
        cannot have, so that nothing is made in vain."""
        ec2, options = self._aws.ec2, self._context.options
        timed = self._context.timeline.timed
        listing = jobs.start(timed, "describe interfaces", interfaces.list_enis, ec2)
        in_use = jobs.start(timed, "describe sessions", resources.sessions_of, ec2)
        hosting = jobs.start(self._ask_for_hosts)
        templating = jobs.start(self._template)
        behind = [jobs.start(self._registered, name) for name in self._context.selection.balancers]
        enis = jobs.result(listing)
        named = [self._named(jobs, eni, enis) for eni in self._context.selection.enis]
        targets = [one for future in behind for one in jobs.result(future)]
        found = source_choice.find(self._context.selection, enis, targets)
        asked = jobs.result(hosting)
        fleet = asked if isinstance(asked, Fleet) else None
        behind_target = host_choice.fleet_hosts(fleet, enis) if fleet is not None else ()
        spared = {one.eni for one in (asked.hosts if isinstance(asked, Tagged | Launched) else behind_target)}
        wanted = [eni for eni in found if eni.id not in spared]
        host = self._host(asked, named, wanted, enis) if not isinstance(asked, Fleet) else behind_target[0]
        length = fleet.packet_length(options.packet_length) if fleet is not None else options.packet_length
        sessions = jobs.result(in_use)
        by_source = _by_source(sessions)
        source_choice.check_hosts(named, behind_target)
        standing = Standing(by_source, options.session_number, spared)
        chosen = source_choice.choose(self._context.selection, named, found, host, standing)
        if fleet is None or fleet.has_one_host:
            host_choice.check_room(host, [eni.id for eni in chosen.enis], self._at_target(sessions))
        return Surroundings(
            self._sources(chosen, sessions),
            enis,
            host,
            by_source,
            is_own=options.host == Launch(),
            fleet=fleet,
            fleet_hosts=behind_target,
            packet_length=length,
            further=self._further(asked, host, chosen.enis),
            template=jobs.result(templating),
        )

    def _sources(self, chosen: Chosen, sessions: Sequence[MirrorSession]) -> tuple[Source, ...]:
        """With VNIs that no session has."""
        taken = {session.vni for session in sessions}
        vnis = source_choice.choose_vnis(self._context.options.vni, len(chosen.enis), taken)
        self._tell(chosen, vnis, sessions)
        return source_choice.assign(chosen, vnis)

    def _ask_for_hosts(self) -> Found:
        """Of tagged instances only those that may receive. The others are neither taken nor, as sources, spared."""
        host, timed = self._context.options.host, self._context.timeline.timed
        found = hosting.sorted_out(
            timed(_ASKED[type(host)], hosting.ask, self._aws, host), self._allowed, self._is_here
        )
        if host == Auto() and isinstance(found, Tagged) and found.hosts and found.others:
            self._say(offered_hosts.refusal(found.others))
        return found

    def _template(self) -> Template | None:
        options = self._context.options
        if options.host != Launch() or not options.host_template:
            return None
        return self._context.timeline.timed(
            "describe the launch template", launch_template.find_template, self._aws.ec2, options.host_template
        )

    def _registered(self, balancer: str) -> list[Registered]:
        return self._context.timeline.timed(
            "describe targets", registered.registered, self._aws.client("elbv2"), balancer
        )

    def _named(self, jobs: Jobs, eni_id: str, enis: Sequence[Eni]) -> Eni:
        """One that is not in the list may be of another type, or made a moment ago, or not there at all (raises)."""
        listed = next((eni for eni in enis if eni.id == eni_id), None)
        return listed or jobs.result(jobs.start(interfaces.find_eni, self._aws.ec2, eni_id))

    def _host(
        self,
        asked: CaptureHost | Launched | Tagged,
        named: Sequence[Eni],
        found: Sequence[Eni],
        enis: Sequence[Eni],
    ) -> CaptureHost:
        match asked:
            case Launched(hosts=launched):
                return self._own_host(launched, [*named, *found])
            case Tagged():
                return self._nearest(asked, named, found, enis)
        return asked

    def _nearest(self, asked: Tagged, named: Sequence[Eni], found: Sequence[Eni], enis: Sequence[Eni]) -> CaptureHost:
        wanted = Local() if self._context.options.host == Local() else Auto()
        choose = partial(host_choice.choose_host, wanted)
        try:
            return choose([*named, *found], asked.hosts, enis, self._is_here, asked.others)
        except InputError:
            if not found:
                raise
            # a query may have found this very machine, which is then no source
            return choose(named, asked.hosts, enis, self._is_here, asked.others)

    def _further(self, asked: Found, host: CaptureHost, chosen: Sequence[Eni]) -> tuple[CaptureHost, ...]:
        if self._context.options.host != Auto() or not isinstance(asked, Tagged) or host not in asked.hosts:
            return ()
        return tuple(one for one in capture_hosts.by_distance(asked.hosts, chosen) if one != host)

    def _own_host(self, launched: Sequence[CaptureHost], wanted: Sequence[Eni]) -> CaptureHost:
        options, now = self._context.options, self._context.clock.now()
        if not wanted:
            raise InputError(
                f"AWS knows no ENI for {self._context.selection}.", "vpcshark interfaces lists what there is."
            )
        like = {FROM_TAG: launched_from(options)}
        kind = "" if options.host_template else options.host_type
        owner, noted = self._context.maker.lease.owner, keeping.all_kept(self._context.maker.folder, now)
        for host in host_choice.claimed(launched, owner):
            if not host_choice.is_noted(host, noted):
                self._say(_unproved(host))
        return host_choice.own_host(wanted, launched, host_choice.Ours(owner, now, noted), like, kind)

    def _at_target(self, sessions: Sequence[MirrorSession]) -> list[str]:
        """The sources that the target has already."""
        return sorted(sources_at(target_id(self._context.options.host), sessions))

    def _tell(self, chosen: Chosen, vnis: Sequence[int], sessions: Sequence[MirrorSession]) -> None:
        said = list(chosen.left_out)
        if not self._context.selection.single:
            shown = ", ".join(f"{eni.id} {eni.name}" for eni in chosen.enis)
            said.insert(0, f"{self._context.selection}: {many(len(chosen.enis), 'ENI')}: {shown}.")
        said += [
            f"{session.id} has the VNI {session.vni} too: where both have one capture host, their frames mix."
            for session in sessions
            if session.vni in vnis
        ]
        for sentence in said:
            self._say(sentence)

    def _say(self, sentence: str) -> None:
        log.info("%s", sentence)
        self._context.status.log(sentence)


def _unproved(host: CaptureHost) -> str:
    return (
        f"The instance {host.instance} ({host.name}) has the tags of a capture host that you keep, but no capture on "
        "this machine kept it: it is not used."
    )


def _by_source(sessions: Sequence[MirrorSession]) -> dict[str, list[MirrorSession]]:
    found: dict[str, list[MirrorSession]] = {}
    for session in sessions:
        found.setdefault(session.source, []).append(session)
    return found
