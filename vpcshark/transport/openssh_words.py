"""What OpenSSH's ``ssh`` says on stderr when it gives up -> our errors, in whole sentences.

Pure. ssh's messages are English always; what is not known here is told in ssh's own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vpcshark.errors import Closed, Hopeless, Refused, SecondFactor, TransportError, Unmatched, Unreachable

_GROUP = "Check that its security group and the network let you reach that port."
UNGREETED = (
    "Check that it runs, that its SSH server does, and the port. OpenSSH 9.8 and later also hang up, for up to ten "
    "minutes, on an address that failed to log in (PerSourcePenalties)."
)
"""Of a host that does not greet; through a tunnel one that is down looks the same."""
_NOISE = re.compile(
    r"debug\d|OpenSSH_|Pseudo-terminal|Warning: Permanently added|Authenticated |Authenticating |Transferred:|"
    r"Bytes per second|identity_sign: |Connection to .* closed|Received disconnect|Disconnected from|Offending "
)


@dataclass(frozen=True)
class Tried:
    """Whom ssh was to log in where, for sentences, and the keys that it had to show ("the key ~/.ssh/id")."""

    name: str
    user: str
    keys: str = "any of the agent's and the configuration's keys"
    offered: Callable[[str], str] = lambda _: ""
    """Of "cipher", "MAC", "key exchange method" …: what ssh may use, with commas between."""


def told(stderr: str, tried: Tried) -> TransportError:
    """Why ssh ended, by all that it said."""
    for pattern, made in _KNOWN:
        if found := re.search(pattern, stderr, re.MULTILINE):
            return made(found, tried)
    return TransportError(f"ssh does not log in to {tried.name}: {words(stderr)}.", "Try it by hand: ssh -v.")


def words(stderr: str) -> str:
    """ssh's last words, for the middle of a sentence."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not _NOISE.match(line)]
    return "; ".join(lines[-2:]).rstrip(".")[:300] or "it does not say why"


def _unmatched(found: re.Match[str], tried: Tried) -> TransportError:
    kind, theirs = found[1], found[2].strip()
    ours = tried.offered(kind)
    offer = f"; ssh here may use {ours}" if ours else ""
    return Unmatched(
        f"{tried.name} and the installed ssh have no {kind} in common: it offers {theirs}{offer}.",
        "Allow one more in its sshd_config, or in the SSH configuration here.",
    )


def _second_factor(_: re.Match[str], tried: Tried) -> TransportError:
    return SecondFactor(
        f"{tried.name} wants more than a key from {tried.user}.",
        "Use a user without one, or log in before with ssh and ControlMaster: that connection is used then.",
    )


def _refused(found: re.Match[str], tried: Tried) -> TransportError:
    if "publickey" not in found[1]:
        methods = found[1].replace(",", " or ") or "nothing"
        return Refused(f"{tried.name} does not let {tried.user} in by key.", f"It takes {methods}.")
    return Refused(
        f"{tried.name} does not let {tried.user} in with {tried.keys}.",
        "Check the user with --ssh-user and the key with --ssh-key.",
    )


def _too_many(_: re.Match[str], tried: Tried) -> TransportError:
    problem = f"{tried.name} ended the login of {tried.user} after too many keys."
    return Refused(problem, "Name the right one with --ssh-key, or set IdentitiesOnly in the SSH configuration.")


def _closed(_: re.Match[str], tried: Tried) -> TransportError:
    return Closed(f"{tried.name} refuses SSH connections.", "Check that sshd runs there, on that port.")


def _silent(_: re.Match[str], tried: Tried) -> TransportError:
    return TransportError(f"{tried.name} did not finish its SSH greeting in time.", UNGREETED)


def _late(_: re.Match[str], tried: Tried) -> TransportError:
    return Unreachable(f"{tried.name} did not answer to SSH in time.", _GROUP)


def _unknown(found: re.Match[str], tried: Tried) -> TransportError:
    return Unreachable(f"The host name {found[1]} is not known.", "Give an address that this machine knows.")


def _no_way(found: re.Match[str], tried: Tried) -> TransportError:
    return Unreachable(f"{tried.name} cannot be reached: {found[1]}.", _GROUP)


def _no_ssh(found: re.Match[str], tried: Tried) -> TransportError:
    return TransportError(f"{tried.name} does not speak SSH with us: {found[1].strip().rstrip('.')}.", UNGREETED)


def _revoked(_: re.Match[str], tried: Tried) -> TransportError:
    problem = f"{tried.name} shows a host key that the SSH configuration or known_hosts says is revoked."
    return TransportError(problem, "Don't trust it.")


def _host_key(found: re.Match[str], tried: Tried) -> TransportError:
    return TransportError(
        f"ssh does not accept the host key of {tried.name}: {words(found.string)}.",
        "Compare it with the host's console output, and connect once with ssh.",
    )


def _configuration(found: re.Match[str], tried: Tried) -> TransportError:
    return Hopeless(f"ssh refuses its options: {found[1].strip().rstrip('.')}.", "Correct the SSH configuration.")


_KNOWN: Sequence[tuple[str, Callable[[re.Match[str], Tried], TransportError]]] = [
    (r"no matching (.+?) found\. Their offer: (.*)$", _unmatched),
    (r"REVOKED HOST KEY|[Hh]ost key .*revoked|revoked by file", _revoked),
    (r"Host key verification failed|No .* host key is known for|IDENTIFICATION HAS CHANGED", _host_key),
    (r"with partial success", _second_factor),
    (r"Too many authentication failures", _too_many),
    (r"Permission denied \(([^)]*)\)", _refused),
    (r"Could not resolve hostname (.+?): ", _unknown),
    (r"Connection timed out during banner exchange|during banner exchange", _silent),
    (r"Connection refused", _closed),
    (r"(?:Operation|Connection) timed out", _late),
    (r"connect to .*: (.*(?:route|unreachable|down|permitted|assign).*?)\r?$", _no_way),
    (r"((?:Bad|Unsupported|Invalid|command-line).*(?:option|line 0|value).*)$", _configuration),
    (r"(?:kex_exchange_identification|banner exchange|ssh_dispatch_run_fatal|kex_.*?): (.*)$", _no_ssh),
]
