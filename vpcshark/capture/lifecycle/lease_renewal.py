"""Renews the lease of what a capture has made, also where somebody else has deleted a part of it.

EC2 refuses a CreateTags for all of its resources if one of them does not exist: without a second look one session that
a colleague deleted would let the lease of all the others run out. Must not know when a lease is renewed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from vpcshark.aws import tagging
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import is_expired, is_refusal
from vpcshark.capture.contract.status import Status
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.cleanup import sweep, tags
from vpcshark.errors import AwsError

log = logging.getLogger(__name__)


def renew(
    ec2: Ec2, account: sweep.Account, maker: Maker, status: Status, made: Mapping[str, str], expires: float
) -> None:
    """Let the lease of ``made`` (id -> kind) run until ``expires``; the maker forgets what is gone. AwsError."""
    lease = {tags.EXPIRES: tags.format_time(expires)}
    try:
        tagging.put_tags(ec2, made, lease)
    except AwsError as error:
        if not is_refusal(error) or is_expired(error):
            raise
        left = _without_the_gone(account, maker, status, made)
        if len(left) == len(made):
            raise
        if left:
            tagging.put_tags(ec2, left, lease)


def _without_the_gone(account: sweep.Account, maker: Maker, status: Status, made: Mapping[str, str]) -> dict[str, str]:
    """What a describe still shows of ``made``. No error code is trusted to say it: they differ by the kind of resource,
    and where a policy asks for the resource's tag, what does not exist has none and is forbidden. What was made a
    moment ago stands though no describe may show it yet, and what the user may not list may stand."""
    young = {resource for resource in made if maker.is_young(resource)}
    standing = {one.id for one in account.tagged()} | young
    hidden = {kind for kind in {made[one] for one in made.keys() - standing} if account.hides(kind)}
    standing |= {resource for resource, kind in made.items() if kind in hidden}
    for resource in made.keys() - standing:
        if resource in maker.made:  # else we have deleted it ourselves meanwhile, as a new filter does with the old
            said = f"The {made[resource]} {resource} is gone: somebody else has deleted it."
            log.warning("%s", said)
            status.log(said)
            maker.forget(resource)
    return {resource: kind for resource, kind in made.items() if resource in standing}
