"""Tags that EC2 refuses: reserved, twice, too long, too many. Pure; must not know what bears them.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html, "Tag restrictions". Codes and words for a reserved
key are as users report them (https://github.com/cloud-custodian/cloud-custodian/issues/5975).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vpcshark.lab.api.state import ApiError

MOST, LONGEST_KEY, LONGEST_VALUE = 50, 128, 256
_RESERVED = "aws:"


def check(params: Mapping[str, Any]) -> None:
    """The tags of a create (TagSpecifications) or of CreateTags."""
    for tags in _lists(params):
        _check_list(tags)


def _lists(params: Mapping[str, Any]) -> Iterator[Sequence[Mapping[str, str]]]:
    yield params.get("Tags") or []
    for one in params.get("TagSpecifications") or []:
        yield one.get("Tags") or []


def _check_list(tags: Sequence[Mapping[str, str]]) -> None:
    keys = [tag.get("Key") or "" for tag in tags]
    for key in keys:
        if key.lower().startswith(_RESERVED):
            raise _invalid("key", key, "Tag keys starting with 'aws:' are reserved for internal use")
        if not key:
            raise _invalid("key", key, "Tag keys cannot be empty or null.")
        if len(key) > LONGEST_KEY:
            raise _invalid("key", key, f"Tag key exceeds the maximum length of {LONGEST_KEY} characters")
    for tag in tags:
        value = tag.get("Value") or ""
        if len(value) > LONGEST_VALUE:
            raise _invalid("value", value, f"Tag value exceeds the maximum length of {LONGEST_VALUE} characters")
    twice = next((key for key, number in Counter(keys).items() if number > 1), None)
    if twice is not None:
        raise ApiError("InvalidParameterValue", f"Duplicate tag key '{twice}' specified.")
    if len(keys) > MOST:
        raise ApiError("TagLimitExceeded", f"A resource has at most {MOST} tags.")


def _invalid(what: str, value: str, why: str) -> ApiError:
    return ApiError("InvalidParameterValue", f"Value ( {value} ) for parameter {what} is invalid. {why}")
