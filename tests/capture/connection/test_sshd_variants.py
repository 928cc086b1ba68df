"""sshds as the field has them x {receiver of a mirror, tcpdump}: each works, by paramiko or by the installed ssh, or
ends in the right sentence.

``VPCSHARK_TABLES=FOLDER`` keeps the table there; ``-s`` shows it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import own_mac
from variants import FIPS, HARDENED, Running, Variant, running

from vpcshark.capture.instance.tcpdump_process import Dump, Wanted
from vpcshark.capture.mirror.receiver_start import BEGIN, receiver_command
from vpcshark.capture.receivers.client import Reception, config
from vpcshark.clock import SystemClock
from vpcshark.errors import VpcsharkError
from vpcshark.transport import clients, openssh, ssh, ssh_config
from vpcshark.transport.names import HostName, UserName
from vpcshark.transport.ssh_auth import Keys, load_key

HERE = HostName("127.0.0.1")
_FORCED = "only backups here. "
_FACTOR = "wants more than a key from root"
VARIANTS = {
    "only chacha20": Variant(("Ciphers chacha20-poly1305@openssh.com",), "ssh", "ssh"),
    "as installed": Variant(),
    "ssh-audit's hardened set": Variant(HARDENED),
    "FIPS-like": Variant(FIPS, kind="ecdsa"),
    "only sntrup761": Variant(("KexAlgorithms sntrup761x25519-sha512@openssh.com",), "ssh", "ssh"),
    "only umac": Variant(("Ciphers aes256-ctr", "MACs umac-128-etm@openssh.com"), "ssh", "ssh"),
    "host CA": Variant(("HostCertificate {folder}/host-cert.pub",), authority="host"),
    "host CA, only chacha20": Variant(
        ("HostCertificate {folder}/host-cert.pub", "Ciphers chacha20-poly1305@openssh.com"),
        "ssh",
        "ssh",
        authority="host",
    ),
    "user CA": Variant(("TrustedUserCAKeys {folder}/authority.pub",), authority="user"),
    "user CA, only chacha20": Variant(
        ("TrustedUserCAKeys {folder}/authority.pub", "Ciphers chacha20-poly1305@openssh.com"),
        "ssh",
        "ssh",
        authority="user",
    ),
    "second factor": Variant(
        ("KbdInteractiveAuthentication yes", "AuthenticationMethods publickey,keyboard-interactive"), _FACTOR, _FACTOR
    ),
    "second factor, only chacha20": Variant(
        (
            "Ciphers chacha20-poly1305@openssh.com",
            "PasswordAuthentication yes",
            "AuthenticationMethods publickey,password",
        ),
        _FACTOR,
        _FACTOR,
    ),
    "MaxSessions 1": Variant(("MaxSessions 1",)),
    "MaxSessions 1, only chacha20": Variant(("MaxSessions 1", "Ciphers chacha20-poly1305@openssh.com"), "ssh", "ssh"),
    "ForceCommand": Variant(("ForceCommand echo only backups here",), _FORCED, _FORCED),
    "ForceCommand, only chacha20": Variant(
        ("ForceCommand echo only backups here", "Ciphers chacha20-poly1305@openssh.com"),
        _FORCED,
        _FORCED,
    ),
    "Banner": Variant(("Banner {folder}/banner",)),
    "Banner, only chacha20": Variant(("Banner {folder}/banner", "Ciphers chacha20-poly1305@openssh.com"), "ssh", "ssh"),
    "PermitTTY no": Variant(("PermitTTY no",)),
    "no cipher in common": Variant(
        ("Ciphers chacha20-poly1305@openssh.com",),
        "no cipher in common: it offers chacha20-poly1305@openssh.com; ssh here may use aes128-ctr",
        "no cipher in common: it offers chacha20-poly1305@openssh.com; ssh here may use aes128-ctr",
        here=("Ciphers aes128-ctr",),
    ),
}
_LATE = re.compile(r"questions before a capture\.|greeting in|in time|within|protocol banner|has not")
Table = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """How each run ended; shown and kept at the end."""
    ended: Table = {}
    yield ended
    text = "".join(f"{name:32} {use:8} {how}\n" for (name, use), how in sorted(ended.items()))
    sys.stdout.write(f"\n{text}")
    if folder := os.environ.get("VPCSHARK_TABLES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "sshd-variants.txt").write_text(text)


@pytest.mark.root  # who is logged in as
@pytest.mark.thin(len(VARIANTS))
@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_of_sshd_works_or_is_told(name: str, tmp_path: Path, table: Table) -> None:
    """The expected client logs in, or the sentence says why none can."""
    variant = VARIANTS[name]
    with running(variant, tmp_path) as sshd:
        for use, expected in (("mirror", variant.mirror), ("tcpdump", variant.tcpdump)):
            table[name, use] = how = ended(sshd, use)
            assert how == expected or (" " in expected and expected in how), how


def ended(sshd: Running, use: str) -> str:
    """How it ends, on a machine that is busy too: the patience of a capture in seconds is not what is judged here."""
    for _ in range(30):
        how = tried(sshd, use)
        if not _LATE.search(how):
            break
    return how


def tried(sshd: Running, use: str) -> str:
    """Which client logged in, if a capture could begin; else the sentence."""
    try:
        transport = clients.connect(login(sshd))
    except VpcsharkError as error:
        return str(error)
    client = "ssh" if isinstance(transport, openssh.OpenSshTransport) else "paramiko"
    try:
        (receives if use == "mirror" else dumps)(transport)
    except VpcsharkError as error:
        return str(error)
    finally:
        transport.close()
    return client


def login(sshd: Running) -> openssh.Login:
    """As a capture logs in with a key that the user named."""
    program = shutil.which("ssh")
    assert program
    settings = ssh_config.lookup(ssh_config.Config(str(sshd.config), program), [HERE])
    keys = Keys(only=((load_key(str(sshd.key), agent={}), str(sshd.key)),), certificates=(f"{sshd.key}-cert.pub",))
    return openssh.Login(HERE, UserName("root"), sshd.port, keys, ssh.Trust(files=[str(sshd.known_hosts)]), settings)


def receives(transport: clients.Client) -> None:
    """A receiver says that it is ready."""
    receiving = Reception(transport.open(receiver_command(transport, "")), transport, BEGIN, SystemClock())
    try:
        one = {"vni": 7, "id": 0, "mac": "06:00:00:00:00:01"}
        receiving.begin(config([one], "", None, None, port=unused_port()), 180.0)
        assert receiving.mode
    finally:
        receiving.finish(0.0)


def dumps(transport: clients.Client) -> None:
    """tcpdump captures: its header has come, or ``begin`` says why not."""
    dump = Dump(transport, Wanted(own_mac()))
    try:
        dump.begin()
    finally:
        dump.close()


def unused_port() -> int:
    """A UDP port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
