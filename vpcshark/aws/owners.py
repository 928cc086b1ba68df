"""What a network interface belongs to that is on no running instance of the account's, in true words. Pure.

EC2 describes the interfaces of its services by type, requester and description; those of containers and of a shared
VPC's other accounts by who owns the attachment. Must not know what the interface is wanted for.
"""

from __future__ import annotations

import re

from vpcshark.aws.inventory import Eni, clean

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
    (r"ElastiCache|amazon-elasticache", "an ElastiCache cluster"),
    (r"^Amazon EKS ", "an EKS control plane"),
    (r"^EFS mount target", "EFS"),
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
    if eni.attachment_status == "attached":
        account = f" ({clean(eni.instance_account)})" if eni.instance_account else ""
        return f"is in use by a service of AWS{account}", _OTHER
    return "is attached to no instance", "Attach it to one, or choose another interface."


def _service(eni: Eni) -> str:
    text = f"{eni.description}\n{eni.requester}"
    found = next((name for sign, name in _SIGNS if re.search(sign, text, re.IGNORECASE | re.MULTILINE)), "")
    return _TYPES.get(eni.interface_type, "") or found
