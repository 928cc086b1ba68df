"""Starts the receivers of a capture, one on each capture host, side by side. Must not know AWS's calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from vpcshark import receiver, threads
from vpcshark.aws.balancing.fleets import GENEVE_PORT
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.mirror.filter_programs import Programs
from vpcshark.capture.mirror.surroundings import Surroundings
from vpcshark.capture.receivers import client
from vpcshark.capture.receivers.client import Reception
from vpcshark.capture.receivers.merged import FleetReception, Member
from vpcshark.capture.receivers.receiver import Receiver
from vpcshark.capture.receivers.reconnecting import Carried, Resuming
from vpcshark.capture.remote import shell_commands
from vpcshark.errors import TransportError, VpcsharkError
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)

DEADLINE = 20.0  # seconds for connect, login and Python's start, also on a host that has others to serve
LEAST = 15.0  # of these, Python's start has so many whatever the way took
SPARE = 2.0  # more seconds for hosts that get nothing now
BEGIN = b"vpcshark-receiver-begins\n"


class Receivers:
    """Of one capture. ``heartbeat`` is what a launched host's config has besides."""

    def __init__(
        self,
        context: Context,
        open_transport: Callable[[CaptureHost], Transport],
        python: str,
        programs: Programs,
        heartbeat: Mapping[str, Any],
        reopen: Callable[[CaptureHost], Transport] | None = None,
    ) -> None:
        """``reopen`` leads to a host that has let us in before, where that is another way than the first."""
        self._context = context
        self._reopen = reopen or open_transport
        self._open_transport = open_transport
        self._python = python
        self._programs = programs
        self._heartbeat = heartbeat

    def start(self, around: Surroundings) -> Receiver:
        """One on every host, ready. VpcsharkError if one of them cannot be started, because what is sent to it would be
        missing and nothing in the file would say so; only one that its load balancer sends nothing to (it is not
        healthy) is left out, and the log says so."""
        if len(around.hosts) == 1:
            return self._only(around)
        fleet = around.fleet
        starting = [(host, threads.start(self._one, around, host, name="receiver")) for host in around.hosts]
        spare = [each for each in starting if fleet is not None and fleet.is_spare(each[0])]
        found = [(host, _outcome(one)) for host, one in starting if (host, one) not in spare]
        for host, outcome in found:
            if isinstance(outcome, VpcsharkError):
                for _, one in starting:
                    _end(one)
                raise _of_one(host, outcome, len(around.hosts))
        found += [(host, _outcome(one, SPARE)) for host, one in spare]
        for host, outcome in found:
            if isinstance(outcome, VpcsharkError):
                self._leave_out(host, outcome)
        members = [Member(host.name, outcome) for host, outcome in found if isinstance(outcome, Reception)]
        return FleetReception(members, self._context.status, self._context.clock)

    def _leave_out(self, host: CaptureHost, error: VpcsharkError) -> None:
        said = (
            f"There is no receiver on {host.name}, which is not healthy and gets nothing now. If it becomes healthy,"
            f" frames that are sent to it will be missing. {error.problem}"
        )
        log.warning("%s", said)
        self._context.status.log(said)

    def _only(self, around: Surroundings) -> Receiver:
        """The only host's, which is started again when the way to it breaks; none breaks to one on this machine."""
        first, context = self._one(around, around.host), self._context
        if first.is_here:
            return first

        def restart(carried: Carried) -> Reception:
            return self._begun(self._reopen(around.host), self._config(around, around.host, carried), DEADLINE)

        return Resuming(first, restart, context.stop, context.clock, context.status)

    def _one(self, around: Surroundings, host: CaptureHost) -> Reception:
        """Connect to the capture host and start the receiver there."""
        clock = self._context.clock
        start = clock.monotonic()
        with self._context.timeline.step(f"connect to {host.name}"):
            transport = self._open_transport(host)
        start = clock.monotonic() if around.is_own else start  # the boot had a deadline of its own
        with self._context.timeline.step("start the receiver"):
            left = max(DEADLINE - (clock.monotonic() - start), LEAST)
            return self._begun(transport, self._config(around, host), left)

    def _begun(self, transport: Transport, config: Mapping[str, Any], deadline: float) -> Reception:
        """A receiver at the end of this way, which is closed if there will be none. TransportError."""
        try:
            channel = transport.open(receiver_command(transport, self._python))
        except BaseException:
            transport.close()
            raise
        begin = b"" if transport.name == "local" else BEGIN
        receiving = Reception(channel, transport, begin, self._context.clock)
        try:
            receiving.begin(config, deadline)
        except BaseException:
            receiving.finish(0.0)
            raise
        log.info("The receiver on %s is ready: %s.", transport.name, receiving.mode)
        return receiving

    def _config(self, around: Surroundings, host: CaptureHost, carried: Carried | None = None) -> dict[str, Any]:
        """A host that the user named may receive at any of its interfaces."""
        fleet = around.fleet
        interfaces: list[dict[str, Any]] = [
            {"vni": one.vni, "id": one.id, "mac": one.eni.mac} for one in around.sources
        ]
        made = client.config(
            interfaces,
            "" if fleet is not None and fleet.named else host.address,
            self._programs.frames,
            self._programs.datagrams,
            geneve_port=GENEVE_PORT if fleet is not None and fleet.is_geneve else 0,
        )
        return made | dict(self._heartbeat) | (_taken_over(interfaces, carried) if carried is not None else {})


def _taken_over(interfaces: Sequence[Mapping[str, Any]], carried: Carried) -> dict[str, Any]:
    """What the config of a receiver has besides, that goes on where another left off."""
    counted = [{**one, "received": carried.packets.get(one["id"], 0)} for one in interfaces]
    pid, born = carried.process
    before = {"dropped": carried.dropped, "started": carried.started, "gap": carried.gap, "pid": pid, "born": born}
    return {"interfaces": counted, **before, **carried.programs}


def _outcome(starting: Future[Reception], patience: float | None = None) -> Reception | VpcsharkError:
    """What came of it within ``patience`` seconds; what comes later is ended then."""
    try:
        return starting.result(patience)
    except VpcsharkError as error:
        return error
    except FutureTimeout:
        _end(starting)
        return TransportError("It did not answer in time.", "See whether it runs.")


def _end(starting: Future[Reception]) -> None:
    """End a receiver that is up, or as soon as it is."""

    def end(done: Future[Reception]) -> None:
        if done.exception() is None:
            done.result().finish(0.0)

    starting.add_done_callback(end)


def _of_one(host: CaptureHost, error: VpcsharkError, count: int) -> VpcsharkError:
    """The same error, with the host and why the others do not do."""
    where = "" if host.name in error.problem or (host.instance and host.instance in error.problem) else f"{host.name}: "
    remedy = f"Every one of the {count} hosts behind the target must receive, else its share of the frames is missing."
    return TransportError(f"{where}{error.problem}", f"{error.remedy} {remedy}".strip())


def receiver_command(transport: Transport, python: str) -> list[str]:
    """The receiver's argv: on another machine with root's rights where sudo gives them without a question, because
    only root has the ring; without, it takes the frames from a UDP socket. Never sudo on the user's own machine.

    Any Python 3.6 or later that is there does. ``BEGIN`` on stdout and a new line on stderr come between what a login
    shell's start-up files print and ours."""
    if transport.name == "local":
        return receiver.command(python)
    begin = f"echo {BEGIN.decode().strip()}; echo >&2"
    find = f'{shell_commands.FIND_PYTHON}\n[ -n "$python" ] || exit {shell_commands.NO_SUCH_COMMAND}'
    choose = 'sudo=; [ "$(id -u)" = 0 ] || { sudo -n true 2>/dev/null && sudo="sudo -n"; }\nexec $sudo "$python" "$@"'
    _, *words = receiver.command(owns_connection=True)
    return shell_commands.carried(["sh", "-c", f"{begin}\n{find}\n{choose}", "sh", *words])
