"""A security group's inbound rule for mirrored frames: added, found by its tags, removed. Must not know when.

Rules have ids and tags of their own (https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html).
AuthorizeSecurityGroupIngress takes no ClientToken; a second rule with the same words is refused by AWS.
"""

from __future__ import annotations

from collections.abc import Mapping

from vpcshark.aws.client import Ec2, pages
from vpcshark.aws.errors import is_denied, mapped
from vpcshark.aws.tagging import Tagged, tags_of
from vpcshark.errors import AwsError
from vpcshark.traffic_mirroring import VXLAN_PORT

KIND = "security-group-rule"
_GONE = ("InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound", "InvalidGroup.NotFound")


def open_group(ec2: Ec2, group: str, address: str, tags: Mapping[str, str], description: str) -> str:
    """Admit UDP 4789 from this one IPv4 address; the rule's id. AwsError, also where such a rule is there already."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    source = {"CidrIp": f"{address}/32", "Description": _plain(description)}
    permission = {"IpProtocol": "udp", "FromPort": VXLAN_PORT, "ToPort": VXLAN_PORT, "IpRanges": [source]}
    with mapped(f"open the security group {group}"):
        answer = ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[permission], TagSpecifications=[{"ResourceType": KIND, "Tags": listed}]
        )
    return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def close(ec2: Ec2, rule: str) -> bool:
    """Remove a rule by its id; False where AWS says that there is none. AwsError."""
    try:
        with mapped(f"remove the security group rule {rule}"):
            found = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"]
            ours = [raw for raw in found if raw["SecurityGroupRuleId"] == rule]
            for raw in ours:
                ec2.revoke_security_group_ingress(GroupId=raw["GroupId"], SecurityGroupRuleIds=[rule])
    except AwsError as error:
        if error.code not in _GONE:
            raise
        return False
    return bool(ours)


def tagged(ec2: Ec2, tag_key: str) -> list[Tagged]:
    """Every rule that bears ``tag_key``, which is read here again. AwsError; nothing where the rules may not be listed:
    who may not list them has not added one."""
    wanted = [{"Name": f"tag:{tag_key}", "Values": ["*"]}]  # AWS documents no tag-key for this describe
    try:
        with mapped("list the security group rules"):
            found = list(pages(ec2, "describe_security_group_rules", "SecurityGroupRules", Filters=wanted))
    except AwsError as error:
        if not is_denied(error):
            raise
        return []
    rules = [Tagged(KIND, raw["SecurityGroupRuleId"], tags_of(raw), raw.get("Description", "")) for raw in found]
    return [rule for rule in rules if tag_key in rule.tags]


def _plain(description: str) -> str:
    """A rule's description has fewer characters than a session's: a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in " ._-:/()#,@[]+=&;{}!$*" else "-" for c in description)[
        :255
    ]
