"""What the lab's machines run of their user data."""

from __future__ import annotations

import gzip
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from vpcshark.lab import cloudinit

SCRIPT = "#!/bin/sh\ntrue\n"


def message(*parts: tuple[str, str]) -> str:
    """A MIME message of (file name, text)."""
    whole = MIMEMultipart()
    for name, text in parts:
        part = MIMEText(text)
        if name:
            part.add_header("Content-Disposition", "attachment", filename=name)
        whole.attach(part)
    return whole.as_string()


@pytest.mark.parametrize(
    ("user_data", "scripts"),
    [
        ("", []),
        (SCRIPT, [SCRIPT]),
        ("#cloud-config\n", []),
        (message(("b", "#!b"), ("a", "#!a"), ("c", "#cloud-config\n")), ["#!a", "#!b"]),
        (message(("", "#!first"), ("000", "#!named")), ["#!named", "#!first"]),
    ],
    ids=["nothing", "a script", "no script", "by name", "without a name"],
)
def test_scripts_run_in_the_order_of_their_names(user_data: str, scripts: list[str]):
    """What is no script is not for the lab."""
    assert cloudinit.scripts(user_data) == scripts


def test_gzip_is_unpacked():
    """As cloud-init does."""
    assert cloudinit.as_text(gzip.compress(SCRIPT.encode())) == cloudinit.as_text(SCRIPT.encode()) == SCRIPT
