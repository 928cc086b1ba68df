"""One mirror session for each source, made side by side within EC2's request limits, all with one filter and target.

Must not know how sources are chosen, nor who receives their frames.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from vpcshark import threads
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import is_refusal, is_throttle
from vpcshark.aws.mirroring import resources
from vpcshark.aws.mirroring.resources import MirrorSession
from vpcshark.capture.connection.retry import retry_until
from vpcshark.capture.contract.stop import Stop, Stopped
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.mirror.source_choice import Source
from vpcshark.clock import Clock
from vpcshark.errors import AwsError, VpcsharkError
from vpcshark.traffic_mirroring import SESSIONS_PER_SOURCE

log = logging.getLogger(__name__)
T = TypeVar("T")

AT_ONCE = 25  # calls under way
TRIES_FOR_A_NUMBER = SESSIONS_PER_SOURCE
PATIENCE = 30.0  # seconds for which a throttled call is repeated
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between two tries
_NUMBER = re.compile(r"InvalidParameter\w*")  # what a number that another session has may be refused with
_OF_THE_SOURCE = {"InvalidParameterValue", "TrafficMirrorSessionsPerInterfaceLimitExceeded"}
_OF_THE_SOURCE |= {"InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.NotFound"}
_OF_THE_SOURCE |= {"InterfaceInUseByTrafficMirrorTarget", "NetworkInterfaceNotSupported"}


class Pace:
    """EC2's own way of counting, for one kind of call: a bucket of so many calls, refilled by so many a second.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html: each API has a bucket of its own; it holds
    50 for those that change something, and 5 more come each second.
    """

    def __init__(self, clock: Clock, stop: Stop, bucket: int = 50, per_second: float = 5.0) -> None:
        self._clock, self._stop = clock, stop
        self._full, self._rate = float(bucket), per_second
        self._lock = threading.Lock()  # ``_tokens`` are those of the moment ``_at``
        self._tokens, self._at = float(bucket), clock.monotonic()

    def wait(self) -> None:
        """Until one more call fits. Stopped as soon as somebody says stop."""
        if self._stop.requested() or self._stop.wait(self._take()):
            raise Stopped

    def _take(self) -> float:
        """Take a token, of the future where none is there; how many seconds away it is."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self._full, self._tokens + (now - self._at) * self._rate) - 1
            self._at = now
            return max(0.0, -self._tokens / self._rate)


def patiently(call: Callable[[], T], clock: Clock, stop: Stop, patience: float = PATIENCE) -> T:
    """``call``, repeated while EC2 says that there are too many requests, beyond botocore's own repeats: many callers
    of one account use them up together. AwsError after ``patience`` seconds, or when somebody says stop."""
    return retry_until(call, _is_throttled, stop.wait, clock, patience=patience, pauses=PAUSES)


def _is_throttled(error: VpcsharkError) -> bool:
    return isinstance(error, AwsError) and is_throttle(error)


@dataclass(frozen=True)
class Mirrored:
    """What all sessions of a capture have alike. ``before``: ENI id -> the sessions that mirror it already;
    ``packet_length`` in bytes, None for whole frames."""

    filter_id: str
    target: str
    before: Mapping[str, Sequence[MirrorSession]] = field(default_factory=dict)
    description: str = ""
    packet_length: int | None = None


class Sessions:
    """The sessions of one capture."""

    def __init__(self, context: Context, ec2: Ec2, wanted: Mirrored) -> None:
        self._context, self._ec2 = context, ec2
        self._wanted = wanted
        self._pace = Pace(context.clock, context.stop)
        self._failed = threading.Event()

    def make(self, sources: Sequence[Source]) -> list[str]:
        """A session for each; their ids. VpcsharkError as soon as one that was named cannot be made: the others are not
        begun then. One that a query found is left out instead, unless it is the last."""
        works = [partial(self._one_of_many, source, is_alone=len(sources) == 1) for source in sources]
        made = [one for one in threads.together(works, AT_ONCE) if one is not None]
        refusals = [one for one in made if isinstance(one, VpcsharkError)]
        if len(refusals) == len(made):
            raise refusals[0]
        return [one for one in made if isinstance(one, str)]

    def _one_of_many(self, source: Source, *, is_alone: bool) -> str | VpcsharkError | None:
        if self._failed.is_set():
            return None  # another one's failure is what is told
        try:
            self._pace.wait()
            return self._make(source)
        except VpcsharkError as error:
            if source.is_found and not is_alone and _is_its_own(error):
                self._leave_out(source, error)
                return error
            self._failed.set()
            if is_alone:
                raise
            raise _about(source, error) from error

    def _leave_out(self, source: Source, error: VpcsharkError) -> None:
        said = f"{source.eni.id} is left out: {error.problem}"
        log.warning("%s", said)
        self._context.status.log(said)

    def _make(self, source: Source) -> str:
        """With the number that the user gave, or the lowest free one: another capture may take it before us, and AWS
        show that later than it refuses us the number. So the next one is tried, and the first refusal is told where
        none of them helps."""
        sessions: Sequence[MirrorSession] = self._wanted.before.get(source.eni.id, ())
        wanted = self._context.options.session_number
        refused: dict[int, AwsError] = {}
        for _ in range(TRIES_FOR_A_NUMBER):
            number = resources.claim_number(sessions, wanted, refused)
            try:
                return self._create(source, number)
            except AwsError as error:
                if not is_refusal(error):
                    raise  # it may have been made: another one would be a second
                if not refused or not _NUMBER.fullmatch(error.code):
                    sessions = resources.sessions_of(self._ec2, source.eni.id)
                    resources.claim_number(sessions, wanted)  # says who has it, or all
                refused[number] = error
                is_shown = number in {session.number for session in sessions}
                if not is_shown and (wanted or not _NUMBER.fullmatch(error.code)):
                    raise
                log.info("Session number %d is refused; trying the next. %s", number, error)
        raise next(iter(refused.values()))

    def _create(self, source: Source, number: int) -> str:
        def create(labels: Mapping[str, str], token: str) -> str:
            return resources.create_session(
                self._ec2,
                source=source.eni.id,
                target=self._wanted.target,
                filter_id=self._wanted.filter_id,
                number=number,
                vni=source.vni,
                packet_length=self._wanted.packet_length,
                description=self._wanted.description,
                tags=labels,
                token=token,
            ).id

        context = self._context
        return context.maker.make(  # the same token each time, so a repeat makes no second session
            "session", lambda labels, token: patiently(lambda: create(labels, token), context.clock, context.stop)
        )


def _is_its_own(error: VpcsharkError) -> bool:
    """Is it about this one source, and may others be made?"""
    return not isinstance(error, AwsError) or error.code in _OF_THE_SOURCE


def _about(source: Source, error: VpcsharkError) -> VpcsharkError:
    """With the ENI, where the sentence does not name it."""
    if source.eni.id in error.problem:
        return error
    problem = f"{source.eni.id}: {error.problem}"
    if isinstance(error, AwsError):
        return AwsError(problem, error.remedy, code=error.code)
    return type(error)(problem, error.remedy)
