"""Mirror filters, their rules and their network services, as EC2 keeps them."""

from __future__ import annotations

from vpcshark.lab.api.checks import changed_by, check_rule, one_of
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

RULES_PER_FILTER = 10  # Traffic Mirroring guide, "Quotas"; not adjustable
_RULE_FIELDS = (
    "TrafficDirection",
    "RuleNumber",
    "RuleAction",
    "Protocol",
    "DestinationPortRange",
    "SourcePortRange",
    "DestinationCidrBlock",
    "SourceCidrBlock",
    "Description",
)
_REMOVABLE = {
    "destination-port-range": "DestinationPortRange",
    "source-port-range": "SourcePortRange",
    "protocol": "Protocol",
    "description": "Description",
}


def create_filter(state: State, params: Params) -> Record:
    """A filter without rules: it mirrors nothing yet."""
    check_tag_specifications(params, "tmf")
    record: Record = {
        "TrafficMirrorFilterId": new_id("tmf"),
        "NetworkServices": [],
        "Description": params.get("Description") or "",
    }
    state.keep(state.filters, record)
    tag_at_creation(state, params, record["TrafficMirrorFilterId"])
    return {"TrafficMirrorFilter": described_filter(state, record)}


def described_filter(state: State, record: Record) -> Record:
    """The filter with its rules, in the two lists that EC2 gives."""
    rules = sorted(rules_of(state, record["TrafficMirrorFilterId"]), key=lambda rule: int(rule["RuleNumber"]))
    by_direction = {
        name: [state.described(rule) for rule in rules if rule["TrafficDirection"] == direction]
        for name, direction in (("IngressFilterRules", "ingress"), ("EgressFilterRules", "egress"))
    }
    return {**state.described(record), **by_direction}


def rules_of(state: State, filter_id: str) -> list[Record]:
    """The rules of one filter."""
    return [rule for rule in state.rules.values() if rule["TrafficMirrorFilterId"] == filter_id]


def delete_filter(state: State, params: Params) -> Record:
    """The rules go with it. A filter that a session uses stays."""
    filter_id = params["TrafficMirrorFilterId"]
    last = described_filter(state, find(state.filters, "tmf", filter_id))
    users = [s for s, session in state.sessions.items() if session["TrafficMirrorFilterId"] == filter_id]
    if users:
        raise ApiError("TrafficMirrorFilterInUse", f"Filter {filter_id} is in use by {', '.join(users)}.")
    for rule in rules_of(state, filter_id):
        _forget_rule(state, rule)
    state.drop(state.filters, filter_id, last)
    return {"TrafficMirrorFilterId": filter_id}


def modify_network_services(state: State, params: Params) -> Record:
    """Add and remove network services; amazon-dns is the only one."""
    record = find(state.filters, "tmf", params["TrafficMirrorFilterId"])
    added, removed = params.get("AddNetworkServices") or [], params.get("RemoveNetworkServices") or []
    for service in [*added, *removed]:
        one_of({"NetworkServices": service}, "NetworkServices", ("amazon-dns",))
    kept = {*record["NetworkServices"], *added} - set(removed)
    record["NetworkServices"] = sorted(kept)
    return {"TrafficMirrorFilter": described_filter(state, record)}


def create_rule(state: State, params: Params) -> Record:
    """A rule of a filter: ten at most, each number once per direction."""
    check_tag_specifications(params, "tmfr")
    filter_id = params["TrafficMirrorFilterId"]
    find(state.filters, "tmf", filter_id)
    check_rule(params)
    if len(rules_of(state, filter_id)) >= RULES_PER_FILTER:
        raise ApiError(
            "TrafficMirrorFilterRuleLimitExceeded",
            f"Traffic mirror filter {filter_id} already has {RULES_PER_FILTER} rules, the maximum.",
        )
    record: Record = {"TrafficMirrorFilterRuleId": new_id("tmfr"), "TrafficMirrorFilterId": filter_id}
    record.update({name: params[name] for name in _RULE_FIELDS if params.get(name) is not None})
    _check_number_is_free(state, record)
    state.keep(state.rules, record)
    tag_at_creation(state, params, record["TrafficMirrorFilterRuleId"])
    return {"TrafficMirrorFilterRule": state.described(record)}


def modify_rule(state: State, params: Params) -> Record:
    """Change fields of a rule, or remove those that can be absent."""
    record = find(state.rules, "tmfr", params["TrafficMirrorFilterRuleId"])
    changed = changed_by(params, record, _RULE_FIELDS, _REMOVABLE)
    check_rule(changed)
    _check_number_is_free(state, changed)
    record.clear()
    record.update(changed)
    return {"TrafficMirrorFilterRule": state.described(record)}


def delete_rule(state: State, params: Params) -> Record:
    """Delete one rule."""
    rule = find(state.rules, "tmfr", params["TrafficMirrorFilterRuleId"])
    _forget_rule(state, rule)
    return {"TrafficMirrorFilterRuleId": rule["TrafficMirrorFilterRuleId"]}


def _forget_rule(state: State, rule: Record) -> None:
    state.drop(state.rules, rule["TrafficMirrorFilterRuleId"])


def _check_number_is_free(state: State, wanted: Record) -> None:
    for rule in rules_of(state, wanted["TrafficMirrorFilterId"]):
        is_other = rule["TrafficMirrorFilterRuleId"] != wanted["TrafficMirrorFilterRuleId"]
        if is_other and all(rule[name] == wanted[name] for name in ("TrafficDirection", "RuleNumber")):
            raise ApiError(
                "TrafficMirrorFilterRuleAlreadyExists",
                f"Traffic mirror filter {wanted['TrafficMirrorFilterId']} already has a rule "
                f"{wanted['RuleNumber']} for {wanted['TrafficDirection']} traffic.",
            )
