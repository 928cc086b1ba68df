"""What AWS offers for logging in to an instance: pushed keys, endpoint tunnels, SSM sessions, its console's word.

Must not know SSH: keys and addresses come in as text, URLs and answers go out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from vpcshark.aws.client import Aws
from vpcshark.aws.compute import console_host_keys
from vpcshark.aws.errors import mapped
from vpcshark.aws.paging import pages
from vpcshark.errors import AwsError

PORT_DOCUMENT = "AWS-StartSSHSession"
URL_SECONDS = 60  # a signed tunnel URL's life, as AWS's own client has it
TUNNEL_PORTS = (22, 3389)  # what OpenTunnel takes as remotePort
LONGEST_TUNNEL = 3600  # seconds: what AWS allows, and the default
_READY = ("create-complete", "update-in-progress", "update-complete", "update-failed")
_USERS = {
    "bitnami": "bitnami",
    "ubuntu": "ubuntu",
    "debian": "admin",
    "centos": "centos",
    "fedora": "fedora",
    "rocky": "rocky",
    "rhel": "ec2-user",
    "suse": "ec2-user",
}


@dataclass(frozen=True)
class Endpoint:
    """An EC2 Instance Connect Endpoint."""

    id: str
    host: str
    subnet: str
    groups: tuple[str, ...] = ()


def push_key(aws: Aws, instance: str, user: str, public_key: str) -> None:
    """Let this key ("ssh-ed25519 AAAA…") in as ``user`` for 60 seconds. AwsError."""
    client = aws.client("ec2-instance-connect")
    with mapped("send a key to the instance", service="ec2-instance-connect"):
        client.send_ssh_public_key(InstanceId=instance, InstanceOSUser=user, SSHPublicKey=public_key)


def find_endpoint(aws: Aws, vpc: str, subnet: str, address: str = "") -> Endpoint:
    """The VPC's endpoint that leads to ``address``, one in the same subnet before others. AwsError if there is none."""
    wanted = [{"Name": "vpc-id", "Values": [vpc]}]
    with mapped("list the Instance Connect Endpoints"):
        found = list(pages(aws.ec2, "describe_instance_connect_endpoints", "InstanceConnectEndpoints", Filters=wanted))
    usable = [one for one in found if one.get("State") in _READY and one.get("VpcId") == vpc]
    if not usable:
        raise AwsError(f"There is no EC2 Instance Connect Endpoint in {vpc}.", "Make one, or use another connection.")
    fitting = [one for one in usable if _leads_to(one, address)]
    if not fitting:
        kinds = " and ".join(sorted({str(one["IpAddressType"]) for one in usable}))
        raise AwsError(
            f"No EC2 Instance Connect Endpoint in {vpc} leads to {address}: their IP address type is {kinds}.",
            "Make one of the type dualstack, or use another connection.",
        )
    best = min(fitting, key=lambda one: one.get("SubnetId") != subnet)
    return Endpoint(
        best["InstanceConnectEndpointId"],
        _host(best, is_fips=aws.uses("fips"), is_dualstack=aws.uses("dualstack")),
        best.get("SubnetId", ""),
        tuple(best.get("SecurityGroupIds", [])),
    )


def _leads_to(raw: Mapping[str, Any], address: str) -> bool:
    """An endpoint's IpAddressType: ipv4, ipv6 or dualstack; older answers have none."""
    return not address or raw.get("IpAddressType") in (None, "", "dualstack", "ipv6" if ":" in address else "ipv4")


def _host(raw: Mapping[str, Any], *, is_fips: bool, is_dualstack: bool) -> str:
    """The name that the AWS settings ask for. AwsError where it has none for FIPS, which nothing else stands in for."""
    key = "FipsDnsName" if is_fips else "DnsName"
    names = raw.get("PublicDnsNames", {})
    stacks = [raw, names.get("Ipv4", {}), names.get("Dualstack", {})]
    found = [str(stack[key]) for stack in (reversed(stacks) if is_dualstack else stacks) if stack.get(key)]
    if not found:
        kind = "FIPS name, which use_fips_endpoint asks for" if is_fips else "DNS name"
        raise AwsError(f"{raw['InstanceConnectEndpointId']} has no {kind}.", "Use another connection.")
    return found[0]


def tunnel_url(aws: Aws, endpoint: Endpoint, address: str, port: int = 22) -> str:
    """The signed URL of a tunnel to ``address``, good for a minute. AwsError.

    A presigned GET, service "ec2-instance-connect", only the host signed (awscli, ec2instanceconnect/eicesigner.py).
    """
    query = {
        "instanceConnectEndpointId": endpoint.id,
        "remotePort": str(port),
        "privateIpAddress": address,
        "maxTunnelDuration": str(LONGEST_TUNNEL),
    }
    url = f"wss://{endpoint.host}/openTunnel?{urlencode(query)}"
    with mapped("sign a tunnel", service="ec2-instance-connect"):
        return aws.presign(url, "ec2-instance-connect", URL_SECONDS)


def is_managed(aws: Aws, instance: str) -> bool:
    """Does Session Manager have the instance online? AwsError."""
    with mapped("ask Session Manager for the instance", service="ssm"):
        found = aws.ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [instance]}])
    return any(one.get("PingStatus") == "Online" for one in found.get("InstanceInformationList", []))


def start_session(aws: Aws, instance: str, port: int = 22) -> Mapping[str, str]:
    """A session for SSH's bytes: its SessionId, TokenValue and StreamUrl. AwsError."""
    with mapped("start a session with Session Manager", service="ssm"):
        answer: Mapping[str, str] = aws.ssm.start_session(
            Target=instance, DocumentName=PORT_DOCUMENT, Parameters={"portNumber": [str(port)]}
        )
    return answer


def end_session(aws: Aws, session: str) -> None:
    """End it; it is no error if it has ended. AwsError."""
    with mapped("end the session with Session Manager", service="ssm"):
        aws.ssm.terminate_session(SessionId=session)


def console_keys(aws: Aws, instance: str) -> list[tuple[str, str]]:
    """(type, base64 blob) of the host keys that the instance printed on its console at its first boot; [] if they are
    not, or not any more, in what EC2 kept. DoubtfulConsole, AwsError."""
    with mapped("read the instance's console output"):
        answer: Mapping[str, Any] = aws.client("ec2").get_console_output(InstanceId=instance)
    return console_host_keys.keys_in(str(answer.get("Output") or ""))


def image_user(names: Sequence[str]) -> str:
    """Who logs in to an instance made of the image that has these names and descriptions; "" if they don't tell."""
    text = " ".join(names).lower()
    if any(word in text for word in ("al2023", "amzn", "amazon linux", "amazon/")):
        return "ec2-user"
    return next((user for word, user in _USERS.items() if word in text), "")


def login_user(aws: Aws, instance: str) -> str:
    """The login user that the instance's image has; "" if it does not tell. AwsError."""
    with mapped("look up the instance's image"):
        reservations = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        image = next((i.get("ImageId", "") for r in reservations for i in r.get("Instances", [])), "")
        images = aws.client("ec2").describe_images(ImageIds=[image]).get("Images", []) if image else []
    words = [str(one.get(key) or "") for one in images for key in ("Name", "Description", "ImageLocation")]
    return image_user(words)
