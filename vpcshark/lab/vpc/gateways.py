"""The AWS ways into the ordinary lab's instances: ``logins``, and an Instance Connect Endpoint.

What ``api.moto_logins`` answers with stands here. Must not know moto.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from vpcshark.lab import environment, keys, plugin
from vpcshark.lab.model import LabWorld
from vpcshark.lab.vpc import endpoint, netns
from vpcshark.lab.vpc.endpoint import EndpointServer, Rules, Users
from vpcshark.lab.vpc.logins import Logins
from vpcshark.lab.vpc.ssm_agent import SERVICE_PORT
from vpcshark.lab.vpc.ssm_service import SsmService
from vpcshark.lab.vpc.topology import SERVICES6

CERTIFICATES = "ca.pem"
_ACCOUNT = "123456789012"  # moto's, which all labs are
_ENDPOINT_ID = "eice-0123456789abcdef0"


class Gateways(Logins):
    """From its making to ``close``. ``place`` is where the first Instance Connect Endpoint is, for both families:
    VpcId, SubnetId, AvailabilityZone, SecurityGroupIds."""

    def __init__(
        self, folder: Path, fabric: str, world: LabWorld, place: Mapping[str, Any], region: str, users: Users
    ) -> None:
        self._region = region
        self._endpoints: dict[str, dict[str, Any]] = {}  # id -> what EC2 describes it with
        programs = environment.programs(folder)
        programs.mkdir(mode=0o700, exist_ok=True)
        plugin.install(programs)
        server = endpoint.listen()
        certificate = write_certificate(folder, server.getsockname()[0])
        ssm = SsmService(netns.inside(fabric, lambda: _doors(world.resolver)))
        super().__init__(folder, world.instances, ssm)
        self._rules = rules = Rules({}, region, users)
        self._endpoint = EndpointServer(
            lambda where: netns.inside(fabric, lambda: socket.create_connection(where, 3)), rules, certificate, server
        )
        both = f"{world.vpc_cidr} {world.vpc_ipv6_cidr}"
        self._made(_ENDPOINT_ID, both, {**place, "IpAddressType": "dualstack"})

    def endpoints(self) -> Sequence[Mapping[str, Any]]:
        """See ``LoginServices``."""
        return list(self._endpoints.values())

    def make_endpoint(self, blocks: str, place: Mapping[str, Any]) -> Mapping[str, Any]:
        """See ``LoginServices``; one server is all of them, which it tells apart by their ids."""
        return self._made(f"eice-{secrets.token_hex(8)}0", blocks, place)

    def _made(self, identity: str, blocks: str, place: Mapping[str, Any]) -> Mapping[str, Any]:
        self._rules.networks[identity] = blocks
        self._endpoints[identity] = self._described(identity, place)
        return self._endpoints[identity]

    def remove_endpoint(self, identity: str) -> None:
        """See ``LoginServices``."""
        self._rules.networks.pop(identity, None)
        self._endpoints.pop(identity, None)

    def _described(self, identity: str, place: Mapping[str, Any]) -> dict[str, Any]:
        name = {"DnsName": self._endpoint.host}
        families = ("Ipv4", "Dualstack") if place["IpAddressType"] == "dualstack" else ("Ipv4",)
        return {
            "OwnerId": _ACCOUNT,
            "InstanceConnectEndpointId": identity,
            "InstanceConnectEndpointArn": f"arn:aws:ec2:{self._region}:{_ACCOUNT}:instance-connect-endpoint/{identity}",
            "State": "create-complete",
            "StateMessage": "",
            **name,
            "NetworkInterfaceIds": [],
            "CreatedAt": datetime.now(timezone.utc),
            "PreserveClientIp": False,
            "PublicDnsNames": dict.fromkeys(families, name),
            "Tags": [],
            **place,
        }

    def close(self) -> None:
        """End every connection."""
        self._endpoint.close()
        super().close()


def _doors(resolver: str) -> list[socket.socket]:
    """Where the SSM agents find their service, by either family."""
    return [
        socket.create_server((resolver, SERVICE_PORT)),
        socket.create_server((SERVICES6, SERVICE_PORT), family=socket.AF_INET6),
    ]


def write_certificate(folder: Path, address: str = "127.0.0.1") -> Path:
    """A certificate for localhost and ``address`` that vouches for itself; the file for clients, and with its key the
    one returned."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address(address))]
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(Encoding.PEM)
    keys.write_private(folder / CERTIFICATES, public)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keys.write_private(folder / "endpoint.pem", private + public)
    return folder / "endpoint.pem"
