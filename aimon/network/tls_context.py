"""Which certificates a call trusts: the configured file, else the system's store, else certifi's."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path


@cache
def ssl_context(ca_file: str | None, *protocols: str) -> ssl.SSLContext:
    """The context shared by all connections with the same trusted certificates.

    Loading the store takes longer than a probe, and a context for each connection would take megabytes.

    Args:
        ca_file: trusted certificates instead of the system's; PEM.
        protocols: offered by ALPN, such as `http/1.1`; if empty, the caller sets ALPN.

    Raises:
        OSError: the file can't be read.
        ssl.SSLError: it contains no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is None and not _has_system_store():
        import certifi  # noqa: PLC0415 - a slim container has no store of its own

        context.load_verify_locations(cafile=certifi.where())
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def _has_system_store() -> bool:
    paths = ssl.get_default_verify_paths()
    return paths.cafile is not None or (paths.capath is not None and any(Path(paths.capath).iterdir()))
