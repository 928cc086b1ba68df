"""Mirror targets and sessions, as EC2 keeps them, and the sessions in force as the data plane wants them."""

from __future__ import annotations

import secrets
from typing import Any

from vpcshark.lab.api import ids
from vpcshark.lab.api.checks import changed_by, check_session
from vpcshark.lab.api.filters import rules_of
from vpcshark.lab.api.state import (
    ApiError,
    Params,
    Record,
    State,
    check_tag_specifications,
    find,
    new_id,
    tag_at_creation,
)
from vpcshark.lab.api.switches import SWITCHES
from vpcshark.lab.model import LabRule, LabSession

SOURCES_PER_TARGET = 10
SOURCES_PER_LARGE_TARGET = 100
_LARGE = {"m5.24xlarge", "m6i.32xlarge", "m7i.48xlarge"}  # some of those that the guide lists under "Sources"
_TARGET_TYPES = {
    "NetworkInterfaceId": "network-interface",
    "NetworkLoadBalancerArn": "network-load-balancer",
    "GatewayLoadBalancerEndpointId": "gateway-load-balancer-endpoint",
}
_SESSION_FIELDS = (
    "TrafficMirrorTargetId",
    "TrafficMirrorFilterId",
    "PacketLength",
    "SessionNumber",
    "VirtualNetworkId",
    "Description",
)
_REMOVABLE = {"packet-length": "PacketLength", "description": "Description", "virtual-network-id": "VirtualNetworkId"}


def create_target(state: State, params: Params) -> Record:
    """A target: an ENI or a load balancer."""
    check_tag_specifications(params, "tmt")
    given = [name for name in _TARGET_TYPES if params.get(name)]
    if len(given) != 1:
        code = "InvalidParameterCombination" if given else "MissingParameter"
        raise ApiError(code, f"The request must contain exactly one of {', '.join(_TARGET_TYPES)}.")
    _TARGET_CHECKS[given[0]](state, params[given[0]])
    record: Record = {
        "TrafficMirrorTargetId": new_id("tmt"),
        given[0]: params[given[0]],
        "Type": _TARGET_TYPES[given[0]],
        "Description": params.get("Description") or "",
        "OwnerId": state.vpc.account,
    }
    state.keep(state.targets, record)
    tag_at_creation(state, params, record["TrafficMirrorTargetId"])
    return {"TrafficMirrorTarget": state.described(record)}


def delete_target(state: State, params: Params) -> Record:
    """A target that a session uses stays. The exception's odd name is EC2's own."""
    target_id = params["TrafficMirrorTargetId"]
    find(state.targets, "tmt", target_id)
    users = [s for s, session in state.sessions.items() if session["TrafficMirrorTargetId"] == target_id]
    if users:
        raise ApiError(
            "TrafficMirrorTargetInUseException", f"Traffic mirror target {target_id} is in use by {', '.join(users)}."
        )
    state.drop(state.targets, target_id)
    return {"TrafficMirrorTargetId": target_id}


def create_session(state: State, params: Params) -> Record:
    """A session: from here on the source's frames go to the target."""
    check_tag_specifications(params, "tms")
    _check_eni_exists(state, params["NetworkInterfaceId"])
    record: Record = {
        "TrafficMirrorSessionId": new_id("tms"),
        "NetworkInterfaceId": params["NetworkInterfaceId"],
        "OwnerId": state.vpc.account,
        **{name: params[name] for name in _SESSION_FIELDS if params.get(name) is not None},
    }
    _complete_and_check(state, record)
    state.keep(state.sessions, record)
    tag_at_creation(state, params, record["TrafficMirrorSessionId"])
    return {"TrafficMirrorSession": state.described(record)}


def modify_session(state: State, params: Params) -> Record:
    """Change fields of a session, or remove those that can be absent."""
    record = find(state.sessions, "tms", params["TrafficMirrorSessionId"])
    changed = changed_by(params, record, _SESSION_FIELDS, _REMOVABLE)
    _complete_and_check(state, changed)
    record.clear()
    record.update(changed)
    return {"TrafficMirrorSession": state.described(record)}


def delete_session(state: State, params: Params) -> Record:
    """Delete a session: the mirroring stops."""
    session_id = params["TrafficMirrorSessionId"]
    find(state.sessions, "tms", session_id)
    state.drop(state.sessions, session_id)
    return {"TrafficMirrorSessionId": session_id}


def in_force(state: State) -> list[LabSession]:
    """The sessions that mirror now."""
    state.prune()
    pairs = [(session, state.targets[session["TrafficMirrorTargetId"]]) for session in state.sessions.values()]
    return [_lab_session(state, session, target) for session, target in pairs]


def _complete_and_check(state: State, session: Record) -> None:
    target = find(state.targets, "tmt", session["TrafficMirrorTargetId"])
    find(state.filters, "tmf", session["TrafficMirrorFilterId"])
    check_session(session, is_load_balancer=target["Type"] == "network-load-balancer")
    _check_source(state, session)
    _check_others(state, session)
    if target["Type"] == "network-load-balancer":
        session.setdefault("PacketLength", 8500)
    session.setdefault("VirtualNetworkId", _free_vni(state))


def _check_eni_is_free(state: State, eni_id: str) -> None:
    """EC2's error codes: "An interface can only be associated with a session, or with a target, but not both. If the
    interface is associated with a target, it cannot be associated with another target."
    """
    _check_eni_exists(state, eni_id)
    _check_is_no_target(state, eni_id)
    mirrored = [s for s, session in state.sessions.items() if session["NetworkInterfaceId"] == eni_id]
    if mirrored:
        raise ApiError(
            "InterfaceInUseByTrafficMirrorSession",
            f"Network interface {eni_id} is in use by traffic mirror session {mirrored[0]}.",
        )


def _check_is_no_target(state: State, eni_id: str) -> None:
    holder = _target_of(state, "NetworkInterfaceId", eni_id)
    if holder:
        raise ApiError(
            "InterfaceInUseByTrafficMirrorTarget",
            f"Network interface {eni_id} is in use by traffic mirror target {holder}.",
        )


def _check_balancer_is_free(state: State, arn: str) -> None:
    ids.check_balancer(arn)
    if not state.vpc.has_balancer(arn):
        raise ApiError("NetworkLoadBalancerNotFoundException", f"The Network Load Balancer {arn} does not exist.")
    holder = _target_of(state, "NetworkLoadBalancerArn", arn)
    if holder:
        raise ApiError("NlbInUseByTrafficMirrorTargetException", f"{arn} is in use by traffic mirror target {holder}.")


def _check_endpoint_exists(state: State, endpoint: str) -> None:
    if not state.vpc.has_endpoint(endpoint):
        raise ApiError("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{endpoint}' does not exist")


def _target_of(state: State, name: str, resource: str) -> str:
    """The id of the target that it is; "" if it is none."""
    return next((t for t, target in state.targets.items() if target.get(name) == resource), "")


_TARGET_CHECKS = {
    "NetworkInterfaceId": _check_eni_is_free,
    "NetworkLoadBalancerArn": _check_balancer_is_free,
    "GatewayLoadBalancerEndpointId": _check_endpoint_exists,
}


def _check_source(state: State, session: Record) -> None:
    source = session["NetworkInterfaceId"]
    _check_is_no_target(state, source)
    problem = state.vpc.eni_problem(source)
    if problem:
        raise ApiError("NetworkInterfaceNotSupported", f"Network interface {source} cannot be mirrored: {problem}")


def _check_others(state: State, session: Record) -> None:
    others = [
        other
        for other in state.sessions.values()
        if other["TrafficMirrorSessionId"] != session["TrafficMirrorSessionId"]
    ]
    source, number = session["NetworkInterfaceId"], session["SessionNumber"]
    of_source = [other for other in others if other["NetworkInterfaceId"] == source]
    if any(other["SessionNumber"] == number for other in of_source):
        raise ApiError(
            "InvalidParameterValue", f"Session number {number} is already being used for network interface {source}."
        )
    if len(of_source) >= SWITCHES.sessions_per_source:
        raise ApiError(
            "TrafficMirrorSessionsPerInterfaceLimitExceeded",
            f"Network interface {source} already has {len(of_source)} traffic mirror sessions, the maximum.",
        )
    target = session["TrafficMirrorTargetId"]
    sources = {other["NetworkInterfaceId"] for other in others if other["TrafficMirrorTargetId"] == target}
    most = _most_sources(state, state.targets[target])
    if len(sources | {source}) > most:
        raise ApiError(
            "TrafficMirrorSourcesPerTargetLimitExceeded",
            f"Traffic mirror target {target} already has {most} sources, the maximum.",
        )


def _most_sources(state: State, target: Record) -> float:
    if target["Type"] != "network-interface":
        return float("inf")
    is_large = state.vpc.instance_type(target["NetworkInterfaceId"]) in _LARGE
    return SOURCES_PER_LARGE_TARGET if is_large else SOURCES_PER_TARGET


def _check_eni_exists(state: State, eni_id: str) -> None:
    if state.vpc.eni_problem(eni_id) is None:
        raise ApiError("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{eni_id}' does not exist")


def _free_vni(state: State) -> int:
    """EC2: "an account-wide unique ID is chosen at random"."""
    taken = {session["VirtualNetworkId"] for session in state.sessions.values()}
    while (vni := secrets.randbelow(2**24 - 1) + 1) in taken:
        pass
    return vni


def _lab_session(state: State, session: Record, target: Record) -> LabSession:
    mirror_filter = state.filters[session["TrafficMirrorFilterId"]]
    return LabSession(
        id=session["TrafficMirrorSessionId"],
        number=session["SessionNumber"],
        vni=session["VirtualNetworkId"],
        source=session["NetworkInterfaceId"],
        target=target.get("NetworkInterfaceId", ""),
        behind=_behind(state, target),
        endpoint=target.get("GatewayLoadBalancerEndpointId", ""),
        packet_length=session.get("PacketLength"),
        amazon_dns="amazon-dns" in mirror_filter["NetworkServices"],
        rules=tuple(_lab_rule(rule) for rule in rules_of(state, session["TrafficMirrorFilterId"])),
        resolver=state.vpc.resolver(session["NetworkInterfaceId"]),
    )


def _behind(state: State, target: Record) -> tuple[str, ...]:
    if target.get("NetworkLoadBalancerArn"):
        return state.vpc.behind_balancer(target["NetworkLoadBalancerArn"])
    if target.get("GatewayLoadBalancerEndpointId"):
        return state.vpc.behind_endpoint(target["GatewayLoadBalancerEndpointId"])
    return ()


def _lab_rule(rule: Record) -> LabRule:
    return LabRule(
        number=rule["RuleNumber"],
        direction=rule["TrafficDirection"],
        action=rule["RuleAction"],
        source_cidr=rule["SourceCidrBlock"],
        destination_cidr=rule["DestinationCidrBlock"],
        protocol=rule.get("Protocol"),
        source_ports=_ports(rule.get("SourcePortRange")),
        destination_ports=_ports(rule.get("DestinationPortRange")),
    )


def _ports(ports: dict[str, Any] | None) -> tuple[int, int] | None:
    return (ports["FromPort"], ports["ToPort"]) if ports else None
