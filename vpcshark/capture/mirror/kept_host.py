"""A capture host that one capture leaves to the next: kept at the end of the one, claimed at the start of the other.

Must not know how a host is launched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from vpcshark import threads
from vpcshark.aws import kinds, tagging
from vpcshark.aws.client import Ec2
from vpcshark.aws.compute import launch
from vpcshark.aws.tagging import Tagged
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.mirror.host_access import Access
from vpcshark.capture.mirror.host_waiting import Waiting
from vpcshark.capture.receivers.receiver import Receiver
from vpcshark.cleanup import keeping, tags
from vpcshark.cleanup.keeping import Kept
from vpcshark.errors import AwsError, TransportError, VpcsharkError
from vpcshark.receiver.heartbeat import SILENCE

log = logging.getLogger(__name__)
CLAIMED = (
    0.5  # seconds until a claim holds: longer than another capture takes from its look at a kept host to its claim
)


def claim(context: Context, access: Access, waiting: Waiting) -> bool:
    """Make the kept host and its group ours; False if somebody else was faster, or it has just gone. Of those who
    found it kept, the last one to say that it is theirs has it, and all look only when all have said so. AwsError;
    Stopped."""
    ec2, maker, host = access.aws.ec2, context.maker, access.planned
    kept = tags.read_lease(host.tags)
    if kept is None:
        return False
    context.status.say(f"Using the capture host {host.instance} again ...")
    coming = threads.start(access.ssh_from)  # may take a call of its own
    theirs = _noted(context, ec2, kept)
    if host.instance not in {one.id for one in theirs}:
        return False
    for one in theirs:
        maker.adopt(one.kind, one.id)  # before it has our tag: whenever a stop comes, it is on our ledger by then
    if not (_tagged_as_ours(context, ec2, theirs) and _is_ours(context, ec2, host.instance, waiting)):
        for one in theirs:
            maker.forget(one.id)
        return False
    for one in theirs:
        if one.kind == kinds.GROUP:
            access.admit_frames(one.id)
            access.admit_ssh(one.id, *coming.result())  # another connection than its last, or from elsewhere
    keeping.forget(maker.folder, kept.capture)
    return True


def _is_ours(context: Context, ec2: Ec2, instance: str, waiting: Waiting) -> bool:
    """False where somebody else said after us that it is theirs, or it has gone."""
    waiting.rest(seconds=CLAIMED)
    found = launch.find(ec2, instance)
    return found is not None and found.tags.get(tags.CAPTURE) == context.maker.lease.capture


def _noted(context: Context, ec2: Ec2, kept: tags.Lease) -> Sequence[Tagged]:
    """What has the lease's tag, and was kept on this machine."""
    noted = keeping.all_kept(context.maker.folder, context.clock.now()).get(kept.capture)
    tagged = [one for one in kinds.tagged(ec2, kinds.LAUNCHED, tags.CAPTURE) if one.tags[tags.CAPTURE] == kept.capture]
    return [one for one in tagged if noted is not None and one.id in noted.made]


def _tagged_as_ours(context: Context, ec2: Ec2, theirs: Sequence[Tagged]) -> bool:
    """False where one of them has gone."""
    try:
        tagging.put_tags(ec2, [one.id for one in theirs], context.maker.lease.as_tags())
    except AwsError as error:
        if not error.code.startswith(("InvalidInstanceID", "InvalidGroup")):
            raise
        log.info("The kept host went a moment ago: %s", error)
        return False
    return True


def keep(context: Context, ec2: Ec2, receiver: Receiver) -> None:
    """Leave the host to the next capture, if it is to be kept: from now on it is not this one's, and its receiver
    beats for the time until then. What can't be left goes with the capture."""
    maker, seconds = context.maker, 60.0 * context.options.keep
    made = {resource: kind for resource, kind in maker.made.items() if kind in kinds.SLOW}
    if not seconds or not made:
        return
    lease = tags.kept(maker.lease, context.clock.now() + seconds)
    try:
        with context.timeline.step("keep the host"):
            mine = _left(context, ec2, lease, made)
    except (VpcsharkError, OSError) as error:
        _tell(context, f"The capture host could not be kept: {error}")
        return
    for resource in mine:
        maker.forget(resource)
    _tell(context, f"The capture host is kept until {tags.format_time(lease.expires)}.")
    try:
        receiver.command(keep=max(SILENCE, seconds))
    except TransportError as error:
        _tell(context, f"The capture host may end before that, within {SILENCE / 60:.0f} minutes: {error.problem}")


def _left(context: Context, ec2: Ec2, lease: tags.Lease, made: Mapping[str, str]) -> list[str]:
    """Leave the host and its group under this lease; their ids. Noted first: what has only the tags, nobody takes
    up. AwsError; OSError."""
    mine, folder = _ours(context, ec2, made), context.maker.folder
    keeping.remember(folder, Kept(lease.capture, {one: made[one] for one in mine}, lease.expires))
    try:
        tagging.put_tags(ec2, mine, lease.as_tags())
    except AwsError:
        keeping.forget(folder, lease.capture)
        raise
    return mine


def _ours(context: Context, ec2: Ec2, made: Iterable[str]) -> list[str]:
    """Those that still have this capture's tag. AwsError where none does."""
    capture = context.maker.lease.capture
    found = {one.id for one in kinds.tagged(ec2, kinds.LAUNCHED, tags.CAPTURE) if one.tags[tags.CAPTURE] == capture}
    if not found:
        raise AwsError("It is another capture's now.")
    return [resource for resource in made if resource in found]


def _tell(context: Context, sentence: str) -> None:
    log.info("%s", sentence)
    context.status.log(sentence)
