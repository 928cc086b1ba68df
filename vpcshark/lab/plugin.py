"""A stand-in for AWS's session-manager-plugin, in the lab alone: the same arguments, the same words around the data.

Run as a program. Must not know the API, nor import anything but the standard library: it is copied into the lab's
folder under the real plugin's name.
"""

import json
import os
import socket
import sys
import threading
from urllib.parse import urlsplit

VERSION = "1.2.677.0"
TOKEN_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"


def main() -> int:
    """``RESPONSE REGION StartSession PROFILE PARAMETERS ENDPOINT``; the exit status."""
    if sys.argv[1:] == ["--version"]:
        print(VERSION)  # noqa: T201 - its output is its purpose
        return 0
    response = sys.argv[1]
    answer = json.loads(os.environ[response] if response == TOKEN_VARIABLE else response)
    if sys.argv[3] != "StartSession" or "Target" not in json.loads(sys.argv[5]):
        return 255
    address = urlsplit(answer["StreamUrl"])
    stream = socket.create_connection((address.hostname or "", address.port or 0), 5)
    stream.settimeout(None)
    stream.sendall(answer["TokenValue"].encode() + b"\n")
    os.write(1, b"\nStarting session with SessionId: " + answer["SessionId"].encode() + b"\n")
    threading.Thread(target=_outwards, args=(stream,), daemon=True).start()
    while data := stream.recv(65536):
        _write_all(data)
    os.write(1, b"\n\nExiting session with sessionId: " + answer["SessionId"].encode() + b".\n\n")
    return 0


def _outwards(stream: socket.socket) -> None:
    while data := os.read(0, 65536):
        stream.sendall(data)
    stream.shutdown(socket.SHUT_RDWR)


def _write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError:
        sys.exit(1)
