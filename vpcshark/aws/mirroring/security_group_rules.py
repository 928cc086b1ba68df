"""A security group's inbound rule for mirrored frames: added, found by its tags, removed. Must not know when.

Rules have ids and tags of their own (https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html).
AuthorizeSecurityGroupIngress takes no ClientToken; a second rule with the same words is refused by AWS.
"""

from __future__ import annotations

from collections.abc import Mapping

from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.aws.kinds import RULE
from vpcshark.traffic_mirroring import VXLAN_PORT


def open_group(ec2: Ec2, group: str, address: str, tags: Mapping[str, str], description: str) -> str:
    """Admit UDP 4789 from this one IPv4 address; the rule's id. AwsError, also where such a rule is there already."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    source = {"CidrIp": f"{address}/32", "Description": _plain(description)}
    permission = {"IpProtocol": "udp", "FromPort": VXLAN_PORT, "ToPort": VXLAN_PORT, "IpRanges": [source]}
    with mapped(f"open the security group {group}"):
        answer = ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[permission], TagSpecifications=[{"ResourceType": RULE, "Tags": listed}]
        )
    return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def _plain(description: str) -> str:
    """A rule's description has fewer characters than a session's: a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in " ._-:/()#,@[]+=&;{}!$*" else "-" for c in description)[
        :255
    ]
