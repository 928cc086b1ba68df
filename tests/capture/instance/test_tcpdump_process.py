"""What is asked of a host before tcpdump runs there."""

from __future__ import annotations

import logging
from contextlib import closing

import pytest

from vpcshark.capture.instance import tcpdump_process
from vpcshark.errors import Mistake, TransportError
from vpcshark.transport.local import LocalTransport

AGENT = b"vpcshark:agent:0100000A:C000 0A00A8C0:01BB\n"
ABLE = b"vpcshark:rights:root\nvpcshark:tcpdump:/usr/sbin/tcpdump\n"
ABLE += b"vpcshark:link:2 0a:00:00:00:00:01 - hardware eth0\n"
ANSWER = b"vpcshark:user:ec2-user\nvpcshark:sshd:4711\nvpcshark:end:ok\n"


class Answering:
    """A transport and its channel in one: every command prints ``ANSWER``, after ``before``."""

    def __init__(self, name: str, before: bytes = b"") -> None:
        self.name = name
        self._left = [before, ANSWER, b""] if before else [ANSWER, b""]

    def open(self, command):
        return self

    def read(self, size: int) -> bytes:
        return self._left.pop(0)

    def close_input(self) -> None: ...
    def close(self) -> None: ...


@pytest.mark.parametrize(("name", "sshd"), [("web-1", 4711), ("local", 0)])
def test_only_an_sshd_of_our_own_is_there_to_be_ended(name: str, sshd: int) -> None:
    """A capture that falls silent ends the sshd that it came by; on this machine that is the user's login."""
    facts = tcpdump_process.ask(Answering(name))
    assert (facts.user, facts.sshd) == ("ec2-user", sshd)


def test_what_is_left_out_on_suspicion_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody who is not root does not see which of root's HTTPS connections are the SSM agent's."""
    with caplog.at_level(logging.WARNING):
        facts = tcpdump_process.ask(Answering("web-1", b"vpcshark:guessed:yes\n" + AGENT))
    assert facts.agent == (("192.168.0.10", 443, "10.0.0.1", 49152),)
    assert "the user ec2-user cannot see which connections are the SSM agent's; root's 1 connections" in caplog.text


def test_a_capture_that_would_capture_itself_is_refused() -> None:
    """Each of its packets would make another: the agent runs, and no connection can be its."""
    with pytest.raises(TransportError, match="would capture itself") as caught:
        tcpdump_process.Dump(Answering("web-1", b"vpcshark:guessed:yes\n"), tcpdump_process.Wanted("0a:00:00:00:00:01"))
    assert "--ssh-user" in caught.value.remedy


class Wordless(LocalTransport):
    """The host answers the questions; its tcpdump ends at once, or says nothing for as long as it may."""

    name = "web-1"

    def __init__(self, *tcpdump: str) -> None:
        super().__init__()
        self._tcpdump, self._is_asked = tcpdump, False

    def open(self, command):
        if not self._is_asked:
            self._is_asked = True
            return Answering(self.name, ABLE)
        return super().open(self._tcpdump)


def test_a_tcpdump_that_ends_without_a_word_is_not_said_to_be_late() -> None:
    """Nothing was waited for."""
    with closing(Wordless("false")) as there:
        dump = tcpdump_process.Dump(there, tcpdump_process.Wanted("0a:00:00:00:00:01"))
        with pytest.raises(TransportError) as caught:
            dump.begin()
    assert caught.value.problem == "web-1: tcpdump ended: it gives no reason."


@pytest.mark.long
def test_a_tcpdump_that_says_nothing_is_late() -> None:
    """It is ended when its time is over."""
    with closing(Wordless("sleep", "600")) as there:
        dump = tcpdump_process.Dump(there, tcpdump_process.Wanted("0a:00:00:00:00:01"))
        with pytest.raises(TransportError) as caught:
            dump.begin()
    assert caught.value.problem == "web-1: tcpdump did not begin within 15 seconds."


def test_a_filter_for_what_is_inside_vxlan_goes_by_the_length_on_the_wire() -> None:
    """What the snap length cut is as long as it was."""
    passes = tcpdump_process.inner_filter("greater 500")
    assert passes
    assert passes(bytes(96), 500)
    assert not passes(bytes(96), 499)
    assert tcpdump_process.inner_filter(" ") is None


@pytest.mark.parametrize("text", ["outbound and (tcp)", "tcp or not inbound"])
def test_a_direction_of_what_is_inside_vxlan_is_refused(text: str) -> None:
    """An empty capture would tell nobody that it cannot be known."""
    with pytest.raises(Mistake, match="nobody can tell"):
        tcpdump_process.inner_filter(text)
