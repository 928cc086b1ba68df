"""Which commands there are, in groups, and what each is for. Imports nothing: help is made of this table alone.

Must not know what a command takes (``cli/arguments``) nor does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS: Mapping[str, Mapping[str, str]] = {
    "set up": {
        "setup": "go through the first steps, question by question",
        "install": "put vpcshark into Wireshark's interface list",
        "uninstall": "take it out again",
        "config": "show or change the settings",
        "doctor": "find out why something does not work",
        "iam-policy": "print the IAM policy that a feature needs",
        "capture-host": "print the CloudFormation template of a standing capture host",
        "trust": "accept an instance's SSH host key",
        "completion": "print the completion script of your shell",
    },
    "capture": {
        "interfaces": "list the ENIs that can be captured from",
        "capture": "capture from one or several ENIs into a file or a pipe",
        "decap": "take the VXLAN headers off a capture file",
    },
    "investigate": {
        "why": "say why A can't reach B, step by step: rules, flow logs, packets",
        "preflight": "say why a capture would be empty, before anything is made",
        "walk": "say why A can't reach B: every hop, both ways, with the rule that decides",
        "flowlogs": "read VPC and transit gateway flow logs: as text, as JSON, as frames",
        "metrics": "show what CloudWatch counted at a transit gateway, NAT gateway or load balancer",
        "diagnose": "say what the packets of a capture prove, with the frames",
        "explain": "show what AWS sends for a capture filter",
    },
    "clean up": {
        "ps": "list captures, alive and dead, with what they hold in the account",
        "cleanup": "remove what dead captures left in the account",
    },
    "lab": {
        "demo": "see it work without an AWS account",
        "lab": "an AWS account and a VPC on this machine, to try and to test with",
        "selftest": "prove on an AWS account that all of it works there, and that nothing is left",
    },
}

COMMANDS: Mapping[str, str] = {name: purpose for group in GROUPS.values() for name, purpose in group.items()}
"""Command -> what it is for."""

_MODULES = {"install": "plugin", "uninstall": "plugin", "iam-policy": "iam_policy", "capture-host": "capture_host"}


def module(command: str) -> str:
    """Which module of ``cli/arguments`` declares a command, and which of ``cli`` does its work."""
    return _MODULES.get(command, command)
