"""Networks with nothing wrong, in the ways in which a network can be right."""

from __future__ import annotations

from collections.abc import Callable

from faults import balanced, filled, guarded
from scenes import Scene, attached, one_vpc, peered, two_vpcs

SOUND: dict[str, Callable[[Scene], object]] = {}


def sound(sentence: str) -> Callable[[Callable[[Scene], object]], Callable[[Scene], object]]:
    """Put it into the table."""

    def enter(build: Callable[[Scene], object]) -> Callable[[Scene], object]:
        SOUND[sentence] = build
        return build

    return enter


sound("two subnets of a VPC")(one_vpc)
sound("two peered VPCs")(peered)
sound("two VPCs at a transit gateway")(attached)


@sound("one subnet, whose network ACL lets nothing through and guards nothing inside")
def _(scene: Scene) -> None:
    one_vpc(scene)
    scene.acl(scene.source_vpc, scene.source_subnet)
    scene.host, scene.target = scene.instance(scene.source_subnet, "10.1.1.20", [scene.target_group])


@sound("a security group that admits the source's own")
def _(scene: Scene) -> None:
    one_vpc(scene, admitted=False)
    scene.admit(scene.target_group, group=scene.source_group)


@sound("a security group that admits a peered VPC's")
def _(scene: Scene) -> None:
    peered(scene)
    scene.ec2.revoke_security_group_ingress(GroupId=scene.target_group, SecurityGroupRuleIds=[scene.rule])
    scene.admit(scene.target_group, group=scene.source_group)


@sound("a security group that admits a prefix list with the source")
def _(scene: Scene) -> None:
    one_vpc(scene, admitted=False)
    scene.admit(scene.target_group, prefix_list=scene.prefix_list("192.0.2.0/24", "10.1.1.8/29"))


@sound("a security group that admits everything, beside rules that do not fit")
def _(scene: Scene) -> None:
    one_vpc(scene, admitted=False)
    scene.admit(scene.target_group, "tcp", (22, 22), cidr="0.0.0.0/0")
    scene.admit(scene.target_group, "-1", None, cidr="10.1.1.10/32")


@sound("a range of ports, the protocol by its number")
def _(scene: Scene) -> None:
    one_vpc(scene, admitted=False)
    scene.admit(scene.target_group, "17", (4000, 5000), cidr="10.1.1.0/24")


@sound("network ACLs that admit UDP 4789 before they refuse the rest")
def _(scene: Scene) -> None:
    one_vpc(scene)
    out = scene.acl(scene.source_vpc, scene.source_subnet)
    scene.entry(out, 10, "allow", True, "10.1.2.0/24", protocol="17", ports=(4789, 4789))
    scene.entry(out, 20, "deny", True, "10.1.0.0/16")
    into = scene.acl(scene.target_vpc, scene.target_subnet)
    scene.entry(into, 10, "allow", False, "10.1.1.10/32", protocol="17", ports=(1024, 65535))
    scene.entry(into, 20, "deny", False, "0.0.0.0/0")


@sound("a longer prefix to the peering, before a blackhole")
def _(scene: Scene) -> None:
    two_vpcs(scene)
    dead = scene.peering(scene.source_vpc, scene.vpc("10.3.0.0/16"))
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="10.0.0.0/8", VpcPeeringConnectionId=dead)
    scene.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=dead)
    peering = scene.peering(scene.source_vpc, scene.target_vpc)
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="10.2.1.0/24", VpcPeeringConnectionId=peering)


@sound("a route by a prefix list to a transit gateway whose routes are propagated")
def _(scene: Scene) -> None:
    _, gateway, table, _, theirs = attached(scene)
    scene.ec2.delete_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock="10.2.0.0/16")
    scene.ec2.enable_transit_gateway_route_table_propagation(
        TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=theirs
    )
    scene.ec2.delete_route(RouteTableId=scene.table, DestinationCidrBlock="10.2.0.0/16")
    scene.ec2.create_route(
        RouteTableId=scene.table, DestinationPrefixListId=scene.prefix_list("10.2.0.0/15"), TransitGatewayId=gateway
    )


@sound("a capture host with another mirror target, which has all the sources that it may have")
def _(scene: Scene) -> None:
    one_vpc(scene)
    filled(scene, scene.mirror_target(NetworkInterfaceId=scene.target))


@sound("a load balancer with a healthy host")
def _(scene: Scene) -> None:
    balanced(scene)


@sound("a load balancer with a security group, which alone its host admits")
def _(scene: Scene) -> None:
    group = guarded(scene, balanced(scene)[0])
    scene.ec2.revoke_security_group_ingress(GroupId=scene.target_group, SecurityGroupRuleIds=[scene.rule])
    scene.admit(scene.target_group, group=group)


@sound("a load balancer in a peered VPC, whose host admits the source's group")
def _(scene: Scene) -> None:
    balanced(scene, network=peered)
    scene.ec2.revoke_security_group_ingress(GroupId=scene.target_group, SecurityGroupRuleIds=[scene.rule])
    scene.admit(scene.target_group, group=scene.source_group)


@sound("a load balancer behind a transit gateway")
def _(scene: Scene) -> None:
    balanced(scene, network=attached)


@sound("an endpoint of a Gateway Load Balancer")
def _(scene: Scene) -> None:
    one_vpc(scene)
    balancer = scene.elb.create_load_balancer(
        Name=f"gwlb-{scene.number}", Type="gateway", Subnets=[scene.target_subnet]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    group = scene.elb.create_target_group(
        Name=f"geneve-{scene.number}", Protocol="GENEVE", Port=6081, VpcId=scene.target_vpc, HealthCheckProtocol="TCP"
    )["TargetGroups"][0]["TargetGroupArn"]
    scene.elb.create_listener(LoadBalancerArn=balancer, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    scene.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": scene.host}])
    service = scene.ec2.create_vpc_endpoint_service_configuration(GatewayLoadBalancerArns=[balancer])
    made = scene.ec2.create_vpc_endpoint(
        VpcId=scene.source_vpc,
        ServiceName=service["ServiceConfiguration"]["ServiceName"],
        VpcEndpointType="GatewayLoadBalancer",
        SubnetIds=[scene.source_subnet],
    )["VpcEndpoint"]["VpcEndpointId"]
    scene.host = scene.mirror_target(GatewayLoadBalancerEndpointId=made)
