"""The questions of a walk, put to AWS: all calls of a round side by side. What is refused is unknown, in AWS's words.

Must not know what the facts are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.client import Aws, pages
from vpcshark.aws.errors import mapped
from vpcshark.errors import AwsError
from vpcshark.network.known import Question
from vpcshark.survey.call import MOST_VALUES, Call
from vpcshark.survey.calls import CALLS

__all__ = ["CALLS", "put"]


def put(accounts: Sequence[Aws], questions: Iterable[Question]) -> tuple[list[tuple[str, Any]], dict[str, str], int]:
    """(the answers' items with the name of their list, part -> why it is unknown, how many calls that took)."""
    calls = [call for kind, keys in _by_kind(questions).items() for part in _parts(keys) for call in CALLS[kind](part)]
    work = [partial(_made, aws, call) for aws in accounts for call in calls]
    items: list[tuple[str, Any]] = []
    unknown: dict[str, str] = {}
    for found in threads.together(work):
        if isinstance(found, tuple):
            unknown[found[0]] = found[1]
        else:
            items += found
    return items, unknown, len(work)


def _parts(keys: list[Question]) -> list[list[Question]]:
    """No more than a filter takes at once."""
    return [keys[at : at + MOST_VALUES] for at in range(0, len(keys), MOST_VALUES)]


def _by_kind(questions: Iterable[Question]) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for kind, *keys in questions:
        found.setdefault(kind, []).append(tuple(keys))
    return found


def _made(aws: Aws, call: Call) -> list[tuple[str, Any]] | tuple[str, str]:
    """The items of one call, or (part, why it is unknown)."""
    key = call.kept_as or call.key
    try:
        with mapped(f"list the {call.words}", service="ec2" if call.service == "ec2" else "elasticloadbalancing"):
            client = aws.client(call.service)
            if call.is_whole:
                answer = getattr(client, call.operation)(**call.parameters)
                return [(key, {**answer, **call.beside})]
            if client.can_paginate(call.operation):
                found = list(_paged(client, call))
            else:
                found = getattr(client, call.operation)(**call.parameters).get(call.key, [])
    except AwsError as error:
        return [] if error.code.endswith(("NotFound", "NotFoundException", "Malformed")) else (call.part, str(error))
    return [(key, {**each, **call.beside}) for each in found]


def _paged(client: Any, call: Call) -> Iterable[Any]:
    return pages(client, call.operation, call.key, **call.parameters)
