"""SSH's bytes through AWS's own session-manager-plugin: where it is, how it is started, what keeps its token secret.

The document must be AWS-StartSSHSession: SSM's others are not safe for binary data. The plugin prints a sentence
before the data, which SSH allows before a greeting (RFC 4253, 4.2). Must not know boto3: the answer of StartSession
comes in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from vpcshark.errors import TransportError
from vpcshark.transport import programs
from vpcshark.transport.names import HostName
from vpcshark.transport.tunnel import Tunnel

PLUGIN = "session-manager-plugin"
FOLDERS = (
    "/usr/local/sessionmanagerplugin/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    r"C:\Program Files\Amazon\SessionManagerPlugin\bin",
)
PATIENCE = 60.0  # seconds; a busy machine takes some for any program
_TOKEN_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_TOKEN_IN_ENVIRONMENT = (1, 2, 497, 0)  # newer plugins take it there (awscli, customizations/sessionmanager.py)


@dataclass(frozen=True)
class Started:
    """What ssm:StartSession answered, and what the plugin needs to know of the request. ``ca_bundle``: the
    certificates that its own calls shall trust, "" for the usual ones."""

    response: Mapping[str, str] = field(repr=False)  # it has a token in it
    target: HostName
    region: str
    profile: str
    endpoint: str
    ca_bundle: str = ""


def find_plugin() -> str:
    """The plugin's path. TransportError that says how to get it."""
    found = shutil.which(PLUGIN) or shutil.which(PLUGIN, path=os.pathsep.join(FOLDERS))
    if found is None:
        raise TransportError(
            "AWS's session-manager-plugin is not installed, which Session Manager needs.",
            "Install it: https://docs.aws.amazon.com/systems-manager/latest/userguide/"
            "session-manager-working-with-install-plugin.html",
        )
    return found


def open_tunnel(plugin: str, started: Started) -> Tunnel:
    """Start the plugin on this session. TransportError if it cannot be started."""
    answer = json.dumps({name: started.response.get(name, "") for name in ("SessionId", "TokenValue", "StreamUrl")})
    environment = {**os.environ, **({"AWS_CA_BUNDLE": started.ca_bundle} if started.ca_bundle else {})}
    if is_token_safe(_version(plugin)):
        environment[_TOKEN_VARIABLE] = answer
        answer = _TOKEN_VARIABLE
    parameters = json.dumps({"Target": started.target, "DocumentName": "AWS-StartSSHSession"})
    command = [plugin, answer, started.region, "StartSession", started.profile, parameters, started.endpoint]
    remedy = (
        "See whether the instance's SSM agent answers: "
        f"aws ssm start-session --target {started.target} --region {started.region}. Then look at its SSH server."
    )
    return programs.stream(command, environment, f"AWS's {PLUGIN}", remedy)


def is_token_safe(version: str) -> bool:
    """Does this version of the plugin take the token in its environment, which other users cannot read?"""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:4])
    return numbers > _TOKEN_IN_ENVIRONMENT


def _version(plugin: str) -> str:
    try:
        done = subprocess.run([plugin, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise TransportError(f"{plugin} cannot be started.", "Install it anew.") from exc
    return done.stdout.strip()
