"""Networks with exactly one thing wrong. Each function plants its fault and returns what preflight must say of it, and
nothing else: (check, level, resource, rule)."""

from __future__ import annotations

from collections.abc import Callable

from scenes import Scene, attached, one_vpc, peered, two_vpcs

from vpcshark.lab.api.moto_ec2 import mark_managed

Said = tuple[str, str, str, str]
FAULTS: dict[str, Callable[[Scene], Said]] = {}
MENDED: set[str] = set()
"""Those whose command, run as it is, leaves nothing wrong."""


def fault(sentence: str, mended: bool = False) -> Callable[[Callable[[Scene], Said]], Callable[[Scene], Said]]:
    """Put it into the table."""

    def enter(plant: Callable[[Scene], Said]) -> Callable[[Scene], Said]:
        FAULTS[sentence] = plant
        if mended:
            MENDED.add(sentence)
        return plant

    return enter


def groups(
    sentence: str,
    protocol: str = "udp",
    ports: tuple[int, int] | None = (4789, 4789),
    names_rule: bool = True,
    **who: str,
) -> None:
    """A target whose security group has this rule alone."""

    def plant(scene: Scene) -> Said:
        one_vpc(scene, admitted=False)
        rule = scene.admit(scene.target_group, protocol, ports, **who)
        return "group", "fail", scene.target_group, rule if names_rule else ""

    fault(sentence, mended=True)(plant)


# --- the source


@fault("the source is a NAT gateway's interface")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    mark_managed(scene.source, "nat_gateway")
    return "source", "fail", scene.source, ""


@fault("the source is managed by a service that is not mirrored")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    mark_managed(scene.source, "interface")
    return "source", "fail", scene.source, ""


@fault("the source is attached to nothing")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    scene.source = scene.eni(scene.source_subnet, "10.1.1.77", [scene.source_group])
    return "source", "warn", scene.source, ""


@fault("the source's instance is stopped", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    scene.ec2.stop_instances(InstanceIds=[scene.source_instance])
    return "source", "warn", scene.source_instance, ""


@fault("the source is the capture host itself")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    scene.admit(scene.source_group, cidr="10.1.1.0/24")
    scene.host = scene.source_instance
    return "source", "fail", scene.source, ""


@fault("the source is somebody's mirror target", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    return "source", "fail", scene.source, scene.mirror_target(NetworkInterfaceId=scene.source)


@fault("the source's instance type is not on AWS's list")
def _(scene: Scene) -> Said:
    one_vpc(scene, kind="t2.micro")
    return "type", "warn", scene.source_instance, ""


@fault("the source is bare metal of another Nitro version")
def _(scene: Scene) -> Said:
    one_vpc(scene, kind="m6i.metal")
    return "type", "warn", scene.source_instance, ""


@fault("the source has three sessions already")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    target = scene.mirror_target(NetworkInterfaceId=scene.target)
    made = [scene.session(scene.source, target, number) for number in (1, 2, 3)]
    return "sessions", "fail", scene.source, made[-1]


@fault("somebody mirrors the source already")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    target = scene.mirror_target(NetworkInterfaceId=scene.target)
    return "sessions", "warn", scene.source, scene.session(scene.source, target, 1)


# --- the target


def filled(scene: Scene, target: str) -> None:
    """A mirror target with as many sources as one of a small instance may have."""
    for number in range(10):
        scene.session(scene.eni(scene.source_subnet, f"10.1.1.{100 + number}", [scene.source_group]), target, 1)


@fault("the capture host is stopped", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    scene.ec2.stop_instances(InstanceIds=[scene.host])
    return "target", "fail", scene.host, ""


@fault("there is no such capture host")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    scene.host = "i-0123456789abcdef0"
    return "target", "fail", scene.host, ""


@fault("the target receives from ten sources already")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    target = scene.mirror_target(NetworkInterfaceId=scene.target)
    filled(scene, target)
    scene.host = target
    return "sources", "fail", scene.target, ""


@fault("the target is in another availability zone")
def _(scene: Scene) -> Said:
    one_vpc(scene, zone="b")
    return "zone", "warn", scene.zone("b"), ""


# --- security groups


@fault("the target's security group has no rule", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene, admitted=False)
    return "group", "fail", scene.target_group, ""


groups("the security group admits TCP instead of UDP", "tcp", cidr="10.1.0.0/16")
groups("the security group admits another UDP port", ports=(4790, 4790), cidr="10.1.0.0/16")
groups("the security group's range of ports ends one too early", ports=(1024, 4788), cidr="10.1.0.0/16")
groups("the security group admits ICMP alone", "icmp", (-1, -1), cidr="10.1.0.0/16")
groups("the security group admits the neighbour's address", cidr="10.1.1.11/32")
groups("the security group's block ends before the source", cidr="10.1.1.0/29")
groups("the security group admits the Internet over IPv6 alone", cidr6="::/0")


@fault("the security group admits a group that the source is not in", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene, admitted=False)
    rule = scene.admit(scene.target_group, group=scene.group(scene.source_vpc))
    return "group", "fail", scene.target_group, rule


@fault("the security group admits a prefix list without the source", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene, admitted=False)
    rule = scene.admit(scene.target_group, prefix_list=scene.prefix_list("10.1.2.0/24", "192.0.2.0/24"))
    return "group", "fail", scene.target_group, rule


@fault("the rule is in a group that the target does not have", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene, admitted=False)
    scene.admit(scene.group(scene.target_vpc), cidr="0.0.0.0/0")
    return "group", "fail", scene.target_group, ""


@fault("neither of the target's two groups admits the source", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene, admitted=False)
    second = scene.group(scene.target_vpc)
    scene.ec2.modify_network_interface_attribute(NetworkInterfaceId=scene.target, Groups=[scene.target_group, second])
    scene.admit(scene.target_group, "tcp", (22, 22), cidr="192.0.2.1/32")
    return "group", "fail", second, scene.admit(second, cidr="192.0.2.0/24")


@fault("a group across a transit gateway is referred to that the source is not in", mended=True)
def _(scene: Scene) -> Said:
    attached(scene)
    scene.ec2.revoke_security_group_ingress(GroupId=scene.target_group, SecurityGroupRuleIds=[scene.rule])
    rule = scene.admit(scene.target_group, group=scene.target_group)
    return "group", "fail", scene.target_group, rule


# --- network ACLs


@fault("the network ACL of the source's subnet lets nothing out", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    acl = scene.acl(scene.source_vpc, scene.source_subnet)
    scene.entry(acl, 100, "allow", False, "0.0.0.0/0")
    return "acl", "fail", acl, "*"


@fault("the network ACL of the target's subnet lets nothing in", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    acl = scene.acl(scene.target_vpc, scene.target_subnet)
    scene.entry(acl, 100, "allow", True, "0.0.0.0/0")
    return "acl", "fail", acl, "*"


@fault("an outbound entry refuses UDP 4789 before another lets it through", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    acl = scene.open_acl(scene.source_vpc, scene.source_subnet)
    scene.entry(acl, 50, "deny", True, "0.0.0.0/0", protocol="17", ports=(4789, 4789))
    return "acl", "fail", acl, "50"


@fault("an inbound entry refuses all of the source's subnet", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    acl = scene.open_acl(scene.target_vpc, scene.target_subnet)
    scene.entry(acl, 90, "deny", False, "10.1.1.0/24")
    return "acl", "fail", acl, "90"


@fault("an inbound entry refuses the source's address alone, as the first of all", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    acl = scene.open_acl(scene.target_vpc, scene.target_subnet)
    scene.entry(acl, 1, "deny", False, "10.1.1.10/32", protocol="17")
    return "acl", "fail", acl, "1"


@fault("the target's network ACL admits TCP alone", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    acl = scene.acl(scene.target_vpc, scene.target_subnet)
    scene.entry(acl, 100, "allow", False, "0.0.0.0/0", protocol="6")
    scene.entry(acl, 100, "allow", True, "0.0.0.0/0")
    return "acl", "fail", acl, "*"


@fault("the target's network ACL admits UDP ports up to 4788", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    acl = scene.acl(scene.target_vpc, scene.target_subnet)
    scene.entry(acl, 100, "allow", False, "0.0.0.0/0", protocol="17", ports=(1024, 4788))
    scene.entry(acl, 100, "allow", True, "0.0.0.0/0")
    return "acl", "fail", acl, "*"


@fault("the target's network ACL admits another subnet alone", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    acl = scene.acl(scene.target_vpc, scene.target_subnet)
    scene.entry(acl, 100, "allow", False, "10.1.3.0/24")
    scene.entry(acl, 100, "allow", True, "0.0.0.0/0")
    return "acl", "fail", acl, "*"


@fault("the network ACL of the target's subnet refuses what a peering brings", mended=True)
def _(scene: Scene) -> Said:
    peered(scene)
    acl = scene.open_acl(scene.target_vpc, scene.target_subnet)
    scene.entry(acl, 10, "deny", False, "10.1.0.0/16", protocol="17")
    return "acl", "fail", acl, "10"


# --- routes


@fault("a more specific route leads the target's subnet to a NAT gateway", mended=True)
def _(scene: Scene) -> Said:
    one_vpc(scene)
    table = scene.route_table(scene.source_vpc, scene.source_subnet)
    address = scene.ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = scene.ec2.create_nat_gateway(SubnetId=scene.target_subnet, AllocationId=address)["NatGateway"]
    scene.ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.2.0/24", NatGatewayId=gateway["NatGatewayId"])
    return "route", "fail", table, "10.1.2.0/24"


@fault("a more specific route leads the target's subnet through another instance")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    table = scene.route_table(scene.source_vpc, scene.source_subnet)
    _, middle = scene.instance(scene.source_subnet, "10.1.1.99", [scene.source_group])
    scene.ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.2.0/24", NetworkInterfaceId=middle)
    return "route", "warn", table, "10.1.2.0/24"


@fault("two VPCs are not joined at all")
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    return "route", "fail", scene.table, ""


@fault("a peering is there, but no route to it", mended=True)
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    scene.peering(scene.source_vpc, scene.target_vpc)
    return "route", "fail", scene.table, ""


@fault("the route is in another table than the source's subnet has", mended=True)
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    peering = scene.peering(scene.source_vpc, scene.target_vpc)
    scene.ec2.create_route(
        RouteTableId=scene.main_table(scene.source_vpc),
        DestinationCidrBlock="10.2.0.0/16",
        VpcPeeringConnectionId=peering,
    )
    return "route", "fail", scene.table, ""


@fault("the source's subnet has the main table, and the route is in another", mended=True)
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    vpc = scene.vpc("10.9.0.0/16")
    subnet = scene.subnet(vpc, "10.9.1.0/24")
    scene.source_instance, scene.source = scene.instance(subnet, "10.9.1.10", [scene.group(vpc)])
    scene.admit(scene.target_group, cidr="10.9.0.0/16")
    peering = scene.peering(vpc, scene.target_vpc)
    scene.ec2.create_route(
        RouteTableId=scene.route_table(vpc), DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=peering
    )
    return "route", "fail", scene.main_table(vpc), ""


@fault("the peering waits for acceptance", mended=True)
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    peering = scene.peering(scene.source_vpc, scene.target_vpc, accepted=False)
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=peering)
    return "route", "fail", peering, "10.2.0.0/16"


@fault("the peering was deleted, and its route is a blackhole")
def _(scene: Scene) -> Said:
    _, peering = peered(scene)
    scene.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    return "route", "fail", scene.table, "10.2.0.0/16"


@fault("a longer prefix leads into the blackhole of a deleted peering", mended=True)
def _(scene: Scene) -> Said:
    peered(scene)
    third = scene.vpc("10.2.1.0/24")
    dead = scene.peering(scene.source_vpc, third)
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="10.2.1.0/24", VpcPeeringConnectionId=dead)
    scene.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=dead)
    return "route", "fail", scene.table, "10.2.1.0/24"


@fault("the route leads over a peering with a third VPC", mended=True)
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    scene.peering(scene.source_vpc, scene.target_vpc)
    third = scene.peering(scene.source_vpc, scene.vpc("10.3.0.0/16"))
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=third)
    return "route", "fail", scene.table, "10.2.0.0/16"


@fault("only the default route to the Internet fits the target", mended=True)
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    scene.peering(scene.source_vpc, scene.target_vpc)
    gateway = scene.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    scene.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=scene.source_vpc)
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    return "route", "fail", scene.table, "0.0.0.0/0"


@fault("the route's prefix list lacks the target", mended=True)
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    peering = scene.peering(scene.source_vpc, scene.target_vpc)
    listed = scene.prefix_list("10.2.9.0/24")
    scene.ec2.create_route(RouteTableId=scene.table, DestinationPrefixListId=listed, VpcPeeringConnectionId=peering)
    return "route", "fail", scene.table, ""


@fault("the address ranges of both VPCs overlap")
def _(scene: Scene) -> Said:
    two_vpcs(scene, "10.1.0.0/16", "10.1.2.20", "10.1.2.0/24")
    return "route", "fail", scene.table, "10.1.0.0/16"


# --- transit gateways


@fault("the source's VPC left the transit gateway")
def _(scene: Scene) -> Said:
    _, _, _, ours, _ = attached(scene)
    scene.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=ours)
    return "route", "fail", scene.table, "10.2.0.0/16"


@fault("the target's VPC left the transit gateway")
def _(scene: Scene) -> Said:
    _, _, table, _, theirs = attached(scene)
    scene.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=theirs)
    return "route", "fail", table, "10.2.0.0/16"


@fault("the transit gateway's table has no route to the target", mended=True)
def _(scene: Scene) -> Said:
    _, _, table, _, _ = attached(scene)
    scene.ec2.delete_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock="10.2.0.0/16")
    return "route", "fail", table, ""


@fault("the transit gateway's table has a blackhole for the target's subnet", mended=True)
def _(scene: Scene) -> Said:
    _, _, table, _, _ = attached(scene)
    scene.gateway_route(table, "10.2.1.0/24")
    return "route", "fail", table, "10.2.1.0/24"


@fault("the transit gateway sends the target's subnet to a third VPC", mended=True)
def _(scene: Scene) -> Said:
    _, gateway, table, _, _ = attached(scene)
    vpc = scene.vpc("10.3.0.0/16")
    third = scene.attach(gateway, vpc, scene.subnet(vpc, "10.3.1.0/24"))
    scene.gateway_route(table, "10.2.1.0/24", third)
    return "route", "fail", table, "10.2.1.0/24"


@fault("the source's attachment has another table, which has no route", mended=True)
def _(scene: Scene) -> Said:
    _, gateway, table, ours, _ = attached(scene)
    scene.ec2.disassociate_transit_gateway_route_table(
        TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=ours
    )
    return "route", "fail", scene.gateway_table(gateway, ours), ""


@fault("the source's attachment has no table")
def _(scene: Scene) -> Said:
    _, _, table, ours, _ = attached(scene)
    scene.ec2.disassociate_transit_gateway_route_table(
        TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=ours
    )
    return "route", "fail", ours, ""


@fault("the source's attachment has no subnet in the source's zone", mended=True)
def _(scene: Scene) -> Said:
    two_vpcs(scene)
    scene.packet_length = 8000
    gateway = scene.gateway()
    ours = scene.attach(gateway, scene.source_vpc, scene.subnet(scene.source_vpc, "10.1.7.0/24", "b"))
    theirs = scene.attach(gateway, scene.target_vpc, scene.target_subnet)
    scene.gateway_route(scene.gateway_table(gateway, ours, theirs), "10.2.0.0/16", theirs)
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="10.2.0.0/16", TransitGatewayId=gateway)
    return "route", "fail", ours, ""


@fault("whole jumbo frames are to go through a transit gateway")
def _(scene: Scene) -> Said:
    _, gateway, _, _, _ = attached(scene)
    scene.packet_length = None
    return "mtu", "warn", gateway, ""


# --- load balancers and endpoints


def balanced(
    scene: Scene,
    protocol: str = "UDP",
    registered: bool = True,
    cross_zone: bool = True,
    network: Callable[[Scene], object] = one_vpc,
) -> tuple[str, str, str]:
    """A Network Load Balancer in two zones in front of the target of a network: (ARN, target group, listener)."""
    network(scene)
    other = scene.subnet(scene.target_vpc, f"{scene.target_address.rsplit('.', 2)[0]}.3.0/24", "b")
    made = scene.elb.create_load_balancer(
        Name=f"nlb-{scene.number}", Type="network", Scheme="internal", Subnets=[scene.target_subnet, other]
    )
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    scene.elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn,
        Attributes=[{"Key": "load_balancing.cross_zone.enabled", "Value": str(cross_zone).lower()}],
    )
    group = scene.elb.create_target_group(
        Name=f"tg-{scene.number}", Protocol=protocol, Port=4789, VpcId=scene.target_vpc, HealthCheckProtocol="TCP"
    )["TargetGroups"][0]["TargetGroupArn"]
    listener = scene.elb.create_listener(
        LoadBalancerArn=arn, Protocol=protocol, Port=4789, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}]
    )["Listeners"][0]["ListenerArn"]
    if registered:
        scene.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": scene.host}])
    scene.host = scene.mirror_target(NetworkLoadBalancerArn=arn)
    return arn, group, listener


@fault("the load balancer listens for TCP alone")
def _(scene: Scene) -> Said:
    arn, _, listener = balanced(scene, "TCP")
    return "balancer", "fail", arn, listener


@fault("no host is registered with the load balancer")
def _(scene: Scene) -> Said:
    _, group, _ = balanced(scene, registered=False)
    return "balancer", "fail", group, ""


@fault("a zone of the load balancer has no host, and cross-zone balancing is off", mended=True)
def _(scene: Scene) -> Said:
    arn, _, _ = balanced(scene, cross_zone=False)
    return "balancer", "warn", arn, "load_balancing.cross_zone.enabled"


@fault("one of two hosts behind the load balancer does not admit the frames", mended=True)
def _(scene: Scene) -> Said:
    _, group, _ = balanced(scene)
    closed = scene.group(scene.target_vpc)
    other, _ = scene.instance(scene.target_subnet, "10.1.2.99", [closed])
    scene.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": other}])
    return "group", "warn", closed, ""


@fault("the only host behind the load balancer does not admit the frames", mended=True)
def _(scene: Scene) -> Said:
    _, _, _ = balanced(scene)
    closed = scene.group(scene.target_vpc)
    scene.ec2.modify_network_interface_attribute(NetworkInterfaceId=scene.target, Groups=[closed])
    return "group", "fail", closed, ""


def guarded(scene: Scene, balancer: str) -> str:
    """The load balancer gets a security group that admits the source; its id."""
    group = scene.group(scene.target_vpc)
    scene.admit(group, cidr="10.1.1.0/24")
    scene.elb.set_security_groups(LoadBalancerArn=balancer, SecurityGroups=[group])
    return group


@fault("the only host behind a load balancer admits neither the source nor the load balancer's group", mended=True)
def _(scene: Scene) -> Said:
    guarded(scene, balanced(scene)[0])
    scene.ec2.revoke_security_group_ingress(GroupId=scene.target_group, SecurityGroupRuleIds=[scene.rule])
    scene.admit(scene.target_group, group=scene.group(scene.target_vpc))
    return "group", "fail", scene.target_group, ""


@fault("a load balancer in a peered VPC, without a route to the peering", mended=True)
def _(scene: Scene) -> Said:
    balanced(scene, network=two_vpcs)
    scene.peering(scene.source_vpc, scene.target_vpc)
    return "route", "fail", scene.table, ""


@fault("a load balancer behind a transit gateway whose table has no route to it", mended=True)
def _(scene: Scene) -> Said:
    made: list[object] = []
    balanced(scene, network=lambda empty: made.extend(attached(empty)))
    table = str(made[2])
    scene.ec2.delete_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock="10.2.0.0/16")
    return "route", "fail", table, ""


@fault("the endpoint leads to a load balancer of another account")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    made = scene.ec2.create_vpc_endpoint(
        VpcId=scene.source_vpc,
        ServiceName="com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
        VpcEndpointType="GatewayLoadBalancer",
        SubnetIds=[scene.source_subnet],
    )["VpcEndpoint"]["VpcEndpointId"]
    scene.host = made
    return "target", "fail", made, ""


@fault("the target's endpoint is not one of a Gateway Load Balancer")
def _(scene: Scene) -> Said:
    one_vpc(scene)
    made = scene.ec2.create_vpc_endpoint(
        VpcId=scene.source_vpc,
        ServiceName="com.amazonaws.us-east-1.ec2",
        VpcEndpointType="Interface",
        SubnetIds=[scene.target_subnet],
    )["VpcEndpoint"]["VpcEndpointId"]
    scene.host = scene.mirror_target(GatewayLoadBalancerEndpointId=made)
    return "endpoint", "fail", made, ""
