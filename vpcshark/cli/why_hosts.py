"""The steps of ``vpcshark why`` that touch hosts: a test connection from SRC, a capture at the interfaces of the path.

Must not know what their answers prove.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpcshark.cli import console, walk
from vpcshark.cli.arguments.why import HOST_TABS
from vpcshark.errors import Mistake, VpcsharkError
from vpcshark.text import many

if TYPE_CHECKING:
    from concurrent.futures import Future

    from vpcshark.aws.client import Aws
    from vpcshark.aws.compute.capture_hosts import CaptureHost
    from vpcshark.aws.inventory.interfaces import Eni
    from vpcshark.capture.contract.options import CaptureOptions
    from vpcshark.network.answer import Answer
    from vpcshark.network.facts import Interface
    from vpcshark.transport.base import Transport
    from vpcshark.why.steps import Step
    from vpcshark.why.tried import Probe

PATIENCE = 60.0  # seconds for a test connection with all its sizes
_DNS_PORT = 53


def check(options: argparse.Namespace) -> None:
    """Mistake for what can't be done together."""
    if options.from_dump is not None and (options.probe or options.capture):
        raise Mistake("--probe and --capture need AWS and hosts, and --from-dump has neither.", "Leave one out.")
    if options.capture and not options.yes and not console.has_person():
        raise Mistake("A capture costs money, and nobody is here to agree.", "Give --yes.")


def probe(options: argparse.Namespace, answer: Answer) -> Step:
    """The step: one connection from SRC's own instance, and echo requests of several sizes."""
    from vpcshark.why import from_probe
    from vpcshark.why.steps import PROBE, UNKNOWN, Step

    source = answer.asked.source.interface
    if source is None:
        return Step(PROBE, UNKNOWN, "Nobody can log in at the source: it is no interface.")
    try:
        with console.working(f"Trying the connection from {source.id} ..."):
            return from_probe.judge(answer, tried(options, answer, source))
    except VpcsharkError as error:
        return Step(PROBE, UNKNOWN, f"No test connection from {source.id}: {error}")


def tried(options: argparse.Namespace, answer: Answer, source: Interface) -> Probe:
    """What a test connection shows. VpcsharkError where it can't be made."""
    from vpcshark.aws.inventory import interfaces
    from vpcshark.capture.instance import asking, probe, whereabouts

    packet = answer.packet
    port = packet.dport[0] if packet.dport is not None and packet.dport[0] == packet.dport[1] else 0
    kind = "udp" if packet.protocol == "17" else "tcp"
    command = probe.command(packet.dst, port, "dns" if kind == "udp" and port == _DNS_PORT else kind, packet.src)
    aws, eni = _whose(options, source.id)
    eni, host = whereabouts.located(aws.ec2, eni, "a test connection")
    transport = _open(_wanted(options), aws, host, interfaces.login_addresses(eni))
    try:
        return probe.parse(asking.answer(transport, command, PATIENCE), transport.name)
    finally:
        transport.close()


def _whose(options: argparse.Namespace, eni: str) -> tuple[Aws, Eni]:
    """The account that has it. Mistake where none has."""
    from vpcshark.aws import client
    from vpcshark.aws.inventory import interfaces

    places = walk.places(options)
    for place in places[:-1]:
        aws = client.connect(*place)
        try:
            return aws, interfaces.find_eni(aws.ec2, eni)
        except Mistake:
            continue
    aws = client.connect(*places[-1])
    return aws, interfaces.find_eni(aws.ec2, eni)


def _wanted(options: argparse.Namespace) -> CaptureOptions:
    """How hosts are reached, by flags, environment and settings."""
    from vpcshark.cli import account
    from vpcshark.options import command_line

    return account.settled(command_line.given(options, HOST_TABS))[0]


def _open(wanted: CaptureOptions, aws: Aws, host: CaptureHost, addresses: Sequence[str]) -> Transport:
    from vpcshark.capture.connection import connect, local_machine

    place = replace(wanted, profile=aws.profile, region=aws.region)
    return connect.open_transport(host, place, local_machine.is_here, lambda: aws, addresses)


@dataclass
class Recording:
    """The step that captures at every interface of the path at once. ``record`` runs ``vpcshark capture`` with these
    words and calls what it is handed when packets can come; ``judge`` reads the files."""

    options: argparse.Namespace
    record: Callable[[Sequence[str], Callable[[], Future[Probe] | None]], int]
    judge: Callable[[Sequence[str], Answer], Step]
    _attempt: Future[Probe] | None = None

    def take(self, answer: Answer) -> Step:
        """The step; nothing is made without a yes."""
        from vpcshark.why import captures
        from vpcshark.why.steps import DIAGNOSE, UNKNOWN, Step

        points, capture_filter = captures.points(answer)
        if not points:
            return Step(DIAGNOSE, UNKNOWN, "No interface of the path is on an instance, so there are no packets.")
        if not self._is_agreed(points):
            return Step(DIAGNOSE, UNKNOWN, "Nothing was captured: it was not agreed to.")
        file = self.options.file or file_name(self.options, time.strftime("%Y%m%d-%H%M%S"))
        words = [*points, "-f", capture_filter, "-w", file, "-a", f"duration:{self.options.duration}"]
        try:
            self.record([*words, *self._words(len(points))], lambda: self._try(answer))
        except VpcsharkError as error:
            return Step(DIAGNOSE, UNKNOWN, f"Nothing could be captured at {', '.join(points)}: {error}")
        self.options.files.append(file)
        judged = self.judge(self.options.files, answer)
        return replace(judged, sentence=f"{judged.sentence}{self._remark()}")

    def _is_agreed(self, points: Sequence[str]) -> bool:
        from vpcshark.aws import prices
        from vpcshark.cli.questions import Questions

        cost = prices.mirroring(len(points), self.options.duration)
        question = (
            f"Capture {self.options.duration} s at {', '.join(points)}? Up to {many(len(points), 'mirror session')} "
            f"for that time cost about ${cost:.4f}; all is deleted at the end."
        )
        read = input if console.has_person() else None
        return Questions(read, console.err().print).agree(question, True if self.options.yes else None)

    def _words(self, count: int) -> list[str]:
        from vpcshark.options import command_line

        given = command_line.given(self.options, HOST_TABS)
        words = [f"--{name}={value}" for name, value in given.items()]
        if count > 1:
            words.append("--mode=mirror")
        for name in ("profile", "region"):
            values = getattr(self.options, name)
            words += [f"--{name}={values[0]}"] if len(values) == 1 else []
        return words

    def _try(self, answer: Answer) -> Future[Probe] | None:
        """Packets to capture: ours, or whoever is at the screen makes them."""
        from vpcshark import threads

        source = answer.asked.source.interface
        if self.options.probe and source is not None:
            self._attempt = threads.start(tried, self.options, answer, source, name="test connection")
        else:
            console.err().print("Try the connection now.")
        return self._attempt

    def _remark(self) -> str:
        """Where there were no packets because the test connection could not be made."""
        if self._attempt is None:
            return ""
        failure = self._attempt.exception(PATIENCE)
        return f" The test connection meanwhile could not be made: {failure}" if failure is not None else ""


def record(words: Sequence[str], on_up: Callable[[], Future[Probe] | None]) -> int:
    """``vpcshark capture`` in this process."""
    from vpcshark.cli import capture, parsing
    from vpcshark.options import command_line

    parsed = parsing.parser("capture").parse_args(["capture", *command_line.normalise(words)])
    return capture.run(parsed, on_up)


def file_name(options: argparse.Namespace, now: str) -> str:
    """``why-web-1-db-5432-20261129-163000.pcapng``, in the folder where we are."""
    ends = re.sub(r"[^\w.+=-]+", "-", f"{options.source}-{options.target}").strip("-.")[:80]
    return f"why-{ends}-{now}.pcapng"
