"""Host keys that an authority signed (OpenSSH's PROTOCOL.certkeys), as far as ``@cert-authority`` in known_hosts needs.

Must not know known_hosts, nor how the key came over the wire.
"""

from __future__ import annotations

import base64
import fnmatch
import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

CERTIFICATE = "-cert-v01@openssh.com"  # ends the type of a key that an authority signed
log = logging.getLogger(__name__)
_CURVES = [f"ecdsa-sha2-nistp{size}" for size in (256, 384, 521)]
SIGNED_TYPES = ("ssh-ed25519", *_CURVES, "rsa-sha2-512", "rsa-sha2-256")
_SHA2 = (b"rsa-sha2-512", b"rsa-sha2-256")


@dataclass(frozen=True)
class Shown:
    """What a host shows: the type and blob of its key, and the certificate around it, b"" if there is none."""

    key_type: str
    key: bytes
    certificate: bytes = b""

    def is_signed_by(self, authorities: Collection[bytes], *names: Sequence[str]) -> bool:
        """Has one of the ``authorities`` signed the key for a host of one of the ``names``, and does that hold now? Why
        not, the log tells; the key may still be known for itself, as for ssh(1)."""
        if not self.certificate:
            return False
        problem = _problem(self.certificate, authorities, [name for some in names for name in some])
        if problem:
            log.warning("The host's certificate does not count: %s.", problem)
        return not problem


def _problem(blob: bytes, authorities: Collection[bytes], names: Iterable[str]) -> str:
    """As sshkey_cert_check_host of OpenSSH; but a certificate for no name in particular is for none."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import SSHCertificateType, ssh

    try:
        certificate: Any = ssh.load_ssh_public_identity(_line(blob))
        signer = certificate.signature_key()
        certificate.verify_cert_signature()
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm, InvalidSignature) as exc:
        return f"it cannot be read, or its signature is wrong ({type(exc).__name__})"
    wanted = {name.casefold() for name in names}
    checks = {
        "another authority signed it": _blob(signer) not in authorities,
        "it is signed with SHA-1": _is_sha1(blob, signer),
        "it is a user's": certificate.type is not SSHCertificateType.HOST,
        "it is for other hosts": not any(_is_for(one, wanted) for one in certificate.valid_principals),
        "its time is not now": not certificate.valid_after <= time.time() < certificate.valid_before,
        "it has critical options": bool(certificate.critical_options),
    }
    return next((reason for reason, is_so in checks.items() if is_so), "")


def _line(blob: bytes) -> bytes:
    """As in a .pub file."""
    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
    return kind + b" " + base64.b64encode(blob)


def _blob(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return base64.b64decode(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])


def _is_sha1(blob: bytes, signer: Any) -> bool:
    """An RSA authority's signature ends the certificate: a name, a length and as many bytes as the key is long."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    return isinstance(signer, RSAPublicKey) and not blob[: -4 - signer.key_size // 8].endswith(_SHA2)


def _is_for(principal: bytes, names: Collection[str]) -> bool:
    pattern = principal.decode(errors="replace").casefold().replace("[", "[[]")
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)
