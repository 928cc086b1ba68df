"""Has Wireshark's list made now, so that the next command finds it. Must not know what the list is made of."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence

from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.inventory.catalog import Place
from vpcshark.capture.services import Services
from vpcshark.cli import account
from vpcshark.errors import VpcsharkError
from vpcshark.extcap import refresh
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers
from vpcshark.text import many

_PROBLEM = re.compile(r"\{value=" + reader.PROBLEM + r"[^}]*\}\{display=(?:AWS: )?([^}]*)\}")

_EMPTY = "What is installed works, but there are no ENIs to list yet"


def keep(found: Mapping[Place, Sequence[Eni] | VpcsharkError]) -> str:
    """Make the list of what was found; returns it."""
    return refresh.renew(lambda: Services(listed=found), os.environ, Answers(os.environ))


def make(ask: account.Ask | None) -> str:
    """Ask AWS, keep the list, and say in a sentence what is in it, or why nothing is."""
    nowhere = argparse.Namespace(profile="", region="")
    try:
        text = keep(account.listed(account.places(nowhere), ask))
    except VpcsharkError as error:  # of the settings
        return f"{_EMPTY}: {error}"
    problem = _PROBLEM.search(text)
    count = text.count("{value=eni-")
    if problem and not count:
        return f"{_EMPTY}: {problem[1]}"
    return f"{many(count, 'ENI')} in the list." + (f" {problem[1]}" if problem else "")
