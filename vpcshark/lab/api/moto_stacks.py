"""CloudFormation: moto reads templates and keeps stacks; what is in them is made and deleted here.

By calls of the lab's own API with the keys of whoever called, as CloudFormation does it: so machines boot, tags are
set, and refusals hold, while moto's own models leave most properties out. A stack is made when all of it is there;
unlike AWS, what was made before something failed stays.
Importing this takes a second. Must not know what a template is for.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel

from vpcshark.lab.api import moto_iam, moto_schedules, moto_stack_life, moto_stack_network
from vpcshark.lab.api.moto_stack_network import Made, Properties, tagged

_PATIENCE = 60.0  # seconds for an instance to come or to go
_POLL = 0.05
_caller: ContextVar[tuple[str, str]] = ContextVar("caller")  # endpoint, access key id


@dataclass(frozen=True)
class Kind:
    """How a type of resource is made (client, generated name, properties) and removed (client, physical id)."""

    service: str
    make: Callable[[Any, str, Properties], Made]
    remove: Callable[[Any, str], object]
    attributes: tuple[str, ...] = ()


@contextmanager
def acting(endpoint: str, key_id: str) -> Iterator[None]:
    """Within, what stacks need is called at ``endpoint`` as the owner of this key."""
    token = _caller.set((endpoint, key_id))
    try:
        yield
    finally:
        _caller.reset(token)


def install() -> None:
    """Put our resources into moto, for the whole process. Doing it again changes nothing."""
    for name, kind in KINDS.items():
        parsing.get_model_map()[name] = _model(name, kind)
    moto_stack_life.install()


def _client(service: str, region: str) -> Any:
    endpoint, key_id = _caller.get()
    secret, token = moto_iam.credentials_of(key_id)
    session: Any = boto3.session.Session(key_id, secret, token, region_name=region)
    return session.client(service, endpoint_url=endpoint)


def _model(name: str, kind: Kind) -> type:
    """The class that moto's parser wants."""

    def create(
        cls: Any, /, resource_name: str, cloudformation_json: Properties, account_id: str, region_name: str, **_: Any
    ) -> Any:
        properties = _said(cloudformation_json["Properties"])
        made = cls()
        try:
            made.physical_resource_id, made.attributes = kind.make(
                _client(kind.service, region_name), resource_name, properties
            )
        except ClientError as error:
            raise ValidationError(message=f"{name}: {error}") from error
        return made

    def delete(self: Any, account_id: str, region_name: str) -> None:
        try:
            kind.remove(_client(kind.service, region_name), self.physical_resource_id)
        except ClientError as error:
            if not _is_gone(error):
                raise

    members: dict[str, Any] = {
        "cloudformation_type": staticmethod(lambda: name),
        "cloudformation_name_type": staticmethod(lambda: ""),
        "has_cfn_attr": classmethod(lambda cls, attr: attr in kind.attributes),
        "create_from_cloudformation_json": classmethod(create),
        "get_cfn_attribute": lambda self, attr: self.attributes[attr],
        "is_created": lambda self: True,
        "delete": delete,
    }
    return type(f"Stack{name.rpartition(':')[2]}", (CloudFormationModel,), members)


def _is_gone(error: ClientError) -> bool:
    code = str(error.response["Error"]["Code"])
    return "NotFound" in code or code == "NoSuchEntity"


def _said(value: Any) -> Any:
    """Without what AWS::NoValue left out."""
    if isinstance(value, Mapping):
        return {key: _said(one) for key, one in value.items() if one is not None}
    return [_said(one) for one in value if one is not None] if isinstance(value, list) else value


def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} within {_PATIENCE:.0f} seconds")
        time.sleep(_POLL)


def _states(ec2: Any, instances: list[str]) -> set[str]:
    found = ec2.describe_instances(InstanceIds=instances)["Reservations"]
    return {one["State"]["Name"] for reservation in found for one in reservation["Instances"]}


def _await(ec2: Any, instances: list[str], state: str) -> None:
    if instances:
        _until(lambda: _states(ec2, instances) == {state}, f"{', '.join(instances)} not {state}")


def _make_instance(ec2: Any, name: str, properties: Properties) -> Made:
    profile = properties.pop("IamInstanceProfile", "")
    more: Properties = {"IamInstanceProfile": {"Name": profile}} if profile else {}
    if "UserData" in properties:  # boto3 encodes it once more
        properties["UserData"] = base64.b64decode(properties["UserData"])
    made = ec2.run_instances(MinCount=1, MaxCount=1, **more, **tagged("instance", properties))["Instances"][0]
    _await(ec2, [made["InstanceId"]], "running")
    return made["InstanceId"], {"PrivateIp": made["PrivateIpAddress"]}


def _remove_instance(ec2: Any, instance: str) -> None:
    ec2.terminate_instances(InstanceIds=[instance])
    _await(ec2, [instance], "terminated")


def _make_group(ec2: Any, name: str, properties: Properties) -> Made:
    rules = [_permission(rule) for rule in properties.pop("SecurityGroupIngress", [])]
    asked = {"Description": properties.pop("GroupDescription"), "GroupName": properties.pop("GroupName", name)}
    group = ec2.create_security_group(**asked, **tagged("security-group", properties))["GroupId"]
    if rules:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    return group, {"GroupId": group}


def _permission(rule: Properties) -> Properties:
    """A rule as EC2's calls have it."""
    said = {"Description": rule["Description"]} if "Description" in rule else {}
    ports: Properties = {key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule}
    if "SourceSecurityGroupId" in rule:
        return {**ports, "UserIdGroupPairs": [{"GroupId": rule["SourceSecurityGroupId"], **said}]}
    return {**ports, "IpRanges": [{"CidrIp": rule["CidrIp"], **said}]}


def _make_ingress(ec2: Any, name: str, properties: Properties) -> Made:
    answer = ec2.authorize_security_group_ingress(
        GroupId=properties.pop("GroupId"), IpPermissions=[_permission(properties)]
    )
    rule = answer["SecurityGroupRules"][0]
    return f"{rule['GroupId']}|{rule['SecurityGroupRuleId']}", {}


def _remove_ingress(ec2: Any, identity: str) -> None:
    group, _, rule = identity.partition("|")
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])


def _make_template(ec2: Any, name: str, properties: Properties) -> Made:
    made = ec2.create_launch_template(**{"LaunchTemplateName": name, **properties})["LaunchTemplate"]
    version = str(made["LatestVersionNumber"])
    return made["LaunchTemplateId"], {"LatestVersionNumber": version, "DefaultVersionNumber": version}


def _make_role(iam: Any, name: str, properties: Properties) -> Made:
    policies, inline = properties.pop("ManagedPolicyArns", []), properties.pop("Policies", [])
    document = json.dumps(properties.pop("AssumeRolePolicyDocument"))
    role = iam.create_role(**{"RoleName": name, **properties}, AssumeRolePolicyDocument=document)["Role"]
    for policy in policies:
        moto_iam.know(policy)
        iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=policy)
    for one in inline:
        said = json.dumps(one["PolicyDocument"])
        iam.put_role_policy(RoleName=role["RoleName"], PolicyName=one["PolicyName"], PolicyDocument=said)
    return role["RoleName"], {"Arn": role["Arn"]}


def _remove_role(iam: Any, role: str) -> None:
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    iam.delete_role(RoleName=role)


def _make_profile(iam: Any, name: str, properties: Properties) -> Made:
    roles = properties.pop("Roles")
    profile = iam.create_instance_profile(**{"InstanceProfileName": name, **properties})["InstanceProfile"]
    for role in roles:
        iam.add_role_to_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=role)
    return profile["InstanceProfileName"], {"Arn": profile["Arn"]}


def _remove_profile(iam: Any, profile: str) -> None:
    for role in iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=profile)


def _make_balancer(elb: Any, name: str, properties: Properties) -> Made:
    attributes = properties.pop("LoadBalancerAttributes", [])
    made = elb.create_load_balancer(**{"Name": name, **properties})["LoadBalancers"][0]
    if attributes:
        elb.modify_load_balancer_attributes(LoadBalancerArn=made["LoadBalancerArn"], Attributes=attributes)
    return made["LoadBalancerArn"], {"DNSName": made["DNSName"]}


def _make_target_group(elb: Any, name: str, properties: Properties) -> Made:
    attributes, targets = properties.pop("TargetGroupAttributes", []), properties.pop("Targets", [])
    group = elb.create_target_group(**{"Name": name, **properties})["TargetGroups"][0]["TargetGroupArn"]
    if attributes:
        elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
    if targets:
        elb.register_targets(TargetGroupArn=group, Targets=targets)
    return group, {}


def _make_listener(elb: Any, name: str, properties: Properties) -> Made:
    return elb.create_listener(**properties)["Listeners"][0]["ListenerArn"], {}


def _make_fleet(scaling: Any, name: str, properties: Properties) -> Made:
    subnets = ",".join(properties.pop("VPCZoneIdentifier"))
    tags = [{"ResourceId": name, "ResourceType": "auto-scaling-group", **tag} for tag in properties.pop("Tags", [])]
    scaling.create_auto_scaling_group(AutoScalingGroupName=name, VPCZoneIdentifier=subnets, Tags=tags, **properties)
    _await(_client("ec2", scaling.meta.region_name), _members(scaling, name), "running")
    return name, {}


def _remove_fleet(scaling: Any, name: str) -> None:
    members = _members(scaling, name)
    scaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    _await(_client("ec2", scaling.meta.region_name), members, "terminated")


def _members(scaling: Any, name: str) -> list[str]:
    found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return [one["InstanceId"] for group in found for one in group["Instances"]]


def _make_policy(scaling: Any, name: str, properties: Properties) -> Made:
    return scaling.put_scaling_policy(PolicyName=name, **properties)["PolicyARN"], {}


def _make_mirror_target(ec2: Any, name: str, properties: Properties) -> Made:
    made = ec2.create_traffic_mirror_target(**tagged("traffic-mirror-target", properties))["TrafficMirrorTarget"]
    return made["TrafficMirrorTargetId"], {}


KINDS: Mapping[str, Kind] = {
    **{name: Kind(*of) for name, of in {**moto_stack_network.NETWORK, **moto_schedules.KINDS}.items()},
    "AWS::AutoScaling::AutoScalingGroup": Kind("autoscaling", _make_fleet, _remove_fleet),
    "AWS::AutoScaling::ScalingPolicy": Kind(
        "autoscaling", _make_policy, lambda scaling, one: scaling.delete_policy(PolicyName=one)
    ),
    "AWS::EC2::Instance": Kind("ec2", _make_instance, _remove_instance, ("PrivateIp",)),
    "AWS::EC2::LaunchTemplate": Kind(
        "ec2",
        _make_template,
        lambda ec2, one: ec2.delete_launch_template(LaunchTemplateId=one),
        ("LatestVersionNumber", "DefaultVersionNumber"),
    ),
    "AWS::EC2::SecurityGroup": Kind(
        "ec2", _make_group, lambda ec2, one: ec2.delete_security_group(GroupId=one), ("GroupId",)
    ),
    "AWS::EC2::SecurityGroupIngress": Kind("ec2", _make_ingress, _remove_ingress),
    "AWS::EC2::TrafficMirrorTarget": Kind(
        "ec2", _make_mirror_target, lambda ec2, one: ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=one)
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Kind(
        "elbv2", _make_listener, lambda elb, one: elb.delete_listener(ListenerArn=one)
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Kind(
        "elbv2", _make_balancer, lambda elb, one: elb.delete_load_balancer(LoadBalancerArn=one), ("DNSName",)
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Kind(
        "elbv2", _make_target_group, lambda elb, one: elb.delete_target_group(TargetGroupArn=one)
    ),
    "AWS::IAM::InstanceProfile": Kind("iam", _make_profile, _remove_profile, ("Arn",)),
    "AWS::IAM::Role": Kind("iam", _make_role, _remove_role, ("Arn",)),
}
