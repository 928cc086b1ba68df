"""The messages of Session Manager's data channel, bytes to facts and back.

A header of 116 bytes, big-endian, the payload's length, the payload (aws/amazon-ssm-agent,
agent/session/contracts/agentmessage.go; aws/session-manager-plugin, src/message/messageparser.go). Pure. Must not know
what the messages are for, nor how they travel.
"""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
from dataclasses import dataclass, field
from typing import Any

INPUT, OUTPUT = "input_stream_data", "output_stream_data"  # from the client, from the agent
ACKNOWLEDGE = "acknowledge"
CHANNEL_CLOSED = "channel_closed"
START, PAUSE = "start_publication", "pause_publication"
TASK, TASK_COMPLETE = "interactive_shell", "agent_task_complete"  # on the agent's control channel alone
STREAM = (INPUT, OUTPUT)

DATA = 1  # the payload's types, agent/session/contracts/model.go
HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE = 5, 6, 7
FLAG = 10
DISCONNECT_TO_PORT, TERMINATE_SESSION = 1, 2  # what a flag says
SUCCESS, UNSUPPORTED = 1, 3  # an action's status in a handshake
MOST = 1024  # bytes that a payload of a stream has at most: StreamDataPayloadSize in either's config

SYN, SYN_FIN = 1, 3  # flags of a stream's first message, and of one that is alone
_HEADER = struct.Struct(">I32sIQqQ16s32sI")
HEADER = _HEADER.size  # 116
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Message:
    """``created`` is in ms since the epoch."""

    kind: str
    payload: bytes = b""
    payload_type: int = 0
    sequence: int = 0
    flags: int = 0
    created: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def facts(self) -> dict[str, Any]:
        """A payload that is a JSON object. ValueError if it is none."""
        found = json.loads(self.payload)
        if not isinstance(found, dict):
            raise ValueError(f"the payload of {self.kind} is no JSON object")
        return found


def encode(message: Message) -> bytes:
    """As both ends write it."""
    high, low = message.id.bytes[:8], message.id.bytes[8:]  # the low half goes first
    digest = hashlib.sha256(message.payload).digest()
    head = _HEADER.pack(
        HEADER,
        message.kind.encode().ljust(32),
        1,
        message.created,
        message.sequence,
        message.flags,
        low + high,
        digest,
        message.payload_type,
    )
    return head + _LENGTH.pack(len(message.payload)) + message.payload


def decode(data: bytes) -> Message:
    """ValueError for what an end would not take, or would take for something else."""
    if len(data) < HEADER + _LENGTH.size:
        raise ValueError(f"{len(data)} bytes are no message")
    size, kind, schema, created, sequence, flags, identity, digest, payload_type = _HEADER.unpack_from(data)
    (length,) = _LENGTH.unpack_from(data, HEADER)
    payload = data[HEADER + _LENGTH.size :]
    if size != HEADER or schema != 1:
        raise ValueError(f"a header of {size} bytes, schema {schema}")
    if length != len(payload):
        raise ValueError(f"{len(payload)} bytes of payload, and {length} announced")
    if payload and hashlib.sha256(payload).digest() != digest:
        raise ValueError("the payload has another digest")
    word = kind.strip(b" \0").decode("ascii")
    if not word or not created:
        raise ValueError("no type, or no date")
    found = uuid.UUID(bytes=identity[8:] + identity[:8])
    return Message(word, payload, payload_type, sequence, flags, created, found)


def kind_of(data: bytes) -> str:
    """The type alone, of a message that is passed on as it is."""
    return data[4:36].strip(b" \0").decode("ascii", "replace")


def payload_type_of(data: bytes) -> int:
    """The same, its payload's type."""
    return int(_LENGTH.unpack_from(data, HEADER - 4)[0])


def acknowledgement(of: Message, created: int) -> Message:
    """That ``of`` was taken."""
    content = {
        "AcknowledgedMessageType": of.kind,
        "AcknowledgedMessageId": str(of.id),
        "AcknowledgedMessageSequenceNumber": of.sequence,
        "IsSequentialMessage": True,
    }
    return Message(ACKNOWLEDGE, _json(content), flags=SYN_FIN, created=created)


def closed(session: str, target: str, output: str, created: int) -> Message:
    """That the channel is closed, and why; "" for no reason."""
    content = {
        "MessageId": str(uuid.uuid4()),
        "CreatedDate": str(created),
        "DestinationId": target,
        "SessionId": session,
        "MessageType": CHANNEL_CLOSED,
        "SchemaVersion": 1,
        "Output": output,
    }
    return Message(CHANNEL_CLOSED, _json(content), flags=SYN_FIN, created=created)


def said(kind: str, content: Any, created: int) -> Message:
    """A message that is alone, with a JSON payload."""
    return Message(kind, _json(content), flags=SYN_FIN, created=created)


def open_channel(token: str, **more: str) -> str:
    """What is said first on a channel, as text (src/service/service.go, OpenDataChannelInput)."""
    return json.dumps(
        {"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "TokenValue": token, **more},
    )


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
