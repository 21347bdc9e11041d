"""Answers compressed for clients that accept it: pages and metrics of a thousand endpoints shrink to a tenth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# zlib's lowest: hardly anything here shrinks more by a higher one.
_LEVEL = 1


class Compression(GZipMiddleware):
    """Starlette's, which knows no `gzip;q=0`."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compresses the answer, or leaves it as it is."""
        if scope["type"] == "http" and not accepts(Headers(scope=scope).get("accept-encoding", ""), "gzip"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def accepts(header: str, wanted: str) -> bool:
    """Whether an Accept or Accept-Encoding header names something, and does not refuse it (q=0)."""
    for each in header.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        if name == wanted:
            return not any(part.replace(" ", "").startswith("q=0") and not part.strip("q=0. ") for part in parameters)
    return False
