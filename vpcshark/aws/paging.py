"""Everything that a describe lists, page after page: in pages as large as the call takes, and as an answer may be long.

Must not know what is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import AwsError, TooLong

LARGEST_PAGE = 1_000  # what EC2's describes take where the model has no bound
SMALLER = 4  # a page that is too long is asked for in so many
SMALLEST_PAGE = 10
MOST_PAGES = 1_000  # of one answer: a million resources
LONGEST_LISTING = 60.0  # seconds for all pages of an answer
_SIZES = ("MaxResults", "PageSize", "MaxItems", "limit")  # how services call it
_SYSTEM = SystemClock()


def pages(client: Any, operation: str, key: str, *, clock: Clock = _SYSTEM, **parameters: Any) -> Iterator[Any]:
    """All items under ``key`` of every page of a describe call, in pages as large as the call takes, and as can be
    read: an instance of a cluster may have some hundred addresses. AwsError for an answer without an end, and what
    boto3 raises: map it around the loop."""
    end = clock.monotonic() + LONGEST_LISTING
    for number, page in enumerate(_pages(client, operation, parameters), 1):
        if number > MOST_PAGES or clock.monotonic() > end:
            raise AwsError(f"The answer of AWS to {operation} has no end: {number} pages came.", "Try again.")
        yield from page.get(key, [])


def _pages(client: Any, operation: str, parameters: Mapping[str, Any]) -> Iterator[Any]:
    """Every page; one that is too long is asked for again, in smaller ones. TooLong where the smallest are that too."""
    paginator, size = client.get_paginator(operation), largest_page(client, operation)
    from_there, is_known = "", True
    while True:
        how = {"PageSize": size, "StartingToken": from_there}
        try:
            for page in paginator.paginate(PaginationConfig={k: v for k, v in how.items() if v}, **parameters):
                yield page
                from_there = _token(page)
                is_known = bool(from_there)
            return
        except TooLong:
            if size // SMALLER < SMALLEST_PAGE or not is_known:
                raise
            size //= SMALLER


def _token(page: Mapping[str, Any]) -> str:
    """Where the next page begins, as botocore's paginators have it; "" where it is not known."""
    from botocore.paginate import TokenEncoder

    token = page.get("NextToken", "")
    return str(TokenEncoder().encode({"NextToken": token})) if token else ""


def largest_page(client: Any, operation: str) -> int:
    """What botocore's model says: EC2 refuses more. DescribeRouteTables has 100; a thousand where nothing is said; 0
    where nobody can ask for a size (CloudFormation's DescribeStacks)."""
    meta = getattr(client, "meta", None)
    if meta is None or operation not in meta.method_to_api_mapping:
        return LARGEST_PAGE
    members = meta.service_model.operation_model(meta.method_to_api_mapping[operation]).input_shape.members
    sizes = [members[name].metadata.get("max") for name in _SIZES if name in members]
    return 0 if not sizes else next((int(size) for size in sizes if size is not None), LARGEST_PAGE)
