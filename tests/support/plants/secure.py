"""Faults of TLS handshakes, made by OpenSSL with certificates made here."""

from __future__ import annotations

import datetime
import functools
import socket
import ssl
import tempfile
from collections.abc import Callable
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plants import apps
from plants.kinds import plant, seen, sound
from plants.lab import Lab, Wire
from plants.wire import Effect

NAME = "shop.example"
Change = Callable[[ssl.SSLContext], object]


@functools.cache
def certificate(days: int = 90, name: str = NAME) -> bytes:
    """PEM of a key and a certificate that signs itself and ends in ``days`` days (past, if negative)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    begin = end - datetime.timedelta(days=365)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), begin, end)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
    made = builder.add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + made.public_bytes(pem)


def show(context: ssl.SSLContext, certified: bytes) -> None:
    """Have this side show that certificate: OpenSSL reads it from a file only."""
    with tempfile.NamedTemporaryFile(prefix="plant-tls-", suffix=".pem") as file:
        file.write(certified)
        file.flush()
        context.load_cert_chain(file.name)


def trust(context: ssl.SSLContext, certified: bytes) -> None:
    """Have this side trust that certificate."""
    context.load_verify_locations(cadata=certified.decode("ascii"))


def _plain(context: ssl.SSLContext) -> None:
    """Nothing is changed."""


def only(version: ssl.TLSVersion) -> Change:
    """Only that version."""

    def change(context: ssl.SSLContext) -> None:
        if version < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version

    return change


def handshake(lab: Lab, own: bytes, at_server: Change = _plain, at_client: Change = _plain, name: str = NAME) -> str:
    """What a client that trusts the server's ``own`` certificate says of a handshake; "done" after a request and an
    orderly end."""
    delay = round(lab.chance.uniform(0.002, 0.04), 4)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show(server, own)
    at_server(server)

    def handle(connection: socket.socket) -> None:
        with suppress(ssl.SSLError), server.wrap_socket(connection, server_side=True) as secure:
            apps.head_of(secure)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + apps.filling(900))
            with suppress(OSError):  # the client's end
                secure.unwrap()

    lab.server.serve(lab.chance.choice([443, 8443]), handle)
    client = ssl.create_default_context(cadata=own.decode("ascii"))
    at_client(client)
    port = lab.server.kept[-1].getsockname()[1]
    try:
        with client.wrap_socket(lab.client.tcp(lab.server.address, port), server_hostname=name) as secure:
            apps.get(secure)
            with suppress(OSError):
                secure.unwrap()
    except (ssl.SSLError, OSError) as error:
        lab.pause(0.3)
        return getattr(error, "reason", "") or type(error).__name__
    lab.pause(0.3)
    return "done"


def _alert(code: int) -> tuple[tuple[str, str, str], ...]:
    return ((f"tls.alert_message.desc == {code}", ">0", ">0"), ("tls.handshake.type == 1", ">0", ">0"))


V12, V13 = only(ssl.TLSVersion.TLSv1_2), only(ssl.TLSVersion.TLSv1_3)


@plant("tls-expired", "tls-expired", "tls-expired", admits="tls-alert", tempting="the network reset it")
@seen(*_alert(45))
def tls_expired_12(lab: Lab) -> str:
    """The certificate is to be read in TLS 1.2."""
    days = lab.chance.randint(1, 200)
    said = handshake(lab, certificate(-days), V12)
    lab.must(said == "CERTIFICATE_VERIFY_FAILED", said)
    return f"the certificate ended {days} days before the capture; the client says certificate_expired (45)"


@plant("tls-expired", "tls-expired", "tls-expired", admits="tls-alert", tempting="cipher or version")
@seen(*_alert(45))
def tls_expired_13(lab: Lab) -> str:
    """The certificate is encrypted in TLS 1.3, but OpenSSL's alert is not."""
    days = lab.chance.randint(1, 200)
    said = handshake(lab, certificate(-days), V13)
    lab.must(said == "CERTIFICATE_VERIFY_FAILED", said)
    return (
        f"the certificate ended {days} days before the capture; the client's alert certificate_expired (45) "
        "is in the clear"
    )


@plant("tls-alert", "tls-alert", "tls-alert", tempting="the server closes")
@seen(*_alert(48))
def tls_unknown_authority(lab: Lab) -> str:
    """The client does not trust the certificate's issuer."""
    other = certificate(91)
    version = lab.chance.choice([V12, V13])

    def distrust(context: ssl.SSLContext) -> None:
        version(context)

    trusted = certificate(90)
    said = handshake(lab, trusted, lambda context: show(context, other), distrust)
    lab.must(said == "CERTIFICATE_VERIFY_FAILED", said)
    return "the client says unknown_ca (48): it refuses the server's certificate"


@plant(
    "tls-alert",
    "tls-alert",
    "tls-alert",
    tempting="cipher mismatch; the network",
)
@seen(
    ("tls.alert_message.desc == 40 || tls.alert_message.desc == 116", ">0", ">0"),
    ("tls.handshake.type == 13", ">0", ">0"),
)
def tls_client_certificate(lab: Lab) -> str:
    """The server wants a client certificate and gets an empty one (1.2: all is readable)."""

    def demand(context: ssl.SSLContext) -> None:
        V12(context)
        context.verify_mode = ssl.CERT_REQUIRED
        trust(context, certificate())

    said = handshake(lab, certificate(), demand, V12)
    lab.must(said != "done", said)
    return f"the server asks for a client certificate, gets none and says so by a fatal alert ({said})"


@plant("tls-version", "tls-version", "tls-version", admits="tls-alert", tempting="the network reset it")
@seen(*_alert(70))
def tls_version(lab: Lab) -> str:
    """The two have no version in common: alert 70."""
    at_server, at_client = lab.chance.choice([(V13, V12), (V12, V13), (V13, V12)])
    said = handshake(lab, certificate(), at_server, at_client)
    lab.must("VERSION" in said or "PROTOCOL" in said, said)
    return f"no version in common: {said}; fatal alert protocol_version (70)"


@plant(
    "tls-cipher",
    "tls-cipher",
    "tls-cipher",
    admits="tls-alert",
    tempting="certificate; the network reset it",
)
@seen(*_alert(40))
def tls_cipher(lab: Lab) -> str:
    """The two have no cipher suite in common: alert 40 at once after the client hello."""

    def at_server(context: ssl.SSLContext) -> None:
        V12(context)
        context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")

    def at_client(context: ssl.SSLContext) -> None:
        V12(context)
        context.set_ciphers(
            lab.chance.choice(["ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-SHA", "ECDHE-RSA-CHACHA20-POLY1305"])
        )

    said = handshake(lab, certificate(), at_server, at_client)
    lab.must("HANDSHAKE_FAILURE" in said, said)
    return "no cipher suite in common: the server says handshake_failure (40) at once after the client hello"


@plant(
    "tls-name",
    "tls-name",
    "tls-name",
    admits="tls-alert",
    tempting="certificate expired; the network",
)
@seen(*_alert(112))
def tls_name_unknown(lab: Lab) -> str:
    """The server does not know the name of the client hello."""

    def strict(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda secure, name, context: (
            None if name == NAME else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        )

    name = lab.chance.choice(["old.example", "shop.internal", "www.shop.example"])
    said = handshake(lab, certificate(), strict, name=name)
    lab.must("UNRECOGNIZED_NAME" in said, said)
    return f"the server answers the name {name} with a fatal alert unrecognized_name (112)"


@plant(
    "tls-name",
    "tls-name",
    "tls-name",
    admits="tls-alert",
    tempting="certificate expired",
)
@seen(("tls.handshake.type == 11", ">0", ">0"), ("tls.alert_message.level == 2", ">0", ">0"))
def tls_name_mismatch(lab: Lab) -> str:
    """The certificate is for another name (1.2: it is readable), and the client goes away with an alert."""
    name = lab.chance.choice(["wrong.example", "pay.example"])
    said = handshake(lab, certificate(), V12, V12, name=name)
    lab.must(said == "CERTIFICATE_VERIFY_FAILED", said)
    return f"the client asks for {name}, the certificate is for {NAME}; the client refuses it with a fatal alert"


def _hello(lab: Lab, handle: Callable[[socket.socket], None], seconds: float) -> str:
    """What a client says whose client hello is answered by ``handle``."""
    delay = round(lab.chance.uniform(0.002, 0.04), 4)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)))
    lab.server.serve(443, handle)
    connection = lab.client.tcp(lab.server.address, 443)
    connection.settimeout(seconds)
    try:
        ssl.create_default_context().wrap_socket(connection, server_hostname=NAME).close()
    except (ssl.SSLError, OSError) as error:
        connection.close()
        lab.pause(0.3)
        return getattr(error, "reason", "") or type(error).__name__
    return "done"


@plant(
    "tls-no-server-hello",
    "tls-no-server-hello",
    "tls-no-server-hello",
    admits="slow-server",
    tempting="PMTU black hole; the network is slow",
)
@seen(("tls.handshake.type == 1", "=1", "=1"), ("tls.handshake.type == 2", "=0", "=0"))
def tls_silent(lab: Lab) -> str:
    """The server takes the client hello and says nothing."""
    said = _hello(lab, lambda connection: lab.pause(60), lab.chance.uniform(5, 8))
    lab.must("timed out" in said or said == "TimeoutError", said)
    return "the client hello is acknowledged and never answered; the server's ACK of the FIN shows that it sent nothing"


@plant(
    "tls-plaintext",
    "tls-plaintext",
    "tls-plaintext",
    tempting="cipher or version",
)
@seen(("tls.handshake.type == 1", "=1", "=1"), ('http.response.code == 400 || tcp contains "HTTP/1.1 400"', ">0", ">0"))
def tls_to_http(lab: Lab) -> str:
    """The port speaks HTTP."""

    def plain(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    said = _hello(lab, plain, 10)
    lab.must("WRONG_VERSION" in said, said)
    return f"the client hello is answered in clear text, HTTP/1.1 400: the port speaks no TLS ({said})"


CLOSED = (("tls.handshake.type == 2", ">0", ">0"), ("tls.alert_message.level == 2", "=0", "=0"))


@sound("TLS failure: the close_notify alerts")
@seen(*CLOSED)
def tls_12_closed(lab: Lab) -> str:
    """Both sides end with close_notify."""
    lab.must(handshake(lab, certificate(), V12) == "done", "it works")
    return "TLS 1.2: handshake, request, answer, close_notify both ways"


@sound("TLS failure: the alert at the end; the certificate is nowhere")
@seen(*CLOSED)
def tls_13_closed(lab: Lab) -> str:
    """The same in TLS 1.3: all but the hellos is encrypted."""
    lab.must(handshake(lab, certificate(), V13) == "done", "it works")
    return "TLS 1.3: handshake, request, answer, orderly end"


@sound("certificate expired (by today's date, if that is later than the capture)")
@seen(*CLOSED)
def tls_ends_soon(lab: Lab) -> str:
    """The certificate ends days after the capture: it must be judged by the time of the capture."""
    lab.must(handshake(lab, certificate(2), V12) == "done", "it works")
    return "TLS 1.2 with a certificate that ends two days after the capture"
