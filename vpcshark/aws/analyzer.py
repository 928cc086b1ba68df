"""AWS's Reachability Analyzer: a path and its analysis, created with their tags, waited for, deleted, analysis first.

Sources: Reachability Analyzer guide, "Getting started" (a path with analyses can't be deleted), EC2 API reference.
There is no waiter; an analysis takes some minutes at most. Must not know walks, ledgers, or when to clean up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vpcshark.aws.errors import mapped
from vpcshark.aws.kinds import ANALYSIS, PATH
from vpcshark.clock import Clock
from vpcshark.errors import AwsError

PAUSE, PATIENCE = 4.0, 600.0  # seconds between two looks, and until it is given up


@dataclass(frozen=True)
class Query:
    """``destination`` is an interface, or else ``address`` an IPv4 address; ``ports`` of the destination, inclusive."""

    source: str
    protocol: str
    destination: str = ""
    address: str = ""
    port: int | None = None


def create_path(ec2: Any, query: Query, tags: Mapping[str, str], token: str) -> str:
    """Keep the question; its id. AwsError."""
    parameters: dict[str, Any] = {"Source": query.source, "Protocol": query.protocol}
    if query.destination:
        parameters |= {"Destination": query.destination}
        parameters |= {"DestinationPort": query.port} if query.port is not None else {}
    else:
        ports = {"DestinationPortRange": {"FromPort": query.port, "ToPort": query.port}} if query.port else {}
        parameters["FilterAtSource"] = {"DestinationAddress": f"{query.address}/32", **ports}
    with mapped("create a path for Reachability Analyzer"):
        answer = ec2.create_network_insights_path(**parameters, **_labels(PATH, tags), ClientToken=token)
    return str(answer["NetworkInsightsPath"]["NetworkInsightsPathId"])


def start(ec2: Any, path: str, tags: Mapping[str, str], token: str) -> str:
    """Begin the analysis, which is charged; its id. AwsError."""
    with mapped("start an analysis of Reachability Analyzer"):
        answer = ec2.start_network_insights_analysis(
            NetworkInsightsPathId=path, **_labels(ANALYSIS, tags), ClientToken=token
        )
    return str(answer["NetworkInsightsAnalysis"]["NetworkInsightsAnalysisId"])


def wait(ec2: Any, analysis: str, clock: Clock, patience: float = PATIENCE) -> Mapping[str, Any]:
    """The analysis once it has ended. AwsError, also if it doesn't in ``patience`` seconds."""
    end = clock.monotonic() + patience
    while True:
        with mapped("read an analysis of Reachability Analyzer"):
            found = ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=[analysis])
        rows = found["NetworkInsightsAnalyses"]
        if rows and rows[0].get("Status") != "running":
            answer: Mapping[str, Any] = rows[0]
            return answer
        if clock.monotonic() + PAUSE > end:
            raise AwsError(
                f"The analysis {analysis} did not end in {patience:.0f} seconds.", "Try again later; it was deleted."
            )
        clock.sleep(PAUSE)


def _labels(kind: str, tags: Mapping[str, str]) -> dict[str, Any]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": pairs}]}
