"""The HTTP side of a Prometheus Pushgateway: replace groups, delete them, read them back.

A push replaces a whole group (PUT), and what it carries is absolute, so a repeated push does no harm.
https://github.com/prometheus/pushgateway#api

What speaks HTTP is imported by the first request: most runs push nothing and only ask whether they should.
"""

from __future__ import annotations

import base64
import os
import re
import ssl
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

from aimon.export import CONTENT_TYPE, Grouping
from aimon.secret import Secret

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterable, Mapping

# The gateway checks each push against all that it holds, on one core, so more connections only wait longer.
_CONNECTIONS = 4
_LONGEST_EXCERPT = 500
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


class PushError(Exception):
    """The gateway could not be reached, or refused. `pushed` are the groups that it had taken by then."""

    def __init__(self, message: str, pushed: tuple[Grouping, ...] = ()) -> None:
        super().__init__(message)
        self.pushed = pushed


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where a Pushgateway is. `url` holds no credentials; `timeout` is in seconds, for each wait for the gateway."""

    url: str
    authorization: Secret | None = None
    timeout: float = 10.0

    @classmethod
    def parse(cls, url: str, environ: Mapping[str, str] | None = None, timeout: float = 10.0) -> Self:
        """Reads an address as people write it: `host:9091`, `https://host/prefix`, `http://user:password@host`.

        Credentials come from the environment, so that no process list shows them: AIMON_PUSH_TOKEN (bearer)
        or AIMON_PUSH_USERNAME with AIMON_PUSH_PASSWORD; AIMON_PUSH_TOKEN_FILE and AIMON_PUSH_PASSWORD_FILE
        name files that hold them. Those in the address are used where the environment has none.

        Raises:
            ValueError: it is no address of a Pushgateway, or a credentials file cannot be read.
        """
        environ = os.environ if environ is None else environ
        parts = _split(url)
        address = parts.netloc.rpartition("@")[2]
        return cls(f"{parts.scheme}://{address}{parts.path.rstrip('/')}", _authorization(environ, parts), timeout)


def push(gateway: Gateway, bodies: Mapping[Grouping, bytes]) -> None:
    """Replaces each group by its body.

    Raises:
        PushError: not all of them were taken.
    """
    _send_all(gateway, "PUT", list(bodies.items()))


def delete(gateway: Gateway, groups: Iterable[Grouping]) -> None:
    """Deletes groups; one that is not there is no error.

    Raises:
        PushError: not all of them were deleted.
    """
    _send_all(gateway, "DELETE", [(group, b"") for group in groups])


def read(gateway: Gateway) -> list[dict[str, Any]]:
    """All groups that the gateway holds, as its `/api/v1/metrics` describes them.

    Raises:
        PushError: it cannot be read.
    """
    path = "/api/v1/metrics"
    with closing(_Client(gateway)) as client:
        body = client.request("GET", path)
    try:
        groups: list[dict[str, Any]] = msgspec.json.decode(body)["data"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise PushError(
            f"{gateway.url}{path} does not answer as a Pushgateway does ({error}): check the address"
        ) from error
    return groups


def group_path(grouping: Grouping) -> str:
    """The path of a group, `/metrics/job/…`; what a URL segment cannot hold is written in base64.

    Raises:
        ValueError: the first label is not `job`, or it is empty.
    """
    if not grouping or grouping[0][0] != "job" or not grouping[0][1]:
        raise ValueError(f"a group begins with a job: {grouping}")
    return "/metrics" + "".join(f"/{_segment(name, value)}" for name, value in grouping)


def _segment(name: str, value: str) -> str:
    if _PLAIN_SEGMENT.fullmatch(value):
        return f"{quote(name, safe='')}/{value}"
    # "=" stands for the empty value: an empty segment would vanish on its way, as "." and ".." would.
    encoded = base64.urlsafe_b64encode(value.encode()).decode().rstrip("=") or "="
    return f"{quote(name, safe='')}@base64/{encoded}"


class _UnreachableError(PushError):
    """No answer: the next request would have none either."""


class _Client:
    """One connection, kept alive."""

    def __init__(self, gateway: Gateway) -> None:
        from aimon import wholly  # noqa: PLC0415 - see the module's docstring

        self._gateway = gateway
        parts = urlsplit(gateway.url)
        host = parts.hostname or ""
        self._prefix = parts.path
        self._connection = (
            wholly.HTTPSConnection(host, parts.port, timeout=gateway.timeout, context=ssl.create_default_context())
            if parts.scheme == "https"
            else wholly.HTTPConnection(host, parts.port, timeout=gateway.timeout)
        )

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Sends one request and gives the answer's body.

        Raises:
            PushError: no answer, or not a 2xx.
        """
        import http.client  # noqa: PLC0415 - see the module's docstring

        url = self._gateway.url + path
        headers = {"Content-Type": CONTENT_TYPE} if body else {}
        if self._gateway.authorization is not None:
            headers["Authorization"] = self._gateway.authorization.reveal()
        try:
            self._connection.request(method, self._prefix + path, body or None, headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, UnicodeError, http.client.HTTPException) as error:  # Unicode: no host can be named so
            self.close()
            raise _UnreachableError(
                f"the Pushgateway at {self._gateway.url} does not answer ({_reason(error)}): "
                "is it running, and is the address right?"
            ) from error
        if response.status // 100 != 2:
            raise PushError(f"{method} {url}: {response.status} {response.reason}{_advice(response)}{_excerpt(answer)}")
        return answer

    def close(self) -> None:
        self._connection.close()


def _send_all(gateway: Gateway, method: str, requests: list[tuple[Grouping, bytes]]) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - see the module's docstring

    unreachable = Event()

    def send(share: list[tuple[Grouping, bytes]]) -> tuple[list[Grouping], list[PushError]]:
        sent: list[Grouping] = []
        errors: list[PushError] = []
        with closing(_Client(gateway)) as client:
            for grouping, body in share:
                if unreachable.is_set():
                    break
                try:
                    client.request(method, group_path(grouping), body)
                    sent.append(grouping)
                except PushError as error:
                    errors.append(error)
                    if isinstance(error, _UnreachableError):
                        # Waiting for each of hundreds of groups in turn would take as many timeouts.
                        unreachable.set()
        return sent, errors

    shares = [share for i in range(_CONNECTIONS) if (share := requests[i::_CONNECTIONS])]
    if len(shares) <= 1:
        reports = [send(share) for share in shares]
    else:
        with ThreadPoolExecutor(len(shares)) as pool:
            reports = list(pool.map(send, shares))
    errors = [error for _, failed in reports for error in failed]
    if errors:
        sent = tuple(grouping for done, _ in reports for grouping in done)
        missing = len(requests) - len(sent)
        count = f" ({missing} of {len(requests)} groups failed)" if len(requests) > 1 else ""
        raise PushError(f"{errors[0]}{count}", sent) from errors[0]


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _advice(response: http.client.HTTPResponse) -> str:
    if response.status // 100 == 3:
        return f", to {_without_credentials(response.headers.get('Location', '?'))}: give that address instead"
    if response.status in {401, 403}:
        return ": set AIMON_PUSH_TOKEN, or AIMON_PUSH_USERNAME and AIMON_PUSH_PASSWORD"
    if response.status == 404:
        return ": is that a Pushgateway, and the address without /metrics/job/…?"
    return ""


def _without_credentials(location: str) -> str:
    return re.sub(r"//[^/@]*@", "//", location)


def _excerpt(body: bytes) -> str:
    text = " ".join(body[: 4 * _LONGEST_EXCERPT].decode(errors="replace").split())
    if not text:
        return ""
    return f": {text[:_LONGEST_EXCERPT]}{'…' if len(text) > _LONGEST_EXCERPT else ''}"


def _split(url: str) -> SplitResult:
    wanted = "write the Pushgateway's address as http://host:9091"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        # Without the address itself: it may hold a password.
        raise ValueError(f"not an address ({error}): {wanted}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError(f"not an http:// or https:// address: {wanted}")
    if parts.query or parts.fragment or "/metrics" in parts.path:
        raise ValueError(f"more than an address ({parts.path}): {wanted}, without /metrics, ? or #")
    return parts


def _authorization(environ: Mapping[str, str], parts: SplitResult) -> Secret | None:
    if token := _credential(environ, "AIMON_PUSH_TOKEN"):
        # http.client would refuse the header and show it.
        if not (token.isascii() and token.isprintable()):
            raise ValueError("AIMON_PUSH_TOKEN: a token is one line of plain ASCII characters")
        return Secret(f"Bearer {token}")
    username, password = environ.get("AIMON_PUSH_USERNAME"), _credential(environ, "AIMON_PUSH_PASSWORD")
    if not username and parts.username is not None:
        username, password = unquote(parts.username), unquote(parts.password or "")
    if not username:
        return None
    pair = base64.b64encode(f"{username}:{password or ''}".encode()).decode()
    return Secret(f"Basic {pair}")


def _credential(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name)
    path = environ.get(f"{name}_FILE")
    if value is None and path:
        try:
            value = Path(path).read_text()
        except OSError as error:
            raise ValueError(f"{name}_FILE: {path}: {error.strerror}") from error
    # A file ends with a line break, a credential does not.
    return value.strip() if value else None
