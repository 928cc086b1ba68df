"""CloudFormation in the lab: what a template names is made through the API, by whoever called, and deleted again."""

from __future__ import annotations

import json
import time
from typing import Any

import iam
import pytest
from botocore.exceptions import ClientError

from vpcshark.lab.api import moto_stack_life

PATIENCE = 3000  # looks
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "RoleName": "stacked",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"],
    },
}


def group(mirroring, **more: Any) -> dict[str, Any]:
    """A security group in the tests' VPC."""
    [subnet] = mirroring.ec2.describe_subnets(SubnetIds=[mirroring.subnet])["Subnets"]
    rules = [
        {"IpProtocol": "udp", "FromPort": 4789, "ToPort": 4789, "CidrIp": "10.0.0.0/8", "Description": "Frames"},
        {"Ref": "AWS::NoValue"},
    ]
    said = {"GroupDescription": "A test's", "VpcId": subnet["VpcId"], "SecurityGroupIngress": rules, **more}
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": said}


def deploy(formation, **resources: Any) -> dict[str, str]:
    """A stack of these; logical id -> physical id."""
    body = json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
    formation.create_stack(StackName="stack", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
    await_end(formation)
    made = formation.describe_stack_resources(StackName="stack")["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in made}


def await_end(formation) -> Any:
    """What is said of the stack once nobody works on it; None if it is gone."""
    for _ in range(PATIENCE):
        try:
            [stack] = formation.describe_stacks(StackName="stack")["Stacks"]
        except ClientError:
            return None
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(0.02)
    raise AssertionError("somebody still works on the stack")


def delete(formation) -> None:
    """Until it is gone."""
    formation.delete_stack(StackName="stack")
    assert await_end(formation) is None


def test_a_resource_has_the_properties_that_the_template_says(api, mirroring):
    """And not what AWS::NoValue leaves out."""
    formation = api.client("cloudformation")
    made = deploy(formation, Group=group(mirroring, Tags=[{"Key": "Name", "Value": "stacked"}]))
    [found] = mirroring.ec2.describe_security_groups(GroupIds=[made["Group"]])["SecurityGroups"]
    assert [(one["IpProtocol"], one["IpRanges"][0]["Description"]) for one in found["IpPermissions"]] == [
        ("udp", "Frames")
    ]
    assert {"Key": "Name", "Value": "stacked"} in found["Tags"]
    delete(formation)
    with pytest.raises(ClientError, match="InvalidGroup"):
        mirroring.ec2.describe_security_groups(GroupIds=[made["Group"]])


def test_a_role_has_amazons_policies_and_goes_with_its_stack(api, mirroring):
    formation, roles = api.client("cloudformation"), api.client("iam")
    assert deploy(formation, Role=ROLE) == {"Role": "stacked"}
    [attached] = roles.list_attached_role_policies(RoleName="stacked")["AttachedPolicies"]
    assert attached["PolicyName"] == "AmazonSSMManagedInstanceCore"
    delete(formation)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        roles.get_role(RoleName="stacked")


def test_a_stack_is_made_with_the_rights_of_who_calls(api, mirroring):
    """Who may not make a security group cannot have a stack do it."""
    allowed = {"Effect": "Allow", "Action": ["cloudformation:*"], "Resource": "*"}
    mine = iam.new_user(api.client("iam"), {"Version": "2012-10-17", "Statement": [allowed]})
    wanted = group(mirroring)
    before = mirroring.ec2.describe_security_groups()["SecurityGroups"]
    formation = api.client("cloudformation", tuple(mine.values()))
    api.control.enforce_iam(is_on=True)
    try:
        assert deploy(formation, Group=wanted) == {}
        stack = await_end(formation)
        assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
        assert "not authorized to perform: ec2:CreateSecurityGroup" in stack["StackStatusReason"]
        delete(formation)
    finally:
        api.control.enforce_iam(is_on=False)
    assert mirroring.ec2.describe_security_groups()["SecurityGroups"] == before


def test_a_stack_is_deleted_in_the_order_of_what_needs_what():
    """By Ref, GetAtt, Sub and DependsOn, each before what it needs."""
    described = {
        "Subnet": {"Properties": {"VpcId": {"Ref": "Vpc"}}},
        "Text": {"Properties": {"Value": {"Fn::Sub": "in ${Subnet.Id} of ${AWS::Region}"}}},
        "Route": {"DependsOn": ["Text"], "Properties": {"Id": {"Fn::GetAtt": ["Subnet", "Id"]}}},
        "Vpc": {"DependsOn": "Deadline"},
        "Deadline": {},
    }
    assert moto_stack_life.order(described) == ["Deadline", "Vpc", "Subnet", "Text", "Route"]


def test_what_a_schedule_has_is_done_at_its_time_by_its_role(api, mirroring):
    """A stack deletes itself, with the rights of a role of its own."""
    formation = api.client("cloudformation")
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "late", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
    }
    target = {
        "Arn": "arn:aws:scheduler:::aws-sdk:cloudformation:deleteStack",
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "Input": {"Fn::Sub": '{"StackName": "${AWS::StackId}"}'},
    }
    said = {"ScheduleExpression": "at(2099-01-01T00:00:00)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    schedule = {"Type": "AWS::Scheduler::Schedule", "Properties": {"Name": "late", **said}}
    deploy(formation, Role=role, Deadline=schedule, Group={**group(mirroring), "DependsOn": "Deadline"})
    api.control.pass_time(100 * 366 * 86400)
    formation.get_waiter("stack_delete_complete").wait(StackName="stack", WaiterConfig={"Delay": 1})
    assert api.client("scheduler").list_schedules()["Schedules"] == []
    with pytest.raises(ClientError, match="NoSuchEntity"):
        api.client("iam").get_role(RoleName="late")
