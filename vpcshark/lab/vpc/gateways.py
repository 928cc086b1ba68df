"""The AWS ways into the lab's instances: pushed keys, Session Manager, an Instance Connect Endpoint, console output.

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
from vpcshark.lab.model import LabInstance, LabWorld
from vpcshark.lab.vpc import endpoint, netns
from vpcshark.lab.vpc.endpoint import EndpointServer, Rules, Users
from vpcshark.lab.vpc.ssm_agent import SERVICE_PORT
from vpcshark.lab.vpc.ssm_service import SsmService
from vpcshark.lab.vpc.topology import SERVICES6

CERTIFICATES = "ca.pem"
_ACCOUNT = "123456789012"  # moto's, which all labs are
_ENDPOINT_ID = "eice-0123456789abcdef0"


class Gateways:
    """From its making to ``close``. ``place`` is where the Instance Connect Endpoint is: VpcId, SubnetId,
    AvailabilityZone, SecurityGroupIds."""

    def __init__(
        self, folder: Path, fabric: str, world: LabWorld, place: Mapping[str, Any], region: str, users: Users
    ) -> None:
        self._folder = folder
        self._instances = {each.id: each for each in world.instances}
        self._place, self._region = dict(place), region
        self._made = datetime.now(timezone.utc)
        self._further: dict[str, dict[str, Any]] = {}  # endpoint id -> what EC2 describes it with
        programs = environment.programs(folder)
        programs.mkdir(mode=0o700, exist_ok=True)
        plugin.install(programs)
        server = endpoint.listen()
        certificate = write_certificate(folder, server.getsockname()[0])
        self._ssm = SsmService(netns.inside(fabric, lambda: _doors(world.resolver)))
        self._rules = rules = Rules(_ENDPOINT_ID, region, f"{world.vpc_cidr} {world.vpc_ipv6_cidr}", users)
        self._endpoint = EndpointServer(
            lambda where: netns.inside(fabric, lambda: socket.create_connection(where, 3)), rules, certificate, server
        )

    def join(self, instance: LabInstance) -> None:
        """It is there from now on."""
        self._instances[instance.id] = instance

    def leave(self, instance: str) -> None:
        """It is not there any more."""
        self._instances.pop(instance, None)

    def push_key(self, instance: str, user: str, key: str) -> bool:
        """See ``LoginServices``; sshd asks for what lies there (``users``)."""
        if instance not in self._instances:
            return False
        place = self._folder / "instance-connect" / instance / user
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys.write_private(place / secrets.token_hex(8), key.strip().encode() + b"\n")
        return True

    def managed(self) -> Sequence[str]:
        """See ``LoginServices``."""
        return self._ssm.managed()

    def start_session(self, instance: str, port: int) -> Mapping[str, str]:
        """See ``LoginServices``."""
        return self._ssm.start(instance, port)

    def resume_session(self, session: str) -> Mapping[str, str]:
        """See ``LoginServices``."""
        return self._ssm.resume(session)

    def end_session(self, session: str) -> None:
        """See ``LoginServices``."""
        self._ssm.end(session)

    def session_faults(self, method: str, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See ``LoginServices``."""
        return self._ssm.faults.ask(method, facts)

    def endpoints(self) -> Sequence[Mapping[str, Any]]:
        """See ``LoginServices``."""
        return [self._described(_ENDPOINT_ID, self._place), *self._further.values()]

    def make_endpoint(self, blocks: str, place: Mapping[str, Any]) -> Mapping[str, Any]:
        """See ``LoginServices``; by the same server as the first, which tells them apart by their ids."""
        identity = f"eice-{secrets.token_hex(8)}0"
        self._rules.further[identity] = blocks
        made = {**place, "CreatedAt": datetime.now(timezone.utc)}
        self._further[identity] = self._described(identity, made)
        return self._further[identity]

    def remove_endpoint(self, identity: str) -> None:
        """See ``LoginServices``."""
        self._rules.further.pop(identity, None)
        self._further.pop(identity, None)

    def _described(self, identity: str, place: Mapping[str, Any]) -> dict[str, Any]:
        name = self._endpoint.host
        return {
            "OwnerId": _ACCOUNT,
            "InstanceConnectEndpointId": identity,
            "InstanceConnectEndpointArn": f"arn:aws:ec2:{self._region}:{_ACCOUNT}:instance-connect-endpoint/{identity}",
            "State": "create-complete",
            "StateMessage": "",
            "DnsName": name,
            "NetworkInterfaceIds": [],
            "CreatedAt": self._made,
            "PreserveClientIp": False,
            "IpAddressType": "ipv4",
            "PublicDnsNames": {"Ipv4": {"DnsName": name}},
            "Tags": [],
            **place,
        }

    def console(self, instance: str) -> str:
        """See ``LoginServices``; as cloud-init prints it, through a serial console. EC2 keeps its last 64 KB, so an
        instance that has run for long shows its host keys no more."""
        known = self._instances.get(instance)
        if known is None or "console" not in known.roles:
            return "cloud-init: booted long ago\r\n"
        host = (self._folder / "ssh" / "host_ed25519.pub").read_text(encoding="ascii").split()
        lines = ["cloud-init: booted", "-----BEGIN SSH HOST KEY KEYS-----", f"{host[0]} {host[1]} ip-10-0-0-1"]
        return "\r\n".join([*lines, "-----END SSH HOST KEY KEYS-----", ""])

    def close(self) -> None:
        """End every connection."""
        self._endpoint.close()
        self._ssm.close()


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
