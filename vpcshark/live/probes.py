"""Rows of docs/truth.md beside AWS: what is asked for each, and what the product relies on to be answered.

Whatever is made bears the trial's tag; ``sweep`` removes it. Must not know how an answer is shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from vpcshark.aws import kinds
from vpcshark.aws.errors import is_gone, is_in_use, is_target_already, mapped
from vpcshark.errors import AwsError, VpcsharkError
from vpcshark.live.ground import ACCEPTED, PAUSE, SETTLING, TAG, Ground, code_of, until
from vpcshark.live.record import Compared

_UNKNOWN = "0123456789abcdef0"
_NUMBERS = itertools.count(101)  # of sessions
Passing = Callable[[AwsError], bool]


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


class Mirroring:
    """The mirror resources of one probe. AWS knows what was made, and forgets what was deleted, some seconds later: so
    whatever is told by that alone is asked again, and each is deleted by its id."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._made: list[tuple[str, str]] = []  # (kind, id)

    def target(self, **of: str) -> str:
        """The id of one. AwsError. What the probe before had on that interface may still count."""
        return self._needed("target", is_target_already, **of)

    def filter(self, **more: str) -> str:
        """The id of one. AwsError."""
        return self._needed("filter", None, **more)

    def another(self, kind: str, **parameters: str) -> str:
        """The code of one more target or filter."""
        return self._make(kind, None, **parameters)

    def session(self, target: str, chosen: str, **more: Any) -> str:
        """The code of one from the trial's source."""
        parts = {"TrafficMirrorTargetId": target, "TrafficMirrorFilterId": chosen, "SessionNumber": next(_NUMBERS)}
        return self._make("session", is_gone, NetworkInterfaceId=self.ground.eni("SourceId"), **{**parts, **more})

    def rule(self, chosen: str, number: int) -> str:
        """The code of one rule more."""
        rule = {
            "TrafficMirrorFilterId": chosen,
            "TrafficDirection": "ingress",
            "RuleNumber": number,
            "RuleAction": "accept",
            "DestinationCidrBlock": "192.0.2.0/24",
            "SourceCidrBlock": f"198.51.100.{number}/32",
        }
        return self._settled(lambda: self.ground.ec2.create_traffic_mirror_filter_rule(**rule), is_gone)

    def close(self) -> None:
        """Delete all of it. AwsError; VpcsharkError where AWS takes no delete for a minute."""
        for kind in kinds.MIRRORING:
            for identity in dict.fromkeys(each for of, each in self._made if of == kind):
                what = f"the end of the {kind} {identity}"
                until(partial(self._is_deleted, kind, identity), what, SETTLING, self.ground.clock)

    def _is_deleted(self, kind: str, identity: str) -> bool:
        try:
            return kinds.delete(self.ground.ec2, kind, identity)
        except AwsError as error:
            if not is_in_use(error):
                raise
            return False

    def _needed(self, kind: str, is_passing: Passing | None, **parameters: str) -> str:
        code = self._make(kind, is_passing, **parameters)
        if code != ACCEPTED:
            raise AwsError(f"A mirror {kind} could not be made: {code}.")
        return self._made[-1][1]

    def _make(self, kind: str, is_passing: Passing | None, **parameters: Any) -> str:
        name, tags = f"TrafficMirror{kind.title()}", [{"Key": TAG, "Value": self.ground.name}]
        specified = [{"ResourceType": f"traffic-mirror-{kind}", "Tags": tags}]
        create = getattr(self.ground.ec2, f"create_traffic_mirror_{kind}")

        def call() -> None:
            made = create(**parameters, TagSpecifications=specified)[name]
            self._made.append((kind, str(made[f"{name}Id"])))

        return self._settled(call, is_passing)

    def _settled(self, call: Callable[[], object], is_passing: Passing | None) -> str:
        clock = self.ground.clock
        end = clock.monotonic() + SETTLING
        while True:
            code = code_of(call)
            if is_passing is None or not is_passing(AwsError(code, code=code)) or clock.monotonic() > end:
                return code
            clock.sleep(PAUSE)


def _second_target(own: Mirroring) -> str:
    eni = own.ground.eni("PeerId")
    own.target(NetworkInterfaceId=eni)
    return own.another("target", NetworkInterfaceId=eni)


def _second_target_of_balancer(own: Mirroring) -> str:
    arn = own.ground.made["BalancerArn"]
    own.target(NetworkLoadBalancerArn=arn)
    return own.another("target", NetworkLoadBalancerArn=arn)


def _peer(own: Mirroring) -> tuple[str, str]:
    """A target on the trial's second instance, and a filter."""
    return own.target(NetworkInterfaceId=own.ground.eni("PeerId")), own.filter()


def _fourth_session(own: Mirroring) -> str:
    target, chosen = _peer(own)
    return " ".join(own.session(target, chosen) for _ in range(4))


def _taken_number(own: Mirroring) -> str:
    target, chosen = _peer(own)
    return " ".join(own.session(target, chosen, SessionNumber=77) for _ in range(2))


def _filter_in_use(own: Mirroring) -> str:
    target, chosen = _peer(own)
    own.session(target, chosen)
    return code_of(lambda: own.ground.ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=chosen))


def _short_packets(own: Mirroring) -> str:
    return own.session(*_peer(own), PacketLength=34)


def _eleventh_rule(own: Mirroring) -> str:
    chosen = own.filter()
    return " ".join(own.rule(chosen, number) for number in range(1, 12))


def _same_token(own: Mirroring) -> str:
    token = f"{own.ground.name}-token"
    ids = {own.filter(ClientToken=token) for _ in range(2)}
    return f"{len(ids)} made, {own.another('filter', ClientToken=token, Description='another')}"


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


def _of_mirroring(observe: Callable[[Mirroring], str]) -> Callable[[Ground], str]:
    """Nothing of one probe is in the next one's way."""

    def alone(ground: Ground) -> str:
        own = Mirroring(ground)
        try:
            return observe(own)
        finally:
            own.close()

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
