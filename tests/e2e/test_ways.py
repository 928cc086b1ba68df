"""Every way to an instance, and everything that can go wrong on it: frames or the right sentence, and nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sshds
from hands import VPCSHARK, Lab, read_frames, wait_until
from tcpdumps import WAYS, Running, cut_off, gone, running

from vpcshark.aws.iam.features import DEFAULT
from vpcshark.lab.control import LabControl
from vpcshark.wire.capture_files import pcapng

pytestmark = pytest.mark.e2e
FEATURES = (*DEFAULT, "connect-eic", "connect-eice", "connect-ssm", "launch-template")
ARTIFACT = Path(__file__).parents[2] / "artifacts" / "transports.txt"


@contextmanager
def link_down(lab: Lab, instance: str) -> Iterator[None]:
    """The instance's eth0 is down: no FIN, no answer, no carrier. Its addresses and routes come back with it."""
    inside = lab.namespace(instance)

    def ip(*words: str) -> str:
        return subprocess.run([*inside, "ip", *words], check=True, capture_output=True, text=True).stdout

    keep = [*inside, "sysctl", "-qw", "net.ipv6.conf.eth0.keep_addr_on_down=1"]
    subprocess.run(keep, check=True, capture_output=True)
    routes = {
        family: [
            line.split()[:3] for line in ip(family, "route", "show", "dev", "eth0").splitlines() if " via " in line
        ]
        for family in ("-4", "-6")
    }
    assert routes["-4"]
    ip("link", "set", "eth0", "down")
    try:
        yield
    finally:
        ip("link", "set", "eth0", "up")
        for family, lost in routes.items():
            for route in lost:
                ip(family, "route", "replace", *route, "dev", "eth0")


@dataclass
class Stage:
    """What a row of the matrix may use."""

    lab: Lab
    way: str
    folder: Path

    def run(self, *options: str, lab: Lab | None = None, **more: str) -> Any:
        """Only the way "ssh" has a key of the user's: for the others one is pushed, or there is none."""
        lab = lab or self.lab
        if self.way != "ssh":
            lab = without_a_key(lab, self.folder)
        return running(lab, self.folder / "out.pcapng", "--connection", self.way, *options, **more)

    def trouble(self, *options: str, **more: Any) -> str:
        """The message of a capture that must fail, with nothing left on the instance."""
        with self.run(*options, **more) as capture:
            said = capture.end()
            assert capture.process.returncode == 1, said
            gone(capture)
        return said.splitlines()[-1]


def without_a_key(lab: Lab, folder: Path) -> Lab:
    """The lab for somebody who has no SSH key at all."""
    environment = {name: value for name, value in lab.environment.items() if name != "VPCSHARK_SSH_KEY"}
    environment.pop("SSH_AUTH_SOCK", None)
    return replace(lab, environment={**environment, "HOME": environment.get("HOME_OF_TEST", str(folder))})


def captures(stage: Stage) -> str:
    with stage.run() as capture:
        capture.await_frames()
        capture.stop()
        assert capture.process.returncode == 0
        seconds = gone(capture)
        blocks = pcapng.read_blocks(capture.file.read_bytes())
        assert blocks[-1].kind == pcapng.STATISTICS
    return f"{len(read_frames(stage.folder / 'out.pcapng'))} frames; nothing left {seconds:.1f} s after the stop"


def is_killed(stage: Stage) -> str:
    with stage.run() as capture:
        capture.await_frames()
        os.kill(capture.process.pid, signal.SIGKILL)
        return f"nothing left after {gone(capture):.1f} s"


def notices(capture: Running) -> None:
    """It says that the connection broke, though neither end closed it."""
    wait_until(lambda: any("connection broke" in line for line in capture.said), "it notices")


def is_cut(stage: Stage) -> str:
    """And connected again, when the network is."""
    with stage.run() as capture:
        capture.await_frames()
        with cut_off(stage.lab, "web-1"):
            seconds = gone(capture)
            notices(capture)
        wait_until(lambda: any("Connected again" in line for line in capture.said), "it is connected again")
        size = capture.file.stat().st_size
        wait_until(lambda: capture.file.stat().st_size > size + 4000, "packets come again")
        capture.stop()
        gone(capture)
        return f"nothing left after {seconds:.1f} s; noticed, and connected again"


def has_its_link_down(stage: Stage) -> str:
    with stage.run() as capture:
        capture.await_frames()
        with link_down(stage.lab, "web-1"):
            seconds = gone(capture)
            notices(capture)
            return f"nothing left after {seconds:.1f} s; noticed"


def has_another_host_key(stage: Stage) -> str:
    other = stage.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    known = stage.folder / "known"
    public = other.with_suffix(".pub").read_text().split()
    known.write_text(f"{instance_id(stage.lab, 'web-1')} {public[0]} {public[1]}\n")
    said = stage.trouble("--ssh-known-hosts", str(known))
    assert "host key" in said
    assert "has changed" in said
    return said


def instance_id(lab: Lab, name: str) -> str:
    """The id of the instance with this Name tag."""
    found = lab.client().describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    return str(found[0]["Instances"][0]["InstanceId"])


def has_a_wrong_user(stage: Stage) -> str:
    said = stage.trouble("--ssh-user", "nobody-here")
    assert "does not let nobody-here in" in said
    return said


def has_no_sudo(stage: Stage) -> str:
    said = stage.trouble("--ssh-user", "asked")
    assert "may not capture" in said
    assert "NOPASSWD" in said
    return said


def key_is_refused(stage: Stage) -> str:
    """The user is there, and sshd takes no key of it, pushed or not."""
    said = stage.trouble("--ssh-user", "keyless")
    assert "does not let keyless in with the key" in said
    return said


def named_key_is_refused(stage: Stage) -> str:
    """Said, and not healed by a key that could be pushed; with "eic" a pushed key is what was asked for."""
    if stage.way == "eic":
        return "n/a: a pushed key is what this way is"
    stranger = stage.folder / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    said = stage.trouble("--ssh-key", str(stranger))
    assert f"does not let ec2-user in with the key {stranger}" in said
    return said


def push_is_denied(stage: Stage) -> str:
    """IAM has no SendSSHPublicKey for us."""
    if stage.way == "ssh":
        return "n/a: nothing is pushed"
    control = LabControl(stage.lab.environment["AWS_ENDPOINT_URL"])
    words = "User: me is not authorized to perform: ec2-instance-connect:SendSSHPublicKey"
    control.add_fault("SendSSHPublicKey", code="AccessDeniedException", message=words, status=400)
    try:
        said = stage.trouble()
    finally:
        control.clear_faults()
    assert "You may not send a key to the instance" in said
    return said


def needs_a_terminal_for_sudo(stage: Stage) -> str:
    said = stage.trouble("--ssh-user", "seated")
    assert "may not capture" in said
    assert "requiretty" in said
    return said


def has_a_login_script_that_prints(stage: Stage) -> str:
    with stage.run("--ssh-user", "noisy") as capture:
        capture.await_frames()
        capture.stop()
        gone(capture)
    return f"{len(read_frames(stage.folder / 'out.pcapng'))} frames"


def bastion_is_down(stage: Stage) -> str:
    """ProxyJump's host swallows everything. AWS's own ways do not lead through it, so there are frames."""
    with behind_a_bastion(stage.lab, stage.folder / "home") as there, cut_off(stage.lab, "capture-1"):
        if stage.way in ("ssh", "eic"):
            said = stage.trouble(lab=there)
            assert "The jump host root@" in said
            assert "did not answer" in said
            return said
        with stage.run(lab=there) as capture:
            capture.await_frames()
            capture.stop()
            gone(capture)
    return f"{len(read_frames(stage.folder / 'out.pcapng'))} frames: this way leads through AWS, past ProxyJump's host"


def host_is_down(stage: Stage) -> str:
    with cut_off(stage.lab, "web-1"):
        said = stage.trouble()
    expected = {"eice": ["timed out"], "ssm": ["not online", "brought no SSH greeting"]}
    assert any(words in said for words in expected.get(stage.way, ["did not answer to SSH"]))
    return said


ROWS: tuple[Callable[[Stage], str], ...] = (
    captures,
    is_killed,
    is_cut,
    has_its_link_down,
    has_another_host_key,
    has_a_wrong_user,
    has_no_sudo,
    needs_a_terminal_for_sudo,
    has_a_login_script_that_prints,
    key_is_refused,
    named_key_is_refused,
    push_is_denied,
    host_is_down,
    bastion_is_down,
)


@dataclass
class Table:
    """What each row came to, printed at the end."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def text(self) -> str:
        return "".join(f"{way:5} {row:30} {outcome}\n" for way, row, outcome in sorted(self.rows))


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Collects the outcomes; writes the table when all are there."""
    collected = Table()
    yield collected
    ARTIFACT.parent.mkdir(exist_ok=True)
    ARTIFACT.write_text(collected.text())
    sys.stdout.write("\n" + collected.text())


def cells() -> Iterator[Any]:
    """Each row by each way. ``make test`` has each way's frames, and each row once, by one way after the other."""
    for number, row in enumerate(ROWS):
        for way in WAYS:
            is_short = row is captures or way == WAYS[number % len(WAYS)]
            marks = [] if is_short and row not in (has_its_link_down, is_cut) else [pytest.mark.long]
            yield pytest.param(way, row, id=f"{way}-{row.__name__}", marks=marks)


@pytest.mark.thin(9)
@pytest.mark.parametrize(("way", "row"), list(cells()))
def test_every_way_gives_frames_or_the_right_sentence(
    lab: Lab, way: str, row: Callable[[Stage], str], tmp_path: Path, table: Table
) -> None:
    """And nothing stays on the instance, whatever ends the capture."""
    table.rows.append((way, row.__name__, row(Stage(lab, way, tmp_path))))


@contextmanager
def behind_a_bastion(lab: Lab, home: Path) -> Iterator[Lab]:
    """The lab for somebody whose SSH configuration reaches web-1 through capture-1."""
    (home / ".ssh").mkdir(parents=True)
    bastion = lab.eni("capture-1")["PrivateIpAddress"]
    key = lab.environment["VPCSHARK_SSH_KEY"]
    text = f"Host web-1\n  ProxyJump root@{bastion}\nHost {bastion}\n  IdentityFile {key}\n"
    (home / ".ssh" / "config").write_text(text)
    yield lab.having(HOME=str(home), HOME_OF_TEST=str(home), VPCSHARK_SSH_CONFIG="~/.ssh/config")


def test_a_jump_host_of_the_ssh_configuration_is_used(lab: Lab, tmp_path: Path, table: Table) -> None:
    """ProxyJump for the instance's name: the connection comes from the bastion, and nothing stays on either."""
    with behind_a_bastion(lab, tmp_path / "home") as there:
        with running(there, tmp_path / "o", "--connection", "ssh") as capture:
            before = set(lab.processes("capture-1"))
            capture.await_frames()
            log = Path(lab.environment["VPCSHARK_LAB"], "vpc", f"{lab.name}-web-1.sshd.log").read_text()
            accepted = [line for line in log.splitlines() if "Accepted publickey" in line][-1]
            assert f"from {lab.eni('capture-1')['PrivateIpAddress']} " in accepted
            capture.stop()
            gone(capture)
        wait_until(lambda: not set(lab.processes("capture-1")) - before, "the bastion is as before")
    table.rows.append(("jump", "captures", f"{len(read_frames(tmp_path / 'o'))} frames through a bastion"))


def test_trust_asks_for_the_key_through_the_jump_host(lab: Lab, tmp_path: Path) -> None:
    """As a capture does: behind a bastion no other way leads there."""
    log = Path(lab.environment["VPCSHARK_LAB"], "vpc", f"{lab.name}-web-1.sshd.log")
    bastion = lab.eni("capture-1")["PrivateIpAddress"]
    with behind_a_bastion(lab, tmp_path / "home") as there:
        before = log.read_text().count(f"Connection from {bastion} ")
        known = there.environment["VPCSHARK_SSH_KNOWN_HOSTS"]
        fingerprint = sshds.fingerprint(Path(lab.environment["VPCSHARK_SSH_KEY"]).parent / "host_ed25519.pub")
        options = ["--ssh-known-hosts", known, "--fingerprint", fingerprint]
        done = there.having(XDG_CONFIG_HOME=str(tmp_path)).run(*VPCSHARK, "trust", instance_id(lab, "web-1"), *options)
    assert done.returncode == 0, done.stderr
    assert fingerprint in done.stderr
    assert log.read_text().count(f"Connection from {bastion} ") == before + 1
