"""``vpcshark trust``: what makes a host key trusted, and what does not."""

from __future__ import annotations

import pytest

from vpcshark.aws.compute.console_host_keys import DoubtfulConsole
from vpcshark.cli.trust import accepts
from vpcshark.errors import InputError

SHOWN = "SHA256:shown"


def nobody(question: str) -> bool:
    """Is not to be asked."""
    raise AssertionError(question)


def doubtful() -> bool:
    """A console with two blocks."""
    raise DoubtfulConsole("The console proves no host key: two blocks.", "")


@pytest.mark.parametrize("answer", [True, False])
def test_a_console_without_the_key_leaves_it_to_the_person(answer: bool) -> None:
    """With the fingerprint in the question."""
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return answer

    assert accepts("", SHOWN, lambda: False, ask) is answer
    assert SHOWN in asked[0]


def test_a_console_with_the_key_is_enough() -> None:
    """Nobody is asked."""
    assert accepts("", SHOWN, lambda: True, nobody)


def test_a_console_that_somebody_else_may_have_written_is_refused_with_its_reason() -> None:
    """A yes is given too easily; only a fingerprint that came by another way is taken."""
    with pytest.raises(InputError, match=r"two blocks.*not accepted.*--fingerprint"):
        accepts("", SHOWN, doubtful, nobody)
    assert accepts(SHOWN, SHOWN, doubtful, nobody)


def test_the_fingerprint_that_the_person_brought_decides_alone() -> None:
    """Even against a console that has the key."""
    with pytest.raises(InputError, match="SHA256:other"):
        accepts("SHA256:other", SHOWN, lambda: True, nobody)
