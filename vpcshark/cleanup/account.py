"""Clean-up's view of an AWS account: the tagged resources, and how each kind is deleted. Must not know when."""

from __future__ import annotations

from vpcshark import threads
from vpcshark.aws import client, doors, launch, mirror, tagging
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

    def ahead(self) -> float:
        """See ``sweep.Timed``."""
        return self._aws.ahead

    def tagged(self) -> list[Resource]:
        """Every resource that bears ``vpcshark:capture``, whoever owns it."""
        ec2 = self._aws.ec2
        found = threads.together(
            [
                lambda: mirror.tagged_resources(ec2),
                lambda: doors.tagged(ec2, tags.CAPTURE),
                lambda: launch.tagged(ec2, tags.CAPTURE),
            ]
        )
        return [_resource(one) for kinds in found for one in kinds]

    def delete(self, kind: str, resource: str) -> None:
        """Delete one; one that is gone already is done. An instance is told to terminate, which takes a minute."""
        if kind == doors.KIND:
            doors.close(self._aws.ec2, resource)
        elif kind == launch.INSTANCE:
            launch.terminate(self._aws.ec2, resource)
        elif kind == launch.GROUP:
            launch.delete_group(self._aws.ec2, resource)
        else:
            mirror.delete(self._aws.ec2, kind, resource)


def _resource(found: mirror.Tagged) -> Resource:
    instance_type = found.description if found.kind == launch.INSTANCE else ""
    return Resource(found.kind, found.id, found.tags, found.source, instance_type)


def reach(profile: str, region: str) -> MirrorAccount:
    """The account that these boto3 settings lead to. AwsError where there is no way to it."""
    return MirrorAccount(client.connect(profile, region))
