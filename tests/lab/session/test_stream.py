"""A session's stream: in order and whole, whatever the way between its ends loses, doubles or holds back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from vpcshark.lab.session import messages
from vpcshark.lab.session.messages import Message
from vpcshark.lab.session.stream import EVERY, Stream


class Two:
    """Both ends, and the messages that are under way between them; nothing moves but by ``pass_on``."""

    def __init__(self, clock: Any, takes: Callable[[Message], bool] | None = None) -> None:
        self.clock = clock
        self.under_way: list[tuple[str, bytes]] = []
        self.taken: list[bytes] = []
        self.is_down = False
        self.agent = Stream(messages.OUTPUT, self._carry("client"), lambda message: True, clock, keeps=True)
        self.client = Stream(messages.INPUT, self._carry("agent"), takes or self._take, clock, keeps=False)

    def _carry(self, towards: str) -> Callable[[bytes], None]:
        def send(data: bytes) -> None:
            if self.is_down:
                raise ConnectionError("nothing carries it")
            self.under_way.append((towards, data))

        return send

    def _take(self, message: Message) -> bool:
        self.taken.append(message.payload)
        return True

    def pass_on(self, chosen: Callable[[int], bool] = lambda number: True) -> None:
        """Deliver those under way whose place is ``chosen``; the others are lost."""
        under_way, self.under_way = self.under_way, []
        for number, (towards, data) in enumerate(under_way):
            if chosen(number):
                (self.client if towards == "client" else self.agent).receive(messages.decode(data))

    def later(self) -> None:
        """Time for what is not acknowledged."""
        self.clock.sleep(1.5)
        self.agent.resend()
        self.client.resend()


def payloads(count: int) -> list[bytes]:
    return [bytes([number % 256]) * (1 + number) for number in range(count)]


def test_what_is_put_comes_in_order_and_is_acknowledged(clock: Any) -> None:
    """Once, with nothing left to send again."""
    two = Two(clock)
    for payload in payloads(5):
        two.agent.put(messages.DATA, payload)
    two.pass_on()
    two.pass_on()
    assert two.taken == payloads(5)
    assert two.agent.wait_acknowledged(0)
    two.later()
    assert two.under_way == []


@pytest.mark.parametrize("seed", range(5))
def test_losses_of_messages_and_acknowledgements_are_made_good(seed: int, clock: Any) -> None:
    """Half of all are lost, in both directions."""
    two, chance = Two(clock), random.Random(seed)
    for payload in payloads(30):
        two.agent.put(messages.DATA, payload)
    for _ in range(500):
        two.pass_on(lambda number: chance.random() < 0.5)
        two.later()
    assert two.taken == payloads(30)
    assert two.agent.wait_acknowledged(0)


def test_what_comes_before_its_turn_waits(clock: Any) -> None:
    """The first of three is late."""
    two = Two(clock)
    for payload in payloads(3):
        two.agent.put(messages.DATA, payload)
    two.pass_on(lambda number: number > 0)
    assert two.taken == []
    two.pass_on()
    two.later()
    two.pass_on()
    assert two.taken == payloads(3)


def test_what_is_not_taken_is_sent_again(clock: Any) -> None:
    """As while the session's handler is not ready."""
    ready: list[bool] = []
    two = Two(clock, lambda message: bool(ready))
    two.agent.put(messages.DATA, b"early")
    two.pass_on()
    assert not two.agent.wait_acknowledged(0)
    ready.append(True)
    two.later()
    two.pass_on()
    two.pass_on()
    assert two.agent.wait_acknowledged(0)


def test_nothing_is_sent_while_it_is_paused(clock: Any) -> None:
    """It is kept, and sent once that is over."""
    two = Two(clock)
    two.agent.is_paused = True
    two.agent.put(messages.DATA, b"kept")
    two.later()
    assert two.under_way == []
    two.agent.is_paused = False
    two.later()
    two.pass_on()
    assert two.taken == [b"kept"]


def test_an_end_without_a_connection_keeps_or_refuses(clock: Any) -> None:
    """The agent keeps what it reads; the plugin gives up."""
    two = Two(clock)
    two.is_down = True
    two.agent.put(messages.DATA, b"kept")
    with pytest.raises(ConnectionError):
        two.client.put(messages.DATA, b"lost")
    two.is_down = False
    two.later()
    two.pass_on()
    assert two.taken[:1] == [b"kept"]


def test_the_first_message_of_the_agent_says_so(clock: Any) -> None:
    """SYN, which the plugin's has not."""
    two = Two(clock)
    two.agent.put(messages.DATA, b"a")
    two.agent.put(messages.DATA, b"b")
    two.client.put(messages.DATA, b"c")
    assert [messages.decode(data).flags for _, data in two.under_way] == [1, 0, 0]
    assert EVERY == 0.1
