"""Which SSH client logs in to a host: paramiko, for its speed and since it is always there, or the installed OpenSSH
``ssh`` where the user's configuration or the host needs what only that has.

Must not know what is reached with it. The first reason counts, and is in the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import replace
from pathlib import Path

from vpcshark.errors import Refused, SecondFactor, TransportError, Unmatched
from vpcshark.transport import askpass, openssh, ssh, ssh_auth, ssh_greeting
from vpcshark.transport.known_hosts import UnknownHostKey
from vpcshark.transport.openssh import Login

log = logging.getLogger(__name__)
Client = ssh.SshTransport | openssh.OpenSshTransport
_KRL = b"SSHKRL\n\0"  # PROTOCOL.krl


def connect(login: Login) -> Client:
    """Log in, by ``login.dial`` again for each client that is tried. TransportError, as ``ssh.connect``."""
    program = _program(login)
    for path in login.settings.masters if program and not login.keys.only else ():
        with contextlib.suppress(TransportError):  # nobody is there any more, which ssh(1) does not mind either
            if Path(path).is_socket():
                return openssh.shared(login, path)
    if program and (why := only_openssh(login)):
        log.info("%s is used for %s: %s.", program, login.name, why)
        return openssh.connect(login, program)
    try:
        return _by_paramiko(login)
    except Unmatched as error:
        if not program:
            raise
        log.info("%s is used for %s: %s", program, login.name, error.problem)
        return openssh.connect(login, program)
    except Refused as error:
        if not program or not (why := _more(login, error)):
            raise
        log.info("%s is used for %s: %s.", program, login.name, why)
        return _after(error, replace(login, asks=isinstance(error, SecondFactor)), program)


def host_key(login: Login) -> tuple[str, bytes]:
    """The type and blob of the key that the host shows now; nobody logs in. TransportError."""
    try:
        return ssh.host_key(login.address, login.port, login.dial)
    except Unmatched:
        program = _program(login)
        if not program:
            raise
    nothing = replace(login, trust=ssh.Trust(usual=()), keys=ssh_auth.Keys(files=("none",), agent="none"))
    try:
        openssh.connect(nothing, program).close()
    except UnknownHostKey as shown:
        return shown.key_type, shown.key
    raise TransportError(f"{login.name} lets anybody in, and shows no host key.", "Don't trust it.")


def only_openssh(login: Login) -> str:
    """Why the configuration can only be followed by ssh(1); "" if paramiko can."""
    settings, passed = login.settings, login.settings.passed
    reasons = {
        "KnownHostsCommand is set": "knownhostscommand" in passed,
        "BindAddress is set": login.dial is None and bool(passed.keys() & {"bindaddress", "bindinterface"}),
        "the revoked host keys are a KRL": _is_krl(settings.revoked_host_keys),
        "the key is a security key's": bool(login.keys.file) and ssh_auth.is_security_key(login.keys.file),
        "only ssh has an algorithm that the configuration allows": not ssh_greeting.has_each(settings.algorithms),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")


def _more(login: Login, error: Refused) -> str:
    """What ssh(1) has to show besides, where paramiko was refused; "" if nothing."""
    if isinstance(error, SecondFactor):
        return "a second factor can be asked for" if askpass.program() else ""
    if login.keys.only or login.keys.file:
        return ""
    passed, files = login.settings.passed, login.keys.files or ssh_auth.DEFAULT_KEYS
    reasons = {
        "GSSAPIAuthentication is set": passed.get("gssapiauthentication") == "yes",
        "PKCS11Provider is set": passed.get("pkcs11provider", "none") != "none",
        "there is a security key": any(map(ssh_auth.is_security_key, files)),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")


def _after(error: Refused, login: Login, program: str) -> Client:
    """With what only ssh has; if that does not help, the first reason is told."""
    try:
        return openssh.connect(login, program)
    except TransportError as later:
        log.info("%s", later)
        raise error from later


def _by_paramiko(login: Login) -> ssh.SshTransport:
    return ssh.connect(
        login.address,
        user=login.user,
        port=login.port,
        keys=login.keys,
        trust=login.trust,
        dial=login.dial,
        via=login.via,
        algorithms=login.settings.algorithms,
    )


def _program(login: Login) -> str:
    """Windows' ssh can't share a connection."""
    return "" if os.name == "nt" else login.settings.program


def _is_krl(name: str) -> bool:
    with contextlib.suppress(OSError), open(Path(name).expanduser(), "rb") as file:
        return bool(name) and file.read(len(_KRL)) == _KRL
    return False
