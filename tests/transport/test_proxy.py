"""Each host on the way goes by the SSH configuration for itself, as with ssh(1); a real sshd is every host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vpcshark.errors import TransportError
from vpcshark.transport import proxy, ssh, ssh_config
from vpcshark.transport.names import HostName
from vpcshark.transport.ssh_auth import Keys

HOST = """
Host {name}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {key}
  UserKnownHostsFile {known}
  {more}
"""


class Configured:
    """Hosts that are all the test's sshd, by a configuration that is written host by host."""

    def __init__(self, sshd: Any, folder: Path) -> None:
        self._sshd = sshd
        self._file = folder / "config"
        self._file.write_text("")

    def add(self, name: str, more: str = "", **changes: str) -> None:
        """One more host; ``changes`` are to its key or its known_hosts file."""
        sshd = self._sshd
        said = {"key": sshd.key, "known": sshd.known_hosts, **changes}
        with self._file.open("a") as file:
            file.write(HOST.format(name=name, port=sshd.port, user=sshd.user, more=more, **said))

    def log_in(self, name: str) -> ssh.SshTransport:
        """As a capture does it where the configuration prescribes a way."""
        config = ssh_config.read([str(self._file)])
        settings = ssh_config.lookup(config, [HostName(name)])
        known = proxy.Known(config=config)
        return ssh.connect(
            settings.address,
            user=settings.user,
            port=settings.port,
            keys=Keys(files=settings.key_files, files_only=True),
            trust=ssh.Trust(files=settings.known_hosts_files),
            dial=lambda: proxy.dial(settings, settings.address, settings.port, known),
        )


@pytest.fixture
def hosts(sshd: Any, tmp_path: Path) -> Configured:
    return Configured(sshd, tmp_path)


def works(transport: ssh.SshTransport) -> bool:
    """Does a command run there?"""
    try:
        return transport.open(["true"]).wait(180) == 0
    finally:
        transport.close()


def test_a_jump_host_is_reached_by_its_own_proxy_command(
    hosts: Configured, proxy_command: Callable[[str], str], tmp_path: Path
) -> None:
    """Which may be the only way to it."""
    hosts.add("web-1", "ProxyJump bastion")
    hosts.add("bastion", proxy_command("used"))
    assert works(hosts.log_in("web-1"))
    assert (tmp_path / "used").exists()


def test_only_the_first_of_several_jump_hosts_goes_its_own_way(
    hosts: Configured, proxy_command: Callable[[str], str], tmp_path: Path
) -> None:
    """The others are reached through the one before, whatever the configuration says of them alone."""
    hosts.add("web-1", "ProxyJump first,second")
    hosts.add("first", proxy_command("used"))
    hosts.add("second", proxy_command("not-used"))
    assert works(hosts.log_in("web-1"))
    assert (tmp_path / "used").exists()
    assert not (tmp_path / "not-used").exists()


def test_a_jump_host_is_trusted_by_its_own_known_hosts_file(hosts: Configured, sshd: Any, tmp_path: Path) -> None:
    """The one of the host behind it says nothing of it."""
    empty = tmp_path / "empty"
    empty.write_text("")
    hosts.add("web-1", "ProxyJump bastion")
    hosts.add("bastion", known=str(empty))
    with pytest.raises(TransportError, match=r"The jump host bastion cannot be used: The host key of .* is not known"):
        hosts.log_in("web-1")


def test_a_jump_host_gets_its_own_key(hosts: Configured, make_ssh_key: Callable[..., str], tmp_path: Path) -> None:
    """And nothing else, where its configuration says so."""
    hosts.add("web-1", "ProxyJump bastion")
    hosts.add("bastion", "IdentitiesOnly yes", key=make_ssh_key(tmp_path / "other"))
    with pytest.raises(TransportError, match=r"The jump host bastion cannot be used: .* does not let"):
        hosts.log_in("web-1")


def test_jump_hosts_in_a_circle_are_told(hosts: Configured) -> None:
    """Before anything is connected."""
    hosts.add("web-1", "ProxyJump other")
    hosts.add("other", "ProxyJump web-1")
    with pytest.raises(TransportError) as caught:
        hosts.log_in("web-1")
    assert caught.value.problem == "The SSH configuration's jump hosts lead in a circle: web-1."
