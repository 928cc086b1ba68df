"""The policies of what else there is: they allow all that a feature calls, and each action is missed.

The capture around them is proved with list and mirror; here are the calls alone.
"""

from __future__ import annotations

import base64
import gzip
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest
from faults import balanced
from iam import ACCOUNT, REGION, Judge, actions_of, less
from scenes import IMAGE, Scene
from sessions import session
from sound import SOUND

from vpcshark.aws import analyzer, kinds, tagging
from vpcshark.aws.balancing import registered
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import instance_login, launch, launch_template
from vpcshark.aws.errors import is_denied, mapped
from vpcshark.aws.flow_records import choice
from vpcshark.aws.flow_records.athena import Athena, Where
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.aws.iam import policies
from vpcshark.aws.iam.features import FEATURES
from vpcshark.aws.inventory import interfaces, trunks
from vpcshark.aws.mirroring import resources, security_group_rules
from vpcshark.aws.monitoring import flow_logs, gateway_metrics, metrics
from vpcshark.capture.contract.host import parse
from vpcshark.capture.mirror import fleet_lookup
from vpcshark.cleanup.tags import Lease, kept
from vpcshark.clock import SystemClock
from vpcshark.errors import AwsError
from vpcshark.flowlogs.cover import FlowLog
from vpcshark.flowlogs.objects import Layout
from vpcshark.flowlogs.wanted import Wanted
from vpcshark.lab.api import moto_logins
from vpcshark.lab.vpc.endpoint import Rules, refusal
from vpcshark.survey import asking

ROLE = "vpcshark-of-the-tests"
NARROW = FlowLog(
    "fl-1", "eni-1", "interface", "ALL", "cloud-watch-logs", "", ("interface-id",), 60, "ACTIVE", "SUCCESS", ""
)
LEASE = Lease("c-features", "me@here", 2_000_000_000.0)
PUBLIC_KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()


class Logins:
    """Session Manager and an Instance Connect Endpoint, with nobody behind them."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def push_key(self, instance: str, user: str, key: str) -> bool:
        return True

    def managed(self) -> list[str]:
        return [self._scene.source_instance]

    def start_session(self, instance: str, port: int) -> dict[str, str]:
        return self.resume_session("session-1")

    def resume_session(self, session: str) -> dict[str, str]:
        return {"SessionId": session, "TokenValue": "token", "StreamUrl": "wss://nowhere.example"}

    def end_session(self, session: str) -> None:
        """Nobody is there."""

    def endpoints(self) -> list[dict[str, str]]:
        facts = {"InstanceConnectEndpointId": "eice-1", "State": "create-complete", "DnsName": "eice-1.example"}
        return [{**facts, "VpcId": self._scene.source_vpc, "SubnetId": self._scene.source_subnet}]

    def console(self, instance: str) -> str:
        return ""


def open_a_group(aws: Aws, scene: Scene, judge: Judge) -> None:
    """A rule into somebody's group, its renewal, and out again."""
    group = scene.group(scene.target_vpc)
    rule = security_group_rules.open_group(aws.ec2, group, "192.0.2.1", LEASE.as_tags(), "a test")
    tagging.put_tags(aws.ec2, [rule], {"vpcshark:expires": "2033-01-01T00:00:00Z"})
    kinds.delete(aws.ec2, kinds.RULE, rule)
    scene.ec2.delete_security_group(GroupId=group)


def launch_a_host(aws: Aws, scene: Scene, judge: Judge) -> None:
    """A host and its group, their renewal, keeping them, finding them, and their end."""
    ec2, labels = aws.ec2, LEASE.as_tags()
    image = launch.newest_image(aws.ssm, launch.architecture(ec2, launch.TYPE))
    assert image.startswith("ami-")
    group = launch.create_group(ec2, scene.target_vpc, f"group-{uuid.uuid4().hex}", labels)
    launch.admit_frames(ec2, group, ["10.1.1.10"])
    launch.admit_ssh(ec2, group, ["192.0.2.0/24"])
    wanted = launch.Launch(scene.target_subnet, group, "", IMAGE)
    instance = launch.run(ec2, wanted, labels, str(uuid.uuid4()))
    tagging.put_tags(ec2, [instance, group], {"vpcshark:expires": "2033-01-01T00:00:00Z"})
    tagging.put_tags(ec2, [instance, group], kept(LEASE, LEASE.expires).as_tags())
    assert {one.id for one in kinds.tagged(ec2, kinds.LAUNCHED, "vpcshark:capture")} >= {instance, group}, (
        "ec2:DescribeSecurityGroups"
    )
    kinds.delete(ec2, kinds.INSTANCE, instance)
    kinds.delete(ec2, kinds.GROUP, group)


def find_what_is_balanced(aws: Aws, scene: Scene, judge: Judge) -> None:
    """The hosts behind a load balancer."""
    name = scene.elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerName"]
    assert registered.registered(aws.client("elbv2"), name)


def aim_at_fleets(aws: Aws, scene: Scene, judge: Judge) -> None:
    """A load balancer and an endpoint with hosts behind them, and a target of each."""
    endpoints = scene.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    endpoint = [one["VpcEndpointId"] for one in endpoints if one["VpcEndpointType"] == "GatewayLoadBalancer"][-1]
    found = [fleet_lookup.find(aws, parse(f"lb:nlb-{scene.number}")), fleet_lookup.find(aws, parse(endpoint))]
    assert [len(one.members) for one in found] == [1, 1], [one.unseen for one in found]
    arn = found[0].resource  # a load balancer is one target at most, and the scene has made it one
    for standing in scene.ec2.describe_traffic_mirror_targets()["TrafficMirrorTargets"]:
        if standing.get("NetworkLoadBalancerArn") == arn:
            scene.ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=standing["TrafficMirrorTargetId"])
    for one in found:
        target = resources.create_target(aws.ec2, one.resource, LEASE.as_tags(), str(uuid.uuid4()))
        scene.ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=target)


def see_host_keys_and_user(aws: Aws, scene: Scene, judge: Judge) -> None:
    """Before a login."""
    instance = scene.source_instance
    instance_login.console_keys(aws, instance)
    instance_login.login_user(aws, instance)


def push_a_key(aws: Aws, scene: Scene, judge: Judge) -> None:
    """EC2 Instance Connect."""
    instance_login.push_key(aws, scene.source_instance, "ec2-user", PUBLIC_KEY)


def push_a_key_to_a_launched_host(aws: Aws, scene: Scene, judge: Judge) -> None:
    """As its image's user; to nobody else's instance."""
    group = scene.group(scene.target_vpc)
    wanted = launch.Launch(scene.target_subnet, group, "", IMAGE)
    somebody = judge.overhear(scene.ec2)
    instance = launch.run(somebody, wanted, LEASE.as_tags(), str(uuid.uuid4()))
    instance_login.push_key(aws, instance, "ec2-user", PUBLIC_KEY)
    kinds.delete(scene.ec2, kinds.INSTANCE, instance)


def read_the_counts(aws: Aws, scene: Scene, judge: Judge) -> None:
    """CloudWatch's, of mirrored packets."""
    metrics.counted(aws.client("cloudwatch"), [scene.source_instance], time.time())


def tunnel_through_an_endpoint(aws: Aws, scene: Scene, judge: Judge) -> None:
    """As the lab's endpoint judges the signed URL."""
    found = instance_login.find_endpoint(aws, scene.source_vpc, "")
    url = urlsplit(instance_login.tunnel_url(aws, found, "10.1.1.10"))
    rules = Rules({found.id: "10.0.0.0/8"}, REGION, judge)
    assert refusal(f"{url.path}?{url.query}", url.netloc, rules, datetime.now(timezone.utc)) == ""


def tunnel_through_session_manager(aws: Aws, scene: Scene, judge: Judge) -> None:
    """What we call, and what AWS's plugin calls with the same credentials when its connection breaks."""
    assert instance_login.is_managed(aws, scene.source_instance)
    session = instance_login.start_session(aws, scene.source_instance)["SessionId"]
    with mapped("resume the session", service="ssm"):
        aws.ssm.resume_session(SessionId=session)
    instance_login.end_session(aws, session)


def launch_from_a_template(aws: Aws, scene: Scene, judge: Judge) -> None:
    """One with an image, a key pair and a security group of the user's own."""
    group, own = scene.group(scene.target_vpc), f"own-{uuid.uuid4().hex}"
    scene.ec2.create_key_pair(KeyName=own)
    data = {"ImageId": IMAGE, "InstanceType": "t4g.small", "KeyName": own, "SecurityGroupIds": [group]}
    made = scene.ec2.create_launch_template(LaunchTemplateName=own, LaunchTemplateData=data)["LaunchTemplate"]
    template = launch_template.find_template(aws.ec2, made["LaunchTemplateId"])
    run_and_end(aws, launch.Launch(scene.target_subnet, "", "", template=template))


def launch_with_a_role(aws: Aws, scene: Scene, judge: Judge) -> None:
    """One whose name begins as the policy has it."""
    group = launch.create_group(aws.ec2, scene.target_vpc, f"group-{uuid.uuid4().hex}", LEASE.as_tags())
    run_and_end(aws, launch.Launch(scene.target_subnet, group, "", IMAGE, role=ROLE))
    kinds.delete(aws.ec2, kinds.GROUP, group)


def run_and_end(aws: Aws, wanted: launch.Launch) -> None:
    """What is launched in vain costs."""
    kinds.delete(aws.ec2, kinds.INSTANCE, launch.run(aws.ec2, wanted, LEASE.as_tags(), str(uuid.uuid4())))


def ask_all_that_a_walk_may(aws: Aws, scene: Scene, judge: Judge) -> None:
    """One question of each kind but preflight's two of a whole Region; what is refused is told as unknown, with the
    action."""
    arn = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/none/1"
    keys = {
        "address": ("vpc-0123456789abcdef0", "10.0.0.1"),
        "balancer": ("net/none/1",),
        "end": ("10.0.0.1",),
        "gateway": ("eigw-0123456789abcdef0",),
        "listeners": (arn,),
        "public": ("192.0.2.1",),
        "tagged": ("Role", "web"),
        "target-group": (arn,),
        "tgw-routes": ("tgw-rtb-0123456789abcdef0", "10.0.0.1"),
    }
    questions = [
        (kind, *keys.get(kind, ("vpc-0123456789abcdef0",))) for kind in asking.CALLS.keys() - {"region", "joints"}
    ]
    _, unknown, _ = asking.put([aws], questions)
    assert not unknown, unknown


class Unresting(SystemClock):
    """Nobody waits."""

    def sleep(self, seconds: float) -> None:
        """Not at all."""


def ask_the_analyzer(aws: Aws, scene: Scene, judge: Judge) -> None:
    """Path, analysis, both found by their tag, and deleted."""
    tags = LEASE.as_tags()
    path = analyzer.create_path(
        aws.ec2, analyzer.Query(scene.source, "tcp", address="10.0.0.1"), tags, str(uuid.uuid4())
    )
    analysis = analyzer.start(aws.ec2, path, tags, str(uuid.uuid4()))
    analyzer.wait(aws.ec2, analysis, Unresting(), patience=60)
    made = [(kinds.ANALYSIS, analysis), (kinds.PATH, path)]
    shown = kinds.tagged(aws.ec2, kinds.ANALYZING, "vpcshark:capture", LEASE.capture)
    assert {*made} <= {(one.kind, one.id) for one in shown}
    for kind, each in made:
        kinds.delete(aws.ec2, kind, each)


def find_flow_logs(aws: Aws, scene: Scene, judge: Judge) -> None:
    """Of an interface, of a subnet, and of an attachment, which is none."""
    for id in (scene.source, scene.source_subnet):
        flow_logs.covering(aws, id)
    with pytest.raises(AwsError, match=r"There is no tgw-attach|DescribeTransitGatewayAttachments") as told:
        flow_logs.covering(aws, "tgw-attach-0123456789abcdef0")
    assert "There is no tgw-attach" in str(told.value), str(told.value)
    read_flow_logs(aws, scene)


def read_flow_logs(aws: Aws, scene: Scene) -> None:
    """Out of a log group by both ways, and out of a bucket."""
    name = f"of-features-{uuid.uuid4().hex[:8]}"
    lab, endpoint = session("lab", "lab", REGION), scene.ec2.meta.endpoint_url
    lab.client("logs", endpoint_url=endpoint).create_log_group(logGroupName=name)
    s3 = lab.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    asked = Wanted(int(time.time()) - 900, int(time.time()), (scene.source,))
    at, place = datetime.now(timezone.utc), replace(NARROW, destination_type="s3", destination=f"arn:aws:s3:::{name}")
    file = f"{ACCOUNT}_vpcflowlogs_{REGION}_fl-1_{at:%Y%m%dT%H%M}Z_0.log.gz"
    s3.put_object(Bucket=name, Key=Layout(place, ACCOUNT, REGION).folder(at) + file, Body=gzip.compress(b""))
    for by, log in (("cloudwatch", replace(NARROW, destination=name)), ("insights", None), ("s3", place)):
        said: list[str] = []
        reading = Reading(aws, log or replace(NARROW, destination=name), asked, said.append)
        assert [*choice.reader(reading, by).rows()] == []
        assert "You may not" not in " ".join(said), said
    left_to_stop("logs", lambda: aws.client("logs").stop_query(queryId="1"))


def left_to_stop(service: str, stop: Callable[[], object]) -> None:
    """What runs no more is no error of the permission's; moto knows neither."""
    try:
        with mapped("stop a query", service=service):
            stop()
    except AwsError as error:
        if is_denied(error):
            raise


def read_what_firehose_delivered(aws: Aws, scene: Scene, judge: Judge) -> None:
    """Where its stream writes to, and a file."""
    name = f"of-firehose-{uuid.uuid4().hex[:8]}"
    lab, endpoint = session("lab", "lab", REGION), scene.ec2.meta.endpoint_url
    s3, at = lab.client("s3", endpoint_url=endpoint), datetime.now(timezone.utc)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key=f"{at:%Y/%m/%d/%H}/{name}-1-{at:%Y-%m-%d-%H-%M-%S}-0a1b", Body=b"")
    place = {"RoleARN": f"arn:aws:iam::{ACCOUNT}:role/flow", "BucketARN": f"arn:aws:s3:::{name}"}
    lab.client("firehose", endpoint_url=endpoint).create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration=place
    )
    arn = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{name}"
    log = replace(NARROW, destination_type="kinesis-data-firehose", destination=arn)
    asked = Wanted(int(time.time()) - 900, int(time.time()), (scene.source,))
    assert [*choice.reader(Reading(aws, log, asked, lambda _: None)).rows()] == []


def query_by_athena(aws: Aws, scene: Scene, judge: Judge) -> None:
    """Our calls, and what Athena does for us with the same credentials."""
    asked = Wanted(int(time.time()) - 900, int(time.time()), (scene.source,))
    log = replace(NARROW, destination_type="s3", destination="arn:aws:s3:::of-nobody")
    bucket = session("lab", "lab", REGION).client("s3", endpoint_url=scene.ec2.meta.endpoint_url)
    if not bucket.list_buckets(Prefix="of-nobody")["Buckets"]:
        bucket.create_bucket(Bucket="of-nobody", CreateBucketConfiguration={"LocationConstraint": REGION})
    reading = Reading(aws, log, asked, lambda _: None)
    output = {"database": "flows", "output": "s3://of-nobody/results/"}
    assert [*Athena(reading, Layout(log, ACCOUNT, REGION), Where(**output)).rows()] == []
    id = session("lab", "lab", REGION).client("athena", endpoint_url=scene.ec2.meta.endpoint_url)
    id = id.list_query_executions()["QueryExecutionIds"][0]
    left_to_stop("athena", lambda: aws.client("athena").stop_query_execution(QueryExecutionId=id))
    glue, s3 = aws.client("glue"), aws.client("s3")
    table = {"DatabaseName": "flows", "Name": "vpcshark_1"}
    for call in (
        lambda: glue.create_table(DatabaseName="flows", TableInput={"Name": "vpcshark_1"}),
        lambda: glue.get_database(Name="flows"),
        lambda: glue.get_table(**table),
        lambda: glue.get_partitions(DatabaseName="flows", TableName="vpcshark_1"),
        lambda: glue.delete_table(**table),
        lambda: s3.get_bucket_location(Bucket="of-nobody"),
        lambda: s3.put_object(Bucket="of-nobody", Key="results/1.csv", Body=b""),
    ):
        left_to_stop("glue", call)


def read_a_gateways_metrics(aws: Aws, scene: Scene, judge: Judge) -> None:
    """One that has some."""
    cloudwatch = session("lab", "lab", REGION).client("cloudwatch", endpoint_url=scene.ec2.meta.endpoint_url)
    dimensions = [{"Name": "TransitGateway", "Value": "tgw-0a"}]
    data = [{"MetricName": "BytesIn", "Dimensions": dimensions, "Value": 1.0}]
    cloudwatch.put_metric_data(Namespace="AWS/TransitGateway", MetricData=data)
    assert gateway_metrics.read(aws, "tgw-0a", int(time.time()) - 900, int(time.time()))


def find_a_branch(aws: Aws, scene: Scene, judge: Judge) -> None:
    """Of a trunk on the source's instance."""
    source = interfaces.find_eni(aws.ec2, scene.source)
    branch = replace(source, id="eni-0123456789abcdef0", instance="")
    assert trunks.on_its_trunk(aws.ec2, branch) == branch  # EC2 knows of none


FLOWS: Mapping[str, Callable[[Aws, Scene, Judge], None]] = {
    "open-security-group": open_a_group,
    "counters": read_the_counts,
    "flowlogs": find_flow_logs,
    "analyzer": ask_the_analyzer,
    "firehose": read_what_firehose_delivered,
    "athena": query_by_athena,
    "metrics": read_a_gateways_metrics,
    "walk": ask_all_that_a_walk_may,
    "launch": launch_a_host,
    "sources": find_what_is_balanced,
    "fleet": aim_at_fleets,
    "branches": find_a_branch,
    "connect-ssh": see_host_keys_and_user,
    "connect-eic": push_a_key,
    "connect-eic-launched": push_a_key_to_a_launched_host,
    "connect-eice": tunnel_through_an_endpoint,
    "connect-ssm": tunnel_through_session_manager,
    "launch-template": launch_from_a_template,
    "launch-role": launch_with_a_role,
}
BESIDE = {  # what a feature needs besides
    "firehose": ["flowlogs"],
    "fleet": ["list", "mirror"],
    "launch-role": ["list", "launch"],
    "launch-template": ["list", "launch"],
}
BY_AWS = {"tiros:CreateQuery", "tiros:GetQueryAnswer", "tiros:GetQueryExplanation"}
"""What Reachability Analyzer does in its caller's name."""
ACTIONS = [(name, action) for name in FLOWS for action in actions_of(policies.policy([name])) if action not in BY_AWS]


@pytest.fixture(scope="module")
def network(new_scene: Callable[[], Scene], endpoint: str) -> Scene:
    """With a load balancer, endpoints of a Gateway Load Balancer and of Instance Connect, Session Manager, a role."""
    SOUND["an endpoint of a Gateway Load Balancer"](new_scene())
    scene = new_scene()
    balanced(scene)
    moto_logins.install(Logins(scene))
    session("lab", "lab", REGION).client("iam", endpoint_url=endpoint).create_instance_profile(InstanceProfileName=ROLE)
    return scene


def granted(name: str, less_action: str = "") -> dict[str, Any]:
    """The policies of a feature, without an action, and of those that it needs."""
    own, beside = less(less_action, policies.policy([name])), policies.policy(BESIDE.get(name, ["list"]))
    return {**own, "Statement": [*beside["Statement"], *own["Statement"]]}


@pytest.mark.thin(4)
@pytest.mark.parametrize("name", FLOWS)
def test_all_that_a_feature_calls_is_allowed_and_all_that_is_allowed_is_called(name: str, network: Scene, as_user: Any):
    aws, judge = as_user(granted(name))
    FLOWS[name](aws, network, judge)
    assert judge.refused == []
    assert set(actions_of(policies.policy([name]))) - BY_AWS <= judge.called


@pytest.mark.thin(12)
@pytest.mark.parametrize(("name", "action"), ACTIONS)
def test_without_an_action_the_one_that_is_missing_is_named(name: str, action: str, network: Scene, as_user: Any):
    aws, judge = as_user(granted(name, action))
    with pytest.raises((AwsError, AssertionError), match=action):
        FLOWS[name](aws, network, judge)


def test_every_feature_is_looked_at():
    """Those of a capture itself elsewhere in this folder."""
    assert set(FEATURES) == {*FLOWS, "list", "mirror", "preflight"}
