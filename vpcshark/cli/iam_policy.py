"""``vpcshark iam-policy``: the smallest IAM policy that some features need, as JSON. Must not know what is in it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from vpcshark.aws import client
from vpcshark.aws.iam import policies
from vpcshark.cli.arguments.iam_policy import NARROWING


def run(options: argparse.Namespace) -> int:
    """Print it; InputError for a feature, an account or a region that is none."""
    if options.tag_guard:
        sys.stdout.write(text(policies.tag_guard(_words(options.tag_guard))))
        return 0
    limits = policies.Limits(**{name: _words(getattr(options, name)) for name in NARROWING})
    near = options.region or client.region_in_force()
    wanted = policies.policy(_words(options.features), options.account, options.region, limits, near=near)
    sys.stdout.write(text(wanted))
    return 0


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",") if word.strip())


def text(document: dict[str, Any]) -> str:
    """A policy document as it is printed, and as installer/iam has it."""
    return json.dumps(document, indent=2) + "\n"
