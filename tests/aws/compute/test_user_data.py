"""The watchdog of a launched capture host, run by the shells there are, with short times and a harmless shutdown."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from random import Random

import pytest
from hands import wait_until

from vpcshark.aws.compute import user_data as compute_user_data
from vpcshark.receiver.heartbeat import HEARTBEAT, SILENCE, Heartbeat

OURS = compute_user_data.script(heartbeat=HEARTBEAT, silence=SILENCE)
SHELLS = [["dash"], ["busybox", "sh"], ["bash", "--posix"]]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> list[str]:
    """Each shell that a distribution may have as /bin/sh."""
    if shutil.which(request.param[0]) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"there is no {request.param[0]}")
    return list(request.param)


class Host:
    """A watchdog that runs: ``heartbeat`` is its file, and ``is_down`` tells that it has called shutdown."""

    def __init__(self, folder: Path) -> None:
        self.heartbeat = folder / "run" / "heartbeat"
        self.programs = folder / "bin"
        self._sign = folder / "down"
        self.programs.mkdir()
        for name in ("shutdown", "poweroff"):
            (self.programs / name).write_text(f"#!/bin/sh\necho {name} \"$@\" $PPID >> '{self._sign}'\n")
            (self.programs / name).chmod(0o755)

    @property
    def is_down(self) -> bool:
        return self._sign.exists()

    @property
    def said(self) -> list[str]:
        return self._sign.read_text().split()


@pytest.fixture
def launch(tmp_path: Path, shell: list[str]) -> Iterator[Callable[[float], Host]]:
    """``launch(silence)`` runs the user data as cloud-init does; the watchdog ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(silence: float) -> Host:
        host = Host(tmp_path)
        file = tmp_path / "part-001"
        file.write_text(compute_user_data.script(heartbeat=str(host.heartbeat), silence=silence, pause=0.1))
        environment = {**os.environ, "PATH": f"{host.programs}:{os.environ['PATH']}"}
        process = subprocess.Popen([*shell, str(file)], env=environment, start_new_session=True)
        started.append(process)
        assert process.wait(180) == 0  # cloud-init waits for user data, so it must not stay
        return host

    yield run
    for process in started:
        os.killpg(process.pid, 9)


def test_shellcheck_finds_nothing(tmp_path: Path):
    """As for every shell script here."""
    file = tmp_path / "part-001"
    file.write_text(OURS)
    done = subprocess.run(["shellcheck", str(file)], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert len(OURS) < 16384  # EC2's limit, before base64


def test_without_a_heartbeat_the_host_shuts_down(launch):
    """Nobody ever captured: the capture died while the host booted."""
    host = launch(1)
    wait_until(lambda: host.is_down, "it shuts down")
    assert host.said[:3] == ["shutdown", "-h", "now"]


@pytest.mark.thin(3)
def test_the_receivers_heartbeat_keeps_it_up_until_it_stops(launch):
    """What the receiver writes is what the watchdog reads; it shuts down after the last beat's time, not before."""
    host = launch(1)
    beats = Heartbeat(str(host.heartbeat), 5.0)
    began = time.monotonic()
    while time.monotonic() - began < 3.5:
        beats.beat()
        time.sleep(0.05)
    assert not host.is_down
    wait_until(lambda: host.is_down, "it shuts down")


@pytest.mark.thin(3)
def test_what_is_no_number_neither_keeps_nor_ends_it(launch):
    """Whoever may log in may write the file."""
    host = launch(6)
    for text in ("", "word\n", "-5\n", "0\n", "12 34\n", "1; exit\n"):
        host.heartbeat.write_text(text)
        time.sleep(0.15)
        assert not host.is_down
    wait_until(lambda: host.is_down, "it shuts down")


def test_anybody_may_write_the_heartbeat_and_nobody_may_replace_it(launch):
    """A receiver without root keeps the host as well."""
    host = launch(60)
    assert host.heartbeat.stat().st_mode & 0o777 == 0o666
    assert host.heartbeat.parent.stat().st_mode & 0o022 == 0


def test_no_heartbeat_is_written_where_no_watchdog_is(tmp_path: Path):
    """A standing capture host is left as it is."""
    Heartbeat(str(tmp_path / "vpcshark" / "heartbeat"), 2.0).beat()
    assert list(tmp_path.iterdir()) == []


CONFIG = b"#cloud-config\nruncmd:\n  - [systemctl, restart, sshd]  # \xc3\xa9\n"
TWO_PARTS = b"""\
Content-Type: multipart/mixed; boundary="==theirs=="
MIME-Version: 1.0

--==theirs==
Content-Type: text/cloud-config; charset="us-ascii"

packages: [tcpdump]
--==theirs==
Content-Type: text/x-shellscript; charset="us-ascii"
Content-Disposition: attachment; filename="setup.sh"

#!/bin/sh
From here on: nothing
--==theirs==--
"""
ONE_PART = b"MIME-Version: 1.0\nContent-Type: text/cloud-config\n\npackages: [tcpdump]\n"
NOISE = Random(7).randbytes(9000).hex().encode()  # gzip makes half of it


def leaves(user_data: bytes) -> list[tuple[str, str, bytes]]:
    """Type, file name and content of the parts, as cloud-init walks through them (by the same library)."""
    whole = message_from_bytes(gzip.decompress(user_data) if user_data[:2] == b"\x1f\x8b" else user_data)
    return [leaf(part) for part in whole.walk() if not part.is_multipart()]


def leaf(part: Message) -> tuple[str, str, bytes]:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return part.get_content_type(), part.get_filename() or "", payload


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        pytest.param(b"#!/bin/bash\ntrue\n", [("text/plain", "", b"#!/bin/bash\ntrue\n")], id="a script"),
        pytest.param(CONFIG, [("text/plain", "", CONFIG)], id="a configuration, not in ASCII"),
        pytest.param(gzip.compress(CONFIG), [("text/plain", "", CONFIG)], id="gzipped"),
        pytest.param(ONE_PART, [("text/cloud-config", "", b"packages: [tcpdump]\n")], id="one part"),
        pytest.param(
            TWO_PARTS,
            [
                ("text/cloud-config", "", b"packages: [tcpdump]"),
                ("text/x-shellscript", "setup.sh", b"#!/bin/sh\nFrom here on: nothing"),
            ],
            id="several parts",
        ),
        pytest.param(b"#!/bin/sh\n#" + NOISE[:12000], [("text/plain", "", b"#!/bin/sh\n#" + NOISE[:12000])], id="long"),
    ],
)
def test_somebody_elses_user_data_stands_beside_ours(theirs: bytes, kept: list[tuple[str, str, bytes]]):
    """Ours first and under a name that runs first; theirs byte for byte; no more than EC2 takes."""
    both = compute_user_data.beside(theirs, OURS)
    assert both is not None
    assert len(both) <= 16384
    ours = ("text/x-shellscript", "000-vpcshark", OURS.encode())
    assert leaves(both) == [ours, *kept]


@pytest.mark.parametrize(
    "theirs",
    [
        b"<powershell>\nGet-Date\n</powershell>\n",
        b'[settings.host-containers.admin]\n"enabled" = true\n',
        b"\x1f\x8b nothing that was ever compressed",
        gzip.compress(CONFIG)[:-9],
        b"#!/bin/sh\n#" + Random(7).randbytes(16000),
    ],
    ids=["Windows", "Bottlerocket", "no gzip", "cut gzip", "too long"],
)
def test_what_takes_nothing_beside_it_is_left_alone(theirs: bytes):
    """cloud-init would not know it, or EC2 would refuse both together."""
    assert compute_user_data.beside(theirs, OURS) is None
