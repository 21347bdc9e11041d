"""Files of CA certificates: whether they hold any, and which of the environment OpenSSL would ignore."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

# Larger than any CA bundle.
_MAX_BYTES: Final = 16 << 20


def check_ca_file(path: str) -> None:
    """Checks that a file contains CA certificates in PEM.

    Raises:
        ValueError: it does not; the message follows the name of the file, and says what to do.
    """
    try:
        stat = Path(path).stat()
        _check_content(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None


@lru_cache(maxsize=64)
def _check_content(path: str, _changed: int, size: int) -> None:
    if size > _MAX_BYTES:
        raise ValueError("is too large to hold certificates")
    content = Path(path).read_bytes()
    if not content.strip():
        raise ValueError("is empty: it must hold the authority's certificate, in PEM (-----BEGIN CERTIFICATE-----)")
    import ssl  # noqa: PLC0415 - a command that is given no such file need not load OpenSSL

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise ValueError(_instead(content, error)) from None
    if not context.cert_store_stats()["x509"]:
        raise ValueError(_instead(content, None))


def _instead(content: bytes, error: ssl.SSLError | None) -> str:
    """What a file contains instead of certificates, and what to do."""
    if b"-----BEGIN CERTIFICATE-----" in content:
        reason = ((error and error.reason) or "unreadable").lower().replace("_", " ")
        return f"holds a certificate that is broken ({reason}): copy the whole of it, with its BEGIN and END lines"
    if b"PRIVATE KEY-----" in content:
        return "holds a private key and no certificate: name the certificate of the authority that signed the server's"
    if b"-----BEGIN CERTIFICATE REQUEST-----" in content or b"-----BEGIN NEW CERTIFICATE REQUEST-----" in content:
        return "holds a request for a certificate: name the certificate of the authority that signed the server's"
    import ssl  # noqa: PLC0415 - as above

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content)
    except (ssl.SSLError, ValueError):
        return "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
    return "holds a certificate in DER: write it as PEM with openssl x509 -inform DER -in FILE -out FILE.pem"


def ignored_stores(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The paths in SSL_CERT_FILE and SSL_CERT_DIR that do not exist; OpenSSL ignores them silently."""
    found = []
    if path := environ.get("SSL_CERT_FILE"):
        try:
            check_ca_file(path)
        except ValueError as error:
            found.append(f"SSL_CERT_FILE is ignored: {path} {error}")
    if folders := environ.get("SSL_CERT_DIR"):
        there = [folder for folder in folders.split(os.pathsep) if Path(folder).is_dir()]
        if not there:
            found.append(f"SSL_CERT_DIR is ignored: there is no folder {folders}")
    return found
