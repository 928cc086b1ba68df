"""Rows of docs/truth.md beside AWS: what is asked for each, and what the product relies on to be answered.

Whatever is made bears the trial's tag; ``sweep`` removes it. Must not know how an answer is shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vpcshark.aws.errors import mapped
from vpcshark.errors import VpcsharkError
from vpcshark.live.ground import TAG, Ground, code_of
from vpcshark.live.record import Compared

_UNKNOWN = "0123456789abcdef0"
_NUMBERS = itertools.count(101)  # of sessions


@dataclass(frozen=True)
class Probe:
    """``row`` is how the row begins, ``expected`` a pattern of what ``observe`` returns."""

    row: str
    expected: str
    observe: Callable[[Ground], str]


def compared(ground: Ground) -> Iterator[Compared]:
    """Each probe in turn; what went wrong on the way is what was seen."""
    for probe in PROBES:
        try:
            seen = probe.observe(ground)
        except VpcsharkError as error:
            seen = f"no answer: {error}"
        yield Compared(probe.row, probe.expected, seen)


def _tagged(ground: Ground, kind: str) -> dict[str, Any]:
    tags = [{"Key": TAG, "Value": ground.name}]
    return {"TagSpecifications": [{"ResourceType": f"traffic-mirror-{kind}", "Tags": tags}]}


def _target(ground: Ground, **of: str) -> str:
    with mapped("create a mirror target"):
        made = ground.ec2.create_traffic_mirror_target(**of, **_tagged(ground, "target"))
    return str(made["TrafficMirrorTarget"]["TrafficMirrorTargetId"])


def _filter(ground: Ground) -> str:
    with mapped("create a mirror filter"):
        made = ground.ec2.create_traffic_mirror_filter(**_tagged(ground, "filter"))
    return str(made["TrafficMirrorFilter"]["TrafficMirrorFilterId"])


def _session(ground: Ground, source: str, target: str, chosen: str, **more: Any) -> str:
    return code_of(
        lambda: ground.ec2.create_traffic_mirror_session(
            NetworkInterfaceId=source,
            TrafficMirrorTargetId=target,
            TrafficMirrorFilterId=chosen,
            **{"SessionNumber": next(_NUMBERS), **more},
            **_tagged(ground, "session"),
        )
    )


def _clear(ground: Ground) -> None:
    """Nothing of one probe is in the next one's way."""
    from vpcshark.live import sweep

    sweep.mirroring(ground.account, ground.name)


def _second_target(ground: Ground) -> str:
    eni = ground.eni("PeerId")
    _target(ground, NetworkInterfaceId=eni)
    return code_of(lambda: ground.ec2.create_traffic_mirror_target(NetworkInterfaceId=eni, **_tagged(ground, "target")))


def _second_target_of_balancer(ground: Ground) -> str:
    arn = ground.made["BalancerArn"]
    _target(ground, NetworkLoadBalancerArn=arn)
    return code_of(
        lambda: ground.ec2.create_traffic_mirror_target(NetworkLoadBalancerArn=arn, **_tagged(ground, "target"))
    )


def _fourth_session(ground: Ground) -> str:
    source, target = ground.eni("SourceId"), _target(ground, NetworkInterfaceId=ground.eni("PeerId"))
    chosen = _filter(ground)
    answers = [_session(ground, source, target, chosen) for _ in range(4)]
    return " ".join(answers)


def _taken_number(ground: Ground) -> str:
    source, target = ground.eni("SourceId"), _target(ground, NetworkInterfaceId=ground.eni("PeerId"))
    chosen = _filter(ground)
    return " ".join(_session(ground, source, target, chosen, SessionNumber=77) for _ in range(2))


def _filter_in_use(ground: Ground) -> str:
    source, target = ground.eni("SourceId"), _target(ground, NetworkInterfaceId=ground.eni("PeerId"))
    chosen = _filter(ground)
    _session(ground, source, target, chosen)
    return code_of(lambda: ground.ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=chosen))


def _short_packets(ground: Ground) -> str:
    source, target = ground.eni("SourceId"), _target(ground, NetworkInterfaceId=ground.eni("PeerId"))
    return _session(ground, source, target, _filter(ground), PacketLength=34)


def _eleventh_rule(ground: Ground) -> str:
    chosen = _filter(ground)

    def rule(number: int) -> object:
        return ground.ec2.create_traffic_mirror_filter_rule(
            TrafficMirrorFilterId=chosen,
            TrafficDirection="ingress",
            RuleNumber=number,
            RuleAction="accept",
            DestinationCidrBlock="192.0.2.0/24",
            SourceCidrBlock=f"198.51.100.{number}/32",
        )

    return " ".join(code_of(lambda number=number: rule(number)) for number in range(1, 12))  # type: ignore[misc]


def _same_token(ground: Ground) -> str:
    token = f"{ground.name}-token"

    def make(**more: Any) -> Mapping[str, Any]:
        made: Mapping[str, Any] = ground.ec2.create_traffic_mirror_filter(
            ClientToken=token, **more, **_tagged(ground, "filter")
        )
        return made

    with mapped("create a mirror filter twice"):
        ids = {make()["TrafficMirrorFilter"]["TrafficMirrorFilterId"] for _ in range(2)}
    return f"{len(ids)} made, {code_of(lambda: make(Description='another'))}"


def _states_of_instances(ground: Ground) -> str:
    names = ("SourceId", "PeerId", "HostId", "FleetHostId")
    return " ".join(sorted({str(ground.instance(name)["State"]["Name"]) for name in names}))


def _attachments(ground: Ground) -> str:
    eni = ground.instance("SourceId")["NetworkInterfaces"][0]
    return str(eni["Attachment"]["Status"])


def _endpoint_state(ground: Ground) -> str:
    with mapped("describe the Instance Connect Endpoint"):
        found = ground.ec2.describe_instance_connect_endpoints(InstanceConnectEndpointIds=[ground.made["EndpointId"]])
    return str(found["InstanceConnectEndpoints"][0]["State"])


def _balancer_states(ground: Ground) -> str:
    elb = ground.account.client("elbv2")
    with mapped("describe the load balancer", service="elasticloadbalancing"):
        found = elb.describe_load_balancers(LoadBalancerArns=[ground.made["BalancerArn"]])["LoadBalancers"]
        health = elb.describe_target_health(TargetGroupArn=ground.made["TargetGroupArn"])["TargetHealthDescriptions"]
    return " ".join(sorted({found[0]["State"]["Code"], *(one["TargetHealth"]["State"] for one in health)}))


def _flow_log_states(ground: Ground) -> str:
    with mapped("describe the flow log"):
        found = ground.ec2.describe_flow_logs(FlowLogIds=[ground.made["FlowLogId"]])["FlowLogs"][0]
    return f"{found['FlowLogStatus']} {found.get('DeliverLogsStatus', 'SUCCESS')}"


def _online(ground: Ground) -> str:
    wanted = [{"Key": "InstanceIds", "Values": [ground.made["HostId"]]}]
    with mapped("list the instances of Systems Manager", service="ssm"):
        found = ground.account.client("ssm").describe_instance_information(Filters=wanted)
    return " ".join(one["PingStatus"] for one in found["InstanceInformationList"])


def _named(service: str, call: str, **parameters: Any) -> Callable[[Ground], str]:
    """The code of one call."""
    return lambda ground: code_of(lambda: getattr(ground.account.client(service), call)(**parameters))


def _of_mirroring(observe: Callable[[Ground], str]) -> Callable[[Ground], str]:
    """With nothing of Traffic Mirroring there before and after."""

    def alone(ground: Ground) -> str:
        _clear(ground)
        try:
            return observe(ground)
        finally:
            _clear(ground)

    return alone


PROBES: tuple[Probe, ...] = (
    Probe(
        "An interface is one mirror target at most",
        "InterfaceInUseByTrafficMirrorTarget",
        _of_mirroring(_second_target),
    ),
    Probe(
        "A Network Load Balancer is one mirror target at most",
        "NlbInUseByTrafficMirrorTargetException",
        _of_mirroring(_second_target_of_balancer),
    ),
    Probe(
        "What is not there is told by one of two families",
        r"InvalidTrafficMirrorFilter(Id)?\.?No(t)?Found",
        _named("ec2", "delete_traffic_mirror_filter", TrafficMirrorFilterId=f"tmf-{_UNKNOWN}"),
    ),
    Probe(
        "A malformed id of Traffic Mirroring is told",
        r"InvalidTrafficMirrorFilter(Id)?\.?Malformed",
        _named("ec2", "describe_traffic_mirror_filters", TrafficMirrorFilterIds=["tmf-none"]),
    ),
    Probe(
        "A filter or target that a session uses is not deleted",
        r"TrafficMirrorFilterInUse(Exception)?",
        _of_mirroring(_filter_in_use),
    ),
    Probe("A session number that another session", r"accepted (?!accepted).+", _of_mirroring(_taken_number)),
    Probe(
        "Three sessions for each source",
        r"(accepted ){3}TrafficMirrorSessionsPerInterfaceLimitExceeded",
        _of_mirroring(_fourth_session),
    ),
    Probe(
        "Ten rules for each filter",
        r"(accepted ){10}TrafficMirrorFilterRuleLimitExceeded",
        _of_mirroring(_eleventh_rule),
    ),
    Probe("A mirrored packet is cut to 35 bytes", r"InvalidParameter\w*", _of_mirroring(_short_packets)),
    Probe("A ClientToken stands for one request", "1 made, IdempotentParameterMismatch", _of_mirroring(_same_token)),
    Probe(
        "An instance that is not there",
        r"InvalidInstanceID\.NotFound",
        _named("ec2", "describe_instances", InstanceIds=[f"i-{_UNKNOWN}"]),
    ),
    Probe(
        "A parameter that is wrong, missing",
        r"InvalidParameter\w*",
        _named("ec2", "describe_instances", Filters=[{"Name": "no-such-filter", "Values": ["x"]}]),
    ),
    Probe(
        "DryRun is answered by DryRunOperation",
        "DryRunOperation",
        _named("ec2", "create_traffic_mirror_filter", DryRun=True),
    ),
    Probe("An instance is pending, running", "running", _states_of_instances),
    Probe("Attachments and associations", "attached", _attachments),
    Probe("A peering that waits to be accepted", "create-complete|update-complete", _endpoint_state),
    Probe("A load balancer's state", "active healthy", _balancer_states),
    Probe("A flow log that is active", "ACTIVE SUCCESS", _flow_log_states),
    Probe("Session Manager: who is online", "Online", _online),
    Probe(
        "Load balancers and target groups that are not there",
        "LoadBalancerNotFound",
        _named("elbv2", "describe_load_balancers", Names=["vpcshark-no-such-balancer"]),
    ),
    Probe(
        "CloudWatch Logs: a group that is gone",
        "ResourceNotFoundException",
        _named("logs", "describe_log_streams", logGroupName="/vpcshark/no-such-group"),
    ),
)
