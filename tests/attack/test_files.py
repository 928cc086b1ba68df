"""Damaged files: whatever is wrong with a capture file, a ledger, a cache, the settings or a key file, whoever reads it
ends with a sentence, or does without it."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from arena import Arena, log_in, told
from cage import Place
from damaged import damaged, json_damaged
from outer import SHAPES, ethernet, ipv4, pcap_file, pcapng_block, pcapng_file, pcapng_head, pcapng_packet, udp
from rogue_hosts import RECEIVERS
from rogue_ssh import Rogues

INNER = ethernet(0x0800, ipv4(udp(b"x" * 58, 53)))
OUTERS = [SHAPES[shape](INNER, number) for number, shape in enumerate(SHAPES, 70)] * 3
SECRETS = pcapng_block(10, b"KSLT" + b"\x20\0\0\0" + b"CLIENT_RANDOM " + b"ab" * 9)
CAPTURES = {
    "pcap": pcap_file(OUTERS),
    "pcap of nanoseconds": pcap_file(OUTERS, ">", nano=True),
    "pcapng": pcapng_file(OUTERS),
    "pcapng with secrets": pcapng_head(options=b"\x02\0\5\0eth0\0\0\0\0\0\0\0\0")
    + SECRETS
    + pcapng_packet(OUTERS[0], 5) * 9,
    "gzip": gzip.compress(pcap_file(OUTERS), mtime=0),
}
EACH = 90  # of each capture file: 450
LEDGER = "\n".join(
    json.dumps(line)
    for line in (
        {"capture": "c-0123456789ab", "owner": "me@here", "started": 5.0, "expires": 9.0, "source": "eni-1"},
        {"profile": "", "region": "us-east-1"},
        {"account": "123456789012"},
        {"creating": "filter", "token": "t-1"},
        {"created": "filter", "token": "t-1", "id": "tmf-00000000000000001"},
        {"creating": "session", "token": "t-2"},
        {"note": "kept"},
        {"deleted": "tmf-00000000000000001"},
    )
)
SETTINGS = b"""\
[list]
regions = us-east-1
tags = env=prod, team=net*
limit = 100

[defaults]
host = local
vni = 77

[capture web]
tags = Name=web-*
"""
AWS_CONFIG = (
    b"[default]\nregion = us-east-1\noutput = json\n[profile other]\nrole_arn = arn:x\nsource_profile = default\n"
)
SSH_CONFIG = (
    b"Host *\n  HostName 127.0.0.1\n  User root\n  Port 22\n  IdentityFile ~/.ssh/id\n  UserKnownHostsFile ~/.ssh/k\n"
)
LEDGERS, CACHES, OTHERS = 120, 60, 40
TOGETHER = 6  # small files of a kind that lie beside one another in one run
Runs = Sequence[int]


@pytest.mark.thin(90)
@pytest.mark.parametrize("number", range(EACH))
@pytest.mark.parametrize("kind", CAPTURES)
def test_decap_of_a_damaged_file(arena: Arena, kind: str, number: int) -> None:
    """What it does write, capinfos can read."""
    place = arena.place()
    place.put("work/in", damaged(CAPTURES[kind], number))
    done, found = arena.run(f"file: {kind} {number}", ["decap", "in", "out.pcapng"], place=place)
    assert not found, told(done, found)
    made = place.work / "out.pcapng"
    assert not made.exists() or not made.stat().st_size or is_readable(made)


def is_readable(path: Path) -> bool:
    """As Wireshark's library sees it."""
    return (
        shutil.which("capinfos") is None
        or not subprocess.run(["capinfos", "-c", str(path)], check=False, capture_output=True).returncode
    )


def batches(count: int) -> list[range]:
    """The numbers of damages, as they are put into one run each."""
    return [range(first, first + TOGETHER) for first in range(0, count, TOGETHER)]


@pytest.mark.thin(40)
@pytest.mark.parametrize("numbers", batches(LEDGERS), ids=str)
@pytest.mark.parametrize("command", [("ps",), ("cleanup",)], ids=" ".join)
def test_damaged_ledgers(arena: Arena, command: Sequence[str], numbers: Runs) -> None:
    """Half of them are still JSON."""
    place = arena.place()
    for number in numbers:
        data = damaged(LEDGER.encode(), number) if number % 2 else json_damaged(LEDGER, number).encode()
        place.put(f"state/vpcshark/captures/c-{number:012}.ledger", data)
    done, found = arena.run(f"file: ledgers {numbers[0]}- ({command[0]})", command, place=place)
    assert not found, told(done, found)


@pytest.fixture(scope="module")
def kept(account: Any, cage: Any) -> Path:
    """The cache that a listing leaves."""
    place: Place = cage.place()
    cage.run(place, ["extcap", "--vpcshark-refresh=wait"], settled(account.environment))
    assert [*(place.folder / "cache").rglob("interfaces")]
    return place.folder / "cache"


def settled(environment: Any) -> dict[str, str]:
    """The environment in which a cache holds for other folders too: its context has no folder in it."""
    return {**environment, "XDG_CONFIG_HOME": "/nowhere"}


ASKING: dict[str, Sequence[str]] = {
    "list": ("extcap", "--extcap-interfaces", "--extcap-version=4.0"),
    "options": ("extcap", "--extcap-interface", "ENI", "--extcap-config"),
    "interfaces": ("interfaces",),
    "capture": ("capture", "ENI", "--mode", "tcpdump", "--connection", "ssh", "-w", "out.pcapng", "--ssh-port", "1"),
}


@pytest.mark.thin(120)
@pytest.mark.parametrize("number", range(CACHES))
@pytest.mark.parametrize("asking", ASKING)
def test_damaged_caches(arena: Arena, kept: Path, asking: str, number: int) -> None:
    """Every file of the cache is damaged at once."""
    place = arena.place()
    place.put("home/.ssh/config", SSH_CONFIG)
    for path in kept.rglob("*"):
        if path.is_file() and not path.name.endswith(".log"):
            whole = path.read_bytes()
            is_json = whole[:1] in b"[{" and number % 2
            data = json_damaged(whole.decode(), number).encode() if is_json else damaged(whole, number)
            place.put(f"cache/{path.relative_to(kept)}", data)
    words = [arena.account.eni("web-1") if word == "ENI" else word for word in ASKING[asking]]
    environment = settled(arena.account.environment)
    own = words[0] == "extcap"  # what a whole answer in the user's own cache says is printed as it is
    done, found = arena.run(
        f"file: caches {number} ({asking})", words, place=place, environment=environment, is_data=own
    )
    assert not found, told(done, found)


def one_file(name: str, whole: bytes) -> Callable[[Place, int], None]:
    """Puts the file damaged."""
    return lambda place, number: place.put(name, damaged(whole, number)) and None


OTHER_FILES: dict[str, tuple[Callable[[Place, int], None], Sequence[str]]] = {
    "config.ini": (one_file("config/vpcshark/config.ini", SETTINGS), ("interfaces",)),
    "config.ini, listed": (one_file("config/vpcshark/config.ini", SETTINGS), ("extcap", "--vpcshark-refresh=wait")),
    "AWS configuration": (one_file("home/.aws/config", AWS_CONFIG), ("interfaces", "--profile", "default")),
    "AWS credentials": (one_file("home/.aws/credentials", AWS_CONFIG), ("interfaces", "--profile", "default")),
}


@pytest.mark.thin(80)
@pytest.mark.parametrize("number", range(OTHERS))
@pytest.mark.parametrize("kind", OTHER_FILES)
def test_other_damaged_files(arena: Arena, kind: str, number: int) -> None:
    """The settings, and what boto3 reads."""
    place = arena.place()
    put, words = OTHER_FILES[kind]
    put(place, number)
    done, found = arena.run(f"file: {kind} {number}", words, place=place)
    assert not found, told(done, found)


SSH_FILES = ("known_hosts", "trusted", "ssh config", "private key")


@pytest.mark.thin(80)
@pytest.mark.parametrize("number", range(OTHERS // 2))
@pytest.mark.parametrize("kind", SSH_FILES)
def test_damaged_files_of_ssh(arena: Arena, rogues: Rogues, kind: str, number: int) -> None:
    """A login with them."""
    with rogues.ssh(RECEIVERS["ends at once, without a word"]) as rogue:
        place = arena.place(rogue)
        known = rogue.known_hosts.read_bytes()
        files = {
            "known_hosts": ("home/known", known * 3),
            "trusted": ("state/vpcshark/known_hosts", known * 3),
            "ssh config": ("home/.ssh/config", SSH_CONFIG * 2),
            "private key": ("home/key", rogue.key.read_bytes()),
        }
        made = {name: place.put(path, damaged(data, number)) for name, (path, data) in files.items() if name == kind}
        words = log_in(rogue)
        if kind == "known_hosts":
            words[-1] = str(made[kind])
        elif kind == "private key":
            words[words.index("--ssh-key") + 1] = str(made[kind])
        host = arena.account.instances["db-1"].id
        capture = ["capture", arena.account.eni("web-1"), "--mode", "mirror", "--host", host, "-w", "out.pcapng"]
        done, found = arena.run(f"file: {kind} {number}", [*capture, *words], place=place)
        assert not found, told(done, found)


def test_there_are_as_many_as_promised() -> None:
    """700 damaged files or more."""
    caches = 3 * CACHES * len(ASKING)
    others = OTHERS * len(OTHER_FILES) + OTHERS // 2 * len(SSH_FILES)
    assert EACH * len(CAPTURES) + 2 * LEDGERS + others + caches >= 700
