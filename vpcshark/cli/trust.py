"""``vpcshark trust``: accept the SSH host key of an instance, after comparing it with what AWS shows. The only place
where a person decides about a host key. Must not know how captures use it."""

from __future__ import annotations

import argparse
import base64
from collections.abc import Callable
from typing import Any

from vpcshark.cli import console
from vpcshark.errors import AwsError, InputError


def run(options: argparse.Namespace) -> int:
    """0 if the key is trusted now, 1 if the person does not accept it."""
    from vpcshark.aws import client
    from vpcshark.aws.compute import capture_hosts
    from vpcshark.capture.connection import host_keys
    from vpcshark.capture.connection.ssh_methods import Logins
    from vpcshark.capture.contract.options import CaptureOptions
    from vpcshark.cli import account
    from vpcshark.transport.known_hosts import fingerprint

    out, place = console.err(), account.place(options)
    aws = client.connect(place.profile, place.region, console.ask if console.has_person() else None)
    host = capture_hosts.find_host(aws.ec2, account.named_instance(options.instance, place))
    addresses = [a for a in (host.address, host.public_address) if a]
    how = CaptureOptions(ssh_port=options.port, ssh_known_hosts=options.ssh_known_hosts)
    logins = Logins(host, addresses, how)
    key_type, key = logins.shown_key()
    shown = fingerprint(key)
    out.print(f"{host.name} ({host.instance}) shows the {key_type} key {shown}.")
    if not accepts(options.fingerprint, shown, lambda: _is_on_console(aws, host.instance, key_type, key), _asked):
        out.print("It was not accepted.")
        return 1
    host_keys.add(logins.pin, key_type, key)
    out.print(f"Trusted from now on; kept in {host_keys.file()}.")
    return 0


def accepts(wanted: str, shown: str, is_on_console: Callable[[], bool], ask: Callable[[str], bool]) -> bool:
    """Is the key with the fingerprint ``shown`` to be trusted? By the one that the person brought (``wanted``), else by
    the console, else by the person's word. InputError."""
    from vpcshark.aws.compute.console_host_keys import DoubtfulConsole

    if wanted and wanted != shown:
        raise InputError(f"The key is not the one with the fingerprint {wanted}.", "It was not accepted.")
    if wanted:
        return True
    try:
        is_proved = is_on_console()
    except DoubtfulConsole as doubt:
        raise InputError(
            f"{doubt.problem} The key was not accepted.",
            "Have the instance's owner tell the fingerprint of its key, and run this again with --fingerprint.",
        ) from doubt
    if is_proved:
        console.err().print("The instance's console output has the same key.")
    return is_proved or ask(f"Its console output does not have it (any more). Trust {shown}? [y/N] ")


def _is_on_console(aws: Any, instance: str, key_type: str, key: bytes) -> bool:
    from vpcshark.aws.compute import console_host_keys, instance_login

    try:
        return (key_type, base64.b64encode(key).decode()) in instance_login.console_keys(aws, instance)
    except console_host_keys.DoubtfulConsole:
        raise
    except AwsError as error:
        console.err().print(str(error))
        return False


def _asked(question: str) -> bool:
    try:
        return console.err().input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False
