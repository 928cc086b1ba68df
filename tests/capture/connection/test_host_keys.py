"""Whose host keys are kept: every key that somebody was told is kept is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vpcshark.capture.connection import host_keys

ADD = """
import sys
from pathlib import Path
from vpcshark.capture.connection import host_keys
print("ready", flush=True)
sys.stdin.readline()
for name in sys.argv[2:]:
    host_keys.add(name, "ssh-ed25519", b"k" * 32, Path(sys.argv[1]))
"""


def names_in(file: Path) -> list[str]:
    return [line.split()[0] for line in file.read_text("utf-8").splitlines()]


def test_keys_that_several_commands_note_at_once_are_all_there(tmp_path: Path) -> None:
    """``vpcshark trust`` beside a capture; both read the file, and both replace it."""
    file = tmp_path / "vpcshark" / "known_hosts"
    wanted = [[f"i-{letter * 8}{number:02d}" for number in range(40)] for letter in "ab"]
    commands = [[sys.executable, "-c", ADD, str(file), *names] for names in wanted]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for command in commands]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=180)[1] for process in running] == ["", ""]
    assert sorted(names_in(file)) == sorted(wanted[0] + wanted[1])


def test_a_host_has_one_key_and_the_file_is_the_users_alone(tmp_path: Path) -> None:
    """The newer one counts; the lines of others stay."""
    file = tmp_path / "known_hosts"
    file.write_text("# mine\ni-other ssh-ed25519 a2tr\n")
    for key in (b"1" * 32, b"2" * 32):
        host_keys.add("i-0a", "ssh-ed25519", key, file)
    assert names_in(file) == ["#", "i-other", "i-0a"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.with_name("known_hosts.lock").stat().st_mode & 0o777 == 0o600
