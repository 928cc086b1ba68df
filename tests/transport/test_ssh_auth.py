"""Which keys a server is shown, and in which order; with a real ssh-agent."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vpcshark.errors import Refused, TransportError
from vpcshark.transport import ssh
from vpcshark.transport.ssh_auth import Keys

LogIn = Callable[..., ssh.SshTransport]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """A running ssh-agent; ``agent(key_file)`` adds a key to it."""
    address = str(tmp_path / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", address], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # it listens
        monkeypatch.setenv("SSH_AUTH_SOCK", address)
        yield lambda key: subprocess.run(["ssh-add", "-q", key], check=True, capture_output=True)
        process.terminate()


@pytest.fixture
def locked(sshd: Any, tmp_path: Path) -> str:
    """The key that the test's sshd takes, in a file with a passphrase and without its public half beside it."""
    copy = tmp_path / "locked"
    shutil.copy(sshd.key, copy)
    copy.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", copy], check=True, capture_output=True)
    return str(copy)


@pytest.mark.parametrize("files_only", [True, False])
def test_the_agent_has_the_passphrase_of_a_configured_key(
    files_only: bool, agent: Callable[[str], object], locked: str, sshd: Any, log_in: LogIn
) -> None:
    """Also with IdentitiesOnly, which keeps other keys of the agent out, not this one."""
    agent(sshd.key)
    log_in(keys=Keys(files=(locked,), files_only=files_only))


def test_the_agent_has_the_passphrase_of_a_named_key(
    agent: Callable[[str], object], locked: str, sshd: Any, log_in: LogIn
) -> None:
    """So that the advice to add it there helps."""
    with pytest.raises(TransportError, match="protected by a passphrase") as caught:
        log_in(key_file=locked)
    assert "ssh-add" in caught.value.remedy
    agent(sshd.key)
    log_in(key_file=locked)


def test_a_public_key_names_the_agent_s_key(
    agent: Callable[[str], object], tmp_path: Path, sshd: Any, log_in: LogIn
) -> None:
    """As people do who have many keys in their agent; without the agent it is said what is missing."""
    public = str(shutil.copy(f"{sshd.key}.pub", tmp_path / "mine.pub"))
    with pytest.raises(TransportError, match="agent does not have the key"):
        log_in(key_file=public)
    agent(sshd.key)
    log_in(key_file=public)
    log_in(keys=Keys(files=(public,), files_only=True))


def test_a_public_key_beside_its_private_one_will_do(sshd: Any, log_in: LogIn) -> None:
    """The agent knows neither."""
    log_in(key_file=f"{sshd.key}.pub")


def test_other_keys_of_the_agent_stay_out_with_identities_only(
    agent: Callable[[str], object], make_ssh_key: Callable[..., str], tmp_path: Path, sshd: Any, log_in: LogIn
) -> None:
    """Though the server would take them."""
    agent(sshd.key)
    with pytest.raises(Refused):
        log_in(keys=Keys(files=(make_ssh_key(tmp_path / "other"),), files_only=True))


def test_a_configured_key_comes_before_the_agent_s_others(
    agent: Callable[[str], object], make_ssh_key: Callable[..., str], tmp_path: Path, sshd: Any, log_in: LogIn
) -> None:
    """A server hangs up after six keys."""
    for number in range(8):
        agent(make_ssh_key(tmp_path / f"other{number}"))
    agent(sshd.key)
    log_in(keys=Keys(files=(sshd.key,)))
