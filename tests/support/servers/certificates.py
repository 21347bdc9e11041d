"""Certificates for tests: an authority of our own, and leaves that are good or wrong in one way each."""

from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

_NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
_DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority that lives as long as the test session; files go to `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("aimon test authority")
        builder = _builder(self._name, self._name, self._key.public_key(), -_DAY, 30 * _DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
        )
        usage = dict.fromkeys(
            ("content_commitment", "data_encipherment", "decipher_only", "digital_signature", "encipher_only",
             "key_agreement", "key_encipherment"), False,
        )  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def client(self) -> ssl.SSLContext:
        """A client's context that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.file))

    def server(
        self,
        host: str = "localhost",
        *,
        begins: dt.timedelta = -_DAY,
        ends: dt.timedelta = 10 * _DAY,
        self_signed: bool = False,
    ) -> ssl.SSLContext:
        """A server's context with a fresh certificate for `host`, valid between two points relative to now."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.leaf(host, begins=begins, ends=ends, self_signed=self_signed))
        return context

    def leaf(
        self,
        host: str = "localhost",
        *,
        begins: dt.timedelta = -_DAY,
        ends: dt.timedelta = 10 * _DAY,
        self_signed: bool = False,
    ) -> Path:
        """A PEM file with a fresh certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = _name(host) if self_signed else self._name
        builder = _builder(_name(host), issuer, key.public_key(), begins, ends)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            (key if self_signed else self._key).public_key()
        )
        builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(key if self_signed else self._key, SHA256())
        file = self._folder / f"leaf-{certificate.serial_number}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        return file


def over_tls(context: ssl.SSLContext, serve: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """A handler that speaks TLS and then does what `serve` does; a client that refuses is no fault."""

    def handler(connection: socket.socket) -> None:
        try:
            secured = context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True)
        except (ssl.SSLError, ConnectionError):
            return
        with secured:
            serve(secured)

    return handler


def expiry(ends: dt.timedelta = 10 * _DAY) -> float:
    """When a certificate made by `server(ends=…)` expires, unix time."""
    return (_NOW + ends).timestamp()


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: Any, begins: dt.timedelta, ends: dt.timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(_NOW + begins).not_valid_after(_NOW + ends)
