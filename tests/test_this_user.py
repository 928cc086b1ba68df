"""A name for whoever runs the program, also where the machine has none."""

from __future__ import annotations

import os

import pytest

from vpcshark import this_user
from vpcshark.cleanup import tags


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 12345"), OSError("No username set")])
def test_a_number_that_no_list_of_users_has_is_the_name(error: Exception) -> None:
    """A container may run as any number; Python 3.13 says so by another exception."""

    def look() -> str:
        raise error

    assert this_user.name(look) == str(os.getuid())


def test_the_owner_of_a_capture_is_the_user_at_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the environment has the user."""
    monkeypatch.delenv("VPCSHARK_OWNER", raising=False)
    monkeypatch.setenv("LOGNAME", "maria")
    assert tags.default_owner().startswith("maria@")
