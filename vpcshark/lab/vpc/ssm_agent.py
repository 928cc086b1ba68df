"""The SSM agent of an instance: keeps a connection to the lab's service, and opens sessions to its machine's ports.

``python -m vpcshark.lab.vpc.ssm_agent INSTANCE ADDRESS``; the service is at ADDRESS, TCP 443. It greets with "control
INSTANCE", and on "open TOKEN PORT" makes a second connection, "data TOKEN", and joins it with 127.0.0.1:PORT, as the
real agent does. It ends with its stdin. Must not know the API.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys
import threading
import time

from vpcshark.lab.vpc.relay import join

SERVICE_PORT = 443
_PR_SET_NAME = 15
_PAUSE = 0.2


def main(instance: str, address: str) -> None:
    """Serve until stdin ends."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, b"ssm-agent-worker", 0, 0, 0)
    threading.Thread(target=_serve_for_ever, args=(instance, address), daemon=True).start()
    while os.read(0, 1):
        pass


def _serve_for_ever(instance: str, address: str) -> None:
    while True:
        with contextlib.suppress(OSError):
            _serve(instance, address)
        time.sleep(_PAUSE)


def _serve(instance: str, address: str) -> None:
    with socket.create_connection((address, SERVICE_PORT), 5) as control:
        control.settimeout(None)
        control.sendall(f"control {instance}\n".encode())
        with control.makefile("r") as lines:
            for line in lines:
                word, token, port = line.split()
                if word == "open":
                    threading.Thread(target=_session, args=(address, token, int(port)), daemon=True).start()


def _session(address: str, token: str, port: int) -> None:
    with contextlib.suppress(OSError):
        data = socket.create_connection((address, SERVICE_PORT), 5)
        data.sendall(f"data {token}\n".encode())
        join(data, socket.create_connection(("127.0.0.1", port), 5))


if __name__ == "__main__":
    main(*sys.argv[1:3])
