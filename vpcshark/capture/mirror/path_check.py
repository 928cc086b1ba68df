"""Preflight of a capture: which source and target are meant, what AWS shows of the way between them, what that means.

Makes nothing. Must not know who shows the findings.
"""

from __future__ import annotations

import contextlib
import itertools
import shlex
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vpcshark import threads
from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import capture_hosts, launch, launch_template
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.compute.launch_template import Template
from vpcshark.aws.iam import rehearsal
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import resources
from vpcshark.aws.mirroring.resources import MirrorSession
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.contract.host import Auto, Host, Instance, Launch, Local, target_id
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.mirror import fleet_picture, host_choice, hosting
from vpcshark.capture.mirror.hosting import Found, Launched, Tagged
from vpcshark.capture.mirror.launch_tags import further_tags
from vpcshark.cleanup import tags
from vpcshark.errors import AwsError, InputError
from vpcshark.preflight import Finding, Picture, examine, groups
from vpcshark.preflight import fleet as of_fleet
from vpcshark.preflight.finding import FAIL, OK, failures, starting
from vpcshark.settings import Hosts
from vpcshark.survey import picturing
from vpcshark.survey.rounds import Survey

_NOTHING_SAID = Hosts()
NO_HOST = "No capture host can be had: "
OF_HOST = ("target", "sources", "route", "acl", "group")  # checks whose verdict may be another with another host


def findings(
    aws: Aws, source: str, options: CaptureOptions, is_here: IsHere, allowed: Hosts = _NOTHING_SAID
) -> list[Finding]:
    """What ``vpcshark preflight`` tells of ``source`` (an ENI's id). ``allowed``: the hosts that the user's settings
    let receive. InputError where there is no such ENI; AwsError where AWS cannot be asked at all."""
    ec2 = aws.ec2
    surveying = threads.start(picturing.survey, aws)
    mirroring = threads.start(resources.sessions_of, ec2)
    listing = threads.start(interfaces.list_enis, ec2)
    asking = threads.start(_found, aws, options)
    templating = threads.start(_template, aws, options)
    enis = listing.result()
    eni = next((each for each in enis if each.id == source), None) or interfaces.find_eni(ec2, source)
    survey, place = surveying.result(), (aws.region, aws.profile)
    try:
        sessions = mirroring.result()
    except AwsError as error:
        sessions, survey = [], replace(survey, unknown={**survey.unknown, "sessions": str(error)})
    launched = options.host_type if options.host == Launch() and not options.host_template else ""
    told = picturing.plan(options.packet_length, launched, target_id(options.host))
    try:
        asked = hosting.sorted_out(asking.result(), allowed, is_here)
        target = _target(eni, asked, enis, options.host, is_here)
    except InputError as error:
        alone = picturing.draw(survey, eni, None, sessions, told, place)
        rest = [finding for finding in examine(alone) if finding.check != "target"]
        return [*rest, _no_host(alone, options.host, source, error)]
    targets = [target, *_further(asked, options.host, eni, enis)] if isinstance(target, Eni) else [None]
    seen = _reaching(survey, [picturing.draw(survey, eni, each, sessions, told, place) for each in targets])
    fleet = target if isinstance(target, Fleet) else None
    whole = _besides(aws, survey, _with_fleet(seen, fleet, _hosts_enis(fleet, enis)), options)
    found = [*examine(whole), *_of_hosts(whole, fleet)]
    if options.host != Launch():
        return found
    template = templating.result()
    launching = _launching(eni, template)
    return [*(launching if each.check == "target" else each for each in found), *_of_template(whole, template)]


def _found(aws: Aws, options: CaptureOptions) -> Found:
    """A launched host is not there yet, so nothing is asked of it."""
    return Launched(()) if options.host == Launch() else hosting.ask(aws, options.host)


def command(source: str, options: CaptureOptions) -> str:
    """The command that shows a person what a capture of ``source`` with these options would find."""
    usual = CaptureOptions()
    said = ["host", *(("host_type", "host_template") if options.host == Launch() else ()), "packet_length"]
    given = {name: getattr(options, name) for name in (*said, "profile", "region")}
    words = [(f"--{name.replace('_', '-')}", str(each)) for name, each in given.items() if each != getattr(usual, name)]
    return shlex.join(["vpcshark", "preflight", source, *itertools.chain(*words)])


@dataclass(frozen=True)
class Way:
    """Where the frames are to go. ``fleet`` with its ``hosts`` stands in the place of ``target``, ``template`` of one
    that is to be made; ``mirror_target`` stands already. ``sessions`` are those that there are; ``permitted`` is what
    DryRun said (action -> whether it is; None: nobody knows); ``packet_length`` in bytes of an inner frame, None for
    all."""

    target: Eni | None = None
    sessions: Sequence[MirrorSession] = ()
    packet_length: int | None = None
    fleet: Fleet | None = None
    hosts: Sequence[Eni] = ()
    template: Template | None = None
    permitted: Mapping[str, bool | None] = field(default_factory=dict)
    mirror_target: str = ""


def verdicts(aws: Aws, found: Survey, sources: Sequence[Eni], way: Way) -> list[list[Finding]]:
    """For a capture that has described everything already, one for each source: asks only where a verdict depends on
    more. AwsError."""
    told = []
    plan = picturing.plan(way.packet_length, "", way.mirror_target)
    seen = picturing.draw(found, sources[0], way.target, way.sessions, plan, (aws.region, aws.profile))
    seen = replace(_with_fleet(seen, way.fleet, way.hosts), permitted=way.permitted)
    for source in sources:  # what was asked for one is known for the next
        seen = picturing.complete(found, replace(seen, source=picturing.interface(source)))
        told.append([*examine(seen), *_of_hosts(seen, way.fleet), *_of_template(seen, way.template)])
    return told


def _of_template(seen: Picture, template: Template | None) -> Iterator[Finding]:
    """A launched host whose groups are not the capture's own must admit the frames like any other."""
    if seen.target is None and template is not None and template.groups:
        yield groups.verdict(seen, template.groups, f"launch template {template.name}", seen.source.vpc)


def _launching(source: Eni, template: Template | None) -> Finding:
    subnet = (template.subnet if template is not None else "") or source.subnet
    groups_of = f"with a security group for {source.primary_address} alone"
    if template is not None and template.has_groups:
        groups_of = "with its security groups"
    origin = f" from {template.name}" if template is not None else ""
    return Finding("target", OK, subnet, f"A capture host is launched in {subnet}{origin}, {groups_of}.")


def _with_fleet(seen: Picture, fleet: Fleet | None, enis: Sequence[Eni]) -> Picture:
    """``enis`` are the fleet's hosts'."""
    if fleet is None:
        return seen
    hosts_of = tuple(map(picturing.interface, enis))
    return replace(
        seen,
        balancer=fleet_picture.balancer(fleet.balancer),
        endpoint=fleet_picture.endpoint(fleet.endpoint),
        hosts=hosts_of,
    )


def _of_hosts(seen: Picture, fleet: Fleet | None) -> list[Finding]:
    return [] if fleet is None or fleet.has_one_host else of_fleet.findings(seen, is_geneve=fleet.is_geneve)


def _no_host(seen: Picture, wanted: Host, source: str, error: InputError) -> Finding:
    start = starting(seen, wanted.id) if isinstance(wanted, Instance) else ""
    resource = source if isinstance(wanted, Auto | Local) else str(wanted)
    return Finding("target", FAIL, resource, f"{NO_HOST}{error.problem} {error.remedy}", command=start)


def _target(source: Eni, found: Found, enis: Sequence[Eni], wanted: Host, is_here: IsHere) -> Eni | Fleet | None:
    """The target's ENI, or the fleet in its place; None where it cannot be seen, or is yet to be made."""
    match found:
        case Launched():
            return None
        case Fleet(resource=eni):
            if not found.tells_its_faults:
                host_choice.fleet_hosts(found, enis)  # says what is to be done where nobody can be told
            if not found.has_one_host:
                return found
        case CaptureHost(eni=eni):
            pass
        case Tagged(hosts=hosts, others=others):
            likely = Local() if wanted == Local() else Auto()
            eni = host_choice.choose_host(likely, [source], hosts, enis, is_here, others).eni
    return next((each for each in enis if each.id == eni), None)


def _further(found: Found, wanted: Host, source: Eni, enis: Sequence[Eni]) -> list[Eni]:
    """The targets that a capture takes instead of the nearest one where that cannot be reached."""
    if wanted != Auto() or not isinstance(found, Tagged):
        return []
    by_id = {eni.id: eni for eni in enis}
    return [by_id[host.eni] for host in capture_hosts.by_distance(found.hosts, [source])[1:] if host.eni in by_id]


def _template(aws: Aws, options: CaptureOptions) -> Template | None:
    """What a launched host would be launched from."""
    if options.host != Launch() or not options.host_template:
        return None
    return launch_template.find_template(aws.ec2, options.host_template)


def _reaching(survey: Survey, pictures: Sequence[Picture]) -> Picture:
    """The first one whose target the frames reach, as a capture chooses it; the first where none is."""
    for seen in pictures if len(pictures) > 1 else []:
        if not any(finding.check in OF_HOST for finding in failures(examine(picturing.complete(survey, seen)))):
            return seen
    return pictures[0]


def _hosts_enis(fleet: Fleet | None, enis: Sequence[Eni]) -> list[Eni]:
    """As far as they can be seen: whose can't is told elsewhere."""
    if fleet is None:
        return []
    try:
        ids = {host.eni for host in host_choice.fleet_hosts(fleet, enis)}
    except InputError:
        return []
    return [eni for eni in enis if eni.id in ids]


def may_launch(aws: Aws, options: CaptureOptions, lease: tags.Lease) -> Mapping[str, bool | None]:
    """What DryRun says of launching a host with these options; nothing where that is not meant, and of a launch
    template, which asks for what only AWS knows. Makes nothing. Mistake for a type that no host can be of: mode auto
    would take a missing permission for a reason to do without."""
    if options.host != Launch() or options.host_template:
        return {}
    typing = threads.start(launch.architecture, aws.ec2, options.host_type)
    labels = {**lease.as_tags(), **further_tags(options)}
    told: Mapping[str, bool | None] = {}
    with contextlib.suppress(AwsError):  # what can be told is told
        told = rehearsal.rehearse_launch(aws.ec2, options.host_type, options.host_role, labels)
    with contextlib.suppress(AwsError):
        typing.result()
    return told


def _besides(aws: Aws, survey: Survey, seen: Picture, options: CaptureOptions) -> Picture:
    """What only a person wants to know: bandwidth and permissions; and what the verdict hangs on."""
    lease = tags.Lease(uuid.uuid4().hex[:12], tags.default_owner(), 0.0)
    at = seen.target.id if seen.target is not None else ""
    rehearsing = threads.start(rehearsal.rehearse, aws.ec2, seen.source.id, at, lease.as_tags())
    launching = threads.start(may_launch, aws, options, lease)
    types = [seen.source.instance_type, seen.target.instance_type if seen.target is not None else ""]
    weighing = threads.start(picturing.bandwidth, aws.ec2, types)
    seen = picturing.complete(survey, seen)
    try:
        return replace(seen, bandwidth=weighing.result(), permitted={**rehearsing.result(), **launching.result()})
    except AwsError:
        return seen  # what can be told is told
