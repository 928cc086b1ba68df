"""Tells whether an ENI, or its instance, has the tags that a query asks for. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.settings import Tag


def has_tags(eni: Eni, wanted: Iterable[Tag]) -> bool:
    """Is every wanted tag on the ENI or its instance, with a value that fits? The ENI's own tags go first: few ENIs
    have any, because RunInstances tags instances."""
    tags = {**eni.instance_tags, **eni.tags}
    return all(tag.key in tags and fnmatch.fnmatchcase(tags[tag.key], tag.value) for tag in wanted)
