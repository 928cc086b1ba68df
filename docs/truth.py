"""What the product relies on of AWS's behaviour, a row each: where it stands, which test of ours fails when the lab
breaks it, how sure it is, and when it was seen on AWS. ``make docs`` writes docs/truth.md of it.

``names`` are the words that the code branches on (error codes, states, patterns of ``aws/refusals.py``), ``constants``
the numbers: tests/test_truth.py fails for one that no row has. How sure: "page" (AWS's documentation says so), "model"
(botocore's description of the service does), "report" (somebody saw it on AWS, linked), "inferred" (nobody says so; it
follows, or is EC2's habit). Add a row before the branch; never state a guess as anything but "inferred".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).resolve().parent / "truth.md"
SURE = ("page", "model", "report", "inferred")
_EC2 = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference"
_ERRORS = f"{_EC2}/errors-overview.html"
_MIRROR = "https://docs.aws.amazon.com/vpc/latest/mirroring"
_LIMITS = f"{_MIRROR}/traffic-mirroring-network-limitations.html"
_QUOTAS = f"{_MIRROR}/traffic-mirroring-limits.html"
_STRICT, _OPERATIONS = "tests/lab/api/test_strict.py", "tests/lab/api/test_operations.py"
_REFUSALS = "tests/aws/test_refusals.py::test_the_reason_that_aws_gives_reaches_the_user"
_MODEL = "botocore, service model of {}"


@dataclass(frozen=True)
class Row:
    """One behaviour. ``shared``: a phrase that only we and our lab have; code may not hang on it alone."""

    behaviour: str
    source: str
    test: str
    sure: str
    names: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)
    seen: str = "never"
    shared: bool = False


ROWS: tuple[Row, ...] = (
    # Traffic Mirroring
    Row(
        "An interface is one mirror target at most, and never target and source",
        _ERRORS,
        f"{_STRICT}::test_an_interface_is_one_target_only",
        "page",
        ("InterfaceInUseByTrafficMirrorTarget", "InterfaceInUseByTrafficMirrorSession"),
    ),
    Row(
        "A Network Load Balancer is one mirror target at most",
        _ERRORS,
        f"{_STRICT}::test_a_balancer_is_one_target_only",
        "page",
        ("NlbInUseByTrafficMirrorTargetException",),
    ),
    Row(
        "A target's load balancer must exist; its ARN names its type",
        _ERRORS,
        f"{_STRICT}::test_a_malformed_id_is_told_from_one_that_is_not_there",
        "page",
        ("NetworkLoadBalancerNotFoundException", r"InvalidNetworkLoadBalancerArn\.\w+"),
    ),
    Row(
        "What is not there is told by one of two families of codes: the page's, and the one with a dot that "
        "Terraform's provider handles",
        "https://github.com/hashicorp/terraform-provider-aws (errCodeInvalidTrafficMirror…)",
        f"{_OPERATIONS}::test_unknown_ids_are_errors",
        "report",
        ("InvalidTrafficMirror", r"InvalidTrafficMirror\w+No(t)?Found", "aws.errors._GONE"),
    ),
    Row(
        "A malformed id of Traffic Mirroring is told as …Id.Malformed",
        _ERRORS,
        f"{_STRICT}::test_a_malformed_id_is_told_from_one_that_is_not_there",
        "inferred",
        (r"Invalid\w+Malformed",),
    ),
    Row(
        "A filter or target that a session uses is not deleted",
        _ERRORS,
        f"{_OPERATIONS}::test_what_a_session_uses_cannot_be_deleted",
        "page",
        (r"TrafficMirror\w+InUse(Exception)?", "aws.errors._IN_USE"),
    ),
    Row(
        "A session number that another session of the source has is refused. AWS documents neither code nor words for "
        "it: after a refusal the product lists the source's sessions and tries the next number, and hangs on no phrase",
        "none; the words are our lab's",
        f"{_OPERATIONS}::test_a_session_number_is_unique_per_source",
        "inferred",
        shared=True,
    ),
    Row(
        "An interface that is not of type interface, or managed by most services, cannot be a source",
        _ERRORS,
        "tests/lab/api/test_strict.py::test_a_managed_interface_is_no_source",
        "page",
        ("NetworkInterfaceNotSupported",),
    ),
    Row(
        "Three sessions for each source, none of them adjustable",
        _QUOTAS,
        f"{_OPERATIONS}::test_three_sessions_per_source",
        "page",
        ("TrafficMirrorSessionsPerInterfaceLimitExceeded",),
        {"traffic_mirroring.SESSIONS_PER_SOURCE": 3},
    ),
    Row(
        "Ten sources for each target, a hundred on the largest sizes",
        _QUOTAS,
        f"{_OPERATIONS}::test_ten_sources_per_target",
        "page",
        ("TrafficMirrorSourcesPerTargetLimitExceeded", "TrafficMirrorSessionsPerTargetLimitExceeded"),
        {"aws.mirroring.quotas.FEW": 10, "aws.mirroring.quotas.MANY": 100},
    ),
    Row(
        "Ten rules for each filter",
        _QUOTAS,
        f"{_OPERATIONS}::test_ten_rules_per_filter",
        "page",
        ("TrafficMirrorFilterRuleLimitExceeded",),
        {"traffic_mirroring.MAX_RULES": 10},
    ),
    Row(
        "An account has 10,000 sessions, filters and targets at most",
        _QUOTAS,
        _REFUSALS,
        "page",
        ("TrafficMirrorFilterLimitExceeded", "TrafficMirrorSessionLimitExceeded", "TrafficMirrorTargetLimitExceeded"),
    ),
    Row(
        "A mirrored packet is cut to 35 bytes at least (IPv4; 55 for IPv6). That a create below is refused follows "
        "from the page; the API reference has 1 to 8500",
        _LIMITS,
        f"{_STRICT}::test_packets_cannot_be_cut_shorter_than_35_bytes",
        "inferred",
        constants={"preflight.frames.SHORTEST_IPV6": 55},
    ),
    Row(
        "To a load balancer a packet has 8,500 bytes at most; through an endpoint 54 less",
        f"{_EC2}/API_CreateTrafficMirrorSession.html",
        f"{_OPERATIONS}::test_a_load_balancer_target_cuts_at_8500",
        "page",
        constants={
            "aws.balancing.fleets.MOST_PACKET": 8500,
            "aws.balancing.fleets.OVERHEAD": 54,
            "preflight.frames.OVERHEAD": 54,
            "preflight.frames.OVERHEAD_IPV6": 74,
        },
    ),
    Row(
        "Mirrored frames come in VXLAN to UDP 4789, and in Geneve (6081) behind a Gateway Load Balancer",
        f"{_MIRROR}/traffic-mirroring-packet-formats.html",
        "tests/lab/vpc/test_vxlan.py::test_scapy_reads_what_was_written",
        "page",
        constants={
            "traffic_mirroring.VXLAN_PORT": 4789,
            "aws.balancing.fleets.GENEVE_PORT": 6081,
            "aws.compute.launch.SSH": 22,
        },
    ),
    # Any call of EC2
    Row(
        "What was made a moment ago may not be known to the next call, and a list may lag behind; for how long no page "
        "says",
        "https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html",
        "tests/lab/api/test_lag.py::test_the_api_knows_late_what_it_made",
        "page",
        ("InvalidGroup", "InvalidInstanceID"),
        {
            "aws.mirroring.resources.SETTLE_TIME": 6.0,
            "capture.lifecycle.resources.YOUNG": 8,
            "capture.mirror.host_waiting.SETTLE": 8,
            "capture.mirror.shared_target.LOOK_TIME": 6,
            "cleanup.tidy.SETTLE": 15,
            "live.ground.SETTLING": 60,
        },
    ),
    Row(
        "An instance that is not there, or an id that is none, is refused by these codes",
        _ERRORS,
        f"{_STRICT}::test_a_malformed_id_is_told_from_one_that_is_not_there",
        "page",
        (
            "InvalidInstanceID.",
            "InvalidInstanceID.NotFound",
            r"InvalidInstanceI[dD]\.\w+",
            "InvalidNetworkInterfaceID.NotFound",
            "InvalidNetworkInterfaceId.Malformed",
            r"InvalidNetworkInterfaceI[dD]\.\w+",
            "InvalidGroup.NotFound",
            r"InvalidGroup\.NotFound",
            "InvalidGroupId.Malformed",
            r"InvalidGroupId\.\w+",
            r"InvalidSubnetID\.\w+",
            r"InvalidVpcID\.\w+",
            r"InvalidVpcEndpointI[dD]\.\w+",
            "InvalidSecurityGroupRuleId.NotFound",
            r"InvalidSecurityGroupRuleId\.NotFound",
            r"InvalidAMIID\.\w+",
            r"InvalidAMIName\.\w+",
            r"InvalidLaunchTemplate\w*\.\w+",
            "InvalidLaunchTemplate",
            r"InvalidKeyPair\.NotFound",
            "InvalidID",
            "InvalidInstanceType",
        ),
    ),
    Row(
        "Describes that the survey makes by ids are refused with a code that ends so where one of them is not there",
        _ERRORS,
        f"{_STRICT}::test_a_malformed_id_is_told_from_one_that_is_not_there",
        "page",
        ("NotFound", "NotFoundException", "Malformed", r"InvalidTransitGateway\w+\.NotFound"),
    ),
    Row(
        "The same id's code is written with another case, or by another ending, than the page has it",
        "none",
        _REFUSALS,
        "inferred",
        ("InvalidNetworkInterfaceId.NotFound", "InvalidNetworkInterfaceID.Malformed"),
    ),
    Row(
        "A parameter that is wrong, missing or does not fit the others is refused by these codes",
        _ERRORS,
        f"{_STRICT}::test_pages_and_filters_that_ec2_does_not_take",
        "page",
        ("InvalidParameterValue", r"InvalidParameter\w*", "MissingParameter", "MalformedQueryString", r"Validation\w+"),
    ),
    Row(
        "An action or API version that an endpoint does not know",
        _ERRORS,
        _REFUSALS,
        "page",
        ("InvalidAction", "InvalidVersion", "UnknownOperationException"),
    ),
    Row(
        "A page has as many items as the model says, where it says so (100 of Reachability Analyzer's, 50 Instance "
        "Connect Endpoints); else 5 to 1,000, and none beside ids",
        _MODEL.format("ec2"),
        f"{_STRICT}::test_pages_and_filters_that_ec2_does_not_take",
        "model",
        constants={"aws.paging.LARGEST_PAGE": 1000},
    ),
    Row(
        "DescribeSecurityGroupRules has no filter tag-key; tag:KEY takes a wildcard",
        _MODEL.format("ec2"),
        "tests/lab/api/test_conformity.py::test_every_answer_and_every_call_fits_the_model",
        "model",
    ),
    Row(
        "DryRun is answered by DryRunOperation, or by a refusal of the permission; whether the call is validated "
        "before, no page says (a switch of the lab has both)",
        f"{_EC2}/CommonParameters.html",
        f"{_STRICT}::test_a_dry_run_says_what_the_call_would_say",
        "page",
        ("DryRunOperation",),
    ),
    Row(
        "A ClientToken stands for one request; that of a terminated instance launches no other",
        "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html",
        f"{_STRICT}::test_the_token_of_a_terminated_instance_launches_no_other",
        "page",
        ("IdempotentParameterMismatch",),
    ),
    Row(
        "An interface that is attached is not deleted",
        "https://github.com/gruntwork-io/cloud-nuke/issues/431",
        f"{_STRICT}::test_an_interface_in_use_stays",
        "report",
        (r"InvalidNetworkInterface\.InUse",),
    ),
    Row(
        "A security group is deleted once nothing uses it, and a rule comes once",
        _ERRORS,
        "tests/lab/api/test_moto_launch.py::test_a_machine_boots_and_ends_with_its_instance",
        "page",
        (
            "DependencyViolation",
            r"InvalidGroup\.InUse",
            r"InvalidGroup\.Duplicate",
            "InvalidPermission.Duplicate",
            r"InvalidPermission\.Duplicate",
            "InvalidPermission.NotFound",
            r"InvalidPermission\.NotFound",
            r"ResourceInUse\w*",
        ),
    ),
    Row(
        "Tags: 50 for a resource, 128 characters of a key, 256 of a value, none that begins with aws:",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html",
        f"{_STRICT}::test_tags_that_ec2_does_not_take",
        "page",
        ("TagLimitExceeded", "TagPolicyViolation"),
        constants={"capture.mirror.launch_tags.MOST_VALUE": 256},
    ),
    Row(
        "What an account, a network or an instance may have has quotas and room, told by these codes",
        _ERRORS,
        _REFUSALS,
        "page",
        (
            "InsufficientInstanceCapacity",
            "InsufficientHostCapacity",
            "InstanceLimitExceeded",
            "VcpuLimitExceeded",
            "MaxSpotInstanceCountExceeded",
            "InsufficientFreeAddressesInSubnet",
            "PrivateIpAddressLimitExceeded",
            "NetworkInterfaceLimitExceeded",
            "SecurityGroupLimitExceeded",
            "ResourceLimitExceeded",
            "VolumeLimitExceeded",
            "RulesPerSecurityGroupLimitExceeded",
            "SecurityGroupsPerInterfaceLimitExceeded",
        ),
    ),
    Row(
        "What EC2 cannot do for an instance or a type, or in its state",
        _ERRORS,
        _REFUSALS,
        "page",
        (
            "Unsupported",
            "UnsupportedOperation",
            "UnsupportedHibernationConfiguration",
            "IncorrectInstanceState",
            "IncorrectState",
        ),
    ),
    Row(
        "Codes that AWS's pages of errors do not have",
        "none",
        _REFUSALS,
        "inferred",
        (
            "AccountProblem",
            "TagPolicyException",
            r"InvalidInterfaceType\w*",
            r"InvalidKMSKey\.\w+",
            r"KMS\w+",
            r"Client\.InvalidKMSKey\.\w+",
            r"[45]\d\d",
        ),
    ),
    Row(
        "RunInstances refuses an instance profile that is none with InvalidParameterValue, and names it so",
        'https://github.com/hashicorp/terraform-provider-aws (retries on "Invalid IAM Instance Profile")',
        "tests/aws/compute/test_launch.py::test_a_role_that_is_none_is_a_mistake",
        "report",
        ("aws.compute.launch._NO_ROLE",),
    ),
    Row(
        "The root volume of Amazon Linux 2023 is /dev/xvda, and no smaller than its image",
        "https://docs.aws.amazon.com/linux/al2023/ug/what-is-amazon-linux.html",
        "tests/aws/compute/test_launch.py::test_a_host_is_as_closed_as_it_can_be_and_bears_its_tags",
        "inferred",
        constants={"aws.compute.launch._ROOT_GIB": 8},
    ),
    Row(
        "User data has 16 KB at most, before base64",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
        "tests/aws/compute/test_user_data.py::test_what_takes_nothing_beside_it_is_left_alone",
        "page",
        constants={"aws.compute.user_data.MOST": 16384},
    ),
    # Who asks
    Row(
        "A permission that is missing, by service",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html",
        "tests/aws/test_errors.py::test_a_missing_permission_names_the_action",
        "page",
        (
            "UnauthorizedOperation",
            "Client.UnauthorizedOperation",
            "AccessDenied",
            "AccessDeniedException",
            "aws.refusals.DENIED_ACTION",
            "aws.refusals.DENIED_ON",
            "aws.refusals._FORBIDDEN",
            "aws.refusals._NOT_ALLOWED",
        ),
    ),
    Row(
        "Credentials that are wrong or have run out; a clock that is off by five minutes has the same codes",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html",
        "tests/aws/test_refusals.py::test_a_clock_that_is_off_is_called_that",
        "page",
        (
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "TokenRefreshRequired",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
            "aws.refusals._UNTIMELY",
        ),
        {"aws.refusals.SKEW": 240.0},
    ),
    Row(
        "An MFA code that is wrong is told in these words alone",
        "none",
        "tests/aws/test_refusals.py::test_the_reason_that_aws_gives_reaches_the_user",
        "inferred",
        ("aws.refusals._CODE_WRONG",),
    ),
    Row(
        "Too many calls, by service; the call may be repeated",
        "botocore, retries/standard.py (ThrottledRetryableChecker)",
        "tests/aws/test_errors.py::test_too_many_requests_are_told",
        "model",
        (
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "TooManyRequestsException",
            "EC2ThrottledException",
            "SlowDown",
            "BandwidthLimitExceeded",
        ),
    ),
    Row(
        "Faults of AWS's own, after which a call may have been done or not",
        _ERRORS,
        "tests/aws/test_errors.py::test_an_answer_is_told_from_silence",
        "page",
        ("InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable"),
    ),
    Row(
        "A call that took too long, after which it may have been done or not",
        "botocore, retries/standard.py (TransientRetryableChecker)",
        "tests/aws/test_errors.py::test_an_answer_is_told_from_silence",
        "model",
        ("RequestTimeout",),
    ),
    Row(
        "The account or region is not open to the caller",
        _ERRORS,
        _REFUSALS,
        "page",
        ("OptInRequired", "PendingVerification", "Blocked"),
    ),
    Row(
        "Signing in by roles, SSO and web identities",
        _MODEL.format("sts and sso"),
        _REFUSALS,
        "model",
        (
            "InvalidIdentityToken",
            "IDPRejectedClaim",
            "IDPCommunicationError",
            "PackedPolicyTooLarge",
            "MalformedPolicyDocument",
            "RegionDisabledException",
            "UnauthorizedException",
            "ForbiddenException",
        ),
    ),
    Row(
        "A managed policy has 6,144 characters at most, without white space",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
        "tests/aws/iam/test_policies.py::test_it_fits_into_a_managed_policy_with_account_and_region_in_it",
        "page",
        constants={"aws.iam.policies.LIMIT": 6144},
    ),
    # Logging in
    Row(
        "Session Manager: who is online, and what it refuses",
        _MODEL.format("ssm"),
        "tests/lab/api/test_login_checks.py::test_session_manager_takes_ssh_to_a_port_alone",
        "model",
        (
            "Online",
            "TargetNotConnected",
            r"InvalidDocument\w*",
            "InvalidInstanceInformationFilterValue",
            "InvalidInstanceId",
            "ParameterNotFound",
            "ParameterVersionNotFound",
        ),
    ),
    Row(
        "EC2 Instance Connect takes a key for a minute, and refuses by these codes",
        _MODEL.format("ec2-instance-connect"),
        "tests/lab/api/test_login_checks.py::test_a_key_that_is_pushed_is_one",
        "model",
        (
            "EC2InstanceNotFoundException",
            "EC2InstanceStateInvalidException",
            "EC2InstanceTypeInvalidException",
            "EC2InstanceUnavailableException",
            r"SerialConsole\w+",
        ),
    ),
    Row(
        "An Instance Connect Endpoint's tunnel: a URL that is good for a minute, ports 22 and 3389, an hour at most",
        "https://github.com/aws/aws-cli (awscli/customizations/ec2instanceconnect)",
        "tests/aws/compute/test_instance_login.py::test_the_endpoint_refuses_everything_else",
        "report",
        constants={
            "aws.compute.instance_login.URL_SECONDS": 60,
            "aws.compute.instance_login.LONGEST_TUNNEL": 3600,
            "transport.tunnel.CHUNK": 65000,
        },
    ),
    # Load balancers, flow logs, metrics, the analyzer
    Row(
        "Load balancers and target groups that are not there",
        _MODEL.format("elbv2"),
        _REFUSALS,
        "model",
        ("LoadBalancerNotFound", "TargetGroupNotFound"),
    ),
    Row(
        "A load balancer's state, and a target's health",
        _MODEL.format("elbv2"),
        "tests/network/test_faults.py::test_health_and_state_at_a_load_balancer_that_were_not_told_are_unknown",
        "model",
        ("active", "provisioning", "healthy", "unused", "draining"),
    ),
    Row(
        "CloudWatch Logs: a group that is gone, too many queries at once, and how a query ends",
        _MODEL.format("logs"),
        "tests/aws/flow_records/test_readers.py::test_a_log_group_that_was_deleted_is_a_sentence",
        "model",
        ("ResourceNotFoundException", "LimitExceededException", "Complete", "Timeout"),
    ),
    Row(
        "Athena: how a query ends",
        _MODEL.format("athena"),
        "tests/aws/flow_records/test_readers.py::test_a_user_reads_the_records_of_an_eni",
        "model",
        ("SUCCEEDED",),
        {"aws.flow_records.athena._PAGE": 1000},
    ),
    Row(
        "A flow log that is active and whose delivery works",
        _MODEL.format("ec2"),
        "tests/aws/flow_records/test_mode.py::test_what_has_no_flow_log_is_a_sentence_with_the_command",
        "model",
        ("ACTIVE", "SUCCESS"),
    ),
    Row(
        "Reachability Analyzer: an analysis runs, and ends as succeeded or failed; it costs 0.10 USD",
        "https://docs.aws.amazon.com/vpc/latest/reachability/how-reachability-analyzer-works.html",
        "tests/cli/test_walk_analyzer.py::test_its_price_is_said_before_anything_is_asked",
        "page",
        ("running", "succeeded"),
        {"aws.prices.ANALYSIS_USD": 0.10},
    ),
    Row(
        "A mirror session costs 0.015 USD an hour, traffic between zones 0.02 USD a GB (both ends)",
        "https://github.com/api-evangelist/amazon-vpc (quotes aws.amazon.com/vpc/pricing of 2026-09-20, us-east-2)",
        "tests/preflight/test_checks.py::test_the_plain_picture_is_in_order_and_leaves_no_question",
        "report",
        constants={
            "aws.prices.SESSION_HOUR_USD": 0.015,
            "aws.prices.ZONE_GB_USD": 0.02,
            "aws.prices.BALANCER_HOUR_USD": 0.0225,
            "aws.prices.ADDRESS_HOUR_USD": 0.005,
        },
    ),
    Row(
        "CloudWatch: one call takes 500 queries; EC2's metrics come each five minutes",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html",
        "tests/aws/monitoring/test_gateway_metrics.py::test_a_resource_is_told_by_its_id",
        "page",
        constants={
            "aws.monitoring.metrics.PERIOD": 300,
            "aws.monitoring.gateway_metrics._MOST": 500,
            "aws.flow_records.groups._PERIOD": 300,
            "capture.lifecycle.silence.AGAIN": 480,
        },
    ),
    # States of EC2's
    Row(
        "An instance is pending, running, or on its way to its end",
        _MODEL.format("ec2"),
        "tests/lab/api/test_moto_launch.py::test_a_machine_boots_and_ends_with_its_instance",
        "model",
        ("pending", "terminated"),
    ),
    Row(
        "Attachments and associations: only those that stand count",
        _MODEL.format("ec2"),
        "tests/network/test_faults.py::test_an_interface_that_is_attached_to_nothing_answers_nothing",
        "model",
        ("attached", "attaching", "associated", "associating", "available", "enabled", "enabling"),
    ),
    Row(
        "A route that is active, leads nowhere any more, or is filtered",
        _MODEL.format("ec2"),
        "tests/network/test_faults.py::test_static_beats_propagated_in_a_transit_gateway",
        "model",
        ("blackhole", "filtered"),
    ),
    Row(
        "A peering that waits to be accepted carries nothing; VPC Block Public Access and Instance Connect Endpoints "
        "are in force once they are made",
        _MODEL.format("ec2"),
        "tests/network/test_faults.py::test_a_fault_at_a_peering_is_named",
        "model",
        ("pending-acceptance", "create-complete", "update-complete"),
    ),
    Row(
        "A packet has 9,001 bytes at most inside a VPC, 8,500 through a transit gateway or a peering between Regions, "
        "1,500 to the internet",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html; of transit gateways "
        "https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html",
        "tests/why/test_named_hops.py::test_the_hop_with_the_smallest_mtu_is_named",
        "page",
        constants={
            "network.trail.JUMBO": 9001,
            "network.trail.TRANSIT_MTU": 8500,
            "network.trail.INTERNET_MTU": 1500,
            "preflight.frames.VPC_MTU": 9001,
            "preflight.frames.GATEWAY_MTU": 8500,
            "why.named_hops.JUMBO": 9001,
        },
    ),
    Row(
        "The last entry of a network ACL, which denies, is number 32767",
        "https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html",
        "tests/network/test_alike.py::test_an_acl_that_is_remembered_says_the_same",
        "inferred",
        constants={"network.acls.LAST": 32767},
    ),
    Row(
        "An attachment in appliance mode keeps a flow in one zone, both ways; out of another each way comes in its "
        "sender's zone",
        "https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-appliance-scenario.html",
        "tests/lab/topologies/test_appliances.py::test_in_appliance_mode_both_ways_of_a_flow_meet_one_firewall",
        "page",
    ),
    Row(
        "A NAT gateway counts in ErrorPortAllocation how often it had no port for a connection",
        "https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html",
        "tests/why/test_conclusions.py::test_what_a_nat_gateway_counts_stands_beside_what_records_say",
        "page",
    ),
    Row(
        "A filter of a describe takes 200 values",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html",
        f"{_STRICT}::test_pages_and_filters_that_ec2_does_not_take",
        "page",
        constants={"survey.call.MOST_VALUES": 200},
    ),
    Row(
        "A security group rule's description has 255 characters at most, which is less than any other has",
        f"{_EC2}/API_IpRange.html",
        "tests/cleanup/test_birthmark.py::test_every_mark_is_one_that_ec2_takes",
        "page",
        constants={"cleanup.birthmark.MOST": 255},
    ),
    Row(
        "Flow log records come after an interval of a minute or ten, and some minutes more (CloudWatch Logs 5, S3 10, "
        "Firehose longer), best effort; a file of S3 holds five minutes",
        "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",
        "tests/flowlogs/test_queries.py::test_gaps_are_told_and_so_is_what_can_not_have_come_yet",
        "page",
        constants={
            "flowlogs.delivery.NITRO": 60,
            "flowlogs.objects.FILE": 300,
            "flowlogs.objects._SLACK": 300,
            "flowlogs.delivered._LATE": 7200,
            "why.from_records.SETTLED": 1200,
        },
    ),
    Row(
        "A security group can be told to track an idle TCP connection for 60 seconds at least, a UDP one for 30; what "
        "it does not track any more is no answer to it",
        f"{_EC2}/API_ConnectionTrackingConfiguration.html",
        "tests/flowlogs/test_records.py::"
        "test_a_security_group_surely_lets_an_answer_through_only_while_it_tracks_what_was_accepted",
        "page",
        constants={"flowlogs.replies._TCP_TRACKED": 60, "flowlogs.replies._TRACKED": 30},
    ),
    Row(
        "A query of Logs Insights returns 10,000 rows at most",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Limit.html",
        "tests/flowlogs/test_queries.py::test_a_query_of_insights_parses_by_the_log_format_and_asks_for_both_addresses",
        "page",
        constants={"flowlogs.insights.MOST": 10_000},
    ),
    Row(
        "A stack that is not there is a ValidationError of DescribeStacks; how a stack's making and deletion end",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html",
        "tests/lab/api/test_moto_stacks.py::test_a_resource_has_the_properties_that_the_template_says",
        "page",
        ("CREATE_COMPLETE", "DELETE_FAILED"),
    ),
    Row(
        "A stack without a service role is deleted with the rights of whoever calls DeleteStack",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html",
        "tests/lab/api/test_moto_stacks.py::test_what_a_schedule_has_is_done_at_its_time_by_its_role",
        "page",
    ),
    Row(
        "So a schedule of the stack may delete it, its own role last: a session whose role is being deleted may still "
        "delete it. Else a role stays that costs nothing and may do nothing, and selftest --clean deletes it",
        "none",
        "tests/lab/api/test_moto_stacks.py::test_what_a_schedule_has_is_done_at_its_time_by_its_role",
        "inferred",
    ),
)


def page() -> str:
    """docs/truth.md."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    yield "<!-- Written by docs/truth.py: change the table there. -->\n# What is relied on\n\n"
    yield (
        "The product was made against AWS's documentation, botocore's service models and other people's reports, with\n"
        "an embedded lab in AWS's place. Each row is a behaviour that the code hangs on: its source, the test that\n"
        "fails when the lab breaks it, how sure it is, and when it was seen on AWS; `inferred`: nobody says so.\n"
    )
    counts = ", ".join(f"{sum(row.sure == kind for row in ROWS)} {kind}" for kind in SURE)
    yield f"\n{len(ROWS)} rows: {counts}; seen on AWS: {sum(row.seen != 'never' for row in ROWS)}.\n\n"
    yield "| behaviour | code branches on | source | test | how sure | seen on AWS |\n"
    yield "| --- | --- | --- | --- | --- | --- |\n"
    for row in ROWS:
        words = [f"`{name}`".replace("|", "\\|") for name in row.names]
        words += [f"`{name.rpartition('.')[2]}` = {value:g}" for name, value in row.constants.items()]
        said = f"{row.behaviour}. **The words are ours and the lab's alone.**" if row.shared else f"{row.behaviour}."
        yield f"| {said} | {', '.join(words)} | {row.source} | `{row.test}` | {row.sure} | {row.seen} |\n"


def main() -> None:
    """Write the page."""
    FILE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
