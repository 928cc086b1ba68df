"""What AWS offers for logging in: users guessed, URLs signed as AWS checks them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import boto3
import pytest
from iam import OneUser

from vpcshark.aws.client import Aws
from vpcshark.aws.compute.instance_login import Endpoint, image_user, tunnel_url
from vpcshark.lab.vpc.endpoint import Rules, refusal

RULES = Rules({"eice-1": "10.0.0.0/16"}, "eu-west-1", OneUser("AKIA", "secret"))


def signed(secret: str = "secret", address: str = "10.0.0.5", port: int = 22, endpoint: str = "eice-1") -> str:
    """A URL of the product, made with these credentials."""
    aws = Aws(boto3.Session("AKIA", secret, region_name="eu-west-1"), None, "", "eu-west-1")
    return tunnel_url(aws, Endpoint(endpoint, "eice-1.example.com", "subnet-1"), address, port)


def answer(url: str, minutes: float = 0) -> str:
    """What the endpoint says to it, so many minutes later."""
    parts = urlsplit(url)
    now = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    return refusal(f"{parts.path}?{parts.query}", parts.netloc, RULES, now)


def test_the_tunnels_url_is_signed_as_the_endpoint_checks_it() -> None:
    """By an independent reckoning of SigV4."""
    url = signed()
    assert url.startswith("wss://eice-1.example.com/openTunnel?")
    assert answer(url) == ""


@pytest.mark.parametrize(
    ("sign", "minutes", "says"),
    [
        (lambda: signed(secret="other"), 0, "does not match"),
        (lambda: signed().replace("10.0.0.5", "10.0.0.6"), 0, "does not match"),
        (signed, 2, "expired"),
        (lambda: signed(port=80), 0, "port"),
        (lambda: signed(address="192.168.0.1"), 0, "not in the VPC"),
        (lambda: signed(endpoint="eice-2"), 0, "does not exist"),
    ],
)
def test_the_endpoint_refuses_everything_else(sign: Callable[[], str], minutes: float, says: str) -> None:
    """So that the test above means something."""
    assert says in answer(sign(), minutes)


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("al2023-ami-2023.5.20241001.1-kernel-6.1-x86_64", "ec2-user"),
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20241004", "ubuntu"),
        ("debian-12-amd64-20241004-1890", "admin"),
        ("RHEL-9.4.0_HVM-20240605-x86_64-82-Hourly2-GP3", "ec2-user"),
        ("my-own-image", ""),
    ],
)
def test_the_login_user_is_guessed_from_the_image(name: str, user: str) -> None:
    """By what its publisher calls it."""
    assert image_user([name, ""]) == user
