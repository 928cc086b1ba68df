"""Endpoints that mean ill: what may answer at AWS_ENDPOINT_URL, as a table of functions that get a connection and the
request. Plain sockets, so that nothing on this side mends what is broken. Must not know the product."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

Answer = Callable[[socket.socket, bytes], None]
ENDPOINTS: dict[str, Answer] = {}
MEGABYTE = 1 << 20
NAMES = "&#x9b;31m\u202eowned\u2066[/x][link=http://x]$(touch owned)"
EC2 = "http://ec2.amazonaws.com/doc/2016-11-15/"


def endpoint(name: str) -> Callable[[Answer], Answer]:
    """Put an answer into the table."""

    def put(answer: Answer) -> Answer:
        ENDPOINTS[name] = answer
        return answer

    return put


def reply(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """An HTTP answer; ``length`` other than the body's is a lie."""
    said = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/xml",
        *headers,
        f"Content-Length: {len(body) if length is None else length}",
    ]
    return "\r\n".join([*said, "Connection: close", "", ""]).encode() + body


def fixed(name: str, answer: bytes) -> None:
    """One that always sends these bytes and closes."""
    ENDPOINTS[name] = lambda connection, request: connection.sendall(answer)


def action(request: bytes) -> str:
    """The API action that was asked for."""
    found = re.search(rb"Action=(\w+)", request)
    return found[1].decode() if found else ""


def answered(request: bytes, inner: str) -> bytes:
    """EC2's answer to the request with ``inner`` in it."""
    name = f"{action(request)}Response"
    return f'<?xml version="1.0"?><{name} xmlns="{EC2}"><requestId>x</requestId>{inner}</{name}>'.encode()


def enis(*inner: str, token: str = "") -> str:
    """A page of interfaces (and of anything else that has such an item)."""
    items = "".join(f"<item>{one}</item>" for one in inner)
    lists = "".join(
        f"<{name}>{items}</{name}>" for name in ("networkInterfaceSet", "reservationSet", "trafficMirrorSessionSet")
    )
    return lists + (f"<nextToken>{token}</nextToken>" if token else "")


def error(code: str, message: str, status: str = "400 Bad Request") -> bytes:
    """An error in EC2's form."""
    inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f"<Response><Errors>{inner}</Errors><RequestID>x</RequestID></Response>"
    return reply(body.encode(), status)


ENI = "<networkInterfaceId>eni-0a{0:06x}</networkInterfaceId><description>{1}</description><status>in-use</status>"


@endpoint("closes without an answer")
def _(connection: socket.socket, request: bytes) -> None:
    connection.close()


@endpoint("accepts and never answers")
def _(connection: socket.socket, request: bytes) -> None:
    time.sleep(60)


@endpoint("resets the connection")
def _(connection: socket.socket, request: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


fixed("is an SSH server", b"SSH-2.0-OpenSSH_9.9\r\n")
fixed("answers with nothing", reply(b""))
fixed("answers in HTML", reply(b"<!DOCTYPE html><html><body>Log in to the hotel's WiFi<br></body></html>"))
fixed("answers in JSON", reply(b'{"networkInterfaceSet": [1, 2, 3]}'))
fixed(
    "answers with half of an XML document",
    reply(b'<?xml version="1.0"?><DescribeNetworkInterfacesResponse><networkInt'),
)
fixed("announces more than it sends", reply(b"<a>", length=MEGABYTE))
fixed("announces less than nothing", reply(b"<a/>", length=-5))
fixed("answers in bytes that are no text", reply(bytes(range(256)) * 40))
fixed("sends headers of escape sequences", b"HTTP/1.1 200 \x1b[31m\x9b\r\nX: \x1b]0;x\x07\r\nContent-Length: 0\r\n\r\n")
fixed("redirects to itself", reply(b"", "301 Moved", "Location: /again"))
fixed("redirects to a file", reply(b"", "302 Found", "Location: file:///etc/passwd"))
fixed("redirects to another machine", reply(b"", "307 Temporary Redirect", "Location: http://192.0.2.1/"))
fixed("asks for a password", reply(b"", "401 Unauthorized", 'WWW-Authenticate: Basic realm="\x1b[31m"'))
fixed("is always broken", error("InternalError", "An internal error has occurred", "500 Internal Server Error"))
fixed("says an error in escape sequences", error(f"Odd{NAMES}", NAMES, "403 Forbidden"))
fixed("says an error of five million characters", error("Odd", "m" * 5_000_000))
fixed("says an error without a code", reply(b"<Response><Errors></Errors></Response>", "400 Bad Request"))
fixed(
    "says errors within errors",
    reply(b"<Response>" + b"<Errors><Error>" * 2000 + b"</Error></Errors>" * 2000 + b"</Response>", "400 x"),
)
fixed("answers with status 99999", reply(b"", "99999 Odd"))


@endpoint("nests its XML a hundred thousand deep")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(reply(answered(request, "<item>" * 100_000 + "</item>" * 100_000)))


@endpoint("sends entities that multiply")
def _(connection: socket.socket, request: bytes) -> None:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    connection.sendall(reply(f"<!DOCTYPE x [{entities}]><x>&a9;</x>".encode()))


@endpoint("sends an entity that names a file")
def _(connection: socket.socket, request: bytes) -> None:
    document = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>'
    connection.sendall(reply(document.encode() + answered(request, enis(ENI.format(1, "&f;")))[21:]))


@endpoint("sends values of wrong types")
def _(connection: socket.socket, request: bytes) -> None:
    odd = "<attachment><deviceIndex>x</deviceIndex><deleteOnTermination>perhaps</deleteOnTermination></attachment>"
    instance = "<launchTime>yesterday</launchTime><instanceState><code>y</code></instanceState>"
    odd += f"<instancesSet><item>{instance}</item></instancesSet>"
    connection.sendall(
        reply(answered(request, enis(ENI.format(1, "x") + odd + "<virtualNetworkId>many</virtualNetworkId>")))
    )


@endpoint("leaves everything out")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(reply(answered(request, enis("", "", ""))))


@endpoint("names everything in escape sequences")
def _(connection: socket.socket, request: bytes) -> None:
    tags = f"<tagSet><item><key>Name</key><value>{NAMES}</value></item></tagSet>"
    odd = f"<networkInterfaceId>eni-{NAMES}</networkInterfaceId><description>{NAMES}</description>"
    connection.sendall(reply(answered(request, enis(odd + tags + f"<vpcId>../../{NAMES}</vpcId>"))))


_tokens = count(1)


@endpoint("always has another page, with the same token")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(reply(answered(request, enis(ENI.format(1, "x"), token="again"))))


@endpoint("always has another page, with a new token")
def _(connection: socket.socket, request: bytes) -> None:
    number = next(_tokens)
    connection.sendall(reply(answered(request, enis(ENI.format(number, "x"), token=f"token-{number}"))))


@endpoint("sends headers without an end")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        connection.sendall(b"X-%d: %s\r\n" % (number, b"h" * 1000))


@endpoint("sends one header without an end")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(400):
        connection.sendall(b"h" * MEGABYTE)


@endpoint("asks to go on without an end")
def _(connection: socket.socket, request: bytes) -> None:
    for _ in range(2_000_000):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@endpoint("sends a body of 400 megabytes")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (400 * MEGABYTE))
    for _ in range(400):
        connection.sendall(b"b" * MEGABYTE)


@endpoint("sends pieces of a body without an end")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(400):
        connection.sendall(b"%x\r\n%s\r\n" % (MEGABYTE, b"b" * MEGABYTE))


@endpoint("sends fifteen megabytes that are no XML")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(reply(b"b" * (15 * MEGABYTE)))


@endpoint("sends fifteen megabytes of XML that breaks off")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(reply(answered(request, enis(ENI.format(1, "d" * (15 * MEGABYTE))))[:-20]))


@endpoint("sends fifteen megabytes of XML")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(reply(answered(request, enis(ENI.format(1, "d" * (15 * MEGABYTE))))))


@endpoint("sends a million elements")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(reply(answered(request, enis("<a/>" * 1_000_000))))


@endpoint("sends pieces of odd sizes")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\nzz\r\n")


@endpoint("sends a text of 60 megabytes in its XML")
def _(connection: socket.socket, request: bytes) -> None:
    connection.sendall(reply(answered(request, enis(ENI.format(1, "d" * (60 * MEGABYTE))))))


_BOMB: list[bytes] = []


@endpoint("sends a gzip bomb of a gigabyte")
def _(connection: socket.socket, request: bytes) -> None:
    if not _BOMB:
        _BOMB.append(b"".join(gzip.compress(bytes(16 * MEGABYTE)) for _ in range(1)) * 64)
    connection.sendall(reply(_BOMB[0], "200 OK", "Content-Encoding: gzip"))


@endpoint("sends a byte each second")
def _(connection: socket.socket, request: bytes) -> None:
    for byte in reply(answered(request, "")):
        connection.sendall(bytes([byte]))
        time.sleep(1)


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The endpoint's URL for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        threading.Thread(target=_accept, args=(listener, answer), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, answer: Answer) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, answer), daemon=True).start()


def _serve(connection: socket.socket, answer: Answer) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(60)
        answer(connection, _request(connection))


def _request(connection: socket.socket) -> bytes:
    """A whole request."""
    data = b""
    while b"\r\n\r\n" not in data and (more := connection.recv(1 << 16)):
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: *(\d+)", head)
    while found and len(body) < int(found[1]) and (more := connection.recv(1 << 16)):
        body += more
    return head + b"\r\n\r\n" + body
