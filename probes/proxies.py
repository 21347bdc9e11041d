"""Which proxy a URL goes through: the configured one, else the environment's (HTTPS_PROXY, NO_PROXY, …)."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit

import httpcore

from aimon import surroundings


def proxy_for(url: str, configured: str | None) -> httpcore.Proxy | None:
    """The proxy for a URL; None for a direct connection.

    Args:
        url: where the request goes.
        configured: the endpoint's own proxy URL, which the environment can't overrule; None to ask it.
    """
    proxy = configured or surroundings.proxy_for(url)
    if not proxy:
        return None
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", "", ""))
    return httpcore.Proxy(bare, auth=auth)
