"""Clean-up's view of an AWS account: the tagged resources, and how each kind is deleted. Must not know when."""

from __future__ import annotations

from vpcshark import threads
from vpcshark.aws import client, doors, mirror, tagging
from vpcshark.aws.client import Aws
from vpcshark.cleanup import tags
from vpcshark.cleanup.sweep import Resource


class MirrorAccount:
    """``tidy.Reached`` over the real API."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def identity(self) -> str:
        """The twelve digits of the account."""
        return tagging.account_id(self._aws.sts)

    def tagged(self) -> list[Resource]:
        """Every resource that bears ``vpcshark:capture``, whoever owns it."""
        mirrors, rules = threads.together(
            [lambda: mirror.tagged_resources(self._aws.ec2), lambda: doors.tagged(self._aws.ec2, tags.CAPTURE)]
        )
        found = [*mirrors, *rules]
        return [Resource(resource.kind, resource.id, resource.tags, resource.source) for resource in found]

    def delete(self, kind: str, resource: str) -> None:
        """Delete one; one that is gone already is done."""
        if kind == doors.KIND:
            doors.close(self._aws.ec2, resource)
        else:
            mirror.delete(self._aws.ec2, kind, resource)


def reach(profile: str, region: str) -> MirrorAccount:
    """The account that these boto3 settings lead to. AwsError where there is no way to it."""
    return MirrorAccount(client.connect(profile, region))
