"""Reachability Analyzer's paths and analyses, as EC2 keeps them. An analysis finds what packets do, where a data plane
can send some (``install``); elsewhere it fails, and says so: a verdict would be the product's own.
"""

from __future__ import annotations

from collections.abc import Callable

from vpcshark.lab.api.state import ApiError, Params, Record, State, new_id

Analyse = Callable[[Record], Record]
"""A path -> the members of its analysis. ApiError."""
_analyse: Analyse | None = None

PATH, ANALYSIS = "nip", "nia"
_TYPES = {PATH: "network-insights-path", ANALYSIS: "network-insights-analysis"}
_WORDS = {PATH: "Path", ANALYSIS: "Analysis"}


def install(analyse: Analyse | None) -> None:
    """Have analyses made by this from now on (None: nobody makes any)."""
    global _analyse
    _analyse = analyse


def create_path(state: State, params: Params) -> Record:
    """A question that is kept."""
    kept = ("Source", "Destination", "Protocol", "DestinationPort", "FilterAtSource", "FilterAtDestination")
    given = {name: params[name] for name in kept if params.get(name) is not None}
    record: Record = {"NetworkInsightsPathId": new_id(PATH), **given}
    _tag(state, params, record["NetworkInsightsPathId"], PATH)
    state.insights[record["NetworkInsightsPathId"]] = record
    return {"NetworkInsightsPath": state.described(record)}


def start_analysis(state: State, params: Params) -> Record:
    """Runs until it is looked at."""
    path = _find(state, params["NetworkInsightsPathId"], PATH)
    named = {"NetworkInsightsPathId": path["NetworkInsightsPathId"]}
    record: Record = {"NetworkInsightsAnalysisId": new_id(ANALYSIS), **named, "Status": "running"}
    _tag(state, params, record["NetworkInsightsAnalysisId"], ANALYSIS)
    state.insights[record["NetworkInsightsAnalysisId"]] = record
    return {"NetworkInsightsAnalysis": state.described(record)}


def describe_paths(state: State, params: Params) -> Record:
    """By ids or by tag."""
    return {"NetworkInsightsPaths": _described(state, params, PATH, params.get("NetworkInsightsPathIds"))}


def describe_analyses(state: State, params: Params) -> Record:
    """By ids or by tag; who looks finds a running one ended the next time."""
    shown = _described(state, params, ANALYSIS, params.get("NetworkInsightsAnalysisIds"))
    for each in shown:
        if each["Status"] == "running":
            path = _find(state, each["NetworkInsightsPathId"], PATH)
            state.insights[each["NetworkInsightsAnalysisId"]] |= _analysed(path)
    return {"NetworkInsightsAnalyses": shown}


def _analysed(path: Record) -> Record:
    if _analyse is None:
        return {"Status": "failed", "StatusMessage": "The lab analyses nothing."}
    try:
        return {"Status": "succeeded", **_analyse(path)}
    except ApiError as error:
        return {"Status": "failed", "StatusMessage": error.message}


def delete_path(state: State, params: Params) -> Record:
    """Refused as long as it has analyses (Reachability Analyzer guide, "Delete a path")."""
    identity = _find(state, params["NetworkInsightsPathId"], PATH)["NetworkInsightsPathId"]
    if any(name.startswith(ANALYSIS) and row["NetworkInsightsPathId"] == identity for name, row in _all(state)):
        raise ApiError("AnalysisExistsForNetworkInsightsPath", f"The path {identity} still has analyses.")
    return _gone(state, "NetworkInsightsPathId", identity)


def delete_analysis(state: State, params: Params) -> Record:
    """One at a time."""
    identity = _find(state, params["NetworkInsightsAnalysisId"], ANALYSIS)["NetworkInsightsAnalysisId"]
    return _gone(state, "NetworkInsightsAnalysisId", identity)


def _all(state: State) -> list[tuple[str, Record]]:
    return [*state.insights.items()]


def _gone(state: State, name: str, identity: str) -> Record:
    del state.insights[identity]
    state.vpc.forget_tags(identity)
    return {name: identity}


def _find(state: State, identity: str, prefix: str) -> Record:
    if identity not in state.insights:
        raise ApiError(f"InvalidNetworkInsights{_WORDS[prefix]}Id.NotFound", f"The ID '{identity}' does not exist")
    return state.insights[identity]


def _described(state: State, params: Params, prefix: str, ids: list[str] | None) -> list[Record]:
    for identity in ids or ():
        _find(state, identity, prefix)
    rows = [state.described(row) for name, row in _all(state) if name.startswith(f"{prefix}-")]
    rows = [row for row in rows if not ids or next(iter(row.values())) in ids]
    for wanted in params.get("Filters") or ():
        rows = [row for row in rows if _fits(row, wanted)]
    return rows


def _fits(row: Record, wanted: Params) -> bool:
    key = wanted["Name"].removeprefix("tag:")
    return any(each["Key"] == key and each["Value"] in wanted["Values"] for each in row["Tags"])


def _tag(state: State, params: Params, identity: str, prefix: str) -> None:
    for each in params.get("TagSpecifications") or ():
        if each.get("ResourceType") != _TYPES[prefix]:
            raise ApiError(
                "InvalidParameterValue", f"'{each.get('ResourceType')}' is not a valid taggable resource type."
            )
        state.vpc.tag(identity, each.get("Tags") or [])
