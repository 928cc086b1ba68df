"""Encrypted keys: the person is asked with ssh-askpass, and the answer is kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vpcshark.errors import TransportError
from vpcshark.transport import ssh_auth

PASSPHRASE = "open sesame"


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """``answering(script)`` makes a program that is asked; each prompt is a line of the returned file."""

    def make(script: str) -> Path:
        program, asked = tmp_path / "ask", tmp_path / "asked"
        asked.touch()
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> {asked}\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setenv("SSH_ASKPASS", str(program))
        monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
        return asked

    return make


def test_a_key_is_opened_with_what_the_person_types(
    log_in: Callable[..., Any], sshd: Any, tmp_path: Path, make_ssh_key: Callable[..., str], answering: Any
) -> None:
    """And it logs in to a real sshd; the key is asked for once, by its name."""
    key = make_ssh_key(tmp_path / "locked", PASSPHRASE)
    authorized = sshd.folder / "authorized_keys"
    before = authorized.read_text()
    authorized.write_text(before + Path(f"{key}.pub").read_text())
    asked = answering(f"echo '{PASSPHRASE}'")
    try:
        assert log_in(key_file=key).name.startswith("ssh ")
    finally:
        authorized.write_text(before)
    assert asked.read_text() == f"Enter passphrase for key '{key}':\n"


@pytest.mark.parametrize(("script", "times"), [("echo wrong", 3), ("exit 1", 1)])
def test_wrong_answers_end_with_a_sentence(
    script: str, times: int, tmp_path: Path, make_ssh_key: Callable[..., str], answering: Any, caplog: Any
) -> None:
    """Three tries as with ssh(1), and none after a refusal; what was typed is in no log."""
    key = make_ssh_key(tmp_path / "locked", PASSPHRASE)
    asked = answering(script)
    with pytest.raises(TransportError, match="protected by a passphrase") as caught:
        ssh_auth.load_key(key)
    assert "ssh-add" in caught.value.remedy
    assert len(asked.read_text().splitlines()) == times
    assert "wrong" not in caplog.text


def test_nobody_is_asked_without_a_screen(
    tmp_path: Path, make_ssh_key: Callable[..., str], answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture on a server does not hang on a question."""
    asked = answering("echo x")
    for name in ("SSH_ASKPASS_REQUIRE", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TransportError):
        ssh_auth.load_key(make_ssh_key(tmp_path / "locked", PASSPHRASE))
    assert asked.read_text() == ""
