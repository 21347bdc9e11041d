"""Who may ask, and the headers that every answer carries: two ASGI middlewares."""

from __future__ import annotations

import base64
import binascii
from hmac import compare_digest
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Kubelet and load balancers ask for these without a token.
OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
# These ask for tokens of their own.
OWN_TOKENS = ("/api/v1/heartbeat/",)

# Everything that a page needs comes from this server; nothing runs that is not a file of ours.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Adds the headers to every answer that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class TokenAuth:
    """Asks for a token: as `Authorization: Bearer …`, or, since browsers can ask for one, as the password of Basic.

    Also refuses requests that another site's page makes, where answering would do something: reading is what browsers
    keep from other sites by themselves.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        answer: ASGIApp = self._app
        if not (path in OPEN_PATHS or path.startswith(OWN_TOKENS) or self._knows(headers)):
            answer = PlainTextResponse(
                "this page asks for a token: Authorization: Bearer …, or as the password of any user\n",
                401,
                {"WWW-Authenticate": 'Basic realm="aimon", charset="UTF-8"'},
            )
        elif headers.get("sec-fetch-site") == "cross-site" and (scope["method"] != "GET" or path == "/probe"):
            answer = PlainTextResponse("refused: another site's page asked for this\n", 403)
        await answer(scope, receive, send)

    def _knows(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        sent = credentials.strip().encode("utf-8", "replace")
        if scheme.lower() == "basic":
            try:
                sent = base64.b64decode(sent, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        return compare_digest(sent, self._token.encode())
