"""One command on a host whose output is its answer: bounded in size and time. Must not know what is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from vpcshark import threads
from vpcshark.capture.instance import facts
from vpcshark.capture.remote import shell_commands
from vpcshark.errors import TransportError
from vpcshark.transport.base import NO_STATUS, Channel, Transport

PATIENCE = 6.0
"""Seconds for the questions before a capture."""
MOST_ANSWER = 1 << 20
"""Bytes."""
_PIECE, _MOST_WORDS = 1 << 16, 1 << 16


def answer(transport: Transport, command: Sequence[str], patience: float = PATIENCE) -> bytes:
    """What the command prints, a part of it where it takes longer than ``patience`` seconds. TransportError, also if it
    never began. What it prints begins with the mark of ``facts``."""
    channel = transport.open(shell_commands.carried(command))
    alarm = threads.after(patience, channel.close, name="end of an answer")
    try:
        channel.close_input()
        output = bytearray()
        while data := channel.read(_PIECE):
            output += data
            if len(output) > MOST_ANSWER:
                raise facts.unfit(transport.name, f"more than {MOST_ANSWER:,} bytes")
        if not facts.has_begun(output) and (words := _refusal(channel, bytes(output))):
            raise shell_commands.no_shell(transport.name, words)
        return bytes(output)
    finally:
        alarm.cancel()
        channel.close()


def _refusal(channel: Channel, output: bytes) -> str:
    """What a login shell says that ended with an error instead of running the command; "" if it did not do that."""
    with contextlib.suppress(TransportError):
        if 0 < channel.wait(1.0) < NO_STATUS:
            return (channel.read_error(_MOST_WORDS).strip() or output.strip()).decode("utf-8", "replace")
    return ""
