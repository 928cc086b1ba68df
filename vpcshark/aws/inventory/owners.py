"""What a network interface belongs to that is on no running instance of the account's, in true words. Pure.

EC2 describes the interfaces of its services by type, requester and description; those of containers and of a shared
VPC's other accounts by who owns the attachment. Must not know what the interface is wanted for.
"""

from __future__ import annotations

import re

from vpcshark.aws.inventory.interfaces import CAPTURABLE, Eni
from vpcshark.aws.tagging import clean

_MOST_WORDS = 100  # characters
_OTHER = "Choose another interface; nobody can log in to the machine behind this one."
_PODS = "Capture from the instance that has the trunk: vpcshark interfaces lists it."

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html, interfaceType
_TYPES = {
    "api_gateway_managed": "API Gateway",
    "aws_codestar_connections_managed": "CodeStar Connections",
    "efs": "EFS",
    "gateway_load_balancer": "a Gateway Load Balancer",
    "gateway_load_balancer_endpoint": "a Gateway Load Balancer's endpoint",
    "global_accelerator_managed": "Global Accelerator",
    "iot_rules_managed": "IoT",
    "lambda": "a Lambda function",
    "load_balancer": "a load balancer",
    "nat_gateway": "a NAT gateway",
    "natGateway": "a NAT gateway",
    "network_load_balancer": "a Network Load Balancer",
    "quicksight": "QuickSight",
    "transit_gateway": "a transit gateway",
    "vpc_endpoint": "a VPC endpoint",
}
# What services write as the description of those of type "interface", or as the requester.
_SIGNS = (
    (r"^arn:aws[\w-]*:ecs:", "an ECS task on Fargate"),
    (r"^ELB |amazon-elb", "a load balancer"),
    (r"^AWS Lambda VPC ENI", "a Lambda function"),
    (r"RDSNetworkInterface|amazon-rds", "an RDS database"),
    (r"RedshiftNetworkInterface|amazon-redshift", "a Redshift cluster"),
    (r"DMSNetworkInterface|amazon-dms", "the Database Migration Service"),
    (r"ElastiCache|amazon-elasticache", "an ElastiCache cluster"),
    (r"^ES |amazon-elasticsearch|amazon-opensearch", "an OpenSearch domain"),
    (r"Amazon MSK ", "an MSK cluster"),
    (r"^Amazon EKS ", "an EKS control plane"),
    (r"^EFS mount target", "EFS"),
    (r"\bfsx\b|created network interface for fs-", "an FSx file system"),
    (r"created network interface for (directory )?d-", "a directory of the Directory Service"),
    (r"^Created By Amazon Workspaces", "a WorkSpace"),
    (r"^Attached to Glue ", "Glue"),
    (r"SageMaker", "SageMaker"),
    (r"^Route 53 Resolver:", "a Route 53 Resolver endpoint"),
    (r"Instance Connect Endpoint", "an EC2 Instance Connect Endpoint"),
    (r"^VPC Endpoint Interface ", "a VPC endpoint"),
    (r"^Interface for NAT Gateway ", "a NAT gateway"),
    (r"Transit Gateway Attachment ", "a transit gateway"),
)


def why_nobody_logs_in(eni: Eni) -> tuple[str, str]:
    """(what is the matter with it, to follow its id; what to do)."""
    if eni.instance and eni.instance_state:
        return f"belongs to {eni.instance}, which is {eni.instance_state}", "Start it, or choose another interface."
    if eni.instance:
        whose = f" of the account {eni.instance_account}" if eni.instance_account not in ("", eni.account) else ""
        return f"belongs to {eni.instance}, an instance{whose} that these credentials do not see", (
            "Use a profile of the account that owns the instance."
        )
    if eni.interface_type == "branch":
        return "is a branch of an instance's trunk interface, for a pod or a task", _PODS
    if service := _service(eni):
        return f"belongs to {service}", _OTHER
    if eni.requester_managed or eni.attachment_status == "attached":
        return f"is in use by a service of AWS{_as_it_says(eni)}", _OTHER
    return "is attached to no instance", "Attach it to one, or choose another interface."


def why_no_device(eni: Eni) -> tuple[str, str] | None:
    """(what, remedy) as above where its instance has no device of the network for it; None if it has one."""
    if eni.interface_type != "efa-only":
        return None
    what = "is for the Elastic Fabric Adapter alone (efa-only), past the instance's network: it has no IP packets"
    return what, "Choose another interface of that instance."


def _as_it_says(eni: Eni) -> str:
    if eni.description:
        return f', whose description of it is "{clean(eni.description)[:_MOST_WORDS]}"'
    who = clean(eni.instance_account or eni.requester)
    return f" ({who})" if who else ""


def _service(eni: Eni) -> str:
    text = f"{eni.description}\n{eni.requester}"
    found = next((name for sign, name in _SIGNS if re.search(sign, text, re.IGNORECASE | re.MULTILINE)), "")
    named = _TYPES.get(eni.interface_type, "")
    if named or found or eni.interface_type in CAPTURABLE:
        return named or found
    return f"a service of AWS (its type is {clean(eni.interface_type)})"  # of a type that came later
