"""Traffic Mirroring in the Resource Groups Tagging API, which moto leaves out of it.

Their ARNs: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html. Changes moto for the
whole process. Must not know mirroring's rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.ec2.models import EC2Backend

from vpcshark.lab.api.moto_ec2 import PREFIXES

_theirs = EC2Backend.iter_tagged_resources


def install() -> None:
    """Put our resources into moto. Doing it again changes nothing."""
    EC2Backend.iter_tagged_resources = _all


def _all(backend: Any) -> Iterator[TaggedResource]:
    yield from _theirs(backend)
    types = {prefix: kind for kind, prefix in PREFIXES.items()}
    for identity, tags in list(backend.tags.items()):
        kind = types.get(identity.partition("-")[0])
        if kind is not None and tags:
            arn = f"arn:{backend.partition}:ec2:{backend.region_name}:{backend.account_id}:{kind}/{identity}"
            yield TaggedResource(arn=arn, tags=dict(tags), resource_type=f"ec2:{kind}")
