"""What IAM must allow for each feature, as data: the least that lets our calls pass.

What a capture makes bears the tag ``vpcshark:capture`` from its first moment on, so a create is allowed with that tag
alone, and a change or a delete of what bears it alone. Which resource types and condition keys an action has is in
AWS's Service Authorization Reference (docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html).
Must not know how a policy is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vpcshark.aws.mirroring import tag_names

TAG = tag_names.CAPTURE
_ANY_VALUE = "?*"  # an empty tag proves nothing: clean-up does not touch what bears one
_Condition = Mapping[str, Mapping[str, Any]]
_NEW: _Condition = {"StringLike": {f"aws:RequestTag/{TAG}": _ANY_VALUE}}
_OURS: _Condition = {"StringLike": {f"aws:ResourceTag/{TAG}": _ANY_VALUE}}
_HAS_KEYS: _Condition = {"Null": {"aws:TagKeys": "false"}}  # ForAllValues alone is true of none
_LEASE: _Condition = {**_OURS, **_HAS_KEYS, "ForAllValues:StringEquals": {"aws:TagKeys": [tag_names.EXPIRES]}}
_ANY_OF_OURS: _Condition = {
    **_OURS,
    **_HAS_KEYS,
    "ForAllValues:StringEquals": {"aws:TagKeys": list(tag_names.ALL)},
}
_MINE = {"StringLike": {"ssm:resourceTag/aws:ssmmessages:session-id": ["${aws:userid}"]}}
# Without it a session that names no document is a shell by the default one, for whoever may start any. With it, AWS
# asks for a permission for that document as well (Session Manager user guide, "Start a default shell session by
# specifying the default session document in IAM policies").
_CHECKED: _Condition = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}
_PUSH = ("ec2-instance-connect:SendSSHPublicKey",)
_MIRROR_CREATES = ("CreateTrafficMirrorFilter", "CreateTrafficMirrorSession", "CreateTrafficMirrorTarget")
_LAUNCHED = ("instance", "network-interface", "volume")
_PUBLIC_IMAGES = "ssm::parameter/aws/service/ami-amazon-linux-latest/*"
_EC2_SERVICE = ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]
_MIRROR = ("traffic-mirror-session", "traffic-mirror-filter", "traffic-mirror-target")

_BUCKETS = "arn:{partition}:s3:::*"
_LOG_FILES = "arn:{partition}:s3:::*/AWSLogs/*"
_LOG_GROUPS = "arn:{partition}:logs:{region}:{account}:log-group:*"
_STREAMS = "arn:{partition}:firehose:{region}:{account}:deliverystream/*"
_GLUE = ("arn:{partition}:glue:{region}:{account}:catalog", "arn:{partition}:glue:{region}:{account}:database/*")
_TABLES = "arn:{partition}:glue:{region}:{account}:table/*"


@dataclass(frozen=True)
class Allow:
    """One statement. ``resources`` are types of EC2's ("instance"), perhaps with service, account and id
    ("ssm:*:document/AWS-StartSSHSession", which is AWS's; "ec2::image" belongs to no account), or whole ARNs with
    {partition}, {region} and {account}.
    ``limits``: which fields of ``policies.Limits`` narrow it."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: _Condition | None = None
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feature:
    """``reads`` are the actions that IAM can bind to no resource: lists and describes."""

    purpose: str
    reads: tuple[str, ...] = ()
    allows: tuple[Allow, ...] = ()


def _ec2(*names: str) -> tuple[str, ...]:
    return tuple(f"ec2:{name}" for name in names)


def _elb(*names: str) -> tuple[str, ...]:
    return tuple(f"elasticloadbalancing:{name}" for name in names)


def _tag_at(sid: str, resources: Sequence[str], *creates: str) -> Allow:
    """Tags may be set by the call that creates, and by it alone."""
    return Allow(
        sid, _ec2("CreateTags"), tuple(resources), {"StringEquals": {"ec2:CreateAction": list(creates)}, **_NEW}
    )


FEATURES: Mapping[str, Feature] = {
    "list": Feature(
        "the ENIs in Wireshark's interface list; all other features need it",
        _ec2("DescribeInstances", "DescribeNetworkInterfaces"),
    ),
    "mirror": Feature(
        "mirror an ENI, and remove the mirror; ps and cleanup",
        _ec2("DescribeTrafficMirrorFilters", "DescribeTrafficMirrorSessions", "DescribeTrafficMirrorTargets"),
        (
            Allow("MakeTaggedFilters", _ec2("CreateTrafficMirrorFilter"), ("traffic-mirror-filter",), _NEW),
            Allow("MakeTaggedTargets", _ec2("CreateTrafficMirrorTarget"), ("traffic-mirror-target",), _NEW),
            Allow("MakeTaggedSessions", _ec2("CreateTrafficMirrorSession"), ("traffic-mirror-session",), _NEW),
            Allow(
                "MirrorFromAndToInterfaces",
                _ec2("CreateTrafficMirrorSession", "CreateTrafficMirrorTarget"),
                ("network-interface",),
            ),
            Allow(
                "UseFiltersAndTargetsThatStand",
                _ec2("CreateTrafficMirrorSession", "ModifyTrafficMirrorSession"),
                ("traffic-mirror-filter", "traffic-mirror-target"),
            ),
            Allow(
                "FillOwnFilters",
                _ec2("CreateTrafficMirrorFilterRule", "ModifyTrafficMirrorFilterNetworkServices"),
                ("traffic-mirror-filter",),
                _OURS,
            ),
            Allow("RulesOfOwnFilters", _ec2("CreateTrafficMirrorFilterRule"), ("traffic-mirror-filter-rule",)),
            Allow("ChangeOwnSessions", _ec2("ModifyTrafficMirrorSession"), ("traffic-mirror-session",), _OURS),
            Allow(
                "DeleteOwnMirrors",
                _ec2("DeleteTrafficMirrorFilter", "DeleteTrafficMirrorSession", "DeleteTrafficMirrorTarget"),
                _MIRROR,
                _OURS,
            ),
            _tag_at("TagNewMirrors", _MIRROR, *_MIRROR_CREATES),
            Allow("RenewLeaseOfOwnMirrors", _ec2("CreateTags"), _MIRROR, _LEASE),
        ),
    ),
    "preflight": Feature(
        "say before a capture why it would stay empty",
        (
            *_ec2(
                "DescribeInstanceTypes",
                "DescribeNetworkAcls",
                "DescribeRouteTables",
                "DescribeSecurityGroupRules",
                "DescribeSecurityGroups",
                "DescribeSubnets",
                "DescribeTransitGatewayAttachments",
                "DescribeTransitGatewayVpcAttachments",
                "DescribeTrafficMirrorTargets",
                "DescribeVpcEndpointServiceConfigurations",
                "DescribeVpcEndpoints",
                "DescribeVpcPeeringConnections",
            ),
            *_elb(
                "DescribeListeners",
                "DescribeLoadBalancerAttributes",
                "DescribeLoadBalancers",
                "DescribeTargetHealth",
            ),
        ),
        (
            Allow("ReadPrefixLists", _ec2("GetManagedPrefixListEntries"), ("prefix-list",)),
            Allow("ReadTransitGatewayRoutes", _ec2("SearchTransitGatewayRoutes"), ("transit-gateway-route-table",)),
        ),
    ),
    "walk": Feature(
        "say why A can't reach B (vpcshark walk): describes alone",
        (
            *_ec2(
                "DescribeEgressOnlyInternetGateways",
                "DescribeInternetGateways",
                "DescribeNatGateways",
                "DescribeNetworkAcls",
                "DescribeRouteTables",
                "DescribeSecurityGroupRules",
                "DescribeSecurityGroups",
                "DescribeSubnets",
                "DescribeTransitGatewayAttachments",
                "DescribeTransitGatewayPeeringAttachments",
                "DescribeTransitGatewayRouteTables",
                "DescribeTransitGatewayVpcAttachments",
                "DescribeTransitGateways",
                "DescribeVpcEndpoints",
                "DescribeVpcPeeringConnections",
                "DescribeVpcs",
            ),
            *_elb(
                "DescribeListeners",
                "DescribeLoadBalancerAttributes",
                "DescribeLoadBalancers",
                "DescribeTargetGroupAttributes",
                "DescribeTargetGroups",
                "DescribeTargetHealth",
            ),
        ),
        (
            Allow("ReadPrefixLists", _ec2("GetManagedPrefixListEntries"), ("prefix-list",)),
            Allow("ReadTransitGatewayRoutes", _ec2("SearchTransitGatewayRoutes"), ("transit-gateway-route-table",)),
        ),
    ),
    "analyzer": Feature(
        "ask AWS's Reachability Analyzer the question of a walk (--analyzer), and delete what that makes",
        _ec2("DescribeNetworkInsightsAnalyses", "DescribeNetworkInsightsPaths"),
        (
            Allow(
                "LetTheAnalyzerQuery",
                ("tiros:CreateQuery", "tiros:GetQueryAnswer", "tiros:GetQueryExplanation"),
                ("*",),
            ),
            Allow("MakeTaggedPaths", _ec2("CreateNetworkInsightsPath"), ("network-insights-path",), _NEW),
            Allow("AnalyseTagged", _ec2("StartNetworkInsightsAnalysis"), ("network-insights-analysis",), _NEW),
            Allow("AnalyseOwnPaths", _ec2("StartNetworkInsightsAnalysis"), ("network-insights-path",), _OURS),
            _tag_at(
                "TagNewPathsAndAnalyses",
                ("network-insights-analysis", "network-insights-path"),
                "CreateNetworkInsightsPath",
                "StartNetworkInsightsAnalysis",
            ),
            Allow("DeleteOwnAnalyses", _ec2("DeleteNetworkInsightsAnalysis"), ("network-insights-analysis",), _OURS),
            Allow("DeleteOwnPaths", _ec2("DeleteNetworkInsightsPath"), ("network-insights-path",), _OURS),
        ),
    ),
    "flowlogs": Feature(
        "say which flow logs cover an ENI, and read them (flowlogs where and read, walk --evidence, mode flowlogs). "
        "Files that are encrypted by a KMS key of yours need kms:Decrypt besides",
        (
            *_ec2("DescribeFlowLogs", "DescribeSubnets", "DescribeTransitGatewayAttachments"),
            "cloudwatch:GetMetricData",
            "logs:StopQuery",
        ),
        (
            Allow("ReadLogGroups", ("logs:FilterLogEvents", "logs:GetQueryResults", "logs:StartQuery"), (_LOG_GROUPS,)),
            Allow("ListFlowLogFiles", ("s3:ListBucket",), (_BUCKETS,)),
            Allow("ReadFlowLogFiles", ("s3:GetObject",), (_LOG_FILES,)),
        ),
    ),
    "firehose": Feature(
        "read flow logs that Data Firehose delivered to S3 (needs flowlogs; name the bucket in the last ARN where all "
        "buckets are too much)",
        (),
        (
            Allow("AskDeliveryStreams", ("firehose:DescribeDeliveryStream",), (_STREAMS,)),
            Allow("ReadDeliveredFiles", ("s3:GetObject",), (f"{_BUCKETS}/*",)),
        ),
    ),
    "athena": Feature(
        "read flow logs by Athena (flowlogs read --by athena): queries, and with --create-table a table of ours "
        "(needs flowlogs; where results go is your workgroup's bucket, best named in the last ARN)",
        (),
        (
            Allow(
                "QueryWithAthena",
                (
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:StartQueryExecution",
                    "athena:StopQueryExecution",
                ),
                ("arn:{partition}:athena:{region}:{account}:workgroup/*",),
            ),
            Allow("ReadTables", ("glue:GetDatabase", "glue:GetPartitions", "glue:GetTable"), (*_GLUE, f"{_TABLES}/*")),
            Allow(
                "MakeAndRemoveOwnTables", ("glue:CreateTable", "glue:DeleteTable"), (*_GLUE, f"{_TABLES}/vpcshark_*")
            ),
            Allow("KeepResults", ("s3:GetBucketLocation", "s3:PutObject"), (_BUCKETS, f"{_BUCKETS}/*")),
        ),
    ),
    "metrics": Feature(
        "read what CloudWatch counts at gateways (vpcshark metrics)",
        ("cloudwatch:GetMetricData", "cloudwatch:ListMetrics"),
    ),
    "counters": Feature(
        "read CloudWatch's counts of mirrored packets where a capture stays without packets",
        ("cloudwatch:GetMetricData",),
    ),
    "open-security-group": Feature(
        "--open-security-group: add the one missing rule, and remove it (AWS knows no permission per rule: "
        "name the groups in its ARNs where that is too much)",
        _ec2("DescribeSecurityGroupRules"),
        (
            Allow(
                "AddAndRemoveRulesOfAnyGroup",
                _ec2("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"),
                ("security-group",),
            ),
            Allow("AddTaggedRules", _ec2("AuthorizeSecurityGroupIngress"), ("security-group-rule",), _NEW),
            _tag_at("TagNewRules", ("security-group-rule",), "AuthorizeSecurityGroupIngress"),
            Allow("RenewLeaseOfOwnRules", _ec2("CreateTags"), ("security-group-rule",), _LEASE),
        ),
    ),
    "sources": Feature(
        "capture what is registered behind a load balancer (lb:NAME)",
        _elb("DescribeLoadBalancers", "DescribeTargetGroups", "DescribeTargetHealth"),
    ),
    "fleet": Feature(
        "receive on the hosts behind a load balancer or its endpoint (--host lb:NAME, vpce-…; needs mirror)",
        (
            *_ec2("DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpoints"),
            *_elb(
                "DescribeListeners",
                "DescribeLoadBalancerAttributes",
                "DescribeLoadBalancers",
                "DescribeTargetHealth",
            ),
        ),
        (Allow("MirrorToEndpoints", _ec2("CreateTrafficMirrorTarget"), ("vpc-endpoint",)),),
    ),
    "branches": Feature(
        "capture from the branch interface of a pod or an ECS task, on the instance that has its trunk",
        _ec2("DescribeTrunkInterfaceAssociations"),
    ),
    "connect-ssh": Feature(
        "log in to a host: its host keys, from its console, and its image's user",
        _ec2("DescribeImages"),
        (Allow("ReadHostKeys", _ec2("GetConsoleOutput"), ("instance",)),),
    ),
    "connect-eic": Feature(
        "log in with a key that EC2 Instance Connect pushes",
        (),
        (Allow("PushKeys", _PUSH, ("instance",), limits=("users", "tags")),),
    ),
    "connect-eic-launched": Feature(
        "the same, but to hosts that captures launched alone, and there as ec2-user (without launch-template)",
        (),
        (
            Allow(
                "PushKeysToLaunchedHosts", _PUSH, ("instance",), {**_OURS, "StringEquals": {"ec2:osuser": "ec2-user"}}
            ),
        ),
    ),
    "connect-eice": Feature(
        "through an EC2 Instance Connect Endpoint (with connect-eic where no key is named)",
        _ec2("DescribeInstanceConnectEndpoints"),
        (
            Allow(
                "TunnelToSsh",
                ("ec2-instance-connect:OpenTunnel",),
                ("instance-connect-endpoint",),
                {"NumericEquals": {"ec2-instance-connect:remotePort": "22"}},
            ),
        ),
    ),
    "connect-ssm": Feature(
        "through Session Manager (with connect-eic where no key is named)",
        ("ssm:DescribeInstanceInformation",),
        (
            Allow("TunnelToInstances", ("ssm:StartSession",), ("instance",), _CHECKED, ("tags",)),
            Allow("TunnelToSshAlone", ("ssm:StartSession",), ("ssm:*:document/AWS-StartSSHSession",), _CHECKED),
            Allow("EndAndResumeOwnTunnels", ("ssm:ResumeSession", "ssm:TerminateSession"), ("ssm:session",), _MINE),
        ),
    ),
    "launch": Feature(
        "launch a capture host with its security group, keep it, terminate it (it has no key pair: needs connect-eic, "
        "or connect-ssm and launch-role)",
        _ec2("DescribeInstanceTypes", "DescribeSecurityGroups"),
        (
            Allow("FindNewestImage", ("ssm:GetParameter",), (_PUBLIC_IMAGES,)),
            Allow("LaunchTaggedHosts", _ec2("RunInstances"), ("instance",), _NEW, ("types",)),
            Allow("LaunchTheirTaggedParts", _ec2("RunInstances"), ("network-interface", "volume"), _NEW),
            Allow(
                "LaunchFromAmazonsImages",
                _ec2("RunInstances"),
                ("ec2::image",),
                {"StringEquals": {"ec2:Owner": "amazon"}},
            ),
            Allow("LaunchIntoSubnets", _ec2("RunInstances"), ("subnet",), limits=("subnets",)),
            Allow("LaunchWithOwnGroups", _ec2("RunInstances"), ("security-group",), _OURS),
            Allow("MakeTaggedGroups", _ec2("CreateSecurityGroup"), ("security-group",), _NEW),
            Allow("MakeGroupsInVpcs", _ec2("CreateSecurityGroup"), ("vpc",)),
            Allow(
                "AdmitToAndDeleteOwnGroups",
                _ec2("AuthorizeSecurityGroupIngress", "DeleteSecurityGroup"),
                ("security-group",),
                _OURS,
            ),
            Allow("TerminateOwnHosts", _ec2("TerminateInstances"), ("instance",), _OURS),
            _tag_at("TagNewHosts", (*_LAUNCHED, "security-group"), "RunInstances", "CreateSecurityGroup"),
            Allow("RenewLeaseOfAndKeepOwnHosts", _ec2("CreateTags"), (*_LAUNCHED, "security-group"), _ANY_OF_OURS),
        ),
    ),
    "launch-template": Feature(
        "launch it from a launch template of yours (needs launch)",
        _ec2("DescribeLaunchTemplateVersions"),
        (
            Allow(
                "LaunchWithWhatTemplatesName",
                _ec2("RunInstances"),
                ("ec2::image", "key-pair", "launch-template", "security-group"),
                {"Bool": {"ec2:IsLaunchTemplateResource": "true"}},
            ),
        ),
    ),
    "launch-role": Feature(
        "give it a role whose name begins with vpcshark (needs launch)",
        (),
        (
            Allow(
                "PassRolesOfCaptureHosts",
                ("iam:PassRole",),
                ("iam:role/vpcshark*",),
                {"StringEquals": {"iam:PassedToService": _EC2_SERVICE}},
            ),
        ),
    ),
}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "connect": ("connect-ssh", "connect-eic", "connect-eice", "connect-ssm"),
}
"""Names for several features at once."""
DEFAULT = ("list", "mirror", "preflight", "counters", "connect-ssh")
