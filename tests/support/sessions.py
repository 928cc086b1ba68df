"""Sessions of boto3 that share what botocore has read of its files: EC2's model alone takes half a second to parse, and
each session would do it again."""

from __future__ import annotations

import boto3
import botocore.session
from botocore.loaders import create_loader

_LOADER = create_loader()


def session(key: str, secret: str, region: str) -> boto3.session.Session:
    """One that is signed in with this key."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _LOADER)
    return boto3.session.Session(key, secret, region_name=region, botocore_session=core)
