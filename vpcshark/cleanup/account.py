"""Clean-up's view of an AWS account: the tagged resources, and how each kind is deleted. Must not know when."""

from __future__ import annotations

import logging
from collections.abc import Callable

from vpcshark.aws import client, kinds, tagging
from vpcshark.aws.client import Aws
from vpcshark.aws.credentials.sign_in import Ask, Keys
from vpcshark.aws.tagging import Tagged
from vpcshark.cleanup import tags
from vpcshark.cleanup.birthmark import Birth
from vpcshark.cleanup.sweep import Resource
from vpcshark.clock import Clock

log = logging.getLogger(__name__)


class MirrorAccount:
    """``tidy.Reached`` over the real API."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def identity(self) -> str:
        """The twelve digits of the account."""
        return tagging.account_id(self._aws.sts)

    def ahead(self) -> float:
        """See ``sweep.Timed``."""
        return self._aws.ahead

    def tagged(self) -> list[Resource]:
        """Every resource that bears ``vpcshark:capture``, whoever owns it."""
        names = (*kinds.MIRRORING, kinds.RULE, *kinds.LAUNCHED)
        return [_resource(one) for one in kinds.tagged(self._aws.ec2, names, tags.CAPTURE)]

    def hides(self, kind: str) -> bool:
        """See ``sweep.Account``."""
        return kinds.is_hidden(self._aws.ec2, kind, tags.CAPTURE)

    def delete(self, kind: str, resource: str) -> bool:
        """See ``sweep.Account``. An instance is told to terminate, which takes a minute."""
        return kinds.delete(self._aws.ec2, kind, resource)


def _resource(found: Tagged) -> Resource:
    birth = Birth(found.token, found.name, found.description)
    return Resource(found.kind, found.id, found.tags, found.source, found.instance_type, birth, found.target)


def reach(profile: str, region: str, ask: Ask | None = None) -> MirrorAccount:
    """The account that these boto3 settings lead to. AwsError where there is no way to it."""
    return MirrorAccount(client.connect(profile, region, ask))


def reach_with(
    entrusted: bytes,
    clock: Clock,
    own: Callable[[str, str], MirrorAccount] = reach,
    by_keys: Callable[[Keys, str, str], Aws] = client.connect_with,
) -> Callable[[str, str], MirrorAccount]:
    """The ways of a janitor: with the credentials that its capture gave it (``Keys.as_line``), and with those that the
    user's settings lead to, in turn: each may work when the other does not. Those that have run out are not tried."""
    keys = _read(entrusted)
    tries = 0

    def account(profile: str, region: str) -> MirrorAccount:
        nonlocal tries
        tries += 1
        if keys is None or not tries % 2 or not keys.hold(clock.now()):
            return own(profile, region)
        return MirrorAccount(by_keys(keys, profile, region))

    return account


def _read(entrusted: bytes) -> Keys | None:
    try:
        return Keys.of_line(entrusted)
    except (ValueError, TypeError):
        log.warning("The credentials that came by the pipe make no sense.")  # of another version, perhaps
        return None
