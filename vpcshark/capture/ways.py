"""Several ways to one machine, tried side by side: the first that works is used, the others are let go.

Must not know what the ways are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vpcshark.errors import TransportError, Unreachable, VpcsharkError
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Way:
    """``open`` gives a transport or raises VpcsharkError. It begins after ``wait`` seconds, or as soon as all that
    began earlier have failed: what costs a call or leaves a trace does not begin without need."""

    name: str
    open: Callable[[], Transport]
    wait: float = 0.0


def first(ways: Sequence[Way], where: str, deadline: float) -> Transport:
    """The first transport to ``where``. TransportError that says why each way did not work, the earliest way first."""
    race = _Race(ways)
    for way in ways:
        threading.Thread(target=race.run, args=(way,), name=f"way {way.name}", daemon=True).start()
    transport = race.winner(deadline)
    if transport is not None:
        return transport
    problems = race.problems()
    # An address at which nobody is says little beside one where somebody is; but the first way is the one expected.
    problems = problems[:1] + [problem for problem in problems[1:] if not isinstance(problem[1], Unreachable)]
    if len(problems) == 1:
        raise TransportError(problems[0][1].problem, problems[0][1].remedy)
    listed = " ".join(_listed(problems))
    remedies = dict.fromkeys(error.remedy for _, error in problems if error.remedy)
    # Nobody at the first way's address may be as it should be (a private one): then the next remedy may be the one.
    remedy = " ".join([*remedies][: 2 if isinstance(problems[0][1], Unreachable) else 1])
    raise TransportError(f"No way leads to {where}. {listed}", remedy)


def _listed(problems: Sequence[tuple[str, VpcsharkError]]) -> list[str]:
    """A sentence for each problem; ways that have the same one share it."""
    names: dict[str, list[str]] = {}
    for name, error in problems:
        names.setdefault(error.problem, []).append(name)
    together = [(" and ".join(shared), problem) for problem, shared in names.items()]
    return [f"{name[:1].upper()}{name[1:]}: {problem}" for name, problem in together]


class _Race:
    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = ways
        self._failed: dict[str, VpcsharkError] = {}
        self._won: Transport | None = None
        self._is_over = False
        self._changed = threading.Condition()

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

    def problems(self) -> list[tuple[str, VpcsharkError]]:
        """Why each way failed, in the ways' order."""
        late = Unreachable("It did not answer in time.")
        return [(way.name, self._failed.get(way.name, late)) for way in self._ways]

    def _its_turn(self, way: Way) -> bool:
        earlier = [other.name for other in self._ways if other.wait < way.wait]
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or (bool(earlier) and all(name in self._failed for name in earlier)), way.wait
            )
            return not self._is_over

    def _fail(self, way: Way, error: VpcsharkError) -> None:
        with self._changed:
            self._failed[way.name] = error
            self._changed.notify_all()

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
