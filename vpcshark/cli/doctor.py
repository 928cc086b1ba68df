"""``vpcshark doctor``: looks at everything between Wireshark and AWS, and says for each what is wrong and what to do.

The checks of this machine are in ``installation``. Must not know how a capture works.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vpcshark import settings
from vpcshark.cli import config, console, install, places, statuses
from vpcshark.cli.findings import Check, Finding, Skipped, examine
from vpcshark.cli.installation import Installation
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import AwsError, VpcsharkError
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers

SKEW = 240.0  # seconds; AWS refuses signatures that are five minutes off


@dataclass(frozen=True)
class Answer:
    """What AWS said when it was asked who we are: ``skew`` is how far this machine's clock is ahead of AWS's, None if
    AWS did not say; ``error`` why we are nobody."""

    skew: float | None
    aws: Any = None
    arn: str = ""
    error: AwsError | None = None

    @property
    def is_off(self) -> bool:
        """Is the clock too far off for AWS?"""
        return self.skew is not None and abs(self.skew) > SKEW


def _connect(profile: str, region: str) -> Any:
    from vpcshark.aws import client  # here: boto3's import takes half a second

    return client.connect(profile, region, console.ask if console.has_person() else None)


def run(options: argparse.Namespace) -> int:
    """One line for each check, and what to do below those that failed; 1 if one did."""
    found = []
    for finding in examine(_checks(options)):
        found.append(finding)
        if not options.json:
            _print(finding)
    if options.json:
        console.write_json([finding.as_json() for finding in found])
    return statuses.FAILED if any(finding.problem for finding in found) else statuses.OK


def _checks(options: argparse.Namespace) -> list[tuple[str, Check]]:
    """Of this machine once, and of each place that the settings list. Settings that can't be read are a finding."""
    from vpcshark.cli import account

    try:
        first, *others = account.places(options)
    except VpcsharkError:
        return Doctor(options.profile, options.region).checks()
    checks = Doctor(*first).checks()
    for place in others:
        where = " ".join(filter(None, place))
        checks += [(f"{subject} of {where}", check) for subject, check in Doctor(*place).account()]
    return checks


def _print(finding: Finding) -> None:
    out = console.out()
    mark = finding.level.upper() if finding.problem else finding.level
    out.print(f"{mark:<8}{finding.subject}: {finding.problem or finding.remark}", soft_wrap=True)
    if finding.remedy:
        out.print(f"        -> {finding.remedy}", soft_wrap=True)


class Doctor:
    """The checks, in the order of the way from Wireshark to AWS."""

    def __init__(
        self,
        profile: str = "",
        region: str = "",
        run: places.Run = install.run_command,
        clock: Clock | None = None,
        connect: Callable[[str, str], Any] = _connect,
    ) -> None:
        self._profile, self._region = profile, region
        self._here = Installation(run)
        self._clock = clock or SystemClock()
        self._connect = connect
        self._answer: Answer | None = None

    def checks(self) -> list[tuple[str, Check]]:
        """(subject, check)."""
        return [
            *self._here.checks(),
            ("settings", self.settings),
            ("prepared answers", self.answers),
            *self.account(),
        ]

    def account(self) -> list[tuple[str, Check]]:
        """Those that ask AWS."""
        return [("clock", self.clock), ("sign-in", self.sign_in), ("permissions", self.permissions)]

    def settings(self) -> str:
        """Can they be read, and do all options fit?"""
        file = settings.path()
        if not file.exists():
            return f"none ({file} is not there); everything is as the AWS command line chooses"
        config.check(file.read_text("utf-8"), file)
        return f"{file} is in order"

    def answers(self) -> str:
        """Are there any, how old are they, and do they tell of a problem?"""
        answers = Answers(os.environ, self._clock)
        text, age = answers.read(reader.INTERFACES), answers.age()
        if answers.folder is None:
            raise VpcsharkError("There is no home folder to keep them in.", "Set HOME.")
        if text is None or age is None:
            return f"none yet for this environment; the first list makes them in {answers.folder}"
        problem = re.search(r"\{value=aws-problem[^}]*\}\{display=(?:AWS: )?([^}]*)\}", text)
        if problem:
            raise VpcsharkError(f"The last list said: {problem[1]}")
        probe = answers.folder / ".doctor"
        try:
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise VpcsharkError(
                f"{answers.folder} cannot be written ({error.strerror}), so Wireshark starts slowly.",
                "Make room there, or make it writable.",
            ) from error
        return f"{text.count('{value=eni-')} ENIs, {age:.0f} seconds old, in {answers.folder}"

    def clock(self) -> str:
        """AWS refuses requests whose time is off, in the words for wrong credentials; so this is judged before them."""
        answer = self._asked()
        if answer.skew is None:
            if answer.error is not None:
                raise Skipped("It cannot be checked without an answer from AWS.")
            return "AWS did not say what time it is"
        if answer.is_off:
            raise VpcsharkError(f"This machine's clock is {answer.skew:.0f} seconds off AWS's.", "Set it, best by NTP.")
        return f"within {abs(answer.skew) + 1:.0f} seconds of AWS's"

    def sign_in(self) -> str:
        """Who is signed in, and where."""
        answer = self._asked()
        if answer.error is None:
            return f"{answer.arn} in {answer.aws.region}"
        if answer.is_off:
            raise VpcsharkError("AWS accepts nobody whose clock is that far off.", "Set it, then run: vpcshark doctor")
        raise answer.error

    def permissions(self) -> str:
        """Every call of a capture, as EC2's DryRun judges it."""
        from vpcshark.aws.iam import dry_run
        from vpcshark.cleanup import tags

        aws = self._asked().aws
        if aws is None:
            raise Skipped("It cannot be checked without being signed in.")
        lease = tags.Lease("doctor", tags.default_owner(), self._clock.now())
        judged = dict(dry_run.permitted(aws, lease.as_tags()))
        missing = [action for action, is_allowed in judged.items() if is_allowed is False]
        if missing:
            raise VpcsharkError(
                f"{len(missing)} of {len(judged)} are missing: {', '.join(missing)}.",
                "Ask whoever administers the account for them; vpcshark iam-policy prints what is needed.",
            )
        unknown = [action for action, is_allowed in judged.items() if is_allowed is None]
        if unknown:
            return (
                f"{len(judged) - len(unknown)} calls of a capture are allowed; AWS does not tell without a mirror that "
                f"bears vpcshark's tag: {', '.join(unknown)}"
            )
        return f"all {len(judged)} calls of a capture are allowed"

    def _asked(self) -> Answer:
        """AWS is asked who we are, once for all the checks that need its answer."""
        self._answer = self._answer or self._ask()
        return self._answer

    def _ask(self) -> Answer:
        from vpcshark.aws.iam import dry_run

        try:
            aws = self._connect(self._profile, self._region)
            arn, time = dry_run.identity(aws)
        except AwsError as error:
            return Answer(self._skew(dry_run.time_of(error)), error=error)
        return Answer(self._skew(time), aws, arn)

    def _skew(self, time: float) -> float | None:
        return self._clock.now() - time if time else None
