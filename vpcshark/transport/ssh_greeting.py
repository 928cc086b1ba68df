"""The greeting and key exchange of an SSH connection, with paramiko's algorithms in our order, or in the one that the
user's SSH configuration prescribes. Must not know whether the host's key is trusted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import paramiko
from paramiko.packet import Packetizer
from paramiko.ssh_exception import IncompatiblePeer

from vpcshark.errors import Hopeless, TransportError, Unmatched
from vpcshark.transport.base import Stream
from vpcshark.transport.host_certificates import CERTIFICATE
from vpcshark.transport.openssh_words import UNGREETED
from vpcshark.transport.ssh_config import Algorithms

log = logging.getLogger(__name__)

AUTH_TIMEOUT = 5.0  # seconds
# Measured on loopback sshd, MB/s: aes128-ctr 185, aes128-gcm 280, with packets of 64 KiB 106. paramiko has gcm last.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
WINDOW = 32 << 20
"""Bytes that a command may send unread: what its host can cost in memory. Enough for 1 Gbit/s over 250 ms."""
PACKET = 256 << 10
LONGEST = 1 << 20
"""Bytes of a packet, whatever its length says: of one of 4 GiB paramiko would read all before it looked."""
_SAME = {"curve25519-sha256": "curve25519-sha256@libssh.org"}  # RFC 8731; paramiko has the older name


class Bounded(Packetizer):
    """paramiko's reader of packets, which takes no endless ones."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """See there. SSHException for a packet that is too long."""
        if n > LONGEST:
            raise paramiko.SSHException(f"it announces a packet of {n:,} bytes")
        return bytes(super().read_all(n, check_rekey))


def negotiate(
    connection: Stream, key_types: Sequence[str], name: str, timeout: float, algorithms: Algorithms | None = None
) -> paramiko.Transport:
    """The key exchange, asking for a host key of a type that known_hosts has. TransportError; Hopeless if the
    ``algorithms`` that may be used are all unknown here."""
    transport = _Transport(
        cast("Any", connection),
        default_window_size=WINDOW,
        default_max_packet_size=PACKET,
        packetizer_class=Bounded,
    )
    transport.name = f"SSH with {name}"
    transport.banner_timeout = timeout
    transport.auth_timeout = AUTH_TIMEOUT
    started = time.monotonic()
    try:
        _choose(transport, key_types, algorithms or Algorithms())
        transport.start_client(timeout=timeout)
    except Hopeless:
        connection.close()  # which paramiko does only for what it began
        raise
    except IncompatiblePeer as exc:
        transport.close()
        kind = transport.unmatched() or "algorithm"
        raise Unmatched(
            f"{name} and vpcshark's SSH have no {kind} in common: {transport.offers()}.",
            "Allow one more in its sshd_config, or install OpenSSH's client here.",
        ) from exc
    except Exception as exc:
        transport.close()
        raise TransportError(f"{name} does not speak SSH with us: {reason(exc)}.", UNGREETED) from exc
    if not transport.initial_kex_done:
        transport.close()
        waited = time.monotonic() - started
        raise TransportError(f"{name} did not finish its SSH greeting in {waited:.0f} seconds.", UNGREETED)
    return transport


class _Transport(paramiko.Transport):
    """One that keeps what the host offers."""

    offered: Mapping[str, Any] = {}

    def _really_parse_kex_init(self, *arguments: Any, **named: Any) -> Any:
        whole: Any = super()
        self.offered = whole._really_parse_kex_init(*arguments, **named)
        return self.offered

    def unmatched(self) -> str:
        """Of what there is nothing that both sides have."""
        return next((kind for kind, (theirs, ours) in self._lists().items() if not set(theirs) & set(ours)), "")

    def offers(self) -> str:
        """Of that, what each side has; for the middle of a sentence."""
        theirs, ours = self._lists().get(self.unmatched(), ((), ()))
        return f"it offers {','.join(theirs) or 'nothing'}; vpcshark's SSH may use {','.join(ours) or 'nothing'}"

    def _lists(self) -> dict[str, tuple[Sequence[str], Sequence[str]]]:
        options, offered = self.get_security_options(), self.offered
        ours = (options.kex, options.key_types, options.ciphers, options.digests)
        keys = ("kex_algo_list", "server_key_algo_list", "server_encrypt_algo_list", "server_mac_algo_list")
        kinds = ("key exchange method", "host key type", "cipher", "MAC")
        return {kind: (offered.get(key, ()), had) for kind, key, had in zip(kinds, keys, ours, strict=True)}


def has_each(said: Algorithms) -> bool:
    """Has paramiko one of each kind of algorithm that may be used?"""
    ours: Any = paramiko.Transport
    kinds = [(ours._preferred_ciphers, said.ciphers), (ours._preferred_macs, said.macs)]
    kinds += [(ours._preferred_kex, said.kex), (ours._preferred_keys, said.host_keys)]
    try:
        return all(allowed(had, may, "") for had, may in kinds)
    except Hopeless:
        return False


def _choose(transport: paramiko.Transport, key_types: Sequence[str], said: Algorithms) -> None:
    options = transport.get_security_options()
    options.ciphers = allowed(_first(CIPHERS, options.ciphers), said.ciphers, "ciphers")
    options.digests = allowed(options.digests, said.macs, "MACs")
    options.kex = allowed(options.kex, said.kex, "key exchanges")
    ours = allowed(options.key_types, said.host_keys, "host key algorithms")
    known = [kind for kind in _signatures(key_types) if kind.removesuffix(CERTIFICATE) in ours]
    options.key_types = (*dict.fromkeys([*known, *ours]),)
    if said.public_keys:  # how an RSA key signs; which keys are shown at all is up to ssh_auth
        whole: Any = transport
        whole._preferred_pubkeys = tuple(one for one in whole._preferred_pubkeys if one in said.public_keys)


def allowed(ours: Sequence[str], said: Sequence[str], what: str) -> tuple[str, ...]:
    """Those of ``ours`` that are ``said``, in the order of whom it is up to. Hopeless if there is none."""
    if not said:
        return tuple(ours)
    both = tuple(dict.fromkeys(one for name in said if (one := _SAME.get(name, name)) in ours))
    if not both:
        raise Hopeless(
            f"The SSH configuration allows no {what} that vpcshark's SSH has: {','.join(said)}.",
            f"Allow one of these there: {','.join(ours)}.",
        )
    return both


def _signatures(key_types: Sequence[str]) -> list[str]:
    """An ssh-rsa key signs with SHA-2 (RFC 8332)."""
    return [s for t in key_types for s in (("rsa-sha2-512", "rsa-sha2-256") if t == "ssh-rsa" else (t,))]


def _first(wanted: Sequence[str], all_of_them: Sequence[str]) -> tuple[str, ...]:
    """``all_of_them``, the ``wanted`` ones first."""
    return tuple(dict.fromkeys([w for w in wanted if w in all_of_them] + list(all_of_them)))


def reason(exc: BaseException) -> str:
    """paramiko's words, for the middle of a sentence. What its thread met in what the host sent, of whatever class,
    is raised again by whoever waits for an answer: so callers catch all of it."""
    if not isinstance(exc, (paramiko.SSHException, EOFError, OSError)):
        log.info("paramiko met a %s: %s", type(exc).__name__, exc)
        return "what it sends is malformed"
    text = str(exc).rstrip(".") or "it closed the connection"
    return "it does not greet as SSH servers do" if "protocol banner" in text else text
