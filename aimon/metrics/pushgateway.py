"""The HTTP side of a Prometheus Pushgateway: replace groups, delete them, read them back.

A push replaces a whole group (PUT) with absolute values, so it can be repeated safely.
https://github.com/prometheus/pushgateway#api
"""

from __future__ import annotations

import base64
import re
import time
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import msgspec

from aimon.metrics.exposition import CONTENT_TYPE, Grouping
from aimon.metrics.push_error import PushError
from aimon.network import address
from aimon.network.client import service_client
from aimon.security import credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aimon.security.secret import Secret

# The gateway checks each push against all its groups, on one core, so more connections would not be faster.
_CONNECTIONS = 4
# The maximum size of all groups as JSON: a thousand endpoints with every histogram.
_MAX_GROUPS_BYTES = 64 << 20
# Bounds a push of many groups to a gateway that answers each request just before its timeout.
_LONGEST_PUSH = 6  # timeouts
_WANTED = "write the Pushgateway's address as http://host:9091"
VARIABLES = "AIMON_PUSH"
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


class _Groups(msgspec.Struct):
    """The answer of `/api/v1/metrics`."""

    data: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The address of a Pushgateway. `url` has no credentials; `timeout` is in seconds, for each whole request."""

    url: str
    authorization: Secret | None = None
    timeout: float = service_client.TIMEOUT

    @classmethod
    def parse(cls, url: str, environ: Mapping[str, str] | None = None, timeout: float = service_client.TIMEOUT) -> Self:
        """Parses an address in any usual form: `host:9091`, `https://host/prefix`, `http://user:password@host`.

        Credentials come from the environment, so that no process list shows them: AIMON_PUSH_TOKEN (bearer)
        or AIMON_PUSH_USERNAME with AIMON_PUSH_PASSWORD; AIMON_PUSH_TOKEN_FILE and AIMON_PUSH_PASSWORD_FILE
        name files that hold them. Those in the address are used if the environment has none.

        Raises:
            ValueError: it is not the address of a Pushgateway, or a credentials file can't be read.
        """
        where = address.parse(url if "://" in url else f"http://{url}", _WANTED)
        if "/metrics" in where.path:
            raise ValueError(f"more than an address ({where.path}): {_WANTED}, without /metrics")
        return cls(where.url, credentials.authorization(VARIABLES, where.username, where.secret, environ), timeout)


def push(gateway: Gateway, bodies: Mapping[Grouping, bytes]) -> None:
    """Replaces each group by its body.

    Raises:
        PushError: the gateway did not accept all of them.
    """
    _send_all(gateway, "PUT", list(bodies.items()))


def delete(gateway: Gateway, groups: Iterable[Grouping]) -> None:
    """Deletes groups; it is not an error if a group does not exist.

    Raises:
        PushError: not all of them were deleted.
    """
    _send_all(gateway, "DELETE", [(group, b"") for group in groups])


def read(gateway: Gateway) -> list[dict[str, Any]]:
    """All groups that the gateway holds, as its `/api/v1/metrics` describes them.

    Raises:
        PushError: they can't be read.
    """
    path = "/api/v1/metrics"
    with closing(_Client(gateway, _MAX_GROUPS_BYTES)) as client:
        body = client.request("GET", path)
    try:
        return msgspec.json.decode(body, type=_Groups).data
    except (msgspec.DecodeError, RecursionError) as error:  # its messages quote only field names
        raise PushError(
            f"{gateway.url}{path} does not answer as a Pushgateway does ({error}): check the address"
        ) from error


def group_path(grouping: Grouping) -> str:
    """The path of a group, `/metrics/job/…`; values that a URL segment can't hold are in base64.

    Raises:
        ValueError: the first label is not `job`, or it is empty.
    """
    if not grouping or grouping[0][0] != "job" or not grouping[0][1]:
        raise ValueError(f"a group begins with a job: {grouping}")
    return "/metrics" + "".join(f"/{_segment(name, value)}" for name, value in grouping)


def _segment(name: str, value: str) -> str:
    if _PLAIN_SEGMENT.fullmatch(value):
        return f"{quote(name, safe='')}/{value}"
    # "=" is the empty value in base64: proxies drop empty segments, "." and "..".
    encoded = base64.urlsafe_b64encode(value.encode()).decode().rstrip("=") or "="
    return f"{quote(name, safe='')}@base64/{encoded}"


class _UnreachableError(PushError):
    """The gateway did not answer; further requests would fail too."""


class _Client:
    """One connection, kept alive."""

    def __init__(self, gateway: Gateway, max_bytes: int = service_client.MAX_BYTES) -> None:
        self._url = gateway.url
        self._client = service_client.Client(
            address.parse(gateway.url, _WANTED),
            timeout=gateway.timeout,
            max_bytes=max_bytes,
            authorization=gateway.authorization,
        )

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Sends one request and returns the answer's body.

        Raises:
            PushError: no answer, or not a 2xx.
        """
        headers = {"Content-Type": CONTENT_TYPE} if body else {}
        try:
            answer = self._client.request(method, path, body or None, headers)
        except service_client.NoAnswerError as error:
            raise _UnreachableError(
                f"the Pushgateway at {self._url} does not answer ({error}): is it running, and is the address right?"
            ) from error
        if not answer.good:
            said = answer.excerpt()
            raise PushError(f"{method} {self._url}{path}: {answer}{_advice(answer)}{f': {said}' if said else ''}")
        return answer.body

    def close(self) -> None:
        self._client.close()


def _send_all(gateway: Gateway, method: str, requests: list[tuple[Grouping, bytes]]) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - see the module's docstring

    unreachable = Event()
    deadline = time.monotonic() + _LONGEST_PUSH * gateway.timeout

    def send(share: list[tuple[Grouping, bytes]]) -> tuple[list[Grouping], list[PushError]]:
        sent: list[Grouping] = []
        errors: list[PushError] = []
        with closing(_Client(gateway)) as client:
            for grouping, body in share:
                if unreachable.is_set():
                    break
                if time.monotonic() > deadline:
                    errors.append(PushError(f"the Pushgateway at {gateway.url} takes too long"))
                    break
                try:
                    client.request(method, group_path(grouping), body)
                    sent.append(grouping)
                except PushError as error:
                    errors.append(error)
                    if isinstance(error, _UnreachableError):
                        # After one timeout the rest is skipped: hundreds of groups would take as many timeouts.
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


def _advice(answer: service_client.Answer) -> str:
    if answer.status // 100 == 3:
        return f", to {answer.clean(_without_credentials(answer.location)) or '?'}: give that address instead"
    if answer.status in {401, 403}:
        return ": set AIMON_PUSH_TOKEN, or AIMON_PUSH_USERNAME and AIMON_PUSH_PASSWORD"
    if answer.status == 404:
        return ": is that a Pushgateway, and the address without /metrics/job/…?"
    return ""


def _without_credentials(location: str) -> str:
    return re.sub(r"//[^/@]*@", "//", location)
