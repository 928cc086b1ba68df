"""A capture host of the capture's own: launched, or kept from an earlier one and claimed; awaited, logged in to, kept.

Everything is made through the maker, so that it goes with the capture, whatever becomes of it. Says how long each part
takes. Must not know how frames are received, nor which way leads to the host.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vpcshark import threads
from vpcshark.aws import tagging
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import instance_login as aws_connect
from vpcshark.aws.compute import launch
from vpcshark.aws.compute import user_data as compute_user_data
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.compute.launch import Launch
from vpcshark.aws.compute.launch_template import Template
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.frame_stream import Receiving
from vpcshark.capture.lifecycle.jobs import Stopped
from vpcshark.capture.mirror.launch_tags import further_tags
from vpcshark.capture.mirror.source_choice import Source
from vpcshark.cleanup import birthmark, keeping, sweep, tags
from vpcshark.cleanup.keeping import Kept
from vpcshark.errors import AwsError, Hopeless, Mistake, TransportError, VpcsharkError
from vpcshark.receiver.heartbeat import HEARTBEAT, SILENCE
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)
T = TypeVar("T")

BOOT = 180.0  # seconds until the host must run and let us in
POLL = 1.0
CLAIMED = (
    0.5  # seconds until a claim holds: longer than another capture takes from its look at a kept host to its claim
)
SETTLE = 8.0  # seconds that a group made a moment ago may be unknown to EC2's next call
ANYWHERE = ["0.0.0.0/0", "::/0"]


@dataclass
class Launcher:
    """One capture's. ``planned`` is the host as ``host_choice.own_host`` has it; ``open_transport`` tries each
    connection method once, ``own_address`` is this machine's address as another one sees it, ``template`` the user's
    launch template."""

    context: Context
    aws: Aws
    planned: CaptureHost
    sources: Sequence[Source]
    open_transport: Callable[[CaptureHost], Transport]
    own_address: Callable[[str], str]
    template: Template | None = None
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.context.clock.monotonic()

    @property
    def heartbeat(self) -> Mapping[str, Any]:
        """The receiver's part in keeping the host up, while the capture lives: nobody keeps what was cut off."""
        return {"heartbeat": HEARTBEAT, "heartbeat_seconds": SILENCE}

    def stand(self) -> CaptureHost:
        """The host, running: the kept one, or a new one. VpcsharkError; Stopped."""
        if self.planned.instance and self._claim():
            return self._await_running(self.planned.instance)
        return self._await_running(self._launch())

    def reach(self, host: CaptureHost) -> Transport:
        """Log in, again and again until it has booted. TransportError after three minutes; Stopped."""
        while True:
            try:
                transport = self.open_transport(host)
            except Hopeless:
                raise
            except TransportError as error:
                log.info("%s does not let us in yet: %s", host.instance, error)
                if self._seconds > BOOT:
                    raise TransportError(
                        f"The capture host {host.instance} let nobody in within {BOOT:.0f} seconds: {error.problem}",
                        error.remedy,
                    ) from error
            else:
                self._log(f"The capture host {host.instance} let us in after {self._seconds:.0f} s.")
                return transport
            self._rest(f"Logging in to {host.instance}: {self._seconds:.0f} s ...")

    def keep(self, reception: Receiving) -> None:
        """Leave the host to the next capture, if it is to be kept: from now on it is not this one's, and its receiver
        beats for the time until then. What can't be left goes with the capture."""
        maker = self.context.maker
        made = {resource: kind for resource, kind in maker.made.items() if kind in sweep.SLOW}
        if not self._keep_seconds or not made:
            return
        lease = tags.kept(maker.lease, self.context.clock.now() + self._keep_seconds)
        try:
            with self.context.timeline.step("keep the host"):
                mine = self._left(lease, made)
        except (VpcsharkError, OSError) as error:
            self._log(f"The capture host could not be kept: {error}")
            return
        for resource in mine:
            maker.forget(resource)
        self._log(f"The capture host is kept until {tags.format_time(lease.expires)}.")
        try:
            reception.command(keep=max(SILENCE, self._keep_seconds))
        except TransportError as error:
            self._log(f"The capture host may end before that, within {SILENCE / 60:.0f} minutes: {error.problem}")

    def _left(self, lease: tags.Lease, made: Mapping[str, str]) -> list[str]:
        """Leave the host and its group under this lease; their ids. Noted first: what has only the tags, nobody takes
        up. AwsError; OSError."""
        mine, folder = self._ours(made), self.context.maker.folder
        keeping.remember(folder, Kept(lease.capture, {one: made[one] for one in mine}, lease.expires))
        try:
            tagging.put_tags(self.aws.ec2, mine, lease.as_tags())
        except AwsError:
            keeping.forget(folder, lease.capture)
            raise
        return mine

    def _ours(self, made: Iterable[str]) -> list[str]:
        """Those that still bear this capture's tag. AwsError where none does."""
        capture = self.context.maker.lease.capture
        found = {one.id for one in launch.tagged(self.aws.ec2, tags.CAPTURE) if one.tags[tags.CAPTURE] == capture}
        if not found:
            raise AwsError("It is another capture's now.")
        return [resource for resource in made if resource in found]

    def _claim(self) -> bool:
        """Make the kept host and its group ours; False if somebody else was faster, or it has just gone. Of those who
        found it kept, the last one to say that it is theirs has it, and all look only when all have said so."""
        kept = tags.read_lease(self.planned.tags)
        assert kept is not None  # ``host_choice.own_host`` chose it by that
        ec2, maker = self.aws.ec2, self.context.maker
        self.context.status.say(f"Using the capture host {self.planned.instance} again ...")
        coming = threads.start(self._ssh_from)  # may take a call of its own
        noted = keeping.all_kept(maker.folder, self.context.clock.now()).get(kept.capture)
        tagged = [one for one in launch.tagged(ec2, tags.CAPTURE) if one.tags[tags.CAPTURE] == kept.capture]
        theirs = [one for one in tagged if noted is not None and one.id in noted.made]
        if self.planned.instance not in {one.id for one in theirs}:
            return False
        try:
            tagging.put_tags(ec2, [one.id for one in theirs], maker.lease.as_tags())
        except AwsError as error:
            if not error.code.startswith(("InvalidInstanceID", "InvalidGroup")):
                raise
            log.info("The kept host went a moment ago: %s", error)
            return False
        self._rest("", CLAIMED)
        found = launch.find(ec2, self.planned.instance)
        if found is None or found.tags.get(tags.CAPTURE) != maker.lease.capture:
            return False
        for one in theirs:
            maker.adopt(one.kind, one.id)
            if one.kind == launch.GROUP:
                launch.admit_frames(ec2, one.id, self._addresses)
                launch.admit_ssh(ec2, one.id, *coming.result())  # another connection than its last, or from elsewhere
        keeping.forget(maker.folder, kept.capture)
        return True

    def _launch(self) -> str:
        options, ec2 = self.context.options, self.aws.ec2
        if options.host_public_ip and not options.host_ssh_from:
            raise Mistake(
                "A capture host with a public address needs to know from where it may be logged in to.",
                "Give your public address with --host-ssh-from, such as 192.0.2.7/32.",
            )
        template, user_data = self.template, self._user_data()
        what = f"from {options.host_template}" if template else options.host_type
        self.context.status.say(f"Launching a capture host ({what}) ...")
        with self.context.timeline.step("prepare the host"):
            image, group = threads.together([self._image, self._group])
        wanted = Launch(
            subnet=self.planned.subnet,
            group=group,
            user_data=user_data,
            image=image,
            instance_type=options.host_type,
            role=options.host_role,
            is_public=options.host_public_ip,
            template=template,
        )
        more = further_tags(options)
        instance = self.context.maker.make(
            launch.INSTANCE,
            lambda labels, token: self._settled(lambda: launch.run(ec2, wanted, {**labels, **more}, token)),
        )
        self._log(f"The capture host {instance} was launched after {self._seconds:.0f} s.")
        return instance

    def _user_data(self) -> str | bytes:
        """What has the host end by itself, beside what its template puts there."""
        theirs = self.template.user_data if self.template is not None else b""
        ours = compute_user_data.script(heartbeat=HEARTBEAT, silence=SILENCE)
        both = compute_user_data.beside(theirs, ours) if theirs else ours
        if both is None:
            name = self.context.options.host_template
            self._log(f"The host cannot end by itself: {name} has user data that takes no other beside it.")
        return both or ""

    def _image(self) -> str:
        if self.template is not None:
            return ""
        kind = launch.architecture(self.aws.ec2, self.context.options.host_type)
        return launch.newest_image(self.aws.ssm, kind)

    def _group(self) -> str:
        if self.template is not None and self.template.has_groups:
            return ""
        ec2, maker = self.aws.ec2, self.context.maker
        name = birthmark.group_name(maker.lease.capture)
        group = maker.make(launch.GROUP, lambda labels, token: launch.create_group(ec2, self.planned.vpc, name, labels))
        self._settled(lambda: launch.admit_frames(ec2, group, self._addresses))
        blocks, groups = self._ssh_from()
        self._settled(lambda: launch.admit_ssh(ec2, group, blocks, groups))
        return group

    @property
    def _addresses(self) -> list[str]:
        return [source.eni.primary_address for source in self.sources]

    def _ssh_from(self) -> tuple[list[str], list[str]]:
        """From which blocks, and from members of which groups, the chosen connection comes. SSM needs neither."""
        options = self.context.options
        if options.host_ssh_from:
            return ANYWHERE if options.host_ssh_from == "anywhere" else [options.host_ssh_from], []
        if options.connection == "ssm":
            return [], []
        groups: list[str] = []
        if options.connection in ("auto", "eice"):
            try:
                groups = list(aws_connect.find_endpoint(self.aws, self.planned.vpc, self.planned.subnet).groups)
            except AwsError as error:
                log.info("No Instance Connect Endpoint is let in: %s", error)
        own = self.own_address(self._addresses[0]) if options.connection != "eice" else ""
        return ([f"{own}/{128 if ':' in own else 32}"] if own else []), groups

    def _await_running(self, instance: str) -> CaptureHost:
        """VpcsharkError where it ends instead, as it does where a volume can't be had."""
        while True:
            host = launch.find(self.aws.ec2, instance)
            if host is not None and host.state == "running":
                self._log(f"The capture host {instance} runs after {self._seconds:.0f} s.")
                return host
            if (host is not None and host.state != "pending") or self._seconds > BOOT:
                state = host.state if host is not None else "not shown by AWS"
                raise AwsError(
                    f"The capture host {instance} did not come up: it is {state}.",
                    "Try again, with another --host-type perhaps; the EC2 console says why it ended.",
                    code="HostDidNotBoot",
                )
            self._rest(f"Booting the capture host {instance}: {self._seconds:.0f} s ...")

    def _settled(self, call: Callable[[], T]) -> T:
        """``call``, repeated while EC2 does not yet know the group that was made a moment ago."""
        end = self.context.clock.monotonic() + SETTLE
        while True:
            try:
                return call()
            except AwsError as error:
                if not error.code.startswith("InvalidGroup") or self.context.clock.monotonic() > end:
                    raise
            self._rest("")

    def _rest(self, text: str, seconds: float = POLL) -> None:
        if text:
            self.context.status.say(text)
        if self.context.stop.wait(seconds):
            raise Stopped

    def _log(self, sentence: str) -> None:
        log.info("%s", sentence)
        self.context.status.log(sentence)

    @property
    def _seconds(self) -> float:
        return self.context.clock.monotonic() - self._began

    @property
    def _keep_seconds(self) -> float:
        return 60.0 * self.context.options.keep
