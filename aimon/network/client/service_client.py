"""HTTP client for servers other than AI endpoints: Pushgateway, Grafana, Alertmanager, chat robots.

These servers are not trusted: one time limit covers a request from name resolution to the last byte, one size limit
covers the answer including heads and trailers, and text from the server is cleaned before it is shown. The proxies of
the environment are used only if the caller enables it. http.client is imported by the first request.

A request is sent in one write. http.client writes headers and body separately; if the process is killed in between,
the server gets a request without its body. A Pushgateway (1.5 does) may accept a body that was cut at the start of a
line, even an empty one, as complete: such a PUT empties the group.
"""

from __future__ import annotations

import base64
import socket
import ssl
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aimon.network import proxy as proxies
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.network.address import HttpAddress
    from aimon.network.client.service_connection import Wire
    from aimon.security.secret import Secret

TIMEOUT: Final = 10.0
MAX_BYTES: Final = 1 << 20
_EXCERPT_CHARS: Final = 500


# Errors that only happen before a request is sent.
_BEFORE_SENDING: Final = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError, proxies.ProxyError)


class NoAnswerError(Exception):
    """There is no answer; the message is a short reason without request and address.

    `received`: whether the server may have received the request.
    """

    def __init__(self, message: str, *, received: bool = True) -> None:
        super().__init__(message)
        self.received = received


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a server.

    Attributes:
        body: as received.
        reason: the reason phrase of the status; not cleaned, like `location`, the target of a redirect.
        redactor: hides the credentials of the request.
    """

    status: int
    reason: str
    body: bytes
    location: str = ""
    redactor: Redactor = field(default_factory=Redactor)

    def __str__(self) -> str:
        """Status and reason, as one line: `404 Not Found`."""
        return f"{self.status} {self.clean(self.reason, 100)}".rstrip()

    @property
    def good(self) -> bool:
        """Whether it is a 2xx."""
        return self.status // 100 == 2

    def excerpt(self, limit: int = _EXCERPT_CHARS) -> str:
        """The beginning of the body as one line of text that is safe for terminals and logs."""
        return self.clean(self.body[: 4 * limit].decode(errors="replace"), limit)

    def clean(self, text: Any, limit: int = _EXCERPT_CHARS) -> str:
        """Text from the server as one safe line."""
        return self.redactor.line(str(text)[: 8 * limit], limit)


class Client:
    """Requests to one server over one connection, which is kept alive if the server allows it.

    Args:
        address: of the server.
        timeout: seconds for a request, from name resolution to the last byte of the answer.
        max_bytes: the maximum size of an answer.
        authorization: the value of the Authorization header.
        proxied: whether to use the environment's proxies, as probes do.
    """

    def __init__(
        self,
        address: HttpAddress,
        *,
        timeout: float = TIMEOUT,
        max_bytes: int = MAX_BYTES,
        authorization: Secret | None = None,
        proxied: bool = False,
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._authorization = authorization
        self._proxied = proxied
        self._redactor = Redactor([] if authorization is None else _secrets(authorization))
        self._wire: Wire | None = None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Sends one request to a path below the address, and reads the answer.

        Raises:
            NoAnswerError: no answer, or it is not HTTP, too large, or too late.
        """
        from http.client import HTTPException  # noqa: PLC0415 - see the module's docstring

        from aimon.network.client.service_connection import Wire  # noqa: PLC0415

        sent = dict(headers or {})
        if self._authorization is not None:
            sent["Authorization"] = self._authorization.reveal()
        try:
            if self._wire is None:
                self._wire = Wire(self._address, proxies.find(self._address.url) if self._proxied else None)
            return self._ask(self._wire, method, self._address.path + path, body, sent)
        except (OSError, ValueError, HTTPException, proxies.ProxyError) as error:
            proxy = self._wire and self._wire.proxy
            self.close()
            said = f"{f'through {proxy}: ' if proxy else ''}{self._reason(error)}"
            raise NoAnswerError(said, received=not isinstance(error, _BEFORE_SENDING)) from error

    def close(self) -> None:
        """Ends the connection."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _ask(self, wire: Wire, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        wire.begin(self._timeout, self._max_bytes)
        target = path or "/"
        if wire.proxy is not None and wire.proxy.relays(self._address.scheme):
            target = self._address.origin + target
            if wire.proxy.authorization is not None:
                headers["Proxy-Authorization"] = wire.proxy.authorization
        wire.request(method, target, body, headers)
        # An abandoned answer keeps the socket open until it is closed.
        with wire.getresponse() as response:
            content = response.read(self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise wire.too_large()
        if response.length:
            raise ConnectionError
        if response.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and wire.proxy is not None:
            raise proxies.ProxyError("it answers 407: it wants a user and password")
        return Answer(response.status, response.reason, content, response.headers.get("Location", ""), self._redactor)

    def _reason(self, error: Exception) -> str:
        match error:
            case ssl.SSLCertVerificationError():
                return f"certificate not accepted: {error.verify_message}"
            case ssl.SSLError():
                return f"no TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"
            case TimeoutError():
                return "timed out"
            case socket.gaierror():
                return "no address is known by that name"
            case OSError() if error.strerror:
                return error.strerror
            case ConnectionError():
                return "it closed the connection before its answer was complete"
            case UnicodeError():
                return "no host can have that name"
        return self._redactor.line(str(error) or type(error).__name__, 200)


def fetch(
    address: HttpAddress,
    method: str,
    path: str = "",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> Answer:
    """One request over a connection of its own; `options` are those of `Client`.

    Raises:
        NoAnswerError: there is no answer.
    """
    client = Client(address, **options)
    try:
        return client.request(method, path, body, headers)
    finally:
        client.close()


def _secrets(authorization: Secret) -> list[str]:
    """The secrets in an Authorization header, for redaction: the token, or user and password separately."""
    scheme, _, value = authorization.reveal().partition(" ")
    if scheme != "Basic":
        return [value]
    return [value, base64.b64decode(value).decode().partition(":")[2]]
