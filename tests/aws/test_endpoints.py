"""FIPS and dual-stack names, and the certificates that the settings name: for every client, for the tunnel of an
Instance Connect Endpoint, and for what the janitor does with keys that were handed to it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from iam import OneUser

from vpcshark.aws.client import Aws, connect, connect_with
from vpcshark.aws.compute.instance_login import Endpoint, find_endpoint, tunnel_url
from vpcshark.aws.credentials.sign_in import Keys
from vpcshark.errors import AwsError, TransportError
from vpcshark.lab.vpc.endpoint import EndpointServer, Rules
from vpcshark.lab.vpc.gateways import write_certificate
from vpcshark.transport import eice

SERVICES = ("ec2", "ec2-instance-connect", "ssm", "sts", "elbv2", "autoscaling", "cloudwatch", "iam")
OURS = OneUser("AKIAIOSFODNN7EXAMPLE", "not a secret")
SIGNED_IN = (f"aws_access_key_id = {OURS.key_id}", f"aws_secret_access_key = {OURS.secret}")
KEYS = Keys("AKIA", "secret", "")


@pytest.fixture
def settings(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's config file, for the AWS that everybody has."""
    for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        environment.delenv(name, raising=False)
    return tmp_path / "config"


def as_configured(settings: Path, *lines: str) -> Aws:
    """The account of the profile "gov", which has these lines besides."""
    settings.write_text("\n".join(["[profile gov]", *SIGNED_IN, "region = us-east-1", *lines, ""]))
    return connect("gov")


@pytest.mark.parametrize("way", ["signed in", "by handed keys"])
def test_every_client_has_the_names_that_the_profile_asks_for(settings: Path, way: str) -> None:
    """Also the janitor's, whose keys came by a pipe and whose settings are the profile's."""
    aws = as_configured(settings, "use_fips_endpoint = true", "use_dualstack_endpoint = true")
    if way == "by handed keys":
        aws = connect_with(KEYS, "gov", "us-east-1")
    hosts = {service: urlsplit(aws.endpoint(service)).hostname or "" for service in SERVICES}
    assert [host for host in hosts.values() if "fips" not in host or not host.endswith(".api.aws")] == []


def test_handed_keys_do_without_a_profile_that_is_gone(settings: Path) -> None:
    """They were good when the capture began."""
    assert connect_with(KEYS, "gone", "us-east-1").endpoint("ec2") == "https://ec2.us-east-1.amazonaws.com"


PLAIN, FIPS, DUAL, BOTH = (f"{name}.example.com" for name in ("plain", "fips", "dual", "fips-dual"))
NAMED = {
    "DnsName": PLAIN,
    "FipsDnsName": FIPS,
    "PublicDnsNames": {
        "Ipv4": {"DnsName": PLAIN, "FipsDnsName": FIPS},
        "Dualstack": {"DnsName": DUAL, "FipsDnsName": BOTH},
    },
}


class Settled:
    """An account that has these endpoints, and settings that ask for these names."""

    def __init__(self, *endpoints: dict[str, Any], asks: tuple[str, ...] = ()) -> None:
        self._endpoints, self._asks = endpoints, asks
        self.ec2 = self

    def uses(self, variant: str) -> bool:
        return variant in self._asks

    def get_paginator(self, operation: str) -> Any:
        assert operation == "describe_instance_connect_endpoints"
        return self

    def paginate(self, **_: Any) -> list[Any]:
        return [{"InstanceConnectEndpoints": self._endpoints}]


def one(name: str = "eice-1", **facts: Any) -> dict[str, Any]:
    return {
        "InstanceConnectEndpointId": name,
        "State": "create-complete",
        "VpcId": "vpc-1",
        "SubnetId": "subnet-1",
        **facts,
    }


@pytest.mark.parametrize(
    ("asks", "facts", "host"),
    [
        ((), NAMED, PLAIN),
        (("fips",), NAMED, FIPS),
        (("dualstack",), NAMED, DUAL),
        (("fips", "dualstack"), NAMED, BOTH),
        (("dualstack",), {"DnsName": PLAIN}, PLAIN),
        ((), {"PublicDnsNames": NAMED["PublicDnsNames"]}, PLAIN),
        ((), {"PublicDnsNames": {"Dualstack": {"DnsName": DUAL}}}, DUAL),
        (("fips",), {"DnsName": PLAIN, "PublicDnsNames": {"Ipv4": {"FipsDnsName": FIPS}}}, FIPS),
    ],
)
def test_the_tunnel_goes_to_the_name_that_the_settings_ask_for(
    asks: tuple[str, ...], facts: dict[str, Any], host: str
) -> None:
    """DescribeInstanceConnectEndpoints has up to six; an older answer has one."""
    assert find_endpoint(Settled(one(**facts), asks=asks), "vpc-1", "subnet-1").host == host


@pytest.mark.parametrize("facts", [{"DnsName": PLAIN}, {"DnsName": PLAIN, "FipsDnsName": ""}])
def test_nothing_stands_in_for_a_fips_name(facts: dict[str, Any]) -> None:
    """Whoever must use validated cryptography must not get other, unsaid."""
    with pytest.raises(AwsError, match="eice-1 has no FIPS name, which use_fips_endpoint asks for"):
        find_endpoint(Settled(one(**facts), asks=("fips",)), "vpc-1", "subnet-1")


@pytest.mark.parametrize(
    ("address", "kinds", "found"),
    [
        ("2001:db8::5", {"eice-4": "ipv4", "eice-d": "dualstack"}, "eice-d"),
        ("2001:db8::5", {"eice-4": "ipv4", "eice-6": "ipv6"}, "eice-6"),
        ("10.0.0.5", {"eice-6": "ipv6", "eice-4": "ipv4"}, "eice-4"),
        ("2001:db8::5", {"eice-?": None}, "eice-?"),
    ],
)
def test_the_endpoint_is_one_that_leads_to_the_address(address: str, kinds: dict[str, Any], found: str) -> None:
    """One for IPv4 alone leads to no instance that has IPv6 alone."""
    endpoints = [one(name, DnsName=PLAIN, **({"IpAddressType": kind} if kind else {})) for name, kind in kinds.items()]
    assert find_endpoint(Settled(*endpoints), "vpc-1", "subnet-1", address).id == found


def test_an_endpoint_that_does_not_lead_there_is_said() -> None:
    """Not asked in vain, nor told as a time-out."""
    with pytest.raises(AwsError, match="leads to 2001:db8::5: their IP address type is ipv4"):
        find_endpoint(Settled(one(DnsName=PLAIN, IpAddressType="ipv4")), "vpc-1", "subnet-1", "2001:db8::5")


@pytest.mark.parametrize("where", ["ca_bundle", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", ""])
def test_the_tunnel_trusts_what_the_settings_say(
    settings: Path, environment: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    """As every call does; without such a setting nobody vouches for this endpoint."""
    bundle = write_certificate(tmp_path).with_name("ca.pem")
    if where.isupper():
        environment.setenv(where, str(bundle))
    aws = as_configured(settings, *([f"ca_bundle = {bundle}"] if where == "ca_bundle" else []))
    rules = Rules({"eice-1": "127.0.0.0/8"}, "us-east-1", OURS, ("22",))
    ours, theirs = socket.socketpair()
    server = EndpointServer(lambda where: theirs, rules, tmp_path / "endpoint.pem")
    url = tunnel_url(aws, Endpoint("eice-1", server.host, "subnet-1"), "127.0.0.1", 22)
    try:
        if not where:
            with pytest.raises(TransportError, match="encrypted connection") as caught:
                eice.open_tunnel(url, aws.ca_bundle, 60.0)
            assert "AWS_CA_BUNDLE" in caught.value.remedy
            return
        tunnel = eice.open_tunnel(url, aws.ca_bundle, 60.0)
        ours.sendall(b"SSH-2.0-there\r\n")
        assert tunnel.recv(100) == b"SSH-2.0-there\r\n"
        tunnel.close()
    finally:
        server.close()
        ours.close()
        theirs.close()
