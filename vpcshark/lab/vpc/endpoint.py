"""An EC2 Instance Connect Endpoint: TLS and websocket on this machine, TCP inside the VPC behind it.

It checks what AWS documents: the SigV4 signature in the query, its age, the endpoint's id, port, private address and
longest duration (awscli, customizations/ec2instanceconnect). Must not know the API's state.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import ipaddress
import logging
import secrets
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

_log = logging.getLogger(__name__)
_TLS_PORT = 443
_PORTS = ("22", "3389")  # all that AWS lets through
OPEN = "ec2-instance-connect:OpenTunnel"  # the IAM action
_MOST = 65_000  # bytes that a message may carry
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NOTHING = hashlib.sha256(b"").hexdigest()


class Users(Protocol):
    """IAM, as far as the endpoint asks it."""

    def secret_of(self, key_id: str) -> str | None:
        """The secret of an access key; None if nobody has it."""

    def allows(self, key_id: str, action: str, context: Mapping[str, str]) -> bool:
        """May whoever has the key do it? ``context`` is what IAM's condition keys are then."""


@dataclass(frozen=True)
class Rules:
    """Whom the endpoints let where: ``networks`` has an endpoint's id -> the blocks that it lets to, between blanks."""

    networks: dict[str, str]
    region: str
    users: Users
    ports: tuple[str, ...] = _PORTS

    def blocks(self, endpoint: str) -> list[str]:
        """Of the VPC of an endpoint; none if there is no such endpoint."""
        return self.networks.get(endpoint, "").split()


def refusal(target: str, host: str, rules: Rules, now: datetime) -> str:
    """Why a GET of ``target`` (path and query) is refused; "" if it is not."""
    url = urlsplit(target)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    if url.path != "/openTunnel":
        return "Not Found"
    return (
        _signature_problem(url.query, query, host, rules, now)
        or _permission_problem(query, rules)
        or _parameter_problem(query, rules)
    )


def _permission_problem(query: Mapping[str, str], rules: Rules) -> str:
    context = {f"ec2-instance-connect:{name}": query.get(name, "") for name in ("remotePort", "privateIpAddress")}
    is_allowed = rules.users.allows(query["X-Amz-Credential"].partition("/")[0], OPEN, context)
    return "" if is_allowed else f"User is not authorized to perform: {OPEN}"


def _parameter_problem(query: Mapping[str, str], rules: Rules) -> str:
    blocks = rules.blocks(query.get("instanceConnectEndpointId", ""))
    if not blocks:
        return "The endpoint does not exist"
    if query.get("remotePort") not in rules.ports:
        return "The remote port must be 22 or 3389"
    duration = query.get("maxTunnelDuration", "3600")
    if not duration.isdecimal() or not 1 <= int(duration) <= 3600:
        return "maxTunnelDuration must be from 1 to 3600"
    try:
        address = ipaddress.ip_address(query.get("privateIpAddress", ""))
        inside = any(address in ipaddress.ip_network(block) for block in blocks)
    except ValueError:
        inside = False
    return "" if inside else "The private IP address is not in the VPC"


def _signature_problem(text: str, query: Mapping[str, str], host: str, rules: Rules, now: datetime) -> str:
    """SigV4 in the query (IAM User Guide, "Create a signed AWS API request")."""
    key_id, _, scope = query.get("X-Amz-Credential", "").partition("/")
    secret = rules.users.secret_of(key_id)
    if secret is None or query.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        return "The security token included in the request is invalid"
    stamp = query.get("X-Amz-Date", "")
    if scope != f"{stamp[:8]}/{rules.region}/ec2-instance-connect/aws4_request":
        return "Credential should be scoped to a valid region and service"
    if query.get("X-Amz-SignedHeaders") != "host" or query.get("X-Amz-Expires") != "60":
        return "The signature must cover the host alone and be good for 60 seconds"
    age = (now - datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)).total_seconds()
    if not -60 <= age <= 60:
        return "Signature expired"
    parts = sorted(part for part in text.split("&") if not part.startswith("X-Amz-Signature="))
    request = f"GET\n/openTunnel\n{'&'.join(parts)}\nhost:{host}\n\nhost\n{_NOTHING}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for word in scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    right = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right, query.get("X-Amz-Signature", "")):
        return "The request signature we calculated does not match the signature you provided"
    return ""


Connect = Callable[[tuple[str, int]], socket.socket]
"""(address, port) inside the VPC -> a connection. OSError."""


def listen() -> socket.socket:
    """On port 443, which clients take for granted, of a loopback address that nobody else has. OSError."""
    for _ in range(100):
        address = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(255)}.{secrets.randbelow(254) + 1}"
        try:
            return socket.create_server((address, _TLS_PORT))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no loopback address has its port 443 free")


class EndpointServer:
    """Runs in threads of this process from its making to ``close``, on a socket of ``listen`` or any other; ``host`` is
    what its DnsName would be."""

    def __init__(self, connect: Connect, rules: Rules, certificate: Path, server: socket.socket | None = None) -> None:
        self._connect = connect
        self._rules = rules
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._server = server or socket.create_server(("127.0.0.1", 0))
        address, port = self._server.getsockname()
        self.host = address if port == _TLS_PORT else f"localhost:{port}"
        threading.Thread(target=self._accept, name="lab-endpoint", daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(sock,), name="lab-endpoint", daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), self._context.wrap_socket(plain, server_side=True) as sock:
            target, headers = _request(sock)
            problem = refusal(target, headers.get("host", ""), self._rules, datetime.now(timezone.utc))
            if problem:
                _refuse(sock, "403 Forbidden", problem)
                return
            query = dict(parse_qsl(urlsplit(target).query))
            try:
                inner = self._connect((query["privateIpAddress"], int(query["remotePort"])))
            except OSError as error:
                _refuse(sock, "500 Internal Server Error", f"No connection to the target: {error}")
                return
            self._tunnel(sock, inner, headers, query)

    @staticmethod
    def _tunnel(
        sock: ssl.SSLSocket, inner: socket.socket, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> None:
        accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + _GUID).digest()).decode()
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        inner.settimeout(None)
        lock = threading.Lock()
        end = time.monotonic() + int(query.get("maxTunnelDuration", "3600"))
        threading.Thread(target=_from_inside, args=(inner, sock, lock), daemon=True).start()
        try:
            while time.monotonic() < end:
                kind, data = _next(sock, lock)
                if kind == 8:
                    break
                if kind == 9:
                    _send(sock, 10, data, lock)
                elif kind == 2:
                    inner.sendall(data)
        finally:
            with contextlib.suppress(OSError):
                inner.shutdown(socket.SHUT_RDWR)
            inner.close()


def _refuse(sock: ssl.SSLSocket, status: str, why: str) -> None:
    _log.info("tunnel refused: %s", why)
    body = why.encode()
    sock.sendall(f"HTTP/1.1 {status}\r\nx-amzn-requestid: lab\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def _from_inside(inner: socket.socket, sock: ssl.SSLSocket, lock: threading.Lock) -> None:
    with contextlib.suppress(OSError):
        while data := inner.recv(_MOST):
            _send(sock, 2, data, lock)
    with contextlib.suppress(OSError):
        _send(sock, 8, struct.pack(">H", 1000), lock)
        sock.shutdown(socket.SHUT_RDWR)


def _request(sock: ssl.SSLSocket) -> tuple[str, dict[str, str]]:
    text = b""
    while b"\r\n\r\n" not in text:
        data = sock.recv(1)
        if not data or len(text) > 16384:
            raise ValueError("no request")
        text += data
    first, *lines = text.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first.split()[1], headers


def _next(sock: ssl.SSLSocket, lock: threading.Lock) -> tuple[int, bytes]:
    """The next frame. OpenSSL's connections are not for two threads at once, so nobody waits inside one."""
    if not sock.pending():
        select.select([sock], [], [])
    with lock:
        return _message(sock)


def _message(sock: ssl.SSLSocket) -> tuple[int, bytes]:
    """One frame of a client (RFC 6455, 5.2); ValueError for what AWS's endpoint would not take."""
    first, second = _exactly(sock, 2)
    length = second & 0x7F
    if length == 126:
        length = struct.unpack(">H", _exactly(sock, 2))[0]
    elif length == 127:
        length = struct.unpack(">Q", _exactly(sock, 8))[0]
    if length > _MOST or not second & 0x80:
        raise ValueError("too long, or not masked")
    mask = _exactly(sock, 4)
    data = _exactly(sock, length)
    stretched = (mask * (length // 4 + 1))[:length]
    return first & 15, (int.from_bytes(data, "big") ^ int.from_bytes(stretched, "big")).to_bytes(length, "big")


def _exactly(sock: ssl.SSLSocket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ValueError("cut off")
        data += more
    return data


def _send(sock: ssl.SSLSocket, kind: int, data: bytes, lock: threading.Lock) -> None:
    size = struct.pack(">B", len(data)) if len(data) < 126 else struct.pack(">BH", 126, len(data))
    with lock:
        sock.sendall(bytes([0x80 | kind]) + size + data)
