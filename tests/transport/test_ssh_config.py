"""The user's SSH configuration, as far as it makes a difference."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vpcshark.errors import Hopeless
from vpcshark.transport import ssh_config
from vpcshark.transport.names import UserName, hosts

CONFIG = """
Host web-1
  HostName 10.9.9.9
  User deploy
  ProxyJump ops@bastion:2222,inner
  UserKnownHostsFile /etc/one /etc/two
  HostKeyAlias web
Host i-*
  Port 2200
  IdentityFile ~/keys/ec2
  IdentitiesOnly yes
Host proxied
  ProxyCommand corkscrew proxy 8080 %h %p
Host *
  User everybody
"""


@pytest.fixture
def settings(tmp_path: Path):
    """What the configuration says of a host with these names."""
    file = tmp_path / "config"
    file.write_text(CONFIG)
    return lambda *names: ssh_config.lookup(ssh_config.read([str(file)]), hosts(*names))


def test_all_names_of_a_host_count(settings) -> None:
    """The instance id's settings and those of its Name tag, together."""
    found = settings("i-0abc", "web-1", "10.1.0.5")
    assert (found.port, found.address, found.identities_only) == (2200, "10.9.9.9", True)
    assert found.key_files == (str(Path("~/keys/ec2").expanduser()),)
    assert found.jumps == ("ops@bastion:2222", "inner")
    assert found.known_hosts_files == ("/etc/one", "/etc/two")
    assert found.host_key_alias == "web"


NAMES = ("i-0abc", "web-1", "10.1.0.5")


def configured(folder: Path, text: str) -> ssh_config.Settings:
    """What the configuration ``text`` says of the host with ``NAMES``."""
    (folder / "config").write_text(text)
    return ssh_config.lookup(ssh_config.read([str(folder / "config")]), hosts(*NAMES))


def test_what_is_said_of_every_host_comes_after_what_is_said_of_one_of_its_names(tmp_path: Path) -> None:
    """Though the first name, its id, is a host like every other; as ssh(1) has it, keys add up."""
    found = configured(
        tmp_path,
        "Host web-1\n  User deploy\n"
        "Host 10.1.*\n  User admin\n  IdentityFile /keys/vpc\n"
        "Host *\n  User everybody\n  IdentityFile /keys/default\n",
    )
    assert (found.user, found.key_files) == ("deploy", ("/keys/vpc", "/keys/default"))


@pytest.mark.parametrize(
    ("of_web_1", "jumps", "command"),
    [
        ("ProxyCommand none", (), ()),
        ("ProxyJump none", (), ("sh", "-c", "exec nc 10.1.0.5 22")),
        ("ProxyJump bastion", ("bastion",), ()),
        ("User deploy", (), ("sh", "-c", "exec nc web-1 22")),
    ],
)
def test_a_host_s_own_way_takes_the_place_of_everybody_s(
    of_web_1: str, jumps: tuple[str, ...], command: tuple[str, ...], tmp_path: Path
) -> None:
    """Also where it takes the proxy back, though "ProxyJump none" takes back no ProxyCommand, as ``ssh -G`` shows; and
    the proxy is told the name that the configuration speaks of."""
    found = configured(tmp_path, f"Host web-1\n  {of_web_1}\nHost *\n  ProxyCommand nc %h %p\n")
    assert (found.jumps, found.proxy_command) == (jumps, command)


def test_a_proxy_for_every_host_is_told_an_address(tmp_path: Path) -> None:
    """No proxy knows what an instance id or a Name tag is."""
    assert configured(tmp_path, "Host *\n  ProxyCommand nc %h %p\n").proxy_command[-1] == "exec nc 10.1.0.5 22"


def test_a_proxy_command_gets_host_and_port(settings) -> None:
    """As ssh(1) fills them in."""
    assert settings("proxied").proxy_command == ("sh", "-c", "exec corkscrew proxy 8080 proxied 22")


def test_a_host_that_is_not_named_has_only_what_is_for_all(settings) -> None:
    """And no address but its own."""
    found = settings("10.0.0.1")
    assert (found.user, found.address, found.port, found.jumps) == ("everybody", None, 0, ())


def test_no_file_says_nothing() -> None:
    """A user without a configuration."""
    config = ssh_config.read(["/nonexistent/config"])
    assert ssh_config.lookup(config, hosts("web-1")) == ssh_config.Settings(program=config.program)


@pytest.mark.parametrize(
    ("jump", "parts"),
    [
        ("host", (None, "host", 0)),
        ("me@host:2222", ("me", "host", 2222)),
        ("[2600::1]:22", (None, "2600::1", 22)),
        ("2600::1", (None, "2600::1", 0)),
        ("ssh://a@b@host", ("a@b", "host", 0)),
    ],
)
def test_a_jump_is_taken_apart(jump: str, parts: tuple[str | None, str, int]) -> None:
    """User, host, port."""
    assert ssh_config.split_jump(jump) == parts


@pytest.mark.parametrize(("command", "user"), [("true", "matched"), ("false", None)])
def test_match_exec_works(command: str, user: str | None, tmp_path: Path) -> None:
    """The user's own command, which ssh runs."""
    assert configured(tmp_path, f"Match exec {command}\n  User matched\n").user == user


@pytest.mark.parametrize("program", ["", None])
def test_the_account_s_own_name_is_known_for_one_that_was_said(program: str | None, tmp_path: Path) -> None:
    """ssh -G shows it in both cases; but an instance's tag or image counts only where nobody said it."""
    file = tmp_path / "config"
    me = ssh_config.local_user()
    for text, user in ((f"Host web-1\n User {me}\n", me), (f"Host web-2\n User {me}\n", None), ("Port 22\n", None)):
        file.write_text(text)
        config = ssh_config.Config(str(file)) if program is None else ssh_config.Config(str(file), program)
        assert ssh_config.lookup(config, hosts("web-1")).user == user


def test_a_user_and_a_port_of_the_command_line_count_before_the_file(tmp_path: Path) -> None:
    """As with ssh -l and -p; also for Match and tokens."""
    file = tmp_path / "config"
    file.write_text(
        "Match user jane\n  IdentityFile /keys/%r\nHost *\n  User x\n  Port 9\n  ProxyCommand nc %h %p %r\n"
    )
    for program in ("", ssh_config.Config().program):
        found = ssh_config.lookup(ssh_config.Config(str(file), program), hosts("web-1"), UserName("jane"), 2222)
        assert (found.user, found.port, found.key_files) == ("jane", 2222, ("/keys/jane",))
        assert found.proxy_command[-1] == "exec nc web-1 2222 jane"


@pytest.mark.parametrize(
    "text",
    ["User ${NOBODY_SET_THIS}", "IdentityFile /k/${NOBODY_SET_THIS}", "IdentityFile /k/%Z", "HostName 10.1.0.%Z"],
)
def test_what_cannot_be_expanded_is_told(text: str, tmp_path: Path) -> None:
    """Neither left as it stands, nor left out; also where ssh itself refuses it, which it does for that name alone."""
    with pytest.raises(Hopeless):
        configured(tmp_path, f"Host web-1\n  {text}\n")


@pytest.mark.parametrize("line", ["BogusOption yes", 'User "x', "IdentityFile"])
@pytest.mark.parametrize("has_ssh", [True, False])
def test_what_ssh_refuses_is_refused_by_its_line(line: str, has_ssh: bool, tmp_path: Path) -> None:
    """A configuration that is partly read would lead to another host, or to none that anybody could explain."""
    file = tmp_path / "config"
    file.write_text(f"Host web-1\n  User x\nHost *\n  {line}\n")
    config = ssh_config.Config(str(file)) if has_ssh else ssh_config.Config(str(file), "")
    with pytest.raises(Hopeless, match="line 4"):
        ssh_config.lookup(config, hosts("web-1"))


OURS = """
import sys
from vpcshark.transport import ssh_config
from vpcshark.transport.names import HostName
for name in sys.argv[1:]:
    found = ssh_config.lookup(ssh_config.read(), [HostName(name)])
    print(name, found.user or "-", found.port or 22, *found.key_files)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a mount namespace")
def test_the_files_are_those_that_ssh_finds_by_itself(tmp_path: Path) -> None:
    """In the account's home folder, and the machine's; an Include is relative to the first. The account is that of a
    namespace, so that nobody's own files are read."""
    (tmp_path / ".ssh" / "d").mkdir(parents=True, mode=0o700)
    me = ssh_config.local_user()
    (tmp_path / ".ssh" / "config").write_text(
        f"Include d/*.conf\nHost web-1\n  IdentityFile ~/k\nHost me\n  User {me}\n"
    )
    (tmp_path / ".ssh" / "d" / "a.conf").write_text("Host web-*\n  Port 2222\n")
    machine = tmp_path / "machine"
    machine.write_text("Host *\n  User everybody\n")
    passwd = tmp_path / "passwd"
    passwd.write_text(f"{me}:x:0:0::{tmp_path}:/bin/sh\n")
    bind = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/ssh/ssh_config && shift 2 && exec "$@"'
    inside = ["unshare", "--mount", "sh", "-c", bind, "sh", str(passwd), str(machine)]
    environment = {**os.environ, "HOME": str(tmp_path), "USER": me, "LOGNAME": me}
    command = [*inside, sys.executable, "-c", OURS, "web-1", "me", "other"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this root may not make a mount namespace")
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines() == [f"web-1 everybody 2222 {tmp_path}/k", f"me {me} 22", "other everybody 22"]


def test_a_shared_connection_for_every_host_says_nothing_of_one_name(tmp_path: Path) -> None:
    """ControlPath with %C differs for each name; a proxy for every host is told the address all the same."""
    found = configured(tmp_path, "ControlPath ~/.ssh/cm-%C\nProxyCommand nc %h %p\n")
    assert "nc 10.1.0.5 22" in found.proxy_command[-1]
    assert len(found.masters) == len(set(found.masters)) > 1


def test_what_only_ssh_can_do_is_kept_for_it(tmp_path: Path) -> None:
    """Algorithms too; ssh's own defaults are not repeated."""
    found = configured(tmp_path, "GSSAPIAuthentication yes\nPKCS11Provider /usr/lib/x.so\nCiphers aes256-ctr\n")
    expected = {"gssapiauthentication": "yes", "pkcs11provider": "/usr/lib/x.so", "ciphers": "aes256-ctr"}
    assert found.passed == expected


def test_what_is_said_of_a_login_user_holds_for_a_tagged_one(tmp_path: Path) -> None:
    """Match user, though neither the command line nor the configuration names one."""
    (tmp_path / "config").write_text("Match user admin\n  IdentityFile /keys/admin\n")
    config = ssh_config.read([str(tmp_path / "config")])
    tagged = ssh_config.lookup(config, hosts("web-1"), login=UserName("admin"))
    assert (tagged.key_files, tagged.user) == (("/keys/admin",), None)
    assert ssh_config.lookup(config, hosts("web-1"), login=UserName("other")).key_files == ()


def test_each_name_is_evaluated_once(tmp_path: Path) -> None:
    """Of several hosts in one capture too; what is said of all hosts is asked once for all of them."""
    program, calls = tmp_path / "ssh", tmp_path / "calls"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec ssh "$@"\n')
    program.chmod(0o755)
    config = ssh_config.Config("none", str(program))
    for address in ("10.1.0.5", "10.1.0.6", "10.1.0.5"):
        ssh_config.lookup(config, hosts("web", address))
    assert len(calls.read_text().splitlines()) == len({"defaults", "nobody", "web", "10.1.0.5", "10.1.0.6"})


@pytest.mark.parametrize("program", ["ssh", ""])
def test_a_variable_names_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """As ``ssh -F`` does: that file alone, or none; one that is not there is an error, whoever reads it."""
    name = hosts("web-1")[0]
    (tmp_path / "work").write_text("Host web-1\n  Port 2222\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    said = {}
    for named in ("~/work", "none"):
        monkeypatch.setenv("VPCSHARK_SSH_CONFIG", named)
        said[named] = ssh_config.Config(program=program).ask(name).get("port", ("22",))
    assert said == {"~/work": ("2222",), "none": ("22",)}
    monkeypatch.setenv("VPCSHARK_SSH_CONFIG", str(tmp_path / "gone"))
    with pytest.raises(Hopeless, match=str(tmp_path / "gone")):
        ssh_config.Config(program=program).ask(name)
