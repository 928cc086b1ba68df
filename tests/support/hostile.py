"""An AWS account and a host whose every word is hostile to whoever shows it, and the judge of what was shown.

The account is the lab's API behind a proxy that rewrites its answers, the host a real sshd that runs whatever a test
wants in place of each command. The judge goes by Unicode's own categories and shares no code with the product.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

MARK = "HOSTILE"
FORGED = "2026-01-01 00:00:00,000 1 CRITICAL forged"
MARKUP = "[/x][link=https://evil.example]click[/link][bold"
SPOOFS = "\x9b2J\x85\u202edb\u2066\u200b\u200f\u061c\ufeff\u2028\u2029\u3164\u00ad\ue000\U000e0041"
IN_XML = f"{MARK}{MARKUP}{SPOOFS}\n{FORGED}\n"
"""As much as XML can carry."""
EVIL = f"{MARK}\x1b]0;owned\x07\x1b[2J\x7f\r\b\x00{MARKUP}{SPOOFS}\n{FORGED}\n"
LONG = 3_000_000
_HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_UNSEEN = "\u3164\u115f\u1160\uffa0\u2800\u034f\ufe0f"


def harm(data: bytes) -> list[str]:
    """What should not be in a stream or a log: each harmful character with its surroundings."""
    text = data.decode("utf-8")  # what is not UTF-8 fails here
    found = [
        f"U+{ord(char):04X} in {text[max(0, at - 30) : at + 10]!r}"
        for at, char in enumerate(text)
        if char not in "\n\t" and (unicodedata.category(char) in _HARMFUL or char in _UNSEEN)
    ]
    return found


def forged(data: bytes) -> list[str]:
    """Lines of a stranger's making."""
    return [line for line in data.decode("utf-8").splitlines() if line.startswith(FORGED[:10])]


class HostileAccount(ThreadingHTTPServer):
    """A proxy before the lab's API. ``mode``: "tags" rewrites names and descriptions, "refusing" answers every call
    with a hostile error, "endless" with one of ``LONG`` characters, "garbage" with what is no XML."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.behind = urlsplit(behind)
        self.mode = "tags"
        self.on_host: Callable[[str], None] = lambda kind: None  # told what the host shall say from now on

    @property
    def endpoint(self) -> str:
        """For AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.server_port}"


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HostileAccount

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/mode/"):
            self.server.mode, _, kind = self.path.rpartition("/")[2].partition(".")
            self.server.on_host(kind or "words")
            return self._answer(200, b"")
        if self.server.mode in ("refusing", "endless"):
            return self._answer(403, refusal(self.server.mode == "endless"))
        if self.server.mode == "garbage":
            return self._answer(200, EVIL.encode("utf-8", "surrogatepass"))
        return self._answer(*self._passed_on(body))

    def _passed_on(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.server.behind.hostname or "", self.server.behind.port)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        return answer.status, rewritten(answer.read().decode()).encode()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def rewritten(xml: str) -> str:
    """Every Name tag, description and name in an answer of EC2's, hostile."""
    evil = IN_XML.replace("\n", "&#10;")
    xml = re.sub(r"(<key>Name</key>\s*<value>)[^<]*", rf"\g<1>{evil}", xml)
    return re.sub(r"(<(?:description|groupDescription|privateDnsName|keyName)>)[^<]*", rf"\g<1>{evil}", xml)


def refusal(is_endless: bool) -> bytes:
    """An error as EC2 words it."""
    said = IN_XML.replace("\n", "&#10;") + "A" * (LONG if is_endless else 0)
    error = f"<Error><Code>Odd{said[:60]}</Code><Message>{said}</Message></Error>"
    return f"<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>".encode()


@contextmanager
def account(serve: str, region: str) -> Iterator[tuple[HostileAccount, dict[str, Any]]]:
    """The proxy, and the lab's API behind it as ``serve`` (a program) prints it."""
    process = subprocess.Popen([sys.executable, "-c", serve, region], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        lab = json.loads(process.stdout.readline())
        with HostileAccount(lab["endpoint"]) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server, lab
            server.shutdown()
        assert process.stdin is not None
        process.stdin.close()


ANSWER = """
here={folder}
read -r kind <"$here/kind"
case $SSH_ORIGINAL_COMMAND in
*vpcshark:*) cat "$here/facts"; while [ $kind = asked ] && echo vpcshark:user:x; do :; done ;;
*)
    case $kind$SSH_ORIGINAL_COMMAND in
    words*) cat "$here/words.said" ;;
    *vpcshark-receiver-begins*) echo vpcshark-receiver-begins ;;
    *) cat "$here/pcap" ;;
    esac
    cat "$here/$kind.said" >&2
    [ $kind != words ] || exit 3
    while [ $kind = endless ] && cat "$here/$kind.said" >&2; do :; done
    cat >/dev/null ;;
esac
"""
READY = b'\n{"event": "ready", "mode": "ring"}\n'
PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
SAID = {
    "words": EVIL.encode(),
    "negative": READY + b'{"event": "stats", "received": -1}\n',
    "time": b'\n{"event": "ready", "mode": "ring", "time": "x"}\n',
    "endless": READY + b"x\n" * 10_000,
    "asked": b"",
}
"""What a host says on stderr, by kind; it prints what a receiver or a tcpdump does at its begin."""


@dataclass
class HostileHost:
    """A real sshd, on a port of loopback, that answers each command with what lies in its folder: ``facts`` for the
    questions before a capture, and for everything else what ``SAID`` has of the kind in ``kind``."""

    port: int
    folder: Path
    key: Path
    known_hosts: Path

    def say(self, kind: str) -> None:
        """Say this from now on."""
        (self.folder / "kind").write_text(f"{kind}\n")


@contextmanager
def host(mac: str) -> Iterator[HostileHost]:
    """It, for whoever runs this; the interface with ``mac`` is there."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("sshd is not installed")
    with tempfile.TemporaryDirectory(prefix="vpcshark-hostile-") as name, socket.socket() as probe:
        folder = Path(name)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        for key in ("id", "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
        _answer(folder, mac)
        probe.close()
        with _sshd(program, folder, port):
            yield HostileHost(port, folder, folder / "id", folder / "known_hosts")


def _answer(folder: Path, mac: str) -> None:
    one_line = EVIL.replace("\n", "\x0b").replace("\0", "")
    facts = [f"user:{one_line}", "rights:root", f"tcpdump:{one_line}", f"link:1 {mac} - hardware {one_line}"]
    lines = [f"vpcshark:{fact}\n" for fact in [*facts, f"refusal:{one_line}", "end:ok"]]
    (folder / "facts").write_bytes("".join(lines).encode("utf-8"))
    (folder / "pcap").write_bytes(PCAP)
    for kind, said in SAID.items():
        (folder / f"{kind}.said").write_bytes(said)
    (folder / "kind").write_text("words\n")
    (folder / "answer").write_text(ANSWER.format(folder=folder))


@contextmanager
def _sshd(program: str, folder: Path, port: int) -> Iterator[None]:
    settings = (
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {folder}/host",
        f"AuthorizedKeysFile {folder}/id.pub",
        f"ForceCommand sh {folder}/answer",
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "PermitRootLogin yes",
    )
    (folder / "sshd_config").write_text("\n".join(settings) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where Debian's sshd drops its privileges to
    command = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "listening" in line:
                break
        threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop it
        try:
            yield
        finally:
            process.terminate()
