"""Mode tcpdump over every way to an instance, against real sshd, sudo and tcpdump in the lab."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hands import Frame, Lab, compare, preference, read_frames, recording, wait_until
from tcpdumps import WAYS, cut_off, gone, running

from vpcshark.aws.iam.features import DEFAULT
from vpcshark.lab.control import LabControl
from vpcshark.wire.capture_files import pcapng

pytestmark = pytest.mark.e2e
FEATURES = (*DEFAULT, "connect-eic", "connect-eice", "connect-ssm", "launch-template")
TLS = """
import socket, ssl, sys, threading
address, certificate, log = sys.argv[1:]
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(certificate)
client = ssl.create_default_context()
client.check_hostname, client.verify_mode, client.keylog_filename = False, ssl.CERT_NONE, log
client.minimum_version = ssl.TLSVersion.TLSv1_3
"""
SERVE = (
    TLS
    + """
listener = socket.create_server((address, 8443))
print("up", flush=True)
with server.wrap_socket(listener.accept()[0], server_side=True) as peer:
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nhidden")
    peer.recv(1)
"""
)
ASK = (
    TLS
    + """
with client.wrap_socket(socket.create_connection((address, 8443))) as peer:
    peer.sendall(b"GET /not-for-everybody HTTP/1.1\\r\\nHost: db-1\\r\\n\\r\\n")
    peer.recv(4096)
"""
)


def ssh(lab: Lab, *command: str, user: str = "ec2-user") -> list[str]:
    """The ssh client's command line to web-1."""
    address = lab.eni("web-1")["PrivateIpAddress"]
    env = lab.environment
    options = ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={env['VPCSHARK_SSH_KNOWN_HOSTS']}"]
    return ["ssh", "-F", "none", *options, "-i", env["VPCSHARK_SSH_KEY"], f"{user}@{address}", *command]


@contextmanager
def https(lab: Lab) -> Iterator[str]:
    """A user of web-1 talks to db-1's port 443 all the time; the port on web-1."""
    address = lab.eni("db-1")["PrivateIpAddress"]
    hear = f"import socket; s = socket.create_server(('{address}', 443)); print(flush=True); c = s.accept()[0]\n"
    talk = f"import socket, time; s = socket.create_connection(('{address}', 443))\n"
    talk += "print(s.getsockname()[1], flush=True)\n"
    server = [*lab.namespace("db-1"), sys.executable, "-c", hear + "while c.recv(9): pass"]
    client = ssh(lab, shlex.join(["python3", "-c", talk + "while not time.sleep(0.2): s.send(b'hello')"]))
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as hearing:
        assert hearing.stdout
        hearing.stdout.readline()
        with subprocess.Popen(client, stdout=subprocess.PIPE, text=True) as talking:
            assert talking.stdout
            try:
                yield talking.stdout.readline().strip()
            finally:
                talking.kill()
                hearing.kill()


@pytest.mark.thin(9)
@pytest.mark.parametrize(("way", "user"), [*((way, "ec2-user") for way in WAYS), ("ssm", "dumper")])
def test_own_traffic_never_appears_and_what_others_do_does(lab: Lab, way: str, user: str, tmp_path: Path) -> None:
    """Another SSH session and a user's HTTPS on the same instance are in the file, the capture's own connections are
    not: nor are the SSM agent's for a user who has sudo for tcpdump alone, so that they can't be seen."""
    with https(lab) as secured, running(lab, tmp_path / "o", "--connection", way, "--ssh-user", user) as capture:
        capture.await_frames()
        other = subprocess.run(ssh(lab, "echo $SSH_CONNECTION"), capture_output=True, text=True, check=True)
        port = other.stdout.split()[1]
        time.sleep(1)  # own traffic, if it were captured, would come on and on
        capture.stop()
    fields = ["-T", "fields", "-e", "tcp.srcport", "-e", "tcp.dstport"]
    seen = lab.run("tshark", "-r", str(capture.file), "-Y", "tcp.port == 22 || tcp.port == 443", *fields).stdout
    pairs = {line.replace("\t", " ") for line in seen.splitlines()}
    assert {f"{secured} 443", f"443 {secured}"} <= pairs
    assert {pair for pair in pairs if secured not in pair} >= {f"{port} 22", f"22 {port}"}
    assert not {pair for pair in pairs if not {port, secured} & set(pair.split())}


def test_frames_are_those_of_the_interface_with_the_mac(lab: Lab, tmp_path: Path) -> None:
    """A secondary ENI is found by its MAC: its traffic and no other's."""
    eni = lab.eni("web-1", 1)
    with running(lab, tmp_path / "o", "--connection", "ssh", index=1) as capture:
        wait_until(capture.is_capturing, "it captures")
        subprocess.run(["ping", "-c", "3", "-i", "0.2", eni["PrivateIpAddress"]], capture_output=True, check=True)
        capture.stop()
    mac = bytes.fromhex(eni["MacAddress"].replace(":", ""))
    frames = read_frames(tmp_path / "o")
    assert frames
    assert all(mac in (f.data[:6], f.data[6:12]) or f.data[0] & 1 for f in frames)


@pytest.mark.thin(9)
@pytest.mark.parametrize(("user", "instance"), [("noisy", "web-1"), ("dumper", "web-1"), ("root", "web-1")])
@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_users_of_all_kinds_can_capture(lab: Lab, user: str, instance: str, ending: str, tmp_path: Path) -> None:
    """Login scripts that print, sudo for tcpdump alone, root: packets come, and nothing stays."""
    with running(lab, tmp_path / "o", "--ssh-user", user, "--connection", "ssh", instance=instance) as capture:
        capture.await_frames()
        capture.stop() if ending == "stop" else capture.kill()
        gone(capture)
    assert read_frames(tmp_path / "o")


@pytest.mark.thin(9)
@pytest.mark.parametrize("instance", ["api-1", "db-1"])
def test_it_works_without_tcpdump_and_without_python(lab: Lab, instance: str, tmp_path: Path) -> None:
    """api-1 has no tcpdump, db-1 no python3: each does with the other."""
    with running(lab, tmp_path / "o", "--connection", "ssh", "-f", "tcp port 80", instance=instance) as capture:
        capture.await_frames()
        capture.stop()
        gone(capture)
    assert all(80 in (_port(f.data, 0), _port(f.data, 2)) for f in read_frames(tmp_path / "o"))


def _port(frame: bytes, at: int) -> int:
    begin = 14 + (40 if frame[12:14] == b"\x86\xdd" else 20) + at
    return int.from_bytes(frame[begin : begin + 2], "big")


@pytest.mark.thin(4)
@pytest.mark.parametrize("way", WAYS)
def test_a_reconnect_loses_only_the_gap_and_shows_it(lab: Lab, way: str, tmp_path: Path) -> None:
    """Our own sshd process on the instance dies in mid-capture: packets come again, and the first one says why."""
    others = "not port 22 and not tcp port 443"  # the capture's own connections are in tcpdump's file otherwise
    with recording(lab, "web-1", tmp_path / "seen", others) as judge:
        with running(lab, tmp_path / "o", "--connection", way, "-f", others) as capture:
            capture.await_frames()
            time.sleep(1.5)  # enough of it on either side of the gap to compare
            for pid, line in capture.left().items():
                if "@notty" in line:
                    os.kill(pid, signal.SIGKILL)
            wait_until(lambda: any("Connected again" in line for line in capture.said), "it is connected again")
            size = capture.file.stat().st_size
            wait_until(lambda: capture.file.stat().st_size > size + 4000, "packets come again")
            time.sleep(1.5)
            capture.stop()
            gone(capture)
        seen = judge.stop()
    remarks = ["-Y", "frame.comment", "-T", "fields", "-e", "frame.number", "-e", "frame.comment"]
    (line,) = lab.run("tshark", "-r", str(tmp_path / "o"), *remarks).stdout.splitlines()
    number, comment = line.split("\t")
    assert "the connection to the host broke" in comment
    got = read_frames(tmp_path / "o")
    for part in (got[: int(number) - 1], got[int(number) - 1 :]):
        compared, missing, extra = compare(seen, part)
        assert compared > 10
        assert (missing, extra) == (0, 0)


@pytest.mark.thin(9)
@pytest.mark.parametrize("way", ["ssh", "eice"])
def test_a_mirror_goes_on_when_the_way_to_its_capture_host_breaks(lab: Lab, way: str, tmp_path: Path) -> None:
    """As an Endpoint's tunnel does after an hour: our own sshd process there dies in mid-capture. The session stays,
    only the frames of the gap are missing, and the file says so and counts on."""
    tmp_path.chmod(0o777)
    lab.listed()
    eni, file = lab.eni("web-1")["NetworkInterfaceId"], tmp_path / "o"
    options = [*preference(eni, "mode", "mirror"), *preference(eni, "connection", way)]
    before = set(lab.processes("capture-1"))

    def ours() -> dict[int, str]:
        return {pid: line for pid, line in lab.processes("capture-1").items() if pid not in before and line}

    with recording(lab, "web-1", tmp_path / "seen") as judge:
        tshark = lab.start("tshark", "-q", "-i", eni, *options, "-w", str(file))
        try:
            wait_until(lambda: file.exists() and file.stat().st_size > 4000, "packets come")
            time.sleep(1.5)  # enough of it on either side of the gap to compare
            sessions = lab.mirror_resources()
            for pid, line in ours().items():
                if "@notty" in line:
                    os.kill(pid, signal.SIGKILL)
            wait_until(lambda: b"Frames are missing here" in file.read_bytes(), "it goes on")
            size = file.stat().st_size
            wait_until(lambda: file.stat().st_size > size + 4000, "packets come again")
            assert lab.mirror_resources() == sessions
            time.sleep(1.5)
        finally:
            tshark.send_signal(signal.SIGINT)
            said = tshark.communicate(timeout=180)[1]
        seen = judge.stop()
    assert tshark.returncode == 0, said
    wait_until(lambda: not ours(), "nothing is left on the capture host")
    assert lab.is_clean()
    blocks = pcapng.read_blocks(file.read_bytes())
    gap = next(place for place, block in enumerate(blocks) if b"Frames are missing here" in block.body)
    number = sum(block.kind == pcapng.PACKET for block in blocks[:gap])
    assert _received(blocks[gap]) == number
    got = read_frames(file)
    for part in (got[:number], got[number:]):
        compared, missing, extra = compare(seen, part)
        assert compared > 10
        assert (missing, extra) == (0, 0)


def _received(statistics: pcapng.Block) -> int:
    """isb_ifrecv, option 4 of 8 bytes (draft-ietf-opsawg-pcapng, 4.6)."""
    at = statistics.body.index(b"\x04\0\x08\0", 12) + 4
    return int.from_bytes(statistics.body[at : at + 8], "little")


@pytest.mark.thin(2)
@pytest.mark.parametrize("mode", ["tcpdump", "mirror"])
def test_tshark_decrypts_tls_live(lab: Lab, mode: str, tmp_path: Path) -> None:
    """A real TLS 1.3 exchange between two instances: -Y http shows the request while the capture runs. A mirror gets
    the secrets by a way of their own, which is not in the capture."""
    tmp_path.chmod(0o777)
    lab.listed()
    log = tmp_path / "keys.log"
    address, eni = lab.eni("db-1")["PrivateIpAddress"], lab.eni("web-1")["NetworkInterfaceId"]
    certificate = str(Path(lab.environment["VPCSHARK_LAB"]) / "endpoint.pem")
    options = [*preference(eni, "mode", mode), *preference(eni, "tlskeylog", str(log))]
    before = set(lab.processes("web-1"))
    tshark = lab.start(
        "tshark", "-l", "-i", eni, *options, "-f", "tcp port 8443", "-d", "tcp.port==8443,tls", "-Y", "http"
    )
    server = subprocess.Popen(
        [*lab.namespace("db-1"), sys.executable, "-c", SERVE, address, certificate, "/dev/null"], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout
        assert server.stdout.readline() == b"up\n"
        wait_until(
            lambda: any("until" in c for p, c in lab.processes("web-1").items() if p not in before), "it follows", 40
        )
        if mode == "mirror":
            sessions = lab.client().describe_traffic_mirror_sessions
            wait_until(lambda: bool(sessions()["TrafficMirrorSessions"]), "it is mirrored")
        time.sleep(0.5)
        subprocess.run(
            [*lab.namespace("web-1"), sys.executable, "-c", ASK, address, certificate, str(log)],
            check=True,
            timeout=180,
        )
        line = _line_with(tshark, "not-for-everybody")
        assert "GET /not-for-everybody" in line
    finally:
        tshark.terminate()
        tshark.communicate(timeout=180)
        server.kill()
        server.communicate()


@pytest.mark.long
def test_a_mirror_with_a_key_log_leaves_its_own_way_out(lab: Lab, tmp_path: Path) -> None:
    """The key log comes over SSH, through the interface that is mirrored; another SSH session stays visible."""
    options = ["--tls-keylog", "/nowhere/keys.log", "--connection", "ssh"]
    with running(lab, tmp_path / "o", *options, mode="mirror") as capture:
        capture.await_frames()
        other = subprocess.run(ssh(lab, "echo $SSH_CONNECTION"), capture_output=True, text=True, check=True)
        port = other.stdout.split()[1]
        time.sleep(3)  # a sign of life goes that way every 2.5 seconds
        capture.stop()
        gone(capture)
    fields = ["-Y", "tcp.port == 22", "-T", "fields", "-e", "tcp.srcport", "-e", "tcp.dstport"]
    seen = lab.run("tshark", "-r", str(tmp_path / "o"), *fields).stdout
    assert {line.replace("\t", " ") for line in seen.splitlines()} == {f"{port} 22", f"22 {port}"}
    assert lab.is_clean()


@pytest.mark.long
def test_a_mirror_with_a_key_log_says_that_it_needs_a_way_to_the_instance(lab: Lab, tmp_path: Path) -> None:
    """Which does not answer: nothing is mirrored in silence without the secrets that were asked for."""
    options = ["--tls-keylog", "/nowhere/keys.log", "--connection", "ssh"]
    with cut_off(lab, "web-1"), running(lab, tmp_path / "o", *options, mode="mirror") as capture:
        said = capture.end().splitlines()[-1]
    assert "The TLS key log needs a way to the source's instance: " in said
    assert "--tls-keylog" in said
    assert lab.is_clean()


def _line_with(process: subprocess.Popen[str], text: str, seconds: float = 15) -> str:
    alarm = threading.Timer(seconds, process.terminate)
    alarm.start()
    try:
        for line in process.stdout or []:
            if text in line:
                return line
        return ""
    finally:
        alarm.cancel()


@pytest.mark.long
def test_tshark_takes_mode_and_connection_as_preferences(lab: Lab, tmp_path: Path) -> None:
    """-o extcap.<eni>.mode:tcpdump -o extcap.<eni>.connection:ssm works headless."""
    tmp_path.chmod(0o777)
    lab.listed()
    eni = lab.eni("web-1")["NetworkInterfaceId"]
    options = [*preference(eni, "mode", "tcpdump"), *preference(eni, "connection", "ssm")]
    done = lab.run("tshark", "-q", "-i", eni, *options, "-c", "20", "-w", str(tmp_path / "o"), timeout=180)
    assert done.returncode == 0, done.stderr
    assert len(read_frames(tmp_path / "o")) >= 20


def test_auto_falls_back_and_says_why(lab: Lab, tmp_path: Path) -> None:
    """AWS does not mirror the source's type: no mirror, so tcpdump; the reason is in the log file."""
    log = tmp_path / "log"
    control = LabControl(lab.environment["AWS_ENDPOINT_URL"])
    words = "The instance type t2.micro is not supported for traffic mirroring."
    control.add_fault("CreateTrafficMirrorSession", code="InvalidParameterValue", message=words, status=400)
    with running(lab, tmp_path / "o", "--log-file", str(log), mode="auto") as capture:
        capture.await_frames()
        capture.stop()
        assert any("trying tcpdump" in line for line in capture.said)
    reasons = [line for line in log.read_text().splitlines() if "No mirror, so tcpdump on the instance: " in line]
    assert len(reasons) == 1
    control.clear_faults()
    assert words in reasons[0]
    assert lab.is_clean()


@pytest.mark.thin(2)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "i-0123456789abcdef0"], "There is no instance i-0123456789abcdef0"),
        (["--host", "launch", "--host-type", "t4g.smal"], "A capture host cannot be of the type t4g.smal."),
        (["--host", "launch", "--host-template", "no-such"], "There is no such launch template."),
        (["--mirror-filter", "tmf-0123456789abcdef0"], "tmf-0123456789abcdef0"),
    ],
)
def test_auto_does_not_pass_over_a_wrong_option(lab: Lab, tmp_path: Path, options: list[str], words: str) -> None:
    """Whoever asks for a host of their own must hear that it is none, not get tcpdump in its place."""
    with running(lab, tmp_path / "o", *options, mode="auto") as capture:
        said = capture.end()
    assert words in said
    assert "tcpdump" not in said
    wait_until(lab.is_clean, "the account is clean")


def test_auto_that_nobody_lets_in_says_one_thing(lab: Lab, tmp_path: Path) -> None:
    """Neither machine takes the user: one reason, what to do, and the rest in the log file."""
    log = tmp_path / "log"
    options = ["--ssh-user", "nobody-here", "--log-file", str(log)]
    with running(lab, tmp_path / "o", *options, mode="auto") as capture:
        said = capture.end().splitlines()[-1]
    assert said.count("does not let nobody-here in") == 1
    assert "--ssh-user" in said
    assert len(said) < 400
    assert "Nor tcpdump: " in log.read_text()
    assert lab.is_clean()


def test_a_named_key_that_is_missing_is_said(lab: Lab, tmp_path: Path) -> None:
    """A pushed key would get in, and nobody would notice the typing error."""
    with running(lab, tmp_path / "o", "--ssh-key", str(tmp_path / "no"), mode="auto") as capture:
        said = capture.end().splitlines()[-1]
    assert f"The SSH key {tmp_path / 'no'} cannot be read: No such file or directory." in said
    assert lab.is_clean()


def a_capture(lab: Lab, file: Path, log: Path, key: str = "") -> str:
    """One that must succeed; what its log says."""
    with running(lab, file, "--connection", "ssh", "--log-file", str(log), key=key) as capture:
        capture.await_frames()
        capture.stop()
        assert capture.process.returncode == 0, capture.said
        gone(capture)
    return log.read_text()


@pytest.mark.long
def test_what_is_known_of_the_eni_is_used_before_aws_answers(lab: Lab, tmp_path: Path) -> None:
    """The second capture needs no answer: it begins though EC2 gives us nothing but errors."""
    a_capture(lab, tmp_path / "first", tmp_path / "log1")
    control = LabControl(lab.environment["AWS_ENDPOINT_URL"])
    ours = "AKIDOFTHISTEST00" + lab.environment["AWS_ACCESS_KEY_ID"][16:]  # the tail is what an account is known by
    control.add_fault(".*", code="InternalError", message="Sorry.", status=500, caller=ours)
    try:
        a_capture(lab, tmp_path / "second", tmp_path / "log2", ours)
    finally:
        control.clear_faults()
    assert read_frames(tmp_path / "second")


@pytest.mark.long
@pytest.mark.parametrize("changed", ["mac", "primary_address"])
def test_what_is_known_and_wrong_does_no_harm(lab: Lab, changed: str, tmp_path: Path) -> None:
    """The MAC address is not on the instance, or nobody is at the address: AWS is asked, and there are frames."""
    a_capture(lab, tmp_path / "first", tmp_path / "log1")
    eni, address = lab.eni("web-1")["NetworkInterfaceId"], lab.eni("web-1")["PrivateIpAddress"]
    wrong = {"mac": "02:00:00:00:00:01", "primary_address": f"{address.rpartition('.')[0]}.250"}[changed]
    for file in Path(lab.environment["XDG_CACHE_HOME"]).glob("vpcshark/answers/*/enis-*"):
        known = json.loads(file.read_text())
        file.write_text(
            json.dumps(
                [
                    {**one, changed: wrong, "addresses": [], "public_address": ""} if one["id"] == eni else one
                    for one in known
                ]
            )
        )
    log = a_capture(lab, tmp_path / "second", tmp_path / "log2")
    assert "asking AWS" in log or "does not hold any more" in log
    assert read_frames(tmp_path / "second")


def libpcaps_verdict(file: Path, text: str) -> list[Frame]:
    """The frames of ``file`` that tcpdump lets through."""
    chosen = file.with_suffix(".chosen")
    subprocess.run(["tcpdump", "-r", file, "-w", chosen, "--", text], check=True, capture_output=True)
    return read_frames(chosen)


def test_a_capture_filter_takes_what_libpcap_takes(lab: Lab, tmp_path: Path) -> None:
    """Against tcpdump on the same interface without a filter, and its filter afterwards."""
    peer = lab.eni("db-1")["PrivateIpAddress"]
    text = f"tcp port 80 and host {peer} and greater 80"
    with recording(lab, "web-1", tmp_path / "seen") as judge:
        with running(lab, tmp_path / "o", "--connection", "ssh", "-f", text) as capture:
            capture.await_frames()
            time.sleep(2)
            capture.stop()
        everything = judge.stop()
    seen = libpcaps_verdict(tmp_path / "seen", text)
    assert len(seen) < len(everything)
    compared, missing, extra = compare(seen, read_frames(tmp_path / "o"))
    assert compared > 10
    assert (missing, extra) == (0, 0)


@pytest.mark.long
def test_decap_shows_the_frames_inside_and_filters_those(lab: Lab, tmp_path: Path) -> None:
    """On a machine that is a mirror target already: the frames of its source that libpcap would take, whole."""
    text = "tcp port 80"
    with recording(lab, "web-1", tmp_path / "seen") as judge:
        with running(lab, tmp_path / "mirror", mode="mirror") as mirror:
            mirror.await_frames()
            options = ["--decap", "--connection", "ssh", "-f", text]
            with running(lab, tmp_path / "o", *options, instance="capture-1") as capture:
                capture.await_frames()
                time.sleep(2)
                capture.stop()
                gone(capture)
            mirror.stop()
        judge.stop()
    compared, missing, extra = compare(libpcaps_verdict(tmp_path / "seen", text), read_frames(tmp_path / "o"))
    assert compared > 10
    assert (missing, extra) == (0, 0)
