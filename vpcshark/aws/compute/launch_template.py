"""A user's launch template, and what of it a capture host must have otherwise.

Must not know when a host is launched.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.errors import AwsError, Mistake

_OTHER_TEMPLATE = "Choose one with --host-template."


@dataclass(frozen=True)
class Template:
    """A launch template of the user's, at one version. ``data`` is its LaunchTemplateData."""

    reference: Mapping[str, str]
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the user calls it."""
        return str(self.reference.get("LaunchTemplateName") or self.reference.get("LaunchTemplateId"))

    @property
    def groups(self) -> tuple[str, ...]:
        """The ids of the security groups that its host's first interface gets, as far as it names them."""
        return tuple(self._first.get("Groups") or self.data.get("SecurityGroupIds") or ())

    @property
    def subnet(self) -> str:
        """Where its host's first interface is to be, "" where it does not say."""
        return str(self._first.get("SubnetId", ""))

    @property
    def interfaces(self) -> list[dict[str, Any]]:
        """The network interfaces that it asks for."""
        return [dict(one) for one in self.data.get("NetworkInterfaces", [])]

    @property
    def _first(self) -> Mapping[str, Any]:
        """The interface that frames and logins come to."""
        return next((one for one in self.interfaces if one.get("DeviceIndex", 0) == 0), {})

    @property
    def has_groups(self) -> bool:
        """Does it say what may get at the host's first interface?"""
        places = (self.data, self._first)
        said = ("SecurityGroupIds", "SecurityGroups", "Groups", "NetworkInterfaceId")  # an ENI has groups of its own
        return any(place.get(name) for place in places for name in said)

    @property
    def user_data(self) -> bytes:
        """What it puts on the host. Mistake where that is no base64, as AWS would say once a group is made."""
        try:
            return b64decode(self.data.get("UserData", ""))
        except ValueError as error:
            raise Mistake("The launch template's user data is not base64.", _OTHER_TEMPLATE) from error


def find_template(ec2: Ec2, name: str) -> Template:
    """The launch template ``lt-…`` or a name, with ``:version`` behind it (else its default). AwsError;
    Mistake where there is none."""
    said, _, version = name.partition(":")
    reference = {("LaunchTemplateId" if said.startswith("lt-") else "LaunchTemplateName"): said}
    version = version or "$Default"
    try:
        with mapped("look up the launch template"):
            answer = ec2.describe_launch_template_versions(**reference, Versions=[version])
    except AwsError as error:
        if not error.code.startswith("InvalidLaunchTemplate"):
            raise
        raise Mistake(f"There is no such launch template. {error.problem}", _OTHER_TEMPLATE) from error
    found = answer["LaunchTemplateVersions"]
    if not found:
        raise Mistake(f"The launch template {said} has no version {version}.", _OTHER_TEMPLATE)
    return Template({**reference, "Version": str(found[0]["VersionNumber"])}, found[0]["LaunchTemplateData"])
