"""Which proxy a URL goes through: the configured one, else the environment's (HTTPS_PROXY, NO_PROXY, …)."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit, urlunsplit

import httpcore


def proxy_for(url: str, configured: str | None) -> httpcore.Proxy | None:
    """The proxy for a URL; None for a direct connection.

    Args:
        url: where the request goes.
        configured: the endpoint's own proxy URL, which the environment can't overrule; None to ask it.
    """
    proxy = configured or _from_environment(url)
    if not proxy:
        return None
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", "", ""))
    return httpcore.Proxy(bare, auth=auth)


def _from_environment(url: str) -> str | None:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # The standard library knows every spelling, and NO_PROXY; imported only where one is set.
    from urllib import request  # noqa: PLC0415

    parts = urlsplit(url)
    proxies = request.getproxies_environment()
    bypass = request.proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it
    if bypass(parts.netloc.rpartition("@")[2], proxies):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")
