"""Where Traffic Mirroring and the rest of EC2 meet: ENIs that go away, pages of ENIs, the data plane."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from vpcshark.lab.api.moto_ec2 import mark_managed


def sessions_of(ec2: Any, eni: str) -> list[Any]:
    """The sessions whose source this is."""
    wanted = [{"Name": "network-interface-id", "Values": [eni]}]
    return list(ec2.describe_traffic_mirror_sessions(Filters=wanted)["TrafficMirrorSessions"])


def test_deleting_the_source_deletes_its_sessions(api: Any, mirroring: Any, ec2: Any) -> None:
    """In the API and on the data plane."""
    session = mirroring.session()
    assert session["TrafficMirrorSessionId"] in [told.id for told in api.plane.now]
    ec2.delete_network_interface(NetworkInterfaceId=session["NetworkInterfaceId"])
    assert session["TrafficMirrorSessionId"] not in [told.id for told in api.plane.now]
    assert sessions_of(ec2, session["NetworkInterfaceId"]) == []


def test_terminating_the_instance_deletes_the_sessions(api: Any, mirroring: Any, ec2: Any) -> None:
    """Its first ENI goes with it."""
    instance = ec2.run_instances(ImageId="ami-04681a1dbd79675a5", MinCount=1, MaxCount=1, SubnetId=mirroring.subnet)
    (instance,) = instance["Instances"]
    session = mirroring.session(NetworkInterfaceId=instance["NetworkInterfaces"][0]["NetworkInterfaceId"])
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert session["TrafficMirrorSessionId"] not in [told.id for told in api.plane.now]
    assert sessions_of(ec2, session["NetworkInterfaceId"]) == []


def test_a_managed_eni_is_no_source(mirroring: Any) -> None:
    """Only ENIs of type interface that no AWS service manages are."""
    eni = mirroring.eni()
    mark_managed(eni, "nat_gateway")
    with pytest.raises(ClientError, match="cannot be mirrored"):
        mirroring.session(NetworkInterfaceId=eni)


def test_the_data_plane_knows_before_the_answer(api: Any, mirroring: Any, ec2: Any) -> None:
    """Session, rules and network services, each as it changes; describing tells nothing."""
    session = mirroring.session(PacketLength=99, VirtualNetworkId=42, SessionNumber=7)
    (told,) = [told for told in api.plane.now if told.id == session["TrafficMirrorSessionId"]]
    assert (told.number, told.vni, told.packet_length, told.rules) == (7, 42, 99, ())
    assert told.resolver == "10.7.0.2"
    filter_id = session["TrafficMirrorFilterId"]
    mirroring.rule(filter_id, Protocol=17, SourcePortRange={"FromPort": 1, "ToPort": 9})
    ec2.modify_traffic_mirror_filter_network_services(
        TrafficMirrorFilterId=filter_id, AddNetworkServices=["amazon-dns"]
    )
    (told,) = [told for told in api.plane.now if told.id == session["TrafficMirrorSessionId"]]
    assert told.amazon_dns
    assert [(rule.protocol, rule.source_ports, rule.direction) for rule in told.rules] == [(17, (1, 9), "ingress")]
    count = len(api.plane.told)
    ec2.describe_traffic_mirror_sessions()
    assert len(api.plane.told) == count


def test_network_interfaces_come_in_pages(mirroring: Any, ec2: Any) -> None:
    """moto alone gives all of them at once."""
    made = {mirroring.eni() for _ in range(12)}
    wanted = [{"Name": "subnet-id", "Values": [mirroring.subnet]}]
    paginator = ec2.get_paginator("describe_network_interfaces")
    pages = [page["NetworkInterfaces"] for page in paginator.paginate(Filters=wanted, MaxResults=5)]
    assert [len(page) for page in pages] == [5, 5, 2]
    assert {eni["NetworkInterfaceId"] for page in pages for eni in page} == made


def test_ids_and_pages_exclude_each_other(mirroring: Any, ec2: Any) -> None:
    """As the EC2 API reference says."""
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=[mirroring.eni()], MaxResults=5)


def balanced(mirroring: Any, api: Any, kind: str, protocol: str, port: int) -> tuple[str, str, list[Any]]:
    """A load balancer in front of two instances: its ARN, its target group's, the instances."""
    ec2, elb = mirroring.ec2, api.client("elbv2")
    made = ec2.run_instances(ImageId="ami-04681a1dbd79675a5", MinCount=2, MaxCount=2, SubnetId=mirroring.subnet)[
        "Instances"
    ]
    name = f"{kind}-{made[0]['InstanceId'][2:10]}"
    (balancer,) = elb.create_load_balancer(Name=name, Type=kind, Subnets=[mirroring.subnet])["LoadBalancers"]
    (group,) = elb.create_target_group(
        Name=name, Protocol=protocol, Port=port, VpcId=made[0]["VpcId"], HealthCheckProtocol="TCP"
    )["TargetGroups"]
    listens = {"Protocol": protocol, "Port": port} if kind == "network" else {}
    action = {"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}
    elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], DefaultActions=[action], **listens)
    elb.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": one["InstanceId"]} for one in made])
    return balancer["LoadBalancerArn"], group["TargetGroupArn"], made


def told_of(api: Any, session: dict[str, Any]) -> Any:
    """What the data plane knows of a session now."""
    return next(told for told in api.plane.now if told.id == session["TrafficMirrorSessionId"])


def primary(instances: list[Any]) -> tuple[str, ...]:
    return tuple(one["NetworkInterfaces"][0]["NetworkInterfaceId"] for one in instances)


def test_the_data_plane_knows_who_is_behind_a_load_balancer(api: Any, mirroring: Any) -> None:
    """All that are registered and run, as it changes."""
    arn, group, instances = balanced(mirroring, api, "network", "UDP", 4789)
    made = mirroring.ec2.create_traffic_mirror_target(NetworkLoadBalancerArn=arn)["TrafficMirrorTarget"]
    session = mirroring.session(TrafficMirrorTargetId=made["TrafficMirrorTargetId"])
    assert (told_of(api, session).target, told_of(api, session).behind) == ("", primary(instances))
    mirroring.ec2.stop_instances(InstanceIds=[instances[0]["InstanceId"]])
    assert told_of(api, session).behind == primary(instances[1:])
    api.client("elbv2").deregister_targets(TargetGroupArn=group, Targets=[{"Id": instances[1]["InstanceId"]}])
    assert told_of(api, session).behind == ()


def test_the_data_plane_knows_who_is_behind_an_endpoint(api: Any, mirroring: Any) -> None:
    """By its service's Gateway Load Balancers."""
    ec2 = mirroring.ec2
    arn, _, instances = balanced(mirroring, api, "gateway", "GENEVE", 6081)
    service = ec2.create_vpc_endpoint_service_configuration(GatewayLoadBalancerArns=[arn])["ServiceConfiguration"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=instances[0]["VpcId"],
        ServiceName=service["ServiceName"],
        VpcEndpointType="GatewayLoadBalancer",
        SubnetIds=[mirroring.subnet],
    )["VpcEndpoint"]["VpcEndpointId"]
    made = ec2.create_traffic_mirror_target(GatewayLoadBalancerEndpointId=endpoint)["TrafficMirrorTarget"]
    session = mirroring.session(TrafficMirrorTargetId=made["TrafficMirrorTargetId"])
    told = told_of(api, session)
    assert (told.behind, told.endpoint) == (primary(instances), endpoint)
