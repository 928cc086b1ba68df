"""One MFA code serves everybody until it runs out; where nobody can be asked, nobody is."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from signins import FROM_B, OTHER, PROFILE, SERIAL, Home, cached, sign_in_elsewhere

from vpcshark.aws.client import connect, connect_with
from vpcshark.aws.credentials.sign_in import Keys
from vpcshark.aws.inventory import interfaces
from vpcshark.errors import Unsigned


@pytest.fixture
def home(environment, tmp_path: Path) -> Home:
    """Of a user whose role wants a code."""
    made = Home(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_ENDPOINT_URL"]:
        environment.delenv(name)
    for name, value in made.environment.items():
        environment.setenv(name, value)
    made.has(f"{FROM_B}mfa_serial = {SERIAL}\n", OTHER)
    return made


def test_one_answer_serves_all_that_come_after(home: Home):
    """It is kept where the AWS command line keeps it, the user's alone."""
    asked: list[str] = []
    aws = connect(PROFILE, ask=lambda question: asked.append(question) or "123456")
    assert asked == [f"Enter MFA code for {SERIAL}: "]
    interfaces.list_enis(aws.ec2)
    interfaces.list_enis(connect(PROFILE).ec2)
    assert len(asked) == 1
    assert stat.S_IMODE(cached(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(cached(home).parent.stat().st_mode) == 0o700


def test_an_answer_that_the_command_line_got_serves_us(home: Home):
    """And is what signs our calls."""
    sign_in_elsewhere(home, minutes=50)
    heard: list[Keys] = []
    connect(PROFILE).tell_keys(heard.append)
    assert [keys.key_id for keys in heard] == ["ASIAELSEWHERE"]


def test_where_nobody_is_nobody_is_asked(home: Home):
    """Not at a terminal that happens to be there, either; the sentence says where it can be done."""
    with pytest.raises(Unsigned, match="MFA code") as caught:
        connect(PROFILE)
    assert "vpcshark interfaces --profile work" in caught.value.remedy


def test_a_refresh_takes_what_somebody_signed_in_with_meanwhile(home: Home):
    """botocore would refuse: it asks for a code but once in a process."""
    sign_in_elsewhere(home, minutes=50)
    aws, heard = connect(PROFILE), []
    aws.tell_keys(heard.append)
    credentials = aws._session.get_credentials()
    credentials._inner._expiry_time -= timedelta(minutes=45)  # they are nearly over
    sign_in_elsewhere(home, minutes=60, key="ASIAANEW")
    interfaces.list_enis(aws.ec2)
    assert [keys.key_id for keys in heard] == ["ASIAELSEWHERE", "ASIAANEW"]


def test_until_the_end_the_old_ones_are_used(home: Home):
    """botocore would refuse them for the last ten minutes, in which a capture cleans up."""
    sign_in_elsewhere(home, minutes=50)
    aws = connect(PROFILE)
    credentials = aws._session.get_credentials()
    credentials._inner._expiry_time -= timedelta(minutes=45)
    cached(home).unlink()
    interfaces.list_enis(aws.ec2)


def test_keys_in_a_file_are_not_handed_on(home: Home):
    """Whoever wants them finds them there."""
    home.is_well()
    heard: list[Keys] = []
    connect(PROFILE).tell_keys(heard.append)
    assert heard == []


def test_handed_keys_need_no_settings(home: Home, environment):
    """The janitor's way, when the user's are broken."""
    home.config.write_text("[")
    environment.setenv("AWS_CONFIG_FILE", os.devnull)  # what a broken one leaves: nothing of it
    environment.delenv("AWS_PROFILE")
    aws = connect_with(Keys("ASIA", "s", "t", 0.0), PROFILE, "eu-central-1")
    assert interfaces.list_enis(aws.ec2)


def test_keys_do_not_show_themselves():
    """In a log or a traceback."""
    assert "hush" not in repr(Keys("ASIA", "hush", "hush", 5.0))
    assert Keys.of_line(Keys("ASIA", "hush", "t", 5.0).as_line()) == Keys("ASIA", "hush", "t", 5.0)
