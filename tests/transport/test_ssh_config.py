"""The user's SSH configuration, as far as it makes a difference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vpcshark.transport import ssh_config, ssm
from vpcshark.transport.names import hosts

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
        ("ProxyJump none", (), ()),
        ("ProxyJump bastion", ("bastion",), ()),
        ("User deploy", (), ("sh", "-c", "exec nc web-1 22")),
    ],
)
def test_a_host_s_own_way_takes_the_place_of_everybody_s(
    of_web_1: str, jumps: tuple[str, ...], command: tuple[str, ...], tmp_path: Path
) -> None:
    """Also where it takes the proxy back; and the proxy is told the name that the configuration speaks of."""
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
    assert ssh_config.lookup(ssh_config.read(["/nonexistent/config"]), hosts("web-1")) == ssh_config.Settings()


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


@pytest.mark.parametrize(
    ("version", "safe"), [("1.2.497.0", False), ("1.2.553.0", True), ("2.0.0.0", True), ("", False)]
)
def test_the_token_goes_into_the_environment_where_the_plugin_takes_it_there(version: str, safe: bool) -> None:
    """From the version after 1.2.497.0 on."""
    assert ssm.is_token_safe(version) is safe


@pytest.mark.parametrize(("command", "user"), [("true", "matched"), ("false", "")])
def test_match_exec_works_though_its_library_is_left_out_of_the_start(command: str, user: str, tmp_path: Path) -> None:
    """In a process of its own, where paramiko was imported the quick way."""
    (tmp_path / "config").write_text(f"Match exec {command}\n  User matched\n")
    code = (
        "import sys, vpcshark.transport.quick, paramiko.config\n"
        "assert 'invoke' not in sys.modules and paramiko.config.invoke is None\n"
        "from vpcshark.transport import ssh_config\n"
        "from vpcshark.transport.names import hosts\n"
        "print(ssh_config.lookup(ssh_config.read([sys.argv[1]]), hosts('web-1')).user or '')"
    )
    ran = [sys.executable, "-c", code, str(tmp_path / "config")]
    assert subprocess.run(ran, capture_output=True, text=True, check=True).stdout.strip() == user
