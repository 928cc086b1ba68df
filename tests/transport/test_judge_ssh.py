"""What we make of an SSH configuration is what ``ssh -G`` makes of it, or a refusal that names the line.

Both ways are judged: with an OpenSSH client, and without one by our own parser. ``make judge-ssh CASES=folder`` adds a
folder of files, and prints the table.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import sshg
from hypothesis import HealthCheck, given, settings
from properties import examples

from vpcshark.errors import Hopeless
from vpcshark.transport import ssh_config
from vpcshark.transport.known_hosts import MACHINE_FILES, USER_FILES
from vpcshark.transport.names import HostName, UserName

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
PROGRAM = shutil.which("ssh") or ""
NAMES = ("10.106.1.40", "i-0123456789abcdef0", "web-1", "bastion")
DEFAULTS = functools.cache(functools.partial(sshg.judge, "none"))
WAYS = {"by ssh": PROGRAM, "by our parser": ""}
CONFIGURATIONS = {
    "a token that HostName does not take": "Host no\n HostName %h\nHost *\n User x\n HostName a.%n\n",
    "user": "Host 10.*\n User ubuntu\nHost *\n User everyone\n",
    "the account's own user": f"Host i-*\n User {ssh_config.local_user()}\n",
    "equals": "Host=10.*\n  User=ubuntu\n  Port = 2222\n",
    "quotes": 'Host "10.*" "my host"\n User "ubuntu"\n HostName "%h"\n IdentityFile "~/.ssh/my keys/a"\n',
    "bad quotes": 'Host 10.*\n User "ubuntu\n',
    "mark of a byte order": "\ufeffHost 10.*\n User ubuntu\n",
    "line ends of Windows": "Host 10.*\r\n  User ubuntu\r\n  Port 2222\r\n",
    "negated": "Host 10.* !10.106.1.40\n ProxyJump bastion\nHost *\n User x\n",
    "match": "Match Host 10.* User root\n Port 2200\nMatch originalhost 10.* !host 10.9.*\n User neg\n",
    "exec": 'Match exec "test %h = 10.106.1.40"\n User found\n',
    "final": "Host i-*\n User ubuntu\nMatch final all\n Port 2022\n",
    "unknown": "Host 10.*\n User ubuntu\n BogusOption yes\n IgnoreUnknown BogusOption\n",
    "ignored for one": "Match originalhost i-*\n IgnoreUnknown Bogus*\nMatch all\n BogusOption yes\n User x\n",
    "ignored": "IgnoreUnknown Bogus*\nHost 10.*\n BogusOption yes\n",
    "no host": "Host 10.*\n User ubuntu\nHost\n Port 22\n",
    "no value": "Host 10.*\n User ubuntu\n IdentityFile\n",
    "known hosts": "Host 10.*\n GlobalKnownHostsFile ~/.ssh/g\n UserKnownHostsFile ~/.ssh/a /k/b\n",
    "agent": "Host 10.*\n IdentityAgent ~/.ssh/agent.sock\n IdentitiesOnly yes\n",
    "no proxy": "Host i-*\n ProxyCommand none\nHost *\n ProxyJump b1,user@b2:2200\n",
    "no jump": "Host i-*\n ProxyJump none\nHost *\n ProxyCommand nc %h %p\n",
    "a jump host called none": "Host i-*\n ProxyJump none # not here\nHost *\n ProxyJump bastion\n",
    "algorithms": "Host 10.*\n Ciphers aes256-ctr\n HostKeyAlgorithms ssh-ed25519\n MACs hmac-sha2-256\n",
    "more algorithms": "Host 10.*\n HostKeyAlgorithms +ssh-rsa\n",
    "tokens": "Host 10.*\n IdentityFile %d/.ssh/%u\n IdentityFile ~/%r.pem\n ProxyCommand nc %h %p %n %r\n User u\n",
}


def ours(file: Path, name: str, program: str, default: sshg.Said) -> sshg.Said:
    """The same view of what we make of the file; ``default`` is what ssh has where nothing is said."""
    try:
        found = ssh_config.lookup(ssh_config.Config(str(file), program), [HostName(name)])
    except Hopeless as error:
        return sshg.Said(refused=int(re.findall(r"line (\d+)", error.problem)[0]))
    lists = {"identityfile": found.key_files, "certificatefile": found.certificate_files}
    files = {"userknownhostsfile": found.known_hosts_files, "globalknownhostsfile": found.global_known_hosts_files}
    chosen = found.algorithms
    algorithms = (chosen.ciphers, chosen.macs, chosen.kex, chosen.host_keys, chosen.public_keys)
    return sshg.Said(
        tuple(
            {
                "host": found.address or name.lower(),
                "user": found.user or ssh_config.local_user(),
                "port": found.port or 22,
                **{keyword: list(values) or default[keyword] for keyword, values in lists.items()},
                "agent": found.agent,
                "identitiesonly": found.identities_only,
                "proxyjump": ",".join(found.jumps),
                "proxycommand": found.proxy_command[-1].removeprefix("exec ") if found.proxy_command else "",
                **{keyword: " ".join(values) or default[keyword] for keyword, values in files.items()},
                "hostkeyalias": found.host_key_alias,
                **{k: ",".join(v) or default[k] for k, v in zip(sshg.ALGORITHMS, algorithms, strict=True)},
            }.items()
        )
    )


def compared(file: Path, name: str, way: str) -> str:
    """ "same", or the line that is refused. AssertionError for a difference that nobody would be told."""
    judged, default = sshg.judge(file, name), DEFAULTS(name)
    found = ours(file, name, WAYS[way], default)
    if way == "by our parser" and found.refused:
        return f"refuses line {found.refused}"
    if judged.refused:
        assert found.refused == judged.refused, f"ssh refuses line {judged.refused}"
        return f"refuses line {found.refused}, as ssh does"
    expected, got = _normal(dict(judged.values)), _normal(dict(found.values))
    assert got == expected
    return "same"


def _normal(values: dict[str, object]) -> dict[str, object]:
    """``SSH_AUTH_SOCK`` is what "" means, a jump's parts may be written in two ways, "none" is no key."""
    jumps = [ssh_config.split_jump(jump) for jump in str(values["proxyjump"]).split(",") if jump]
    agent = (
        ""
        if values["agent"] == "SSH_AUTH_SOCK"
        else re.sub(r"^\$(\w+)", lambda m: os.environ[m[1]], str(values["agent"]))
    )
    return {**values, "proxyjump": jumps, "agent": agent}


@pytest.mark.thin(3)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_configuration_means_what_it_means_to_ssh(kind: str, way: str, tmp_path: Path) -> None:
    """One of each kind that was read otherwise, or might be."""
    file = tmp_path / "config"
    file.write_text(CONFIGURATIONS[kind])
    for name in ("10.106.1.40", "i-0123456789abcdef0", "WEB-1"):
        compared(file, name, way)


def judged_by_ssh(text: str, name: str) -> None:
    """Both ways, for one generated configuration."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config")
        file.write_text(text, newline="")
        for way in WAYS:
            compared(file, name, way)


QUICK = settings(
    max_examples=examples(15), derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
LONG = settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(text=sshg.CONFIGURATIONS, name=sshg.NAMES)
def test_generated_configurations_mean_what_they_mean_to_ssh(text: str, name: str) -> None:
    """Out of the grammar of ssh_config(5)."""
    judged_by_ssh(text, name)


@pytest.mark.long
@LONG
@given(text=sshg.CONFIGURATIONS, name=sshg.NAMES)
def test_two_hundred_generated_configurations_mean_what_they_mean_to_ssh(text: str, name: str) -> None:
    """The same, more often."""
    judged_by_ssh(text, name)


@pytest.mark.long
def test_each_file_of_a_folder_means_what_it_means_to_ssh(tmp_path: Path) -> None:
    """``VPCSHARK_SSH_CASES`` names the folder; ``conf.d`` in it stands for ~/.ssh/conf.d."""
    if not (folder := os.environ.get("VPCSHARK_SSH_CASES")):
        pytest.skip("VPCSHARK_SSH_CASES names no folder")
    cases = sorted(path for path in Path(folder).iterdir() if path.is_file())
    assert cases
    failures = []
    for case in cases:
        file = tmp_path / case.name
        file.write_bytes(case.read_bytes().replace(b"~/.ssh/conf.d", os.fsencode(Path(folder, "conf.d").absolute())))
        for way in WAYS:
            try:
                results = list(dict.fromkeys(compared(file, name, way) for name in NAMES))
            except AssertionError as error:
                results = ["DIFFERS"]
                failures.append((case.name, way, str(error)))
            sys.stdout.write(f"{case.name:<20} {way:<14} {'; '.join(results)}\n")
    assert not failures, failures


def test_the_defaults_are_where_ssh_looks() -> None:
    """The files of known hosts that count where nothing is said."""
    default = sshg.judge("none", "web-1")
    assert " ".join(MACHINE_FILES) == default["globalknownhostsfile"]
    assert " ".join(file.removeprefix("~") for file in USER_FILES) == re.sub(
        r"\S+(?=/\.ssh)", "", str(default["userknownhostsfile"])
    )
    assert UserName(ssh_config.local_user()) == default["user"]
