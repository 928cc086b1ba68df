"""The session-manager-plugin that vpcshark starts: who may see the session's token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vpcshark.transport import ssm
from vpcshark.transport.names import HostName

PLUGIN = """#!/bin/sh
[ "$1" != --version ] || {{ echo {version}; exit; }}
printf '%s\\n' "$@" >{folder}/argv
env >{folder}/environment
echo SSH-2.0-seen
"""
VERSIONS = [("1.2.497.0", False), ("1.2.553.0", True), ("2.0.0.0", True), ("", False)]
TOKEN = "AAEAA+secret/token=="
SESSION = {"SessionId": "me-0123", "TokenValue": TOKEN, "StreamUrl": "wss://ssm.example/v1/data-channel/me-0123"}


@pytest.mark.parametrize(("version", "is_safe"), VERSIONS)
def test_a_newer_plugin_has_the_token_in_its_environment_alone(version: str, is_safe: bool, tmp_path: Path) -> None:
    """Arguments are for every user of the machine to read; from the version after 1.2.497.0 on none is there."""
    plugin = tmp_path / "session-manager-plugin"
    plugin.write_text(PLUGIN.format(version=version, folder=tmp_path))
    plugin.chmod(0o700)
    tunnel = ssm.open_tunnel(str(plugin), ssm.Started(SESSION, HostName("i-1"), "eu-west-1", "", "https://ssm.example"))
    assert tunnel.recv(100).startswith(b"SSH-2.0-seen")
    tunnel.close()
    argv, environment = ((tmp_path / name).read_text() for name in ("argv", "environment"))
    assert (TOKEN in environment, TOKEN in argv) == (is_safe, not is_safe)
    variable, region = argv.splitlines()[:2]
    told = environment.partition(f"{variable}=")[2].splitlines()[0] if is_safe else variable
    assert (json.loads(told), region) == (SESSION, "eu-west-1")
