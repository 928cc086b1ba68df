"""Makes what joins the VPCs of a topology: transit gateways, peerings, internet and NAT gateways.

Must not know what is inside a VPC.
"""

from __future__ import annotations

from typing import Any

from vpcshark.lab.topologies.networks import Making, named
from vpcshark.lab.topologies.spec import Nat, Transit, TransitTable

_ACCOUNT = "123456789012"  # the lab's


class Joints:
    """One kind after the other; a transit gateway's tables come when all attachments are there."""

    def __init__(self, making: Making) -> None:
        self._making = making

    def make(self) -> None:
        """All of them."""
        spec = self._making.spec
        for transit in spec.transits:
            self._transit(transit)
        for name, (one, other) in spec.transit_peerings.items():
            self._transit_peering(name, one, other)
        for transit in spec.transits:
            for table in transit.tables:
                self._transit_table(transit, self._making.ids[f"tgw/{transit.name}"], table)
        for name, two in spec.peerings.items():
            self._peering(name, *two)
        for name, (vpc, is_egress_only) in spec.gateways.items():
            self._gateway(name, vpc, is_egress_only)
        for nat in spec.nats:
            self._nat(nat)

    def _transit(self, transit: Transit) -> None:
        options = {"DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable"}
        tags = named("transit-gateway", transit.name)
        made = self._making.ec2.create_transit_gateway(Options=options, TagSpecifications=tags)["TransitGateway"]
        gateway = self._making.ids[f"tgw/{transit.name}"] = made["TransitGatewayId"]
        for name, (vpc, subnets) in transit.attachments.items():
            options = {
                "Ipv6Support": _switch(self._making.spec.vpc(vpc).has_v6),
                "ApplianceModeSupport": _switch(name in transit.appliances),
            }
            attached = self._making.ec2.create_transit_gateway_vpc_attachment(
                TransitGatewayId=gateway,
                VpcId=self._making.ids[f"vpc/{vpc}"],
                SubnetIds=[self._making.ids[f"subnet/{each}"] for each in subnets],
                Options=options,
            )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
            self._making.ids[f"attachment/{transit.name}/{name}"] = attached
            self._making.ec2.create_tags(Resources=[attached], Tags=[{"Key": "Name", "Value": name}])

    def _transit_peering(self, name: str, one: str, other: str) -> None:
        made = self._making.ec2.create_transit_gateway_peering_attachment(
            TransitGatewayId=self._making.ids[f"tgw/{one}"],
            PeerTransitGatewayId=self._making.ids[f"tgw/{other}"],
            PeerAccountId=_ACCOUNT,
            PeerRegion=self._making.zones[0][:-1],
        )["TransitGatewayPeeringAttachment"]["TransitGatewayAttachmentId"]
        self._making.ec2.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=made)
        self._making.ids |= {f"attachment/{each}/{name}": made for each in (one, other)}

    def _transit_table(self, transit: Transit, gateway: str, table: TransitTable) -> None:
        tags = named("transit-gateway-route-table", table.name)
        made = self._making.ec2.create_transit_gateway_route_table(TransitGatewayId=gateway, TagSpecifications=tags)
        identity = made["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"]
        self._making.ids[f"tgw-table/{transit.name}/{table.name}"] = identity
        for call, names in (
            (self._making.ec2.associate_transit_gateway_route_table, table.associations),
            (self._making.ec2.enable_transit_gateway_route_table_propagation, table.propagations),
        ):
            for name in names:
                attachment = self._making.ids[f"attachment/{transit.name}/{name}"]
                call(TransitGatewayRouteTableId=identity, TransitGatewayAttachmentId=attachment)
        for destination, name in table.routes.items():
            to: dict[str, Any] = {"Blackhole": True}
            if name != "blackhole":
                to = {"TransitGatewayAttachmentId": self._making.ids[f"attachment/{transit.name}/{name}"]}
            for cidr in self._making.peers(destination):
                self._making.ec2.create_transit_gateway_route(
                    TransitGatewayRouteTableId=identity, DestinationCidrBlock=cidr, **to
                )

    def _peering(self, name: str, one: str, other: str) -> None:
        made = self._making.ec2.create_vpc_peering_connection(
            VpcId=self._making.ids[f"vpc/{one}"],
            PeerVpcId=self._making.ids[f"vpc/{other}"],
            TagSpecifications=named("vpc-peering-connection", name),
        )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self._making.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
        self._making.ids[f"peering/{name}"] = made

    def _gateway(self, name: str, vpc: str, is_egress_only: bool) -> None:
        identity = self._making.ids[f"vpc/{vpc}"]
        if is_egress_only:
            tags = named("egress-only-internet-gateway", name)
            made = self._making.ec2.create_egress_only_internet_gateway(VpcId=identity, TagSpecifications=tags)
            self._making.ids[f"eigw/{name}"] = made["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
            return
        tags = named("internet-gateway", name)
        gateway = self._making.ec2.create_internet_gateway(TagSpecifications=tags)["InternetGateway"][
            "InternetGatewayId"
        ]
        self._making.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=identity)
        self._making.ids[f"igw/{name}"] = gateway

    def _nat(self, nat: Nat) -> None:
        made = self._making.ec2.create_nat_gateway(
            SubnetId=self._making.ids[f"subnet/{nat.subnet}"],
            AllocationId=public_address(self._making, nat.public),
            PrivateIpAddress=nat.address,
            TagSpecifications=named("natgateway", nat.name),
        )["NatGateway"]
        self._making.ids[f"nat/{nat.name}"] = made["NatGatewayId"]


def _switch(is_on: bool) -> str:
    return "enable" if is_on else "disable"


def public_address(making: Making, address: str) -> str:
    """Allocate an Elastic IP; the id of its allocation."""
    return str(making.ec2.allocate_address(Domain="vpc", Address=address)["AllocationId"])
