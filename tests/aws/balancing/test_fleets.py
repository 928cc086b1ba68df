"""Who receives behind a load balancer, an endpoint, a target of either: from the lab's API."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from vpcshark.aws import kinds
from vpcshark.aws.balancing import fleets
from vpcshark.aws.client import Aws
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.mirroring import existing, resources
from vpcshark.capture.contract.host import parse, target_id
from vpcshark.capture.inventory import selector_values
from vpcshark.capture.mirror import fleet_lookup, host_choice
from vpcshark.errors import InputError, Mistake


class Place:
    """web-1 and db-1 of the lab's VPC, and load balancers in front of them."""

    def __init__(self, aws: Aws, enis: dict[str, Any]) -> None:
        self.aws, self.elb = aws, aws.client("elbv2")
        self.web, self.db = enis["web-1 eth0"], enis["db-1 eth0"]
        found = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[self.web["id"]])["NetworkInterfaces"][0]
        self.vpc, self.subnet = found["VpcId"], found["SubnetId"]

    def balancer(self, kind: str = "network", protocol: str = "UDP", port: int = 4789, **registered: Any) -> Any:
        """(name, ARN); ``registered``: type (instance, ip) -> targets."""
        name = f"b-{uuid.uuid4().hex[:8]}"
        made = self.elb.create_load_balancer(Name=name, Type=kind, Subnets=[self.subnet])["LoadBalancers"][0]
        for type_, targets in registered.items():
            group = self.elb.create_target_group(
                Name=f"g-{uuid.uuid4().hex[:8]}", Protocol=protocol, Port=port, VpcId=self.vpc, TargetType=type_,
                HealthCheckProtocol="TCP",
            )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
            self.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": one} for one in targets])
            listens = {} if kind == "gateway" else {"Protocol": protocol, "Port": port}
            action = {"Type": "forward", "TargetGroupArn": group}
            self.elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], DefaultActions=[action], **listens)
        return name, made["LoadBalancerArn"]

    def endpoint(self, service: str) -> str:
        made = self.aws.ec2.create_vpc_endpoint(
            VpcId=self.vpc, ServiceName=service, VpcEndpointType="GatewayLoadBalancer", SubnetIds=[self.subnet]
        )
        return made["VpcEndpoint"]["VpcEndpointId"]

    def service(self, arn: str) -> str:
        made = self.aws.ec2.create_vpc_endpoint_service_configuration(GatewayLoadBalancerArns=[arn])
        return made["ServiceConfiguration"]["ServiceName"]

    def hosts(self, word: str) -> list[tuple[str, str]]:
        """(ENI, address) of each capture host that ``--host word`` means."""
        found = host_choice.fleet_hosts(fleet_lookup.find(self.aws, parse(word)), interfaces.list_enis(self.aws.ec2))
        return [(host.eni, host.address) for host in found]


@pytest.fixture
def place(aws: Aws, enis: dict[str, Any]) -> Place:
    return Place(aws, enis)


def test_a_network_load_balancer_by_name_and_by_arn(place: Place):
    """Instances receive at their primary interfaces, addresses at theirs."""
    name, arn = place.balancer(instance=[place.web["instance"]])
    assert place.hosts(f"lb:{name}") == place.hosts(arn) == [(place.web["id"], place.web["ipv4"])]
    name, _ = place.balancer(ip=[place.db["ipv4"]])
    assert place.hosts(f"lb:{name}") == [(place.db["id"], place.db["ipv4"])]
    assert not fleet_lookup.find(place.aws, parse(f"lb:{name}")).is_geneve


def test_an_endpoint_leads_to_its_services_load_balancers(place: Place):
    """And frames come from it in Geneve."""
    _, arn = place.balancer("gateway", "GENEVE", 6081, instance=[place.web["instance"], place.db["instance"]])
    endpoint = place.endpoint(place.service(arn))
    assert {eni for eni, _ in place.hosts(endpoint)} == {place.web["id"], place.db["id"]}
    found = fleet_lookup.find(place.aws, parse(endpoint))
    assert (found.resource, found.is_geneve, found.target) == (endpoint, True, "")


def test_existing_targets_of_all_three_kinds(place: Place):
    """What they are made of is what is received on; they are listed with a name."""
    ec2 = place.aws.ec2
    name, arn = place.balancer(instance=[place.web["instance"]])
    _, gateway = place.balancer("gateway", "GENEVE", 6081, instance=[place.db["instance"]])
    endpoint = place.endpoint(place.service(gateway))
    made = [resources.create_target(ec2, one, {}, str(uuid.uuid4())) for one in (place.db["id"], arn, endpoint)]
    assert [place.hosts(one)[0][0] for one in made] == [place.db["id"], place.web["id"], place.db["id"]]
    assert [fleet_lookup.find(place.aws, parse(one)).target for one in made] == made
    assert [fleet_lookup.find(place.aws, parse(one)).has_one_host for one in made] == [True, False, False]
    listed = {one.id: one for one in existing.targets(ec2)}
    assert [listed[one].name for one in made] == [
        f"{one} · {of}" for one, of in zip(made, (place.db["id"], name, endpoint), strict=True)
    ]
    assert {listed[one].owner for one in made} == {"123456789012"}
    offered = dict(selector_values.choices("host", "", "", lambda: place.aws))
    assert [offered[one] for one in made] == [
        f"Mirror target {made[0]} · {place.db['id']}",
        f"Mirror target {made[1]} · {name} (load balancer)",
        f"Mirror target {made[2]} · {endpoint} (Gateway Load Balancer's endpoint)",
    ]
    for one in made:
        kinds.delete(ec2, kinds.TARGET, one)


def test_what_another_account_shares_needs_its_hosts_named(place: Place):
    """It can be used, and not be looked behind: the message says what to do, and then it is done."""
    shared = "arn:aws:elasticloadbalancing:eu-central-1:999999999999:loadbalancer/net/theirs/50dc6c495c0c9188"
    target = resources.create_target(place.aws.ec2, shared, {}, str(uuid.uuid4()))
    try:
        with pytest.raises(Mistake, match=f"behind the mirror target {target} of the account") as caught:
            place.hosts(target)
        assert f"--host {target}@i-…" in caught.value.remedy
        named = f"{target}@{place.web['instance']},{place.db['instance']}"
        assert place.hosts(named) == [(one["id"], one["ipv4"]) for one in (place.web, place.db)]
        assert fleet_lookup.find(place.aws, parse(named)).target == target_id(parse(named)) == target
    finally:
        kinds.delete(place.aws.ec2, kinds.TARGET, target)


def test_an_endpoint_of_anothers_service_needs_its_hosts_named(place: Place):
    """Only the service's own account sees its load balancers."""
    endpoint = place.endpoint("com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0")
    with pytest.raises(Mistake, match=f"Who receives behind {endpoint}"):
        place.hosts(endpoint)
    assert place.hosts(f"{endpoint}@{place.web['instance']}") == [(place.web["id"], place.web["ipv4"])]


@pytest.mark.parametrize("named", ["lb:gone", "tmt-0123456789abcdef0"])
def test_what_is_not_there_is_a_mistake(place: Place, named: str):
    with pytest.raises(InputError, match=r"no .*Load Balancer \"|no mirror target"):
        fleet_lookup.find(place.aws, parse(named))


def test_load_balancers_that_mirrored_frames_cannot_go_to(place: Place):
    """Of another kind, without a listener, without anybody, or to another port."""
    _, gateway = place.balancer("gateway", "GENEVE", 6081, instance=[place.db["instance"]])
    _, deaf = place.balancer(protocol="TCP", instance=[place.db["instance"]])
    _, empty = place.balancer(instance=[])
    _, elsewhere = place.balancer("gateway", "GENEVE", 6082, instance=[place.db["instance"]])
    for word, words in (
        (gateway, "of the kind gateway"),
        (deaf, "no listener for UDP 4789"),
        (empty, "No instance is registered"),
        (place.endpoint(place.service(elsewhere)), "sends frames to port 6082"),
    ):
        with pytest.raises(Mistake, match=words):
            place.hosts(word)


def test_packets_have_a_length_that_the_way_takes(place: Place):
    """Where nobody asked for less: a load balancer cuts nothing, what is too long is lost."""
    name, _ = place.balancer(instance=[place.web["instance"]])
    balanced = fleet_lookup.find(place.aws, parse(f"lb:{name}"))
    through = fleets.Fleet("vpce-1", "vpce-1", is_geneve=True)
    assert [balanced.packet_length(one) for one in (None, 100, 8500)] == [8500, 100, 8500]
    assert [through.packet_length(one) for one in (None, 100)] == [8446, 100]
    assert fleets.Fleet("eni-1", "x").packet_length(None) is None
    with pytest.raises(Mistake, match="8446 bytes at most, and 8500"):
        through.packet_length(8500)
