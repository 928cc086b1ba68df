"""The walk that names what is between the ends of a capture's findings: from a file, or made now.

Must not know what its hops say.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vpcshark.diagnose.report import Report
from vpcshark.errors import InputError, Mistake, VpcsharkError
from vpcshark.text import line

_MOST = 64 << 20


class Walk:
    """As the command's options want it. What can't be is an InputError or a Mistake, before any packet is read."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._asks = bool(options.between or options.profile or options.region or options.from_dump is not None)
        if options.walk and self._asks:
            raise Mistake("--walk has a walk, and --between, --profile, --region, --from-dump make one.", "Give one.")
        self._read = _read(options.walk) if options.walk else None

    def named(self, found: Report) -> Report:
        """With the hops named. That AWS can't be asked is a remark: what the packets prove is proved."""
        from vpcshark.why import named_hops

        if not self._asks:
            return named_hops.told(found, self._read)
        ends = tuple(self._options.between or named_hops.question(found) or ())
        if not ends:
            return found
        try:
            return named_hops.told(found, _made(self._options, *ends))
        except VpcsharkError as error:
            remark = f"the walk from {ends[0]} to {ends[1]} could not be made: {line(str(error)).removesuffix('.')}"
            told = named_hops.told(found, None)
            return Report(told.findings, (*told.remarks, remark))


def _read(path: str) -> Mapping[str, Any]:
    from vpcshark.why import named_hops

    try:
        with Path(path).open("rb") as file:
            walk = json.loads(file.read(_MOST))
    except OSError as error:
        raise InputError(
            f"{path} can't be read: {error.strerror}.", "Name what vpcshark walk --json printed."
        ) from error
    except ValueError as error:
        raise InputError(
            f"{path} is no JSON: {line(str(error))}.", "Name what vpcshark walk --json printed."
        ) from error
    if problem := named_hops.problem(walk):
        raise InputError(f"{path}: {problem}", "Name what vpcshark walk SRC DST --json printed.")
    found: Mapping[str, Any] = walk
    return found


def _made(options: argparse.Namespace, source: str, target: str) -> Mapping[str, Any]:
    """By AWS, or a folder of its answers; as ``vpcshark walk`` does it."""
    from vpcshark.cli import walk
    from vpcshark.network import contract
    from vpcshark.network.decision import Unclear
    from vpcshark.survey import questions

    wanted = walk.question(argparse.Namespace(**{**vars(options), "no_return": False}), source, target)
    sources, targets = (questions.resolved(each, wanted.is_v6) for each in (wanted.source, wanted.target))
    try:
        attempt = partial(questions.attempt, wanted=wanted, sources=sources, targets=targets)
        return contract.as_json(walk.look(options, attempt))
    except Unclear as doubt:
        raise InputError(doubt.text, "Say both ends with --between.") from doubt
