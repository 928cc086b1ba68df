"""Hostile accounts: whatever tags, names, descriptions and consoles hold, it is data in every command, hides nobody
else's rows, and makes nothing ours."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from arena import Arena, log_in, told
from rogue_accounts import TEXTS, World, build, consoles, torn_sentences
from rogue_hosts import says
from rogue_sources import pouring
from rogue_ssh import Command, Rogues
from sessions import session

from vpcshark.lab.api import moto_logins

COMMANDS = {
    "interfaces": ("interfaces",),
    "ps": ("ps",),
    "ps as JSON": ("ps", "--json"),
    "cleanup": ("cleanup", "--expired"),
    "cleanup, dry": ("cleanup", "--expired", "--dry-run"),
    "the list of Wireshark": ("extcap", "--vpcshark-refresh=wait"),
    "a reload of hosts": ("extcap", "--extcap-interface", "ENI", "--extcap-config", "--extcap-reload-option", "host"),
    "a reload of filters": (
        "extcap",
        "--extcap-interface",
        "ENI",
        "--extcap-config",
        "--extcap-reload-option",
        "mirror-filter",
    ),
    "preflight": ("preflight", "ENI", "--host", "HOST"),
    "doctor": ("doctor",),
}
SSH_CONFIGS = {
    "a proxy command": "Host *\n  ProxyCommand touch out-%h-%n-%r\n",
    "a match that runs": 'Match exec "touch out-%h"\n  HostName 127.0.0.1\n',
    "an address of tokens": "Host *\n  HostName %h\n",
}


@pytest.fixture(scope="module")
def world(account: Any) -> World:
    """The badly named account, beside the lab's instances: another account of the same API."""
    signed = session("lab", "lab", "eu-west-1")
    return build(signed.client("ec2", endpoint_url=account.environment["AWS_ENDPOINT_URL"]))


@pytest.fixture
def there(arena: Arena) -> dict[str, str]:
    """What leads into it: a region of its own."""
    return {**arena.account.environment, "AWS_REGION": "eu-west-1", "COLUMNS": "200"}


@pytest.mark.thin(12)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_it_as_data(arena: Arena, world: World, there: dict[str, str], command: str) -> None:
    """All texts at once. What no capture made is alive afterwards, expired and ours as its tags say it is."""
    before = world.live()
    host = next(iter(world.instances.values()))
    names = {"ENI": world.sources["bidi"], "HOST": host}
    words = [names.get(word, word) for word in COMMANDS[command]]
    done, found = arena.run(f"account: {command}", words, environment=there)
    torn = [*torn_sentences(done.out)] if words[0] == "extcap" else []
    assert not found, told(done, found)
    assert not torn, torn[:3]
    assert world.live() == before


def test_nobody_is_hidden(arena: Arena, world: World, there: dict[str, str]) -> None:
    """One bad name costs nobody else a row."""
    done, found = arena.run("account: nobody is hidden", ["interfaces"], environment=there)
    assert not found, told(done, found)
    assert set(re.findall(rb"eni-[0-9a-f]+", done.out)) >= {one.encode() for one in world.sources.values()}


@pytest.mark.thin(12)
@pytest.mark.parametrize("text", TEXTS)
def test_a_capture_of_a_bad_name(arena: Arena, world: World, there: dict[str, str], rogues: Rogues, text: str) -> None:
    """By tcpdump on it: its name, its user tag and its ENI go into SSH, the file and the messages."""
    Command.mac = world.macs[text]
    with rogues.ssh(lambda command: command.facts() if command.is_probe else pouring()(command)) as rogue:
        words = ["capture", world.sources[text], "--mode", "tcpdump", "-w", "out.pcapng", *log_in(rogue)]
        done, found = arena.run(f"account: {text}", words, place=arena.place(rogue), environment=there)
        assert not found, told(done, found)


@pytest.mark.thin(35)
@pytest.mark.parametrize("config", SSH_CONFIGS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_name_runs_nothing(arena: Arena, world: World, there: dict[str, str], text: str, config: str) -> None:
    """Whatever the user's SSH configuration does with names: what the user's own command makes begins with "out",
    and nothing else is made."""
    place = arena.place()
    place.put("home/.ssh/config", SSH_CONFIGS[config].encode())
    words = ["capture", world.sources[text], "--mode", "tcpdump", "--connection", "ssh", "-w", "out.pcapng"]
    done, found = arena.run(f"account: {text}, {config}", words, place=place, environment=there)
    assert not found, told(done, found)


@pytest.mark.thin(9)
@pytest.mark.parametrize("console", consoles("x y"))
def test_a_console_is_no_proof_unless_it_is_cloud_inits(arena: Arena, rogues: Rogues, console: str) -> None:
    """A host whose key is known from nowhere else is not trusted, by ``trust`` and by a capture."""
    with rogues.ssh(says(b"")) as rogue:
        instance = arena.account.instances["api-1"].id
        shown = rogue.known_hosts.read_text().split(" ", 1)[1].strip()
        moto_logins.install(_Consoles(consoles(shown)[console]))
        place = arena.place(rogue)
        words = ["trust", instance, "--port", str(rogue.port)]
        done, found = arena.run(f"console: {console}", words, place=place)
        assert not found, told(done, found)
        assert b"shows the ssh-rsa key" in done.err  # so far it came
        assert done.status != 0
        assert b"Trusted from now on" not in done.err
        assert not [path for path in place.folder.rglob("*known_hosts*") if path.is_file() and path.stat().st_size]


class _Consoles(SimpleNamespace):
    """``moto_logins.LoginServices``: nobody is online anywhere, and every console says this."""

    def __init__(self, text: str) -> None:
        super().__init__(managed=lambda: [], endpoints=lambda: [], console=lambda instance: text)
