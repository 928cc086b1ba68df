"""What goes wrong ends soon, in a sentence that says what to do, with nothing left: by real tshark, as Wireshark runs
the extcap, and by ``vpcshark capture``. ``make test`` has every second trouble once, about half of them by real
tshark; ``make test-long`` has every trouble by every way."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sshds
import told
from forks import Forks
from hands import VPCSHARK, Lab, installed, preference, read_frames, wait_until
from pace import Pace, pace

from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e

SOON = 3.0  # seconds from when it is known, on a machine that has nothing else to do
ROWS: list[tuple[str, str, float, str]] = []  # case, way, seconds, message
UNKNOWN_ENI = "eni-0123456789abcdef0"


@dataclass
class Trouble:
    """How a capture is asked for, and what is bad about it. ``known_by``: the API's calls whose last answer made it
    known; ``waits``: seconds of waiting that belong to the trouble itself; ``fault``: what the API is to do wrong."""

    eni: str
    options: dict[str, str] = field(default_factory=dict)
    capture_filter: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    known_by: str = ""
    waits: float = 0.0
    fault: dict[str, object] = field(default_factory=dict)


@dataclass
class Stage:
    """What a case may use: the lab, a folder, and a place to leave what must be undone."""

    lab: Lab
    folder: Path
    undo: ExitStack
    source: str
    forks: Forks

    @property
    def control(self) -> LabControl:
        return LabControl(self.lab.environment["AWS_ENDPOINT_URL"])

    def enter(self, context):
        """Have ``context`` until the test is over."""
        return self.undo.enter_context(context)

    def trouble(self, **what) -> Trouble:
        """A capture by mirror: mode auto would go on and try tcpdump on the source."""
        return Trouble(self.source, **{**what, "options": {"mode": "mirror", **what.get("options", {})}})


@dataclass(frozen=True)
class Ended:
    """How a capture ended."""

    status: int
    message: str
    began: float
    ended: float


# --- The ways to ask for a capture ------------------------------------------------------------------------------------


def as_preferences(eni: str, options: Mapping[str, str]) -> list[str]:
    """tshark's names of options have no dashes."""
    return [word for name, value in options.items() for word in preference(eni, name.replace("-", ""), value)]


def by_tshark(stage: Stage, trouble: Trouble) -> Ended:
    """tshark -i ENI: the clock starts when it says that it captures, since before that it lists all interfaces."""
    stage.folder.chmod(0o777)
    options = as_preferences(trouble.eni, trouble.options)
    file = str(stage.folder / "out.pcapng")
    command = ["tshark", "-q", "-i", trouble.eni, *options, "-a", "duration:45", "-w", file]
    if trouble.capture_filter:
        command += ["-f", trouble.capture_filter]
    running = stage.lab.having(**trouble.environment).start(*command)
    lines, began = [], 0.0
    for line in running.stderr:
        lines.append(line)
        if line.startswith("Capturing on"):
            began = time.monotonic()
    status = running.wait(180)
    ended = time.monotonic()
    running.stdout.close()
    running.stderr.close()
    assert began, "".join(lines)
    said = told.by_extcap("".join(lines))
    assert said, "".join(lines)
    return Ended(status, re.sub(r"\s*\d+ packets? captured\s*$", "", said).strip(), began, ended)


def by_command(stage: Stage, trouble: Trouble) -> Ended:
    """vpcshark capture ENI."""
    options = [word for name, value in trouble.options.items() for word in (f"--{name}", value)]
    command = ["capture", trouble.eni, *options, "-a", "duration:45", "-w", str(stage.folder / "out.pcapng")]
    if trouble.capture_filter:
        command += ["-f", trouble.capture_filter]
    began = time.monotonic()
    done = stage.forks.run(command, stage.lab.having(**trouble.environment).environment)
    ended = time.monotonic()
    said = done.stderr.rpartition("vpcshark: ")[2].strip()
    assert "vpcshark: " in done.stderr, done.stderr
    return Ended(done.returncode, said, began, ended)


def by_extcap(stage: Stage, trouble: Trouble) -> Ended:
    """The launcher as Wireshark runs it, for what tshark itself would not even pass on."""
    fifo = stage.folder / "fifo"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", str(fifo)], stdout=subprocess.DEVNULL)
    options = [word for name, value in trouble.options.items() for word in (f"--{name}", value)]
    launcher = installed(stage.lab)
    began = time.monotonic()
    done = stage.lab.having(**trouble.environment).run(
        launcher, "--capture", "--extcap-interface", trouble.eni, "--fifo", str(fifo), *options
    )
    ended = time.monotonic()
    assert reader.wait(180) == 0
    fifo.unlink()
    return Ended(done.returncode, done.stderr.strip(), began, ended)


# --- The troubles: a function prepares each, and says what words its message must have --------------------------------


def unknown_eni(stage: Stage) -> Trouble:
    """An ENI that is not there."""
    return Trouble(UNKNOWN_ENI)


def malformed_eni(stage: Stage) -> Trouble:
    """What is no ENI id at all."""
    return Trouble("eni-web-1")


def eni_of_another_region(stage: Stage) -> Trouble:
    """The ENI is not there where the options say."""
    return stage.trouble(options={"region": "eu-west-1"})


def no_such_region(stage: Stage) -> Trouble:
    """A region's name with a slip."""
    return stage.trouble(options={"region": "eu-wst-1"})


def not_even_a_region(stage: Stage) -> Trouble:
    """A region's name that cannot be one."""
    return stage.trouble(options={"region": "Frankfurt"})


def no_such_profile(stage: Stage) -> Trouble:
    """A profile that the configuration does not have."""
    return stage.trouble(options={"profile": "nobody"})


def _configured(stage: Stage, text: str, **environment: str) -> Trouble:
    """The shared config with a profile "p"; HOME is the test's, as the SSO cache is in it."""
    config = stage.folder / "config"
    config.write_text(text)
    given = {"AWS_CONFIG_FILE": str(config), "HOME": str(stage.folder), **environment}
    return stage.trouble(options={"profile": "p"}, environment=given)


def no_credentials(stage: Stage) -> Trouble:
    """A profile without keys."""
    return _configured(stage, "[profile p]\nregion = us-east-1\n")


def sso_never_signed_in(stage: Stage) -> Trouble:
    """An SSO profile, and no token of it."""
    return _configured(stage, _SSO)


def sso_expired(stage: Stage) -> Trouble:
    """An SSO profile whose token ran out in 2020."""
    cache = stage.folder / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {"startUrl": _START, "region": "us-east-1", "accessToken": "t", "expiresAt": "2020-01-01T00:00:00Z"}
    (cache / f"{hashlib.sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))
    return _configured(stage, _SSO)


def legacy_sso_expired(stage: Stage) -> Trouble:
    """The same in the configuration's older form."""
    return _configured(
        stage,
        f"[profile p]\nregion = us-east-1\nsso_start_url = {_START}\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = reader\n",
    )


_START = "https://corp.awsapps.example/start"
_SSO = (
    "[profile p]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = reader\n"
    f"[sso-session corp]\nsso_region = us-east-1\nsso_start_url = {_START}\n"
)


def no_credentials_at_all(stage: Stage) -> Trouble:
    """Nothing in the environment either."""
    return stage.trouble(environment={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})


def broken_configuration(stage: Stage) -> Trouble:
    """A shared config that is none."""
    return _configured(stage, "[profile p\nregion\n")


def api_refuses(stage: Stage) -> Trouble:
    """Nothing listens at the endpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return stage.trouble(environment={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}, waits=7)


def api_drops_packets(stage: Stage) -> Trouble:
    """What is sent to the endpoint vanishes: here, its queue of connections is full."""
    listener = stage.enter(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(8):
        waiting = stage.enter(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
    return stage.trouble(environment={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{listener.getsockname()[1]}"}, waits=19)


def _faulty(stage: Stage, action: str, code: str, **more) -> Trouble:
    return stage.trouble(known_by=action, fault={"action": action, "code": code, **more})


def may_not_describe(stage: Stage) -> Trouble:
    """No permission for the first look."""
    return _faulty(stage, "DescribeInstances", "UnauthorizedOperation", status=403)


def may_not_create_rules(stage: Stage) -> Trouble:
    """No permission for a create in the middle."""
    return _faulty(stage, "CreateTrafficMirrorFilterRule", "UnauthorizedOperation", status=403)


def may_not_create_sessions(stage: Stage) -> Trouble:
    """No permission for the last create; AWS names the action."""
    text = "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/x is not authorized"
    text += " to perform: ec2:CreateTags on resource: arn:aws:ec2:us-east-1:123456789012:traffic-mirror-session/*"
    return _faulty(stage, "CreateTrafficMirrorSession", "UnauthorizedOperation", status=403, message=text)


def bad_keys(stage: Stage) -> Trouble:
    """AWS does not know the keys."""
    return _faulty(stage, "DescribeInstances", "AuthFailure", status=401)


def expired_keys(stage: Stage) -> Trouble:
    """The keys were good until now."""
    return _faulty(stage, "CreateTrafficMirrorFilter", "RequestExpired", status=400)


def source_is_full(stage: Stage) -> Trouble:
    """Others mirror the source three times already."""
    _others_sessions(stage, 3)
    return stage.trouble()


def source_is_full_for_the_number(stage: Stage) -> Trouble:
    """The same when the user gives a number that is free."""
    _others_sessions(stage, 3)
    return stage.trouble(options={"session-number": "77"})


def number_is_taken(stage: Stage) -> Trouble:
    """Somebody else has the session number that the user gives."""
    _others_sessions(stage, 1)
    return stage.trouble(options={"session-number": "1"})


def session_quota(stage: Stage) -> Trouble:
    """AWS says that the source is full, though no session is to be seen."""
    return _faulty(stage, "CreateTrafficMirrorSession", "TrafficMirrorSessionsPerInterfaceLimitExceeded")


def filter_quota(stage: Stage) -> Trouble:
    """The account is full of filters."""
    return _faulty(stage, "CreateTrafficMirrorFilter", "TrafficMirrorFilterLimitExceeded")


def throttled(stage: Stage) -> Trouble:
    """AWS wants no more calls for now."""
    trouble = _faulty(stage, "CreateTrafficMirrorSession", "RequestLimitExceeded", status=503)
    return trouble


def _others_sessions(stage: Stage, how_many: int) -> None:
    """Sessions of a colleague's on the source, without our tag; gone when the test is over."""
    ec2 = stage.lab.client()
    host = stage.lab.eni("db-1")["NetworkInterfaceId"]
    target = ec2.create_traffic_mirror_target(NetworkInterfaceId=host)["TrafficMirrorTarget"]["TrafficMirrorTargetId"]
    stage.undo.callback(ec2.delete_traffic_mirror_target, TrafficMirrorTargetId=target)
    made = ec2.create_traffic_mirror_filter()["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
    stage.undo.callback(ec2.delete_traffic_mirror_filter, TrafficMirrorFilterId=made)
    for number in range(1, how_many + 1):
        session = ec2.create_traffic_mirror_session(
            NetworkInterfaceId=stage.source,
            TrafficMirrorTargetId=target,
            TrafficMirrorFilterId=made,
            SessionNumber=number,
            Description=f"intrusion detection {number}",
        )["TrafficMirrorSession"]["TrafficMirrorSessionId"]
        stage.undo.callback(ec2.delete_traffic_mirror_session, TrafficMirrorSessionId=session)
        stage.lab.until_shown(target, made, session)


def nothing_listens(stage: Stage) -> Trouble:
    """The capture host refuses SSH."""
    return stage.trouble(options={"ssh-port": "2999"})


def ssh_is_dropped(stage: Stage) -> Trouble:
    """A security group lets no SSH through."""
    stage.enter(sshds.dropped_port(stage.lab, 2998))
    return stage.trouble(options={"ssh-port": "2998"}, waits=3)


def ssh_says_nothing(stage: Stage) -> Trouble:
    """Something listens there that speaks no SSH."""
    stage.enter(sshds.silent_port(stage.lab, 2997))
    return stage.trouble(options={"ssh-port": "2997"}, waits=3)


def host_key_unknown(stage: Stage) -> Trouble:
    """Nobody has ever accepted the server's key, and the instance's console output does not show it."""
    sshd = stage.enter(sshds.sshd(stage.lab, 2306))
    (stage.folder / "none").write_text("")
    return stage.trouble(options={"ssh-port": str(sshd.port), "ssh-known-hosts": str(stage.folder / "none")})


def host_key_changed(stage: Stage) -> Trouble:
    """known_hosts has another key for the address and port."""
    sshd = stage.enter(sshds.sshd(stage.lab, 2307))
    other = sshds.make_key(stage.folder / "other").with_suffix(".pub")
    (stage.folder / "known").write_text(f"[{sshds.address(stage.lab)}]:{sshd.port} {other.read_text()}")
    return stage.trouble(options={"ssh-port": str(sshd.port), "ssh-known-hosts": str(stage.folder / "known")})


def _by_own_key_alone(stage: Stage, options: dict[str, str]) -> Trouble:
    """EC2 Instance Connect, which would let in whoever may push a key, is not allowed."""
    fault = {"action": "SendSSHPublicKey", "code": "AccessDeniedException", "status": 400}
    return stage.trouble(options=options, fault=fault)


def wrong_key(stage: Stage) -> Trouble:
    """The capture host lets nobody in with that key."""
    return _by_own_key_alone(stage, {"ssh-key": str(sshds.make_key(stage.folder / "stranger"))})


def wrong_user(stage: Stage) -> Trouble:
    """There is no such user."""
    return _by_own_key_alone(stage, {"ssh-user": "nobody-at-all"})


def no_such_key(stage: Stage) -> Trouble:
    """The key's file is not there."""
    return _by_own_key_alone(stage, {"ssh-key": str(stage.folder / "missing")})


def key_with_passphrase(stage: Stage) -> Trouble:
    """The key needs a passphrase, and there is nobody to ask."""
    path = stage.folder / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(path)], check=True)
    return _by_own_key_alone(stage, {"ssh-key": str(path)})


def _on(sshd: sshds.Sshd, **more: str) -> dict[str, str]:
    return {"ssh-port": str(sshd.port), "ssh-known-hosts": str(sshd.known_hosts), **more}


def no_python(stage: Stage) -> Trouble:
    """A capture host without python3: its PATH has nothing else than a shell."""
    programs = stage.folder / "programs"
    programs.mkdir()
    for name in ("sh", "id"):
        (programs / name).symlink_to(Path("/bin") / name)
    wrapper = f'exec /usr/bin/env PATH={programs} /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
    return stage.trouble(options=_on(stage.enter(sshds.sshd(stage.lab, 2301, f"ForceCommand {wrapper}"))))


def no_shell(stage: Stage) -> Trouble:
    """A user who may not run commands."""
    refusal = "echo This account is currently not available.; exit 1"
    return stage.trouble(options=_on(stage.enter(sshds.sshd(stage.lab, 2302, f"ForceCommand {refusal}"))))


def port_taken_and_no_root(stage: Stage) -> Trouble:
    """Without root there is only the UDP port, and another program has it."""
    stage.enter(sshds.udp_port_taken(stage.lab, 4789))
    sshd = stage.enter(sshds.sshd(stage.lab, 2303))
    return stage.trouble(options=_on(sshd, **{"ssh-user": sshds.PLAIN_USER}))


def bad_filter(stage: Stage) -> Trouble:
    """libpcap does not take the filter."""
    return stage.trouble(capture_filter="tcp prot 80")


def _option(name: str, value: str) -> Callable[[Stage], Trouble]:
    def prepare(stage: Stage) -> Trouble:
        return stage.trouble(options={name: value})

    prepare.__name__ = f"{name}={value}"
    return prepare


def no_such_host(stage: Stage) -> Trouble:
    """A capture host that is not there."""
    return stage.trouble(options={"host": "i-0123456789abcdef0"})


def source_as_host(stage: Stage) -> Trouble:
    """The source itself as its capture host."""
    return stage.trouble(options={"host": stage.lab.eni("web-1")["Attachment"].get("InstanceId", _web(stage.lab))})


def _web(lab: Lab) -> str:
    """The instance id of web-1."""
    for reservation in lab.client().describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if {"Key": "Name", "Value": "web-1"} in instance.get("Tags", []):
                return instance["InstanceId"]
    raise AssertionError("no web-1")


def state_folder_is_a_file(stage: Stage) -> Trouble:
    """The ledger has no place. (For root, chmod does not bite.)"""
    (stage.folder / "state").write_text("a file")
    return stage.trouble(environment={"XDG_STATE_HOME": str(stage.folder / "state")})


BOTH = (by_tshark, by_command)
CASES = [
    (unknown_eni, (by_extcap, by_command), [UNKNOWN_ENI, "us-east-1", "vpcshark interfaces"]),
    (malformed_eni, (by_extcap, by_command), ['"eni-web-1"', "not the id", "vpcshark interfaces"]),
    (eni_of_another_region, BOTH, ["no network interface", "eu-west-1", "--region"]),
    (no_such_region, BOTH, ['"eu-wst-1"', "Did you mean eu-west-1?"]),
    (not_even_a_region, BOTH, ['"Frankfurt"', "eu-west-1"]),
    (no_such_profile, BOTH, ['"nobody"', "aws configure list-profiles"]),
    (no_credentials, BOTH, ["No AWS credentials", '"p"', "aws configure --profile p"]),
    (sso_never_signed_in, BOTH, ["SSO", '"p"', "aws sso login --profile p"]),
    (sso_expired, BOTH, ["SSO", "expired", "aws sso login --profile p"]),
    (legacy_sso_expired, BOTH, ["SSO", "aws sso login --profile p"]),
    (no_credentials_at_all, (by_extcap, by_command), ["No AWS credentials", "aws configure"]),
    (broken_configuration, (by_command,), ["configuration"]),
    (api_refuses, (by_extcap, by_command), ["cannot be reached", "AWS_ENDPOINT_URL"]),
    (api_drops_packets, (by_extcap,), ["could not be reached in time", "HTTPS_PROXY"]),
    (may_not_describe, BOTH, ["You may not list the", "ec2:DescribeInstances"]),
    (may_not_create_rules, BOTH, ["You may not add rule", "ec2:CreateTrafficMirrorFilterRule"]),
    (may_not_create_sessions, BOTH, ["You may not create a mirror session", "ec2:CreateTags"]),
    (bad_keys, BOTH, ["does not accept the credentials", "aws configure"]),
    (expired_keys, BOTH, ["have expired"]),
    (source_is_full, BOTH, ["sessions already", '"intrusion detection 1"', '"intrusion detection 3"', "Delete one"]),
    (source_is_full_for_the_number, (by_command,), ["sessions already", '"intrusion detection 2"', "Delete one"]),
    (number_is_taken, BOTH, ["Session number 1", '"intrusion detection 1"', "--session-number"]),
    (session_quota, BOTH, ["three mirror sessions already", "vpcshark cleanup"]),
    (filter_quota, (by_command,), ["as many mirror filters as AWS allows", "vpcshark cleanup"]),
    (throttled, (by_tshark,), ["too many requests", "Try again in a minute."]),
    (nothing_listens, BOTH, [":2999 refuses SSH", "sshd"]),
    (ssh_is_dropped, BOTH, ["did not answer to SSH", "security group"]),
    (ssh_says_nothing, (by_command,), ["SSH", "Check that it runs"]),
    (host_key_unknown, BOTH, ["is not known", "SHA256:", "vpcshark trust i-"]),
    (host_key_changed, BOTH, ["has changed", "SHA256:", "ssh-keygen -R"]),
    (wrong_key, BOTH, ["does not let root in", "--ssh-user", "--ssh-key"]),
    (wrong_user, (by_command,), ["does not let nobody-at-all in", "--ssh-user"]),
    (no_such_key, BOTH, ["missing", "cannot be read", "another file"]),
    (key_with_passphrase, BOTH, ["passphrase", "ssh-add"]),
    (no_python, BOTH, ["no python3", "--host"]),
    (no_shell, (by_command,), ["This account is currently not available"]),
    (port_taken_and_no_root, BOTH, ["UDP port 4789 is taken", "root"]),
    (bad_filter, BOTH, ['"tcp prot 80"', "pcap-filter(7)"]),
    (_option("vni", "16777216"), BOTH, ["--vni", "16777216", "0 to 16777215"]),
    (_option("vni", "x"), (by_command,), ["--vni", '"x"']),
    (_option("session-number", "0"), BOTH, ["--session-number", "1 to 32766"]),
    (_option("session-number", "32767"), (by_command,), ["--session-number", "1 to 32766"]),
    (_option("packet-length", "34"), BOTH, ["--packet-length", "35 to 8500"]),
    (_option("mode", "telepathy"), (by_command,), ["--mode", "mirror"]),
    (no_such_host, BOTH, ["no instance i-0123456789abcdef0", "--host"]),
    (source_as_host, BOTH, ["its own capture host", "--host"]),
    (state_folder_is_a_file, BOTH, ["ledger", "nothing was created", "writable"]),
]


# One of each class: an option, the configuration, permission, credentials, somebody else's sessions, AWS's limits, the
# network, a host key, a login, what the host lacks, the filter, and a place on this machine.
BY_TSHARK = (
    no_such_region,
    sso_expired,
    may_not_create_rules,
    bad_keys,
    source_is_full,
    session_quota,
    nothing_listens,
    host_key_changed,
    wrong_key,
    no_python,
    bad_filter,
    state_folder_is_a_file,
)

REAL_WAITS = (throttled, api_drops_packets)  # until patience is at its end


def _rows() -> Iterator[Any]:
    for prepare, ways, words in CASES:
        for way in ways:
            is_once = way is (by_tshark if prepare in BY_TSHARK else ways[-1]) and prepare not in REAL_WAITS
            marks = [] if is_once else [pytest.mark.long]
            yield pytest.param(prepare, way, words, id=f"{prepare.__name__}-{way.__name__}", marks=marks)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """The command line, ready to run."""
    with closing(Forks()) as ready:
        yield ready


@pytest.fixture
def stage(clean_lab: Lab, tmp_path: Path, forks: Forks) -> Iterator[Stage]:
    """A clean lab, and what a case leaves undone again."""
    with ExitStack() as undo:
        yield Stage(clean_lab, tmp_path, undo, clean_lab.eni("web-1")["NetworkInterfaceId"], forks)


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """At the module's end, case, way, seconds and message go into a file."""
    yield
    folder = Path(os.environ.get("VPCSHARK_ARTIFACTS", "artifacts"))
    folder.mkdir(exist_ok=True)
    lines = [f"{name:32} {way:10} {seconds:5.2f} s  {message}\n" for name, way, seconds, message in ROWS]
    (folder / "bad-input.txt").write_text("".join(lines))


def resources(lab: Lab) -> Mapping[str, set[str]]:
    """What a fresh describe shows."""
    return {kind: set(ids) for kind, ids in lab.mirror_resources().items()}


@pytest.mark.thin(6)
@pytest.mark.parametrize(("prepare", "way", "words"), list(_rows()))
def test_it_ends_soon_in_a_sentence_with_nothing_left(stage: Stage, prepare, way, words, record_property):
    """Message, exit status, account, capture host."""
    trouble = prepare(stage)
    if way is by_tshark and "HOME" in trouble.environment:
        stage.lab.having(**trouble.environment).listed()
    before, running = resources(stage.lab), set(stage.lab.processes(sshds.CAPTURE_HOST))
    with faults(stage.control, trouble, way), pace() as now:
        ended = way(stage, trouble)
    seconds = ended.ended - known(stage, trouble, ended.began)
    assert resources(stage.lab) == before
    left = lambda: set(stage.lab.processes(sshds.CAPTURE_HOST)) - running  # noqa: E731
    wait_until(lambda: not left(), "the receiver has gone")
    ROWS.append((prepare.__name__, way.__name__, seconds, ended.message.replace("\n", " / ")))
    record_property("message", ended.message)
    record_property("seconds", round(seconds, 2))
    is_helpful(ended.message, words)
    assert ended.status != 0 or way is by_tshark  # tshark keeps an extcap's status to itself
    assert is_soon(seconds, now, stage.lab)


def is_soon(seconds: float, now: Pace, lab: Lab) -> bool:
    """Does it keep the promise, as fast as the machine is now, and as late as AWS shows what was made and deleted?"""
    return seconds < now.allows(SOON) + lab.lateness


@contextmanager
def faults(control: LabControl, trouble: Trouble, way: Callable) -> Iterator[None]:
    """The API does wrong what the trouble says, as soon as tshark has had its list of interfaces."""
    control.clear_calls()
    if trouble.fault:
        listing = 1 if way is by_tshark and trouble.fault["action"].startswith("Describe") else 0
        control.add_fault(**trouble.fault, skip=listing)
    try:
        yield
    finally:
        control.clear_faults()


def known(stage: Stage, trouble: Trouble, began: float) -> float:
    """When it was known: at the last answer of the API that says so, else from the start on, but for its own waits."""
    if not trouble.known_by:
        return began + trouble.waits
    calls = [call for call in stage.control.calls() if re.fullmatch(trouble.known_by, call["action"])]
    failed = [call["end"] for call in calls if call["status"] >= 400]
    assert failed
    return max(failed)


def is_helpful(message: str, words: list[str]) -> None:
    """One or two lines of whole sentences that fit into what Wireshark keeps, and say what they must."""
    lines = message.splitlines()
    assert 1 <= len(lines) <= 2, message
    assert len(message.encode()) <= 1024
    assert not re.search(r"Traceback|Error\b|Exception|botocore|paramiko|Errno|unexpectedly|bug in", message), message
    assert not [word for word in words if word not in message], message
    assert re.match(r'[A-Z"\d/-]|eni-', message), message
    assert re.search(r"[.?]$|: [\w/ .…-]+$", message), message


@pytest.mark.thin(4)
@pytest.mark.parametrize("prepare", [host_key_unknown, host_key_changed])
def test_the_fingerprint_is_the_one_that_ssh_keygen_shows(stage: Stage, prepare):
    """A host key that is not trusted is named by its fingerprint; if it changed, together with the expected one."""
    trouble = prepare(stage)
    port = trouble.options["ssh-port"]
    shown = subprocess.run(
        ["ssh-keyscan", "-t", "ed25519", "-p", port, sshds.address(stage.lab)], capture_output=True, check=True
    )
    (stage.folder / "shown").write_bytes(shown.stdout)
    message = by_command(stage, trouble).message
    assert sshds.fingerprint(stage.folder / "shown") in message
    if prepare is host_key_changed:
        assert sshds.fingerprint(stage.folder / "other.pub") in message


def test_tshark_lists_why_there_is_no_interface(lab: Lab):
    """Where AWS can't be asked at all, tshark -D says why."""
    lost = lab.having(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    why = "AWS: No AWS credentials were found"  # a busy machine may not know it within a list's two seconds
    wait_until(lambda: why in lost.run("tshark", "-D").stdout, "the list says why")


# --- What is odd, and works all the same ------------------------------------------------------------------------------


def captured(stage: Stage, options: Mapping[str, str], frames: int = 50) -> int:
    """tshark until it has so many frames; how many are in its file."""
    stage.folder.chmod(0o777)
    file = stage.folder / "out.pcapng"
    given = as_preferences(stage.source, options)
    done = stage.lab.run("tshark", "-q", "-i", stage.source, *given, "-c", str(frames), "-w", str(file))
    assert done.returncode == 0
    assert not told.by_extcap(done.stderr)
    return len(read_frames(file))


def test_without_sudo_frames_arrive_by_a_udp_socket(stage: Stage):
    """A plain user, no sudo: the receiver has no ring, and works."""
    running = set(stage.lab.processes(sshds.CAPTURE_HOST))
    with sshds.sshd(stage.lab, 2304) as sshd:
        assert captured(stage, _on(sshd, **{"ssh-user": sshds.PLAIN_USER})) > 30
        assert stage.lab.is_clean()
    assert not set(stage.lab.processes(sshds.CAPTURE_HOST)) - running


@pytest.mark.long
def test_root_shares_a_taken_port(stage: Stage):
    """With root's rights there is the ring: another program on UDP 4789 is no matter."""
    with sshds.udp_port_taken(stage.lab, 4789):
        assert captured(stage, {}) > 30


@pytest.mark.thin(4)
@pytest.mark.parametrize("banner", ["Welcome to capture-1.\\n", "a word without an end"])
@pytest.mark.long
def test_a_login_shell_may_print_banners(stage: Stage, banner: str):
    """What a shell's start-up files print on stdout and stderr is none of the frames, and spoils none."""
    wrapper = stage.folder / "shell"
    wrapper.write_text(f"printf '{banner}'; printf '{banner}' >&2; exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n")
    settings = ("Banner " + str(wrapper), f"ForceCommand sh {wrapper}")
    with sshds.sshd(stage.lab, 2305, *settings) as sshd:
        assert captured(stage, _on(sshd)) > 30


# --- Where the frames go ----------------------------------------------------------------------------------------------


def test_a_full_disk_ends_vpcshark_capture(stage: Stage):
    """-w /dev/full."""
    began = time.monotonic()
    with pace() as now:
        done = stage.lab.run(*VPCSHARK, "capture", stage.source, "-w", "/dev/full", "-a", "duration:20")
        seconds = time.monotonic() - began
    said = done.stderr.rpartition("vpcshark: ")[2].strip()
    ROWS.append(("disk_full", "by_command", seconds, said))
    is_helpful(said, ["/dev/full", "No space left on device", "0 packets are safe"])
    assert done.returncode == 4
    assert stage.lab.is_clean()
    assert is_soon(seconds, now, stage.lab)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 64 KiB. (Root's dumpcap removes what it cannot write to, were it /dev/full itself.)"""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.long
def test_a_disk_that_runs_full_under_tshark_leaves_nothing(stage: Stage):
    """Whatever dumpcap says of it (4.0: nothing), the extcap has nothing to say, and leaves nothing."""
    with small_disk(stage.folder / "disk") as disk:
        done = stage.lab.run("tshark", "-q", "-i", stage.source, "-w", str(disk / "x.pcapng"), "-a", "duration:4")
        assert stage.lab.is_clean()
    assert not told.by_extcap(done.stderr)


@pytest.mark.long
def test_a_disk_that_runs_full_ends_vpcshark_capture(stage: Stage):
    """The same without tshark, in the middle of the packets: a sentence, and nothing left."""
    with small_disk(stage.folder / "disk") as disk:
        done = stage.lab.run(*VPCSHARK, "capture", stage.source, "-w", str(disk / "x.pcapng"), "-a", "duration:20")
        assert stage.lab.is_clean()
        counted = subprocess.run(["capinfos", "-rTMc", disk / "x.pcapng"], capture_output=True, text=True, check=True)
    safe = f"{counted.stdout.split()[-1]} packets are safe"
    is_helpful(done.stderr.rpartition("vpcshark: ")[2].strip(), ["x.pcapng", "No space left on device", safe])
    assert done.returncode == 4


def test_a_folder_that_is_not_there_is_named(lab: Lab, tmp_path: Path):
    """-w into nowhere: nothing is asked of AWS."""
    done = lab.run(*VPCSHARK, "capture", UNKNOWN_ENI, "-w", str(tmp_path / "no" / "x.pcapng"))
    is_helpful(done.stderr.rpartition("vpcshark: ")[2].strip(), ["x.pcapng", "No such file or directory"])
    assert done.returncode != 0


@contextmanager
def extcap_on(lab: Lab, fifo: Path, eni: str) -> Iterator[subprocess.Popen[str]]:
    """The extcap capturing into a FIFO."""
    launcher = installed(lab)
    running = lab.start(launcher, "--capture", "--extcap-interface", eni, "--fifo", str(fifo))
    try:
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=180)


@pytest.mark.long
def test_a_fifo_that_is_opened_and_never_read_holds_no_stop_up(stage: Stage):
    """dumpcap hangs; SIGTERM all the same ends the extcap and cleans up."""
    fifo = stage.folder / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with extcap_on(stage.lab, fifo, stage.source) as extcap:
            wait_until(lambda: bool(stage.lab.mirror_resources()["sessions"]), "the session is there")
            time.sleep(1.0)  # the pipe holds a megabyte; whether it is full by now is no matter for the stop
            with pace() as now:
                began = time.monotonic()
                extcap.terminate()
                extcap.wait(180)
                seconds = time.monotonic() - began
    finally:
        os.close(reader)
    ROWS.append(("fifo_never_read", "by_extcap", seconds, ""))
    assert stage.lab.is_clean()
    assert is_soon(seconds, now, stage.lab)


class Waiting(threading.Thread):
    """The extcap before a FIFO that nobody opens: it waits half a minute."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        super().__init__()
        self.lab, self.fifo = lab, folder / "fifo"
        os.mkfifo(self.fifo)
        self.status, self.said, self.seconds = 0, "", 0.0

    def run(self) -> None:
        began = time.monotonic()
        launcher = installed(self.lab)
        done = self.lab.run(
            launcher, "--capture", "--extcap-interface", UNKNOWN_ENI, "--fifo", str(self.fifo), timeout=180
        )
        self.status, self.said, self.seconds = done.returncode, done.stderr.strip(), time.monotonic() - began


@pytest.fixture(scope="module")
def unread(lab: Lab, tmp_path_factory) -> Iterator[Waiting]:
    """Started, and waited for at the end."""
    waiting = Waiting(lab, tmp_path_factory.mktemp("unread"))
    waiting.start()
    yield waiting
    waiting.join(180)


@pytest.mark.long
def test_a_fifo_that_nobody_opens_is_given_up(unread: Waiting):
    """After the half minute that Wireshark itself allows, a sentence."""
    unread.join(180)
    ROWS.append(("fifo_never_opened", "by_extcap", unread.seconds - 30, unread.said.replace("\n", " / ")))
    assert unread.status == 1
    is_helpful(unread.said, [str(unread.fifo), "30 seconds"])
    assert unread.seconds >= 30
