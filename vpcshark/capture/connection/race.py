"""Races connection methods to one machine: keeps the first that works, closes the rest.

Must not know what the ways are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from vpcshark import threads
from vpcshark.aws.errors import is_denied
from vpcshark.errors import AwsError, Closed, Hopeless, Keyless, Refused, TransportError, Unreachable, VpcsharkError
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)
PATIENCE = 1.0  # seconds for the machine's other addresses, once one is Closed
Problem = tuple[str, VpcsharkError]


@dataclass(frozen=True)
class Way:
    """``open`` gives a transport or raises VpcsharkError. It begins after ``wait`` seconds, or as soon as all that
    began earlier have failed: what costs a call or leaves a trace does not begin without need.

    ``keys`` names all that it logs in with: once the machine refused each of those (Refused), it is not waited for.
    ``is_direct``: to an address of the machine; once another one is Closed, it is waited for a moment only."""

    name: str
    open: Callable[[], Transport]
    wait: float = 0.0
    keys: frozenset[str] = frozenset()
    is_direct: bool = False


def first(ways: Sequence[Way], where: str, deadline: float) -> Transport:
    """The first transport to ``where``. TransportError with the one reason that matters; the log has them all."""
    race = _Race(ways)
    for way in ways:
        threads.alone(race.run, way, name=f"way {way.name}")
    transport = race.winner(deadline)
    if transport is not None:
        return transport
    if not ways:
        raise no_address(where)
    raise _told(race.problems(), where)


def no_address(where: str) -> Unreachable:
    """AWS shows no private address of it, of neither family, nor a public one."""
    return Unreachable(
        f"{where} has no address that AWS shows.", "See whether it runs; Session Manager needs none (--connection ssm)."
    )


def _told(problems: Sequence[Problem], where: str) -> TransportError:
    """The machine's own last word (Refused), else why the first way failed, which is the expected one. Without a key,
    what AWS does not allow is the reason; Hopeless if nothing else was wrong, for no time mends that."""
    main = next((error for _, error in reversed(problems) if isinstance(error, Refused)), problems[0][1])
    denied = [error for _, error in problems if isinstance(error, AwsError) and is_denied(error)]
    if denied and all(error in denied or isinstance(error, Keyless) for _, error in problems):
        return Hopeless(main.problem, _remedies(denied if main in denied else (main, *denied)))
    others = [error for _, error in problems if error.problem != main.problem]
    answered = [error for error in others if not isinstance(error, Unreachable)]
    if isinstance(main, Refused):
        return Refused(main.problem, _remedies((main, *denied)) if isinstance(main, Keyless) else main.remedy)
    if (
        isinstance(main, Unreachable) and not isinstance(main, Closed) and answered
    ):  # that may be as it should be: then the next remedy may be the one
        problem = f"{main.problem} No other way leads to {where}: {answered[0].problem}"
        return TransportError(problem, _remedies((main, answered[0])))
    return TransportError(main.problem, main.remedy)


def _remedies(errors: Iterable[VpcsharkError]) -> str:
    return " ".join(dict.fromkeys(error.remedy for error in errors if error.remedy))


def _late(way: Way) -> Unreachable:
    return Unreachable(f"{way.name[:1].upper()}{way.name[1:]} did not answer in time.", "Try again.")


class _Race:
    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = ways
        self._failed: dict[str, VpcsharkError] = {}
        self._refused: frozenset[str] = frozenset()  # keys
        self._won: Transport | None = None
        self._is_over = False
        self._changed = threading.Condition()  # at most one has won; who comes later sees ``_is_over`` and closes

    def run(self, way: Way) -> None:
        """Try one way, in a thread of its own."""
        if not self._its_turn(way):
            return
        log.info("Trying %s.", way.name)
        try:
            transport = way.open()
        except VpcsharkError as error:
            log.info("%s does not work: %s", way.name, error)
            self._fail(way, error)
        except Exception as error:
            log.exception("%s failed unexpectedly", way.name)
            self._fail(way, TransportError(f"It failed unexpectedly ({type(error).__name__})."))
        else:
            self._succeed(way, transport)

    def winner(self, deadline: float) -> Transport | None:
        """Wait for the first; None when all have failed or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._won is not None or len(self._failed) == len(self._ways), deadline)
            self._is_over = True
            self._changed.notify_all()
            return self._won

    def problems(self) -> list[Problem]:
        """Why each way failed, in the ways' order."""
        with self._changed:
            failed = dict(self._failed)
        return [(way.name, failed.get(way.name) or _late(way)) for way in self._ways]

    def _its_turn(self, way: Way) -> bool:
        earlier = [other.name for other in self._ways if other.wait < way.wait]
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or (bool(earlier) and all(name in self._failed for name in earlier)), way.wait
            )
            return not self._is_over and way.name not in self._failed

    def _fail(self, way: Way, error: VpcsharkError) -> None:
        with self._changed:
            self._failed.setdefault(way.name, error)
            if isinstance(error, Refused):
                self._refused |= way.keys
                hopeless = [other for other in self._ways if other.keys and other.keys <= self._refused]
                self._give_up(hopeless, error, "it has no other keys")
            self._changed.notify_all()
        if isinstance(error, Closed) and way.is_direct:
            # Not at once: a private address may be that of somebody else's machine in the network that we are in.
            threads.after(PATIENCE, partial(self._give_up_on_addresses, error), name="end of an address")

    def _give_up_on_addresses(self, error: Closed) -> None:
        with self._changed:
            self._give_up([way for way in self._ways if way.is_direct], error, "another address answered")
            self._changed.notify_all()

    def _give_up(self, ways: Sequence[Way], error: VpcsharkError, why: str) -> None:
        for way in ways:
            if way.name not in self._failed:
                log.info("%s is not waited for: %s.", way.name, why)
                self._failed[way.name] = error

    def _succeed(self, way: Way, transport: Transport) -> None:
        with self._changed:
            is_first = self._won is None and not self._is_over
            if is_first:
                self._won = transport
                self._changed.notify_all()
        if is_first:
            log.info("%s works.", way.name)
        else:
            transport.close()
