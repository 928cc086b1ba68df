"""Certificates of any age for servers that tests run. Must not know what judges them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def made(address: str, first: int, last: int, size: int = 2048) -> tuple[bytes, bytes]:
    """(key, certificate and its authority's, of a server at ``address``; the authority's), as PEM. It is good from
    ``first`` to ``last``, in days from now; the authority for long. ``size``: bits of the server's RSA key."""
    now = datetime.now(timezone.utc)
    root = ec.generate_private_key(ec.SECP256R1())
    authority = _named("tests", root.public_key(), "tests", (now - timedelta(365), now + timedelta(365)))
    basic = x509.BasicConstraints(ca=True, path_length=None)
    above = authority.add_extension(basic, critical=True).sign(root, hashes.SHA256())
    key = rsa.generate_private_key(65537, size)
    times = (now + timedelta(first), now + timedelta(last))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address)), x509.DNSName("server")])
    server = _named("server", key.public_key(), "tests", times).add_extension(names, critical=False)
    signed = server.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + signed + above.public_bytes(Encoding.PEM), above.public_bytes(Encoding.PEM)


def _named(name: str, key: object, issuer: str, times: tuple[datetime, datetime]) -> x509.CertificateBuilder:
    subject, author = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(author).public_key(key)  # type: ignore[arg-type]
    return builder.serial_number(x509.random_serial_number()).not_valid_before(times[0]).not_valid_after(times[1])
