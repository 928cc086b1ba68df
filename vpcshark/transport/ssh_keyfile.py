"""Private keys in files, in every form that OpenSSH reads, and the certificates that belong to them.

Must not know who is shown a key. No key leaves the memory.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import paramiko
from paramiko.pkey import PublicBlob

log = logging.getLogger(__name__)
_PKCS8 = ("-----BEGIN PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----")


def read_key(path: Path, passphrase: bytes | None) -> paramiko.PKey:
    """The private key in a file. What paramiko raises; ValueError or TypeError without the right passphrase."""
    text = path.read_text(encoding="ascii", errors="replace")
    if text.lstrip().startswith(_PKCS8):
        return _pkcs8(text.encode(), passphrase)
    key: Any = paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]
    key.public_blob = None  # a certificate beside it is found by ``certified``
    return key  # type: ignore[no-any-return]


def _pkcs8(text: bytes, passphrase: bytes | None) -> paramiko.PKey:
    """What openssl and AWS's own tools write (RFC 5958), which paramiko does not read."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    key: Any = load_pem_private_key(text, passphrase)
    classes: list[tuple[Any, Any]] = [
        (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
        (rsa.RSAPrivateKey, paramiko.RSAKey),
        (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    ]
    kind = next((ours for theirs, ours in classes if isinstance(key, theirs)), None)
    if kind is None:
        raise ValueError(f"SSH has no {type(key).__name__}")
    whole = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    loaded: paramiko.PKey = kind.from_private_key(io.StringIO(whole))
    return loaded


def certified(keys: Iterable[tuple[paramiko.PKey, str]], files: Sequence[str]) -> Iterator[tuple[paramiko.PKey, str]]:
    """The keys, each with its certificates from ``files`` before the bare one, as ssh(1) has it."""
    certificates = [(_public_key(blob), blob, name) for name in files if (blob := _certificate(name)) is not None]
    for key, origin in keys:
        own: Any = key
        bare = getattr(own, "public_blob", None)
        for public, blob, name in certificates:
            if public and bare is None and public == key.asbytes():
                own.public_blob = blob
                yield key, f"{origin} with {name}"
        own.public_blob = bare
        yield key, origin


def _certificate(name: str) -> PublicBlob | None:
    with contextlib.suppress(OSError, ValueError, paramiko.SSHException):
        return PublicBlob.from_string(Path(name).expanduser().read_text(encoding="ascii"))
    return None


def _public_key(certificate: PublicBlob) -> bytes:
    """The blob of the key that was signed; b"" if this is no certificate that can be read."""
    import base64

    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, ssh

    line = f"{certificate.key_type} {base64.b64encode(certificate.key_blob).decode()}"
    try:
        public: Any = ssh.load_ssh_public_identity(line.encode())
        whole = public.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, AttributeError, UnsupportedAlgorithm) as exc:
        log.info("A certificate of the kind %s can't be used: %s.", certificate.key_type, exc)
        return b""
    return base64.b64decode(whole.split()[1])
