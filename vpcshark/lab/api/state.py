"""What the lab's Traffic Mirroring remembers: one record per resource, in the shape in which EC2 describes it.

Must not know moto or HTTP: the rest of the VPC comes in as a ``Vpc``, errors go out as ``ApiError``.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from vpcshark.lab.api.lag import LAG

Record = dict[str, Any]
Params = Mapping[str, Any]  # a request as botocore's model names and types it

KINDS = {"tmf": "Filter", "tmfr": "FilterRule", "tmt": "Target", "tms": "Session"}


class ApiError(Exception):
    """EC2 refuses: its error code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Vpc(Protocol):
    """What Traffic Mirroring asks the rest of EC2."""

    account: str

    def eni_problem(self, eni_id: str) -> str | None:
        """Why this ENI cannot be a source, "" if it can; None: there is no such ENI."""

    def instance_type(self, eni_id: str) -> str:
        """Of the instance that has the ENI; "" if none has."""

    def has_balancer(self, arn: str) -> bool:
        """Is there such a Network Load Balancer?"""

    def has_endpoint(self, endpoint: str) -> bool:
        """Is there such an endpoint? What EC2 says of one that no Gateway Load Balancer is behind, no page tells."""

    def behind_balancer(self, arn: str) -> tuple[str, ...]:
        """The ENIs of the healthy hosts that a Network Load Balancer shares UDP 4789 out among."""

    def behind_endpoint(self, endpoint: str) -> tuple[str, ...]:
        """Those of the hosts behind the Gateway Load Balancers that an endpoint leads to."""

    def resolver(self, eni_id: str) -> str:
        """The DNS address of the ENI's VPC (its base address + 2)."""

    def tags(self, resource_id: str) -> list[dict[str, str]]:
        """The resource's tags now, as EC2 lists them."""

    def tag(self, resource_id: str, tags: list[dict[str, str]]) -> None:
        """Add tags."""

    def forget_tags(self, resource_id: str) -> None:
        """The resource is gone, and its tags with it."""


@dataclass
class State:
    """All that there is in one account and region, by id, in the order of creation."""

    vpc: Vpc
    filters: dict[str, Record] = field(default_factory=dict)
    rules: dict[str, Record] = field(default_factory=dict)
    targets: dict[str, Record] = field(default_factory=dict)
    sessions: dict[str, Record] = field(default_factory=dict)
    insights: dict[str, Record] = field(default_factory=dict)  # paths and analyses of Reachability Analyzer
    answers: dict[tuple[str, str], tuple[Params, Record]] = field(default_factory=dict)  # by operation and ClientToken

    def described(self, record: Record) -> Record:
        """The record as EC2 answers it: with the tags that it has now."""
        identity = record_id(record)
        return {**record, "Tags": self.vpc.tags(identity) if LAG.has_tags(identity) else []}

    def keep(self, records: dict[str, Record], record: Record) -> None:
        """It is made."""
        records[record_id(record)] = record
        if not isinstance(self.vpc, _Unchanged):
            LAG.born(record_id(record))

    def drop(self, records: dict[str, Record], identity: str, last: Record | None = None) -> None:
        """It is deleted, and its tags with it; ``last``: what a describe showed of it, if more than the record."""
        record = records.pop(identity)
        described = last or self.described(record)
        if not isinstance(self.vpc, _Unchanged):
            LAG.gone(identity, described)
        self.vpc.forget_tags(identity)

    def imagined(self) -> State:
        """A copy, to see what a call would do: nothing of it reaches the account."""
        kept = {one.name: copy.deepcopy(getattr(self, one.name)) for one in fields(self) if one.name != "vpc"}
        return State(_Unchanged(self.vpc), **kept)

    def check_standing(self, resource_id: str) -> None:
        """Refuse an id of ours that does not exist; others are not ours to judge."""
        prefix = resource_id.partition("-")[0]
        records = {"tmf": self.filters, "tmfr": self.rules, "tmt": self.targets, "tms": self.sessions}.get(prefix)
        if records is not None:
            find(records, prefix, resource_id)

    def prune(self) -> None:
        """Deleting a source ENI deletes its sessions (Traffic Mirroring guide, "Sessions")."""
        for session_id, session in list(self.sessions.items()):
            if self.vpc.eni_problem(session["NetworkInterfaceId"]) is None:
                self.drop(self.sessions, session_id)


class _Unchanged:
    """A VPC that is looked at alone."""

    def __init__(self, vpc: Vpc) -> None:
        self._vpc = vpc

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vpc, name)

    def tag(self, resource_id: str, tags: list[dict[str, str]]) -> None:
        """Nothing bears a tag that was only imagined."""

    def forget_tags(self, resource_id: str) -> None:
        """The tags stay."""


def new_id(prefix: str) -> str:
    """An id as EC2 makes them: prefix and 17 hexadecimal digits."""
    return f"{prefix}-{secrets.token_hex(9)[:17]}"


def record_id(record: Record) -> str:
    """The id of a record: its first field, always."""
    return str(next(iter(record.values())))


def find(records: Mapping[str, Record], prefix: str, resource_id: str) -> Record:
    """The record of that id. The error's code is what EC2 sends; its documentation writes it without the dot."""
    if resource_id in records and LAG.is_known(resource_id):
        return records[resource_id]
    code = f"InvalidTrafficMirror{KINDS[prefix]}Id.NotFound"
    raise ApiError(code, f"The traffic mirror ID '{resource_id}' does not exist")


def tag_at_creation(state: State, params: Params, resource_id: str) -> None:
    """Apply the request's TagSpecifications; a specification for another type of resource is an error."""
    for wanted in _tag_lists(params, resource_id.split("-")[0]):
        state.vpc.tag(resource_id, wanted)


def check_tag_specifications(params: Params, prefix: str) -> None:
    """Refuse TagSpecifications of another type, before anything is made."""
    _tag_lists(params, prefix)


def _tag_lists(params: Params, prefix: str) -> list[list[dict[str, str]]]:
    expected = {"tmf": "filter", "tmfr": "filter-rule", "tmt": "target", "tms": "session"}[prefix]
    specifications = params.get("TagSpecifications") or []
    for specification in specifications:
        given = specification.get("ResourceType")
        if given != f"traffic-mirror-{expected}":
            raise ApiError(
                "InvalidParameterValue", f"'{given}' is not a valid taggable resource type for this operation."
            )
    return [specification.get("Tags") or [] for specification in specifications]
