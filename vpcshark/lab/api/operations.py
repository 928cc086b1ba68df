"""All operations of Traffic Mirroring and Reachability Analyzer by EC2's names: required parameters, DryRun and
ClientToken come before each.

Must not know moto or HTTP.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from vpcshark.lab.api import describe, filters, insights, sessions
from vpcshark.lab.api.state import ApiError, Params, Record, State
from vpcshark.lab.api.switches import SWITCHES

_NOT_THE_REQUEST = ("ClientToken", "DryRun")


@dataclass(frozen=True)
class Operation:
    """What an operation does, and the parameters that it cannot do without."""

    perform: Callable[[State, Params], Record]
    required: tuple[str, ...] = ()


_RULE = ("TrafficMirrorFilterId", "TrafficDirection", "RuleNumber", "RuleAction")
_CIDRS = ("DestinationCidrBlock", "SourceCidrBlock")
_SESSION = ("NetworkInterfaceId", "TrafficMirrorTargetId", "TrafficMirrorFilterId", "SessionNumber")

OPERATIONS = {
    "CreateTrafficMirrorFilter": Operation(filters.create_filter),
    "CreateTrafficMirrorFilterRule": Operation(filters.create_rule, (*_RULE, *_CIDRS)),
    "CreateTrafficMirrorSession": Operation(sessions.create_session, _SESSION),
    "CreateTrafficMirrorTarget": Operation(sessions.create_target),
    "DeleteTrafficMirrorFilter": Operation(filters.delete_filter, ("TrafficMirrorFilterId",)),
    "DeleteTrafficMirrorFilterRule": Operation(filters.delete_rule, ("TrafficMirrorFilterRuleId",)),
    "DeleteTrafficMirrorSession": Operation(sessions.delete_session, ("TrafficMirrorSessionId",)),
    "DeleteTrafficMirrorTarget": Operation(sessions.delete_target, ("TrafficMirrorTargetId",)),
    "DescribeTrafficMirrorFilterRules": Operation(describe.describe_rules),
    "DescribeTrafficMirrorFilters": Operation(describe.describe_filters),
    "DescribeTrafficMirrorSessions": Operation(describe.describe_sessions),
    "DescribeTrafficMirrorTargets": Operation(describe.describe_targets),
    "ModifyTrafficMirrorFilterNetworkServices": Operation(filters.modify_network_services, ("TrafficMirrorFilterId",)),
    "ModifyTrafficMirrorFilterRule": Operation(filters.modify_rule, ("TrafficMirrorFilterRuleId",)),
    "ModifyTrafficMirrorSession": Operation(sessions.modify_session, ("TrafficMirrorSessionId",)),
    "CreateNetworkInsightsPath": Operation(insights.create_path, ("Source", "Protocol")),
    "DeleteNetworkInsightsAnalysis": Operation(insights.delete_analysis, ("NetworkInsightsAnalysisId",)),
    "DeleteNetworkInsightsPath": Operation(insights.delete_path, ("NetworkInsightsPathId",)),
    "DescribeNetworkInsightsAnalyses": Operation(insights.describe_analyses),
    "DescribeNetworkInsightsPaths": Operation(insights.describe_paths),
    "StartNetworkInsightsAnalysis": Operation(insights.start_analysis, ("NetworkInsightsPathId",)),
}


def perform(state: State, action: str, params: Params) -> Record:
    """Answer one request, or raise ``ApiError``. DryRun never acts."""
    operation = OPERATIONS[action]
    for name in operation.required:
        if params.get(name) in (None, ""):
            raise ApiError("MissingParameter", f"The request must contain the parameter {name}")
    state.prune()
    if params.get("DryRun"):
        if SWITCHES.dry_run_validates:
            operation.perform(state.imagined(), params)
        raise ApiError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
    token = params.get("ClientToken")
    if not token:
        return operation.perform(state, params)
    return {**_once(state, action, token, operation, params), "ClientToken": token}


def _once(state: State, action: str, token: str, operation: Operation, params: Params) -> Record:
    """EC2's idempotency: the same token and parameters give the same answer, other parameters are an error."""
    request = {name: value for name, value in params.items() if name not in _NOT_THE_REQUEST}
    if (action, token) in state.answers:
        first, answer = state.answers[action, token]
        if first != request:
            raise ApiError(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request.",
            )
        return copy.deepcopy(answer)
    answer = operation.perform(state, params)
    state.answers[action, token] = (request, copy.deepcopy(answer))
    return answer
