"""The button *Diagnose*: lines in status bar and log from the press on, a dialog at the next press, the last word."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from vpcshark.capture.diagnosing.follower import Summary, Told
from vpcshark.capture.diagnosing.tee import Tee
from vpcshark.extcap.capture_phase.diagnosis import Diagnosis

PROVED = Told("tls-name", "proved", "a asks b for <img src=x>.", "Mend <it>.", "tcp.port == 443", [])
LIKELY = Told("loss", "likely", "Some are lost.", "", "", [])


class Bar:
    """What the toolbar is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.changed = threading.Condition()

    def _note(self, how: str, text: str) -> None:
        with self.changed:
            self.said.append((how, text))
            self.changed.notify_all()

    def say(self, text: str) -> None:
        self._note("say", text)

    def log(self, line: str) -> None:
        self._note("log", line)

    def tell(self, text: str) -> None:
        self._note("tell", text)

    def wait(self, count: int) -> list[tuple[str, str]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.said) >= count, 60)
            return self.said[:]


class Following:
    """A diagnosis that finds what its test says."""

    def __init__(self, head: bytes, tell: Callable[[Told], None]) -> None:
        self.head, self.tell = head, tell
        self.found: list[Told] = []
        self.taken = b""

    def take(self, data: bytes, number: int = -1) -> None:
        self.taken += data
        self.found.append(PROVED)
        self.tell(PROVED)

    def finish(self, seconds: float) -> Summary:
        return Summary([PROVED, LIKELY], 3)


class Nowhere:
    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def bar() -> Bar:
    return Bar()


def test_nothing_is_done_before_the_button_is_pressed(bar: Bar) -> None:
    made: list[Following] = []
    diagnosis = Diagnosis(bar, Tee(Nowhere()), lambda *a: made.append(Following(*a)) or made[0])  # type: ignore
    diagnosis.end()
    assert (bar.said, made) == ([], [])


def test_from_the_press_on_what_is_proved_is_said_and_the_next_press_tells_all(bar: Bar) -> None:
    """What Qt would take for markup reaches no label."""
    made: list[Following] = []
    tee = Tee(Nowhere())
    tee.write(b"\x0a\x0d\x0d\x0a" + (12).to_bytes(4, "little") * 2)
    tee.write(b"before")
    diagnosis = Diagnosis(bar, tee, lambda *a: made.append(Following(*a)) or made[0])  # type: ignore
    diagnosis.press()
    bar.wait(1)
    diagnosis.press()
    assert bar.wait(2)[1] == ("tell", "Nothing is proved so far. What is only likely is told when the capture ends.")
    tee.write(b"after")
    assert made[0].taken == b"after"
    assert made[0].head == tee.head
    assert bar.wait(5)[2:] == [
        ("say", "PROVED tls-name: a asks b for ‹img src=x>."),
        ("log", "  Next: Mend ‹it>."),
        ("log", "  Filter: tcp.port == 443"),
    ]
    diagnosis.press()
    assert bar.wait(6)[5] == ("tell", "PROVED tls-name: a asks b for ‹img src=x>.")
    diagnosis.end()
    assert bar.wait(8)[6:] == [("log", "LIKELY loss: Some are lost."), ("say", "Diagnosed 3 packets: 2 findings.")]
