"""Is there a region of this name? By boto3's data and, for one that is newer, by DNS. Must not know credentials."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from typing import Any

from vpcshark.errors import AwsError
from vpcshark.text import nearest

RESOLVE_TIMEOUT = 2.0  # seconds


def judge(region: str, session: Any, resolves: Callable[[str], bool]) -> None:
    """AwsError if boto3 does not list the region and EC2 has no DNS name there: it may be newer than boto3."""
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("ec2", partition_name=partition)
    ]
    if region not in known and not resolves(f"ec2.{region}.amazonaws.com"):
        near = nearest(region, known)
        raise AwsError(
            f'There is no AWS region "{region}".',
            f"Did you mean {near}?" if near else "Regions look like eu-central-1.",
        )


def resolves_here(host: str) -> bool:
    """Is there an address for ``host``? No answer within two seconds counts as no."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        return bool(pool.submit(socket.getaddrinfo, host, 443).result(RESOLVE_TIMEOUT))
    except (OSError, UnicodeError, TookTooLong):
        return False
    finally:
        pool.shutdown(wait=False)
