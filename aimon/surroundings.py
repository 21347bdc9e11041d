"""What the environment says of proxies: HTTPS_PROXY, NO_PROXY and their like, as everybody else reads them."""

from __future__ import annotations

import os
from urllib.parse import urlsplit


def proxy_for(url: str) -> str | None:
    """The URL of the environment's proxy for a URL; None for a direct connection."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # The standard library knows every spelling, and NO_PROXY; imported only where one is set.
    from urllib.request import (  # type: ignore[attr-defined]  # noqa: PLC0415 - typeshed lacks the second
        getproxies_environment,
        proxy_bypass_environment,
    )

    parts = urlsplit(url)
    proxies = getproxies_environment()
    if proxy_bypass_environment(parts.netloc.rpartition("@")[2], proxies):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")
