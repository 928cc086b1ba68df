"""``vpcshark setup``: the first steps, question by question. Writes and makes nothing without a yes.

Every step is another command's work (install, config, doctor, preflight, capture): this module only leads through them.
Must not know how any of them is done.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vpcshark import settings, settings_text
from vpcshark.aws import client
from vpcshark.aws.client import Aws
from vpcshark.aws.iam import dry_run
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.connection import local_machine
from vpcshark.capture.inventory import name_lookup
from vpcshark.capture.inventory.catalog import Place
from vpcshark.capture.mirror import path_check
from vpcshark.cli import account, config, console, destinations, iam_policy, install, places, rights, statuses, upgraded
from vpcshark.cli.installation import Installation
from vpcshark.cli.questions import Questions
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import AwsError, InputError, VpcsharkError
from vpcshark.preflight.finding import failures
from vpcshark.text import lines

SECONDS = 10  # of the first capture


def _capture(words: Sequence[str]) -> int:
    from vpcshark.cli import capture, parsing

    return capture.run(parsing.parser("capture").parse_args(["capture", *words]))


@dataclass(frozen=True)
class Seams:
    """What touches the world: programs, the home folder, "is this address mine?", the capture, the clock."""

    run: places.Run = install.run_command
    home: Path = field(default_factory=Path.home)
    is_here: local_machine.IsHere = local_machine.is_here
    capture: Callable[[Sequence[str]], int] = _capture
    clock: Clock = field(default_factory=SystemClock)


def run(options: argparse.Namespace) -> int:
    """All steps; 1 where a capture would stay empty, else as the first capture ended."""
    err = console.err()

    def say(text: str) -> None:
        err.print(text, soft_wrap=True)

    read = (lambda question: err.input(console.styled(question))) if console.has_person() else None
    return Setup(options, Questions(read, say), Seams()).run()


class Setup:
    """One run. ``options`` are the flags, each of which answers a question."""

    def __init__(self, options: argparse.Namespace, questions: Questions, seams: Seams) -> None:
        self._options, self._questions, self._seams = options, questions, seams
        self._say = questions.say
        self._mfa = console.ask if questions.has_person else None

    def run(self) -> int:
        """See above. InputError for an answer that can't be used; AwsError."""
        is_listed = self._wireshark()
        place = self._place()
        aws = client.connect(place.profile, place.region, self._mfa)
        arn, _ = dry_run.identity(aws)
        self._say(f"  Signed in as {arn}, in {aws.region}.")
        self._keep(place)
        if is_listed:
            self._list()
        may_launch = self._rights(aws, arn)
        if self._options.capture is False or not (self._questions.has_person or self._options.eni):
            self._heading("Ready. vpcshark interfaces lists what there is to capture from.")
            return statuses.OK
        return self._first(aws, place, may_launch)

    def _heading(self, text: str) -> None:
        self._say("")  # a line feed within a line would be shown as a space
        self._say(text)

    def _wireshark(self) -> bool:
        """Is the launcher where Wireshark looks, or put there now?"""
        self._heading("Wireshark")
        here = Installation(self._seams.run, self._seams.home)
        try:
            self._say(f"  {here.wireshark()}")
        except VpcsharkError as error:
            self._say(f"  {error} vpcshark capture works without; the list in Wireshark needs one.")
        try:
            self._say(f"  vpcshark is in its list already: {here.launcher()}.")
            return True
        except VpcsharkError as error:
            self._say(f"  {error.problem}")
        if not self._questions.agree("  Put vpcshark into Wireshark's interface list?", self._options.install, True):
            self._say("  Nothing was written; vpcshark install does it later.")
            return False
        install.install(None, sys.stderr, self._seams.run, self._seams.home)
        upgraded.note(os.environ)
        return True

    def _place(self) -> Place:
        """Which account and region, "" where that is what AWS chooses anyway."""
        self._heading("Account and region")
        said = account.place(self._options)
        profile = said.profile if self._options.profile else self._profile(said.profile)
        region = said.region if self._options.region else self._region(profile, said.region)
        own = os.environ.get("AWS_PROFILE", "") or "default"
        if profile == own and not said.profile:
            profile = ""
        return Place(profile, "" if region == client.region_in_force(profile) else region)

    def _profile(self, said: str) -> str:
        names = client.profiles()
        offered = [(name, name) for name in names]
        if os.environ.get("AWS_ACCESS_KEY_ID") or not names:
            offered.insert(0, ("", "the credentials of the environment or of this machine"))
        usual = said or os.environ.get("AWS_PROFILE", "")
        if len(offered) == 1 and not said:
            self._say(f"  {offered[0][1]}: " + ("the only profile" if names else "the AWS config has no profile"))
            return offered[0][0]
        known = [name for name, _ in offered]
        first = next((name for name in (usual, "", "default") if name in known), known[0])
        return self._questions.choose("  Which profile", "--profile", offered, first)

    def _region(self, profile: str, said: str) -> str:
        usual = said or client.region_in_force(profile)
        return self._questions.choose("  Which region", "--region", [], usual or None, _region)

    def _keep(self, place: Place) -> None:
        """In the settings, where they say something else than is wanted now."""
        said = {"list.profiles": place.profile, "list.regions": place.region}
        known = settings.load()
        has = {"list.profiles": " ".join(known.profiles), "list.regions": " ".join(known.regions)}
        wanted = {name: value for name, value in said.items() if value and value not in has[name].split()}
        if not wanted:
            return
        shown = " and ".join(f"{name} = {value}" for name, value in wanted.items())
        file = settings.path()
        if not self._questions.agree(f"  Keep {shown} in {file}, for Wireshark's list?", self._options.save, True):
            return
        text = file.read_text("utf-8") if file.exists() else ""
        for name, value in wanted.items():
            text = settings_text.change(
                text, "list", name.partition(".")[2], " ".join(filter(None, (has[name], value)))
            )
        config.write(file, text)
        self._say(f"  {file} says so now.")

    def _list(self) -> None:
        from vpcshark.cli import listing

        self._say(f"  {listing.make(self._mfa)}")

    def _rights(self, aws: Aws, arn: str) -> bool:
        """Say what may be done, and what to ask an administrator for. May a host be launched?"""
        self._heading("What you may do (asked with EC2's DryRun: nothing was made)")
        judged = rights.judge(aws, self._seams.clock.now())
        for right in judged:
            self._say(f"  {right.sentence}")
        unknown = [action for right in judged for action in right.unknown]
        if unknown:
            self._say(f"  DryRun can't judge before there is something with vpcshark's tag: {', '.join(unknown)}")
        for group in rights.EVERY if self._options.policy else rights.wanted(judged):
            self._say(f"  The policy to ask the account's administrator for ({', '.join(group)}):")
            sys.stdout.write(lines(iam_policy.text(rights.policy(group, arn, aws.region)), most=100_000))
            sys.stdout.flush()
        return not any(right.missing for right in judged if right.feature == "launch")

    def _first(self, aws: Aws, place: Place, may_launch: bool) -> int:
        """Ten seconds of one ENI, unless preflight finds that they would be empty."""
        self._heading("A first capture")
        enis = interfaces.list_enis(aws.ec2)
        if not enis:
            raise InputError(f"There is no network interface in {aws.region}.", "Take another region with --region.")
        source = self._source(enis)
        host = self._options.host or self._host(aws, source, enis, may_launch)
        words = self._words(source, host, place)
        if host != destinations.NONE and not self._would_arrive(aws, source, words):
            return statuses.FAILED
        self._say(f"  {destinations.price(aws, source, host)}")
        self._say(f"  $ {shlex.join(['vpcshark', 'capture', *words])}")
        replaced = ", in place of what is there" if Path(self._options.file).exists() else ""
        question = f"  Capture {SECONDS} seconds from {source.name} into {self._options.file}{replaced}?"
        if not self._questions.agree(question, self._options.capture):
            self._say("  Nothing was made; the line above does it later.")
            return statuses.OK
        return self._captured(words)

    def _captured(self, words: Sequence[str]) -> int:
        status = self._seams.capture(words)
        if status == statuses.OK:
            self._say(f"  Look at it with: wireshark {shlex.quote(self._options.file)}")
        return status

    def _source(self, enis: Sequence[Eni]) -> Eni:
        def meant(word: str) -> str:
            if word in [one.id for one in enis]:
                return word
            return name_lookup.eni(word, {Place(): enis})[1].id

        offered = [(one.id, interfaces.display(one)) for one in enis if one.instance_state == "running"]
        wanted = self._options.eni
        chosen = meant(wanted) if wanted else self._questions.choose("  From which ENI", "--eni", offered, None, meant)
        return next(one for one in enis if one.id == chosen)

    def _host(self, aws: Aws, source: Eni, enis: Sequence[Eni], may_launch: bool) -> str:
        allowed = settings.load().hosts
        offered, remark = destinations.choices(aws, source, enis, allowed, self._seams.is_here, may_launch)
        if remark:
            self._say(f"  {remark}")
        return self._questions.choose("  Where do the packets go", "--host", offered, offered[0][0])

    def _words(self, source: Eni, host: str, place: Place) -> list[str]:
        how = ["--mode", "tcpdump"] if host == destinations.NONE else ["--mode", "mirror", "--host", host]
        where = [
            word
            for flag, value in zip(("--profile", "--region"), place, strict=True)
            if value
            for word in (flag, value)
        ]
        return [source.id, *how, *where, "-a", f"duration:{SECONDS}", "-w", self._options.file]

    def _would_arrive(self, aws: Aws, source: Eni, words: Sequence[str]) -> bool:
        wanted, known = account.settled(dict(_pairs(words)))
        found = failures(path_check.findings(aws, source.id, wanted, self._seams.is_here, known.hosts))
        for finding in found:
            self._say(f"  FAIL  {finding.sentence}")
            if finding.command:
                self._say(f"        {finding.command}")
        if found:
            self._say("  The capture would stay empty, so it is not made. Mend this, then run vpcshark setup again.")
        return not found


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """Option and value of those that the table of options has."""
    return [(flag[2:], value) for flag, value in itertools.pairwise(words) if flag.startswith("--")]


def _region(word: str) -> str:
    """InputError, so that it is asked again."""
    try:
        client.check_region(word)
    except AwsError as error:
        raise InputError(error.problem, error.remedy) from error
    return word
