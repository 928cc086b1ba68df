"""What is asked of a host before tcpdump runs there."""

from __future__ import annotations

import pytest

from vpcshark.capture import dump

ANSWER = b"vpcshark:user:ec2-user\nvpcshark:sshd:4711\nvpcshark:end:ok\n"


class Answering:
    """A transport and its channel in one: every command prints ``ANSWER``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._left = [ANSWER, b""]

    def open(self, command):
        return self

    def read(self, size: int) -> bytes:
        return self._left.pop(0)

    def close_input(self) -> None: ...
    def close(self) -> None: ...


@pytest.mark.parametrize(("name", "sshd"), [("web-1", 4711), ("local", 0)])
def test_only_an_sshd_of_our_own_is_there_to_be_ended(name: str, sshd: int) -> None:
    """A capture that falls silent ends the sshd that it came by; on this machine that is the user's login."""
    facts = dump.ask(Answering(name))
    assert (facts.user, facts.sshd) == ("ec2-user", sshd)
