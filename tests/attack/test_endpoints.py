"""Hostile endpoints: whatever answers at AWS_ENDPOINT_URL, commands end with a sentence, in memory that has a bound."""

from __future__ import annotations

from typing import Any

import pytest
from arena import told
from rogue_endpoints import ENDPOINTS, answering

COMMANDS = {
    "interfaces": ("interfaces",),
    "ps": ("ps",),
    "cleanup": ("cleanup", "--expired"),
    "capture": (
        "capture",
        "eni-0a000001",
        "--mode",
        "mirror",
        "--host",
        "local",
        "-a",
        "duration:1",
        "-w",
        "out.pcapng",
    ),
    "list": ("extcap", "--vpcshark-refresh=wait"),
}


def attack(arena: Any, endpoint: str, command: str) -> None:
    """One command against one endpoint."""
    with answering(ENDPOINTS[endpoint]) as url:
        name = f"endpoint: {endpoint} ({command})"
        done, found = arena.run(name, COMMANDS[command], environment={"AWS_ENDPOINT_URL": url})
        assert not found, told(done, found)


@pytest.mark.thin(48)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_interfaces_end(arena: Any, endpoint: str) -> None:
    """The one command that everybody runs first."""
    attack(arena, endpoint, "interfaces")


@pytest.mark.thin(74)
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "interfaces"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_other_commands_end(arena: Any, endpoint: str, command: str) -> None:
    """Each asks other services, in another order, and cleans up."""
    attack(arena, endpoint, command)


def test_the_table_is_as_long_as_promised() -> None:
    """Fifteen endpoints or more."""
    assert len(ENDPOINTS) >= 15
