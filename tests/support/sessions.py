"""Sessions of boto3 with keys that the lab knows."""

from __future__ import annotations

import boto3


def session(key: str, secret: str, region: str) -> boto3.session.Session:
    """One that is signed in with this key."""
    return boto3.session.Session(key, secret, region_name=region)
