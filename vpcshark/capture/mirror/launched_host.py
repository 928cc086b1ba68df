"""A capture host of the capture's own: launched, or kept from an earlier one and claimed; awaited and logged in to.

Everything is made through the maker, so that it goes with the capture, whatever becomes of it. Says how long each part
takes. Must not know how frames are received, nor which connection leads to the host.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from vpcshark import threads
from vpcshark.aws import kinds
from vpcshark.aws.compute import launch
from vpcshark.aws.compute import user_data as compute_user_data
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.compute.launch import Launch
from vpcshark.aws.compute.launch_template import Template
from vpcshark.capture.connection.retry import retry_until
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.mirror import kept_host
from vpcshark.capture.mirror.host_access import Access
from vpcshark.capture.mirror.host_waiting import Waiting
from vpcshark.capture.mirror.launch_tags import further_tags
from vpcshark.cleanup import birthmark
from vpcshark.errors import AwsError, Hopeless, Mistake, TransportError, VpcsharkError
from vpcshark.receiver.heartbeat import HEARTBEAT, SILENCE
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)

BOOT = 180.0  # seconds until the host must run and let us in
HEARTBEATS: Mapping[str, object] = {"heartbeat": HEARTBEAT, "heartbeat_seconds": SILENCE}
"""The receiver's part in keeping the host up, while the capture lives: nobody keeps what was cut off."""


class Launcher:
    """One capture's. ``access.planned`` is the host as ``host_choice.own_host`` has it; ``template`` is the user's
    launch template."""

    def __init__(self, context: Context, access: Access, template: Template | None = None) -> None:
        self._context = context
        self._access = access
        self._template = template
        self._waiting = Waiting(context)

    def stand(self) -> CaptureHost:
        """The host, running: the kept one, or a new one. VpcsharkError; Stopped."""
        planned = self._access.planned
        if planned.instance and kept_host.claim(self._context, self._access, self._waiting):
            return self._await_running(planned.instance)
        return self._await_running(self._launch())

    def reach(self, open_transport: Callable[[CaptureHost], Transport], host: CaptureHost) -> Transport:
        """Log in, again and again until it has booted; ``open_transport`` tries each connection method once.
        TransportError after three minutes; Stopped."""
        waiting = self._waiting

        def rest(pause: float) -> bool:
            return waiting.rest(f"Logging in to {host.instance}: {waiting.seconds:.0f} s ...", pause)

        left = max(0.0, BOOT - waiting.seconds)
        try:
            transport = retry_until(
                partial(open_transport, host), _is_booting, rest, self._context.clock, patience=left
            )
        except Hopeless:
            raise
        except TransportError as error:
            raise TransportError(
                f"The capture host {host.instance} let nobody in within {BOOT:.0f} seconds: {error.problem}",
                error.remedy,
            ) from error
        waiting.tell(f"The capture host {host.instance} let us in after {waiting.seconds:.0f} s.")
        return transport

    def _launch(self) -> str:
        options, ec2 = self._context.options, self._access.aws.ec2
        if options.host_public_ip and not options.host_ssh_from.blocks:
            raise Mistake(
                "A capture host with a public address needs to know from where it may be logged in to.",
                "Give your public address with --host-ssh-from, such as 192.0.2.7/32.",
            )
        template, user_data = self._template, self._user_data()
        what = f"from {options.host_template}" if template else options.host_type
        self._context.status.say(f"Launching a capture host ({what}) ...")
        with self._context.timeline.step("prepare the host"):
            image, group = threads.together([self._image, self._group])
        wanted = Launch(
            subnet=self._access.planned.subnet,
            group=group,
            user_data=user_data,
            image=image,
            instance_type=options.host_type,
            role=options.host_role,
            is_public=options.host_public_ip,
            template=template,
        )
        more = further_tags(options)
        instance = self._context.maker.make(
            kinds.INSTANCE,
            lambda labels, token: self._waiting.settled(lambda: launch.run(ec2, wanted, {**labels, **more}, token)),
        )
        self._waiting.tell(f"The capture host {instance} was launched after {self._waiting.seconds:.0f} s.")
        return instance

    def _user_data(self) -> str | bytes:
        """What has the host end by itself, beside what its template puts there."""
        theirs = self._template.user_data if self._template is not None else b""
        ours = compute_user_data.script(heartbeat=HEARTBEAT, silence=SILENCE)
        both = compute_user_data.beside(theirs, ours) if theirs else ours
        if both is None:
            name = self._context.options.host_template
            self._waiting.tell(f"The host cannot end by itself: {name} has user data that takes no other beside it.")
        return both or ""

    def _image(self) -> str:
        if self._template is not None:
            return ""
        kind = launch.architecture(self._access.aws.ec2, self._context.options.host_type)
        return launch.newest_image(self._access.aws.ssm, kind)

    def _group(self) -> str:
        if self._template is not None and self._template.has_groups:
            return ""
        ec2, maker = self._access.aws.ec2, self._context.maker
        name = birthmark.group_name(maker.lease.capture)
        group = maker.make(
            kinds.GROUP, lambda labels, token: launch.create_group(ec2, self._access.planned.vpc, name, labels)
        )
        self._waiting.settled(lambda: self._access.admit_frames(group))
        blocks, groups = self._access.ssh_from()
        self._waiting.settled(lambda: self._access.admit_ssh(group, blocks, groups))
        return group

    def _await_running(self, instance: str) -> CaptureHost:
        """VpcsharkError where it ends instead, as it does where AWS has no room for a volume."""
        while True:
            host = launch.find(self._access.aws.ec2, instance)
            if host is not None and host.state == "running":
                self._waiting.tell(f"The capture host {instance} runs after {self._waiting.seconds:.0f} s.")
                return host
            if (host is not None and host.state != "pending") or self._waiting.seconds > BOOT:
                state = host.state if host is not None else "not shown by AWS"
                raise AwsError(
                    f"The capture host {instance} did not come up: it is {state}.",
                    "Try again, with another --host-type perhaps; the EC2 console says why it ended.",
                    code="HostDidNotBoot",
                )
            self._waiting.rest(f"Booting the capture host {instance}: {self._waiting.seconds:.0f} s ...")


def _is_booting(error: VpcsharkError) -> bool:
    return isinstance(error, TransportError) and not isinstance(error, Hopeless)
