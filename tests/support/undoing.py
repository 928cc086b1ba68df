"""An EC2 client that takes back what was asked of it: a fault is planted in a standing network, and taken away again by
the calls that a user would make.

Must not know what is planted, nor why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

Given = Mapping[str, Any]
_PAIRS = {
    "revoke_security_group_ingress": "authorize_security_group_ingress",
    "revoke_security_group_egress": "authorize_security_group_egress",
    "disable_transit_gateway_route_table_propagation": "enable_transit_gateway_route_table_propagation",
    "disassociate_transit_gateway_route_table": "associate_transit_gateway_route_table",
    "stop_instances": "start_instances",
}
_OPPOSITES = _PAIRS | {two: one for one, two in _PAIRS.items()}
_TAKEN_AWAY = {
    "create_network_acl_entry": ("delete_network_acl_entry", ("NetworkAclId", "Egress", "RuleNumber")),
    "create_route": ("delete_route", ("RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock")),
    "create_transit_gateway_route": (
        "delete_transit_gateway_route",
        ("TransitGatewayRouteTableId", "DestinationCidrBlock"),
    ),
}
_TARGETS = ("GatewayId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId")


class Undoing:
    """Calls a client, and remembers how each call that changed something is undone. KeyError for a call that it can't
    undo."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._undo: list[Callable[[], object]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._call, operation)

    def undo(self) -> None:
        """Everything since the last time, the latest first."""
        while self._undo:
            self._undo.pop()()

    def _call(self, operation: str, **given: Any) -> Any:
        if operation.startswith("describe_"):
            return getattr(self._client, operation)(**given)
        prepared = _before(self._client, operation, given)
        answer = getattr(self._client, operation)(**given)
        self._undo.append(prepared or partial(self._back, operation, given, answer))
        return answer

    def _back(self, operation: str, given: Given, answer: Given) -> None:
        """What can be told from the call itself."""
        if operation in _OPPOSITES:
            getattr(self._client, _OPPOSITES[operation])(**given)
        elif operation == "create_transit_gateway":
            self._client.delete_transit_gateway(TransitGatewayId=answer["TransitGateway"]["TransitGatewayId"])
        elif operation == "modify_transit_gateway_vpc_attachment":
            self._client.modify_transit_gateway_vpc_attachment(**_unmodified(given))
        elif operation == "modify_vpc_endpoint":
            endpoint, removed = given["VpcEndpointId"], given["RemoveRouteTableIds"]
            self._client.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=removed)
        else:
            other, names = _TAKEN_AWAY[operation]
            getattr(self._client, other)(**{name: given[name] for name in names if name in given})


def _unmodified(given: Given) -> dict[str, Any]:
    found: dict[str, Any] = {"TransitGatewayAttachmentId": given["TransitGatewayAttachmentId"]}
    if "RemoveSubnetIds" in given:
        found["AddSubnetIds"] = given["RemoveSubnetIds"]
    if "Options" in given:
        found["Options"] = {name: "enable" for name, value in given["Options"].items() if value == "disable"}
    return found


def _before(client: Any, operation: str, given: Given) -> Callable[[], object] | None:
    """What has to be looked at before the call: where a route led that will be gone."""
    if operation in ("delete_route", "replace_route"):
        return _routed(client, client.create_route if operation == "delete_route" else client.replace_route, given)
    if operation == "delete_transit_gateway_route":
        exact = [{"Name": "route-search.exact-match", "Values": [given["DestinationCidrBlock"]]}]
        table = given["TransitGatewayRouteTableId"]
        found = client.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=exact)["Routes"]
        (to,) = found[0]["TransitGatewayAttachments"]
        attachment = to["TransitGatewayAttachmentId"]
        return partial(client.create_transit_gateway_route, **given, TransitGatewayAttachmentId=attachment)
    return None


def _routed(client: Any, again: Callable[..., object], given: Given) -> Callable[[], object]:
    """A VPC's route as it is now, to be written again."""
    where = {name: value for name, value in given.items() if name.startswith("Destination")}
    table = client.describe_route_tables(RouteTableIds=[given["RouteTableId"]])["RouteTables"][0]
    (route,) = (each for each in table["Routes"] if where.items() <= each.items())
    target = {name: route[name] for name in _TARGETS if route.get(name)}
    return partial(again, RouteTableId=given["RouteTableId"], **where, **target)
