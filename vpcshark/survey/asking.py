"""The questions of a walk, put to AWS: all calls of a round side by side. What is refused is unknown, in AWS's words.

Must not know what the facts are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.client import Aws
from vpcshark.aws.errors import is_expired, is_unreachable, mapped
from vpcshark.aws.paging import pages
from vpcshark.errors import AwsError
from vpcshark.network.known import Question
from vpcshark.survey.call import MOST_VALUES, Call
from vpcshark.survey.calls import CALLS

__all__ = ["CALLS", "put", "put_or_fail"]


def put(accounts: Sequence[Aws], questions: Iterable[Question]) -> tuple[list[tuple[str, Any]], dict[str, str], int]:
    """(the answers' items with the name of their list, part -> why it is unknown, how many calls that took)."""
    items, failed, count = _asked(accounts, _calls(questions))
    return items, {call.part: str(error) for call, error in failed}, count


def put_or_fail(
    accounts: Sequence[Aws], questions: Iterable[Question]
) -> tuple[list[tuple[str, Any]], dict[str, str], int]:
    """The same. AwsError where no account can be asked at all: every call found nobody there, or credentials that are
    no good, and EC2's were among them. (One service that is out of reach is unknown, as one that is denied is.)"""
    items, failed, count = _asked(accounts, _calls(questions))
    is_none_asked = all(is_unreachable(error) or is_expired(error) for _, error in failed)
    of_ec2 = [error for call, error in failed if call.service == "ec2"]
    if of_ec2 and len(failed) == count and is_none_asked:
        raise of_ec2[0]
    return items, {call.part: str(error) for call, error in failed}, count


def _calls(questions: Iterable[Question]) -> list[Call]:
    return [call for kind, keys in _by_kind(questions).items() for part in _parts(keys) for call in CALLS[kind](part)]


def _asked(
    accounts: Sequence[Aws], calls: Sequence[Call]
) -> tuple[list[tuple[str, Any]], list[tuple[Call, AwsError]], int]:
    """(items, the calls that failed, how many there were)."""
    work = [(partial(_made, aws, call), call) for aws in accounts for call in calls]
    items: list[tuple[str, Any]] = []
    failed: list[tuple[Call, AwsError]] = []
    for found, (_, call) in zip(threads.together([each for each, _ in work]), work, strict=True):
        if isinstance(found, AwsError):
            failed.append((call, found))
        else:
            items += found
    return items, failed, len(work)


def _parts(keys: list[Question]) -> list[list[Question]]:
    """No more than a filter takes at once."""
    return [keys[at : at + MOST_VALUES] for at in range(0, len(keys), MOST_VALUES)]


def _by_kind(questions: Iterable[Question]) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for kind, *keys in questions:
        found.setdefault(kind, []).append(tuple(keys))
    return found


def _made(aws: Aws, call: Call) -> list[tuple[str, Any]] | AwsError:
    """The items of one call, or why they are unknown."""
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
        return [] if error.code.endswith(("NotFound", "NotFoundException", "Malformed")) else error
    return [(key, {**each, **call.beside}) for each in found]


def _paged(client: Any, call: Call) -> Iterable[Any]:
    return pages(client, call.operation, call.key, **call.parameters)
