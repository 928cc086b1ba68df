"""A client of Session Manager's data channel that is none of ours: pyssm-client, which needs Python 3.12.

Run as a program by a Python that has it: stdin is a line of JSON (``answer`` of StartSession, ``endpoint`` for
ResumeSession, ``size`` and ``seed`` of the bytes to send); what comes back is compared with what was sent. stdout is
a line of JSON: ``sent`` and ``received`` as SHA-256, ``resumed`` how often. Header, handshake, order and
acknowledgements are the library's. It resumes nothing and sends nothing again: that is done here, around it.
"""

# mypy: disable-error-code=has-type
from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from pyssm_client.communicator.data_channel import SessionDataChannel
from pyssm_client.communicator.protocol import parse_client_message
from pyssm_client.communicator.types import WebSocketConfig

PIECE, WINDOW = 1024, 64  # bytes; messages that are not acknowledged
AGAIN = 1.0


class Channel(SessionDataChannel):
    """Keeps what nobody has acknowledged yet; ``before`` is the one whose session it goes on with."""

    def __init__(self, answer: dict[str, str], before: Channel | None = None) -> None:
        super().__init__(WebSocketConfig(answer["StreamUrl"], answer["TokenValue"]))
        self.kept: dict[int, bytes] = before.kept if before else {}
        self.lost, self.ready = asyncio.Event(), asyncio.Event()
        self.set_closed_handler(self.lost.set)
        self.set_handshake_complete_handler(self.ready.set)
        if before is not None:
            self._expected_sequence_number, self._out_seq = before._expected_sequence_number, before._out_seq
            self._incoming_buffer = before._incoming_buffer
            self.ready.set()

    def _handle_message(self, message: Any) -> None:
        if isinstance(message.data, bytes):
            parsed = parse_client_message(message.data)
            if parsed is not None and parsed.message_type.strip() == "acknowledge":
                self.kept.pop(json.loads(parsed.payload)["AcknowledgedMessageSequenceNumber"], None)
        super()._handle_message(message)

    def _serialize_input_message_with_payload_type(self, input_data: bytes, payload_type: int) -> bytes:
        number = self._out_seq
        data = super()._serialize_input_message_with_payload_type(input_data, payload_type)
        self.kept[number] = data
        return data

    async def send_again(self) -> None:
        """The first that is kept."""
        if self.is_open and self.kept and self._channel is not None:
            await self._channel.send_message(self.kept[min(self.kept)])


class Run:
    """One transfer."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given, self.resumed, self.received = given, 0, bytearray()
        self.data = random.Random(given["seed"]).randbytes(given["size"])
        self.channel = self._channel(given["answer"])

    def _channel(self, answer: dict[str, str], before: Channel | None = None) -> Channel:
        channel = Channel(answer, before)
        channel.set_raw_input_handler(self.received.extend)
        return channel

    async def go(self) -> dict[str, Any]:
        """The whole of it."""
        assert await self.channel.open()
        await self.channel.ready.wait()
        others = [asyncio.create_task(work()) for work in (self._resume, self._send_again)]
        await self._send()
        while len(self.received) < len(self.data) + self.given["greeting"]:
            await asyncio.sleep(0.01)
        for task in others:
            task.cancel()
        await self.channel.close()
        back = bytes(self.received[self.given["greeting"] :])
        sums = [hashlib.sha256(data).hexdigest() for data in (self.data, back)]
        return {"sent": sums[0], "received": sums[1], "resumed": self.resumed}

    async def _send(self) -> None:
        for place in range(0, len(self.data), PIECE):
            while len(self.channel.kept) >= WINDOW or not self.channel.is_open or self.channel.lost.is_set():
                await asyncio.sleep(0.001)
            try:
                await self.channel.send_raw_input_data(self.data[place : place + PIECE])
            except Exception:  # noqa: BLE001 - the connection broke: it is kept, and sent again
                await asyncio.sleep(0.01)

    async def _send_again(self) -> None:
        while True:
            first = min(self.channel.kept, default=-1)
            await asyncio.sleep(AGAIN if not self.resumed else 0.05)
            if first >= 0 and first == min(self.channel.kept, default=-1):
                try:
                    await self.channel.send_again()
                except Exception:  # noqa: BLE001 - the connection broke
                    await asyncio.sleep(0.01)

    async def _resume(self) -> None:
        while True:
            await self.channel.lost.wait()
            answer = await asyncio.to_thread(self._ask)
            channel = self._channel(answer, self.channel)
            assert await channel.open()
            self.channel = channel
            self.resumed += 1

    def _ask(self) -> dict[str, str]:
        body = json.dumps({"SessionId": self.given["answer"]["SessionId"]}).encode()
        asked = Request(self.given["endpoint"], body, {"X-Amz-Target": "AmazonSSM.ResumeSession"}, method="POST")
        with build_opener(ProxyHandler({})).open(asked, timeout=30) as answer:
            return json.loads(answer.read())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(Run(json.loads(sys.stdin.readline())).go())) + "\n")
