"""The websocket of an EC2 Instance Connect Endpoint as a byte stream: raw TCP bytes in binary messages, both ways.

As AWS's own client does it (awscli, customizations/ec2instanceconnect): at most 65,000 bytes in a message, text from
the server is an error, the reason of a close is for people. Must not know AWS's credentials: it gets a signed URL.
"""

from __future__ import annotations

import logging
import os
import ssl
import threading
from typing import Any

import websocket

from vpcshark.errors import TransportError
from vpcshark.transport.alive import give_up_in_time
from vpcshark.transport.tunnel import Tunnel, pumped, wait_readable

log = logging.getLogger(__name__)


def open_tunnel(url: str, ca_bundle: str = "", timeout: float = 5.0) -> Tunnel:
    """Connect to the signed ``wss://…/openTunnel?…``. ``ca_bundle``: a file or folder of the only certificates that are
    trusted, "" for the system's. TransportError with the server's own reason, if it gives one."""
    options: dict[str, Any] = {"ca_cert_path" if os.path.isdir(ca_bundle) else "ca_certs": ca_bundle or None}
    try:
        connection = websocket.create_connection(
            url, timeout=timeout, sslopt=options, enable_multithread=True, skip_utf8_validation=True
        )
    except websocket.WebSocketBadStatusException as exc:
        text = (exc.resp_body or b"").decode("utf-8", "replace").strip() if isinstance(exc.resp_body, bytes) else ""
        raise TransportError(
            f"The Instance Connect Endpoint refused the tunnel: {text[:300] or f'status {exc.status_code}'}.",
            "Check the right ec2-instance-connect:OpenTunnel, and that the endpoint's security group reaches port 22.",
        ) from exc
    except ssl.SSLError as exc:
        raise TransportError(
            f"The encrypted connection to the Instance Connect Endpoint could not be set up: {_reason(exc)}.",
            "Behind a proxy that opens TLS, set AWS_CA_BUNDLE to its certificate.",
        ) from exc
    except (websocket.WebSocketException, OSError) as exc:
        raise TransportError(
            f"The Instance Connect Endpoint cannot be reached: {_reason(exc)}.", "Check the network and the proxy."
        ) from exc
    connection.settimeout(None)
    if connection.sock is not None:
        give_up_in_time(connection.sock)
    lock = threading.Lock()  # OpenSSL's connections are not for two threads at once, so nobody waits inside one

    def send(data: bytes) -> None:
        with lock:
            connection.send_binary(data)

    return pumped(lambda: _received(connection, lock), send, lambda: _close(connection))


def _received(connection: Any, lock: threading.Lock) -> bytes:
    """The next bytes; b"" at the end."""
    while True:
        try:
            _await_input(connection.sock)
            with lock:
                kind, data = connection.recv_data()
        except (websocket.WebSocketException, OSError, ValueError, AttributeError) as exc:  # the last two: closed here
            log.info("The Instance Connect Endpoint's tunnel ended: %s", _reason(exc))
            return b""
        if kind == websocket.ABNF.OPCODE_BINARY:
            if data:
                return bytes(data)
        elif kind == websocket.ABNF.OPCODE_CLOSE:
            log.info("The Instance Connect Endpoint closed the tunnel: %s", data[2:].decode("utf-8", "replace"))
            return b""
        elif kind == websocket.ABNF.OPCODE_TEXT:
            log.info("The Instance Connect Endpoint's tunnel sent text, which it must not.")
            return b""


def _await_input(sock: Any) -> None:
    """Until there is something to read, or the end; at most a second."""
    if sock is None:
        raise ConnectionError("closed here")
    while not (isinstance(sock, ssl.SSLSocket) and sock.pending()):
        if wait_readable(sock, 1.0):
            return


def _close(connection: Any) -> None:
    try:
        connection.shutdown()
    except (websocket.WebSocketException, OSError) as exc:
        log.debug("The tunnel was closed already: %s", exc)


def _reason(exc: BaseException) -> str:
    return str(exc).strip().rstrip(".") or type(exc).__name__
