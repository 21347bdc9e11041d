"""The certificate and the key of `aimon serve`, tried before anything starts: what is wrong, and what to do."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NoReturn

from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.probes.service.web.web_server import Tls

_CERTIFICATE, _KEY = "-----BEGIN CERTIFICATE-----", "PRIVATE KEY-----"


class _EncryptedError(Exception):
    """The key has a password."""


def checked(certificate: Path, key: Path | None, *, names: tuple[str, str]) -> Tls:
    """The files, which can be used.

    Args:
        certificate: PEM, with the chain.
        key: PEM; None where the certificate's file holds it too.
        names: of the options or keys that name the files, for messages.

    Raises:
        Stop: one of them is missing, can't be read, or does not hold what it should; or they don't match.
    """
    from aimon.probes.service.web.web_server import Tls

    of_certificate, of_key = names
    if _CERTIFICATE not in _text(certificate, of_certificate):
        raise Stop(USAGE, f"{of_certificate} {certificate}: there is no certificate in it (PEM: {_CERTIFICATE})")
    holder, named = (certificate, of_certificate) if key is None else (key, of_key)
    if _KEY not in _text(holder, named):
        advice = f"; add {of_key} FILE" if key is None else " (PEM: -----BEGIN PRIVATE KEY-----)"
        raise Stop(USAGE, f"{named} {holder}: there is no private key in it{advice}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_refuse)
    except _EncryptedError:
        advice = f"openssl pkey -in {holder} -out FILE writes one without"
        raise Stop(USAGE, f"{named} {holder}: the key has a password, which nobody could enter: {advice}") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Stop(USAGE, f"{named} {holder}: it is not the key of the certificate in {certificate}") from error
        raise Stop(USAGE, f"{of_certificate} {certificate}: it can't be used: {error.reason or error}") from error
    return Tls(certificate, key)


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        raise Stop(USAGE, f"{name} {path}: there is no such file") from None
    except OSError as error:
        raise Stop(USAGE, f"{name} {path}: {error.strerror}") from error


def _refuse() -> NoReturn:
    raise _EncryptedError
