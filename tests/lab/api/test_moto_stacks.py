"""CloudFormation in the lab: what a template names is made through the API, by whoever called, and deleted again."""

from __future__ import annotations

import json
from typing import Any

import iam
import pytest
from botocore.exceptions import ClientError

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
    made = formation.describe_stack_resources(StackName="stack")["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in made}


def test_a_resource_has_the_properties_that_the_template_says(api, mirroring):
    """And not what AWS::NoValue leaves out."""
    formation = api.client("cloudformation")
    made = deploy(formation, Group=group(mirroring, Tags=[{"Key": "Name", "Value": "stacked"}]))
    [found] = mirroring.ec2.describe_security_groups(GroupIds=[made["Group"]])["SecurityGroups"]
    assert [(one["IpProtocol"], one["IpRanges"][0]["Description"]) for one in found["IpPermissions"]] == [
        ("udp", "Frames")
    ]
    assert {"Key": "Name", "Value": "stacked"} in found["Tags"]
    formation.delete_stack(StackName="stack")
    with pytest.raises(ClientError, match="InvalidGroup"):
        mirroring.ec2.describe_security_groups(GroupIds=[made["Group"]])


def test_a_role_has_amazons_policies_and_goes_with_its_stack(api, mirroring):
    formation, roles = api.client("cloudformation"), api.client("iam")
    assert deploy(formation, Role=ROLE) == {"Role": "stacked"}
    [attached] = roles.list_attached_role_policies(RoleName="stacked")["AttachedPolicies"]
    assert attached["PolicyName"] == "AmazonSSMManagedInstanceCore"
    formation.delete_stack(StackName="stack")
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
        with pytest.raises(ClientError, match="not authorized to perform: ec2:CreateSecurityGroup"):
            deploy(formation, Group=wanted)
    finally:
        api.control.enforce_iam(is_on=False)
    assert mirroring.ec2.describe_security_groups()["SecurityGroups"] == before
