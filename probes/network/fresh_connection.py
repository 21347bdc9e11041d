"""The httpx2 transport of one call: HTTP by httpcore2, on a connection that only this call uses."""

import ssl
from collections.abc import AsyncIterable, AsyncIterator
from typing import Literal, cast

import httpcore2
import httpx2

from aimon.network.proxy import Proxy
from aimon.probes.network.head_stream import AnswerBackend
from aimon.probes.network.marks import NetworkMarks

# httpx2 parses these even without redirects and cookies, and raises if they are invalid.
_WITHHELD = frozenset((b"location", b"set-cookie", b"set-cookie2"))


class FreshConnection(httpx2.AsyncBaseTransport):
    """Sends a request over a connection of its own, through a proxy if there is one.

    Raises httpcore2's errors unchanged, and the more exact ones of `aimon.probes.network.errors`.

    Args:
        marks: Filled in while the call runs.
        trust: The TLS context for the server and the proxy.
        secure: Whether the server uses TLS.
        proxy: The proxy to use, if any.
        http2: Whether to offer HTTP/2.
        ip_version: 4 or 6 to use one only; `None` for both.
    """

    def __init__(
        self,
        marks: NetworkMarks,
        *,
        trust: ssl.SSLContext | None,
        secure: bool,
        proxy: Proxy | None = None,
        http2: bool = False,
        ip_version: Literal[4, 6] | None = None,
    ) -> None:
        relay = proxy if proxy is not None and proxy.relays("https" if secure else "http") else None
        tunnel = proxy if relay is None else None
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trust if secure else None,
            proxy=None if relay is None else _relay(relay, trust),
            http2=http2,
            network_backend=AnswerBackend(marks, ip_version=ip_version, tunnel=tunnel, trust=trust),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends the request, and returns the answer when its head is complete; the body is read undecoded."""
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore2.Request(
                request.method,
                httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=cast("AsyncIterable[bytes]", request.stream),
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            response.status,
            headers=[(name, value) for name, value in response.headers if name.lower() not in _WITHHELD],
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """The body as httpcore2 reads it."""

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return cast("AsyncIterable[bytes]", self._response.stream).__aiter__()

    async def aclose(self) -> None:
        await self._response.aclose()


def _relay(proxy: Proxy, trust: ssl.SSLContext | None) -> httpcore2.Proxy:
    """The proxy as an httpcore2 object."""
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    secure = trust if proxy.scheme == "https" else None
    return httpcore2.Proxy(f"{proxy.scheme}://{host}:{proxy.port}", auth=proxy.credentials, ssl_context=secure)
