"""What runs in an instance and answers: HTTP, DNS, and a sink that sends large datagrams back.

Must not know namespaces: it binds where it runs. Each service is one thread, bound when its function returns.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vpcshark.lab.vpc import dns

HTTP_PORT, DNS_PORT, ECHO_PORT = 80, 53, 9000
_LARGEST_DATAGRAM = 1 << 16


class _Handler(BaseHTTPRequestHandler):
    """Answers each GET with a page that repeats the path, so that a request and its answer can be told by it."""

    protocol_version = "HTTP/1.1"
    server_version = "lab"

    def do_GET(self) -> None:
        """The page."""
        body = f"<title>{self.path}</title>\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: requests come by the dozen per second."""


class _Server(ThreadingHTTPServer):
    """HTTP on IPv4 and IPv6 by one socket."""

    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Bind without the reverse look-up of our own name that ``http.server`` makes."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "lab", HTTP_PORT


def serve_http() -> None:
    """Answer HTTP on TCP 80."""
    server = _Server(("::", HTTP_PORT), _Handler)
    _in_background(server.serve_forever)


def serve_dns(addresses: Iterable[str], names: Mapping[str, Sequence[str]]) -> None:
    """Answer DNS on UDP 53 at each of the addresses."""
    _serve_datagrams(addresses, DNS_PORT, lambda query: dns.answer(query, names))


def serve_echo(addresses: Iterable[str]) -> None:
    """Send each datagram to UDP 9000 at one of the addresses back to its sender."""
    _serve_datagrams(addresses, ECHO_PORT, lambda data: data)


def _serve_datagrams(addresses: Iterable[str], port: int, answer: Callable[[bytes], bytes]) -> None:
    """One socket per address, so that an answer comes from where the question went."""
    for address in addresses:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, port))
        _in_background(partial(_answer_all, sock, answer))


def _answer_all(sock: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    while True:
        with contextlib.suppress(ValueError, OSError):  # anyone may send anything, and may be gone by now
            data, sender = sock.recvfrom(_LARGEST_DATAGRAM)
            sock.sendto(answer(data), sender)


def _in_background(call: Callable[[], None]) -> None:
    threading.Thread(target=call, daemon=True).start()
