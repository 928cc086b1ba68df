"""A message's bytes: those that the agent's and the plugin's own tests expect, field by field."""

from __future__ import annotations

import uuid

import pytest

from vpcshark.lab.session import messages
from vpcshark.lab.session.messages import Message

# The facts are those of the agent's own test (agent/session/contracts/agentmessage_test.go,
# TestSerializeAndDeserializeAgentMessage), the places those of AgentMessage_…Offset.
KNOWN = Message(
    "interactive_shell",
    b"payload",
    sequence=1,
    flags=2,
    created=1503434274948,
    id=uuid.UUID("dd01e56b-ff48-483e-a508-b5f073f31b16"),
)
BYTES = (
    bytes.fromhex(
        "00000074"  # the header's length, without that of the payload
        "696e7465726163746976655f7368656c6c202020202020202020202020202020"  # 32 characters, filled up with blanks
        "00000001"
        "0000015e0baa7884"
        "0000000000000001"
        "0000000000000002"
        "a508b5f073f31b16dd01e56bff48483e"  # the low half first (putUuid)
        "239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5"
        "00000000"
        "00000007"
    )
    + b"payload"
)


def test_a_message_is_written_as_the_agent_writes_it() -> None:
    """116 bytes of header, four of length, the payload."""
    assert messages.encode(KNOWN) == BYTES
    assert len(BYTES) == 116 + 4 + 7


def test_a_message_is_read_as_it_was_written() -> None:
    """Every field."""
    assert messages.decode(BYTES) == KNOWN
    assert messages.kind_of(BYTES) == "interactive_shell"


def test_an_acknowledgement_names_what_it_is_of() -> None:
    """By the names of the plugin's AcknowledgeContent, with the identity as text in its own order."""
    taken = messages.decode(messages.encode(messages.acknowledgement(KNOWN, 1)))
    assert (taken.kind, taken.flags, taken.sequence) == ("acknowledge", 3, 0)
    assert taken.facts() == {
        "AcknowledgedMessageType": "interactive_shell",
        "AcknowledgedMessageId": "dd01e56b-ff48-483e-a508-b5f073f31b16",
        "AcknowledgedMessageSequenceNumber": 1,
        "IsSequentialMessage": True,
    }


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (BYTES[:119], "no message"),
        (BYTES[:-1], "announced"),
        (BYTES[:-1] + b"D", "digest"),
        (b"\0\0\0\x78" + BYTES[4:], "header of 120"),
        (BYTES[:4] + b" " * 32 + BYTES[36:], "no type"),
        (BYTES[:40] + bytes(8) + BYTES[48:], "no date"),
    ],
)
def test_what_is_no_message_is_refused(wrong: bytes, words: str) -> None:
    """So that a client that is careless here does not find it out on AWS."""
    with pytest.raises(ValueError, match=words):
        messages.decode(wrong)
