"""What an exception says about the call that it ended.

By the names of exceptions rather than by their classes: httpx and httpx2 have the same names and no class in common,
and other SDKs are not imported to be asked.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

from aimon.call import classify
from aimon.call.failure import Failure, FailureReason
from aimon.call.outcome import Outcome
from aimon.network import failures

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHAIN: Final = 12
# How a peer's close reads in the words of h11 and httpcore.
_CLOSED: Final = ("closed connection", "disconnected", "connection closed")


def of_transport(error: Exception, *, host: str, headed: bool, waiting: bool, seconds: float) -> Failure:
    """How a call failed whose transport raised.

    Args:
        error: what it raised.
        host: that was called.
        headed: the head of an answer had arrived.
        waiting: a stream's first text was waited for.
        seconds: since the start of the call.
    """
    names = _names(error)
    said = str(error) or type(error).__name__
    if "PoolTimeout" in names:
        return Failure(Outcome.PROBER_ERROR, "no connection of the client's pool was free", FailureReason.LOCAL_LIMIT)
    if "ConnectTimeout" in names:
        return failures.not_connected_in_time(host, seconds)
    if not names.isdisjoint(("TimeoutException", "TimeoutError")):
        return failures.expired(Outcome.TIMEOUT_TTFT if waiting else Outcome.TIMEOUT_TOTAL, seconds)
    if "ProxyError" in names:
        return Failure(Outcome.CONNECT, f"the proxy refused: {said}", FailureReason.PROXY_DENIED)
    if "ConnectError" in names:
        return _not_connected(error, host)
    if "RemoteProtocolError" in names:
        if any(words in said.lower() for words in _CLOSED):
            return failures.ended(headed=headed)
        return failures.misframed(headed=headed)
    if not names.isdisjoint(("NetworkError", "OSError")):
        return failures.ended(headed=headed, error=_system_error(error) or said)
    return Failure(Outcome.PROBER_ERROR, f"{type(error).__name__}: {said}")


def of_call(error: Exception, *, seconds: float) -> Failure:
    """How a call failed that raised in the hands of an application: by HTTP status, code, or kind of exception.

    An exception that says nothing of a provider is a fault of the application: `prober_error`.

    Args:
        error: what was raised.
        seconds: since the start of the call.
    """
    said = str(error) or type(error).__name__
    for each in _chain(error):
        if (status := _status(each)) is not None:
            return Failure(classify.code(_codes(each), str(each)) or classify.status(status), said)
        names = _names(each)
        if any("Timeout" in name for name in names):
            return failures.expired(Outcome.TIMEOUT_TOTAL, seconds)
        if any("Connect" in name for name in names) or isinstance(each, OSError):
            return _not_connected(error, "")
    return Failure(Outcome.PROBER_ERROR, f"{type(error).__name__}: {said}")


def _not_connected(error: BaseException, host: str) -> Failure:
    said = str(error) or type(error).__name__
    for each in _chain(error):
        if isinstance(each, socket.gaierror):
            return failures.not_resolved(host, each)
        if isinstance(each, ssl.SSLError):
            return failures.not_secured(host, each)
    system = _system_error(error)
    if system is None or system.errno is None:
        return Failure(Outcome.CONNECT, f"cannot connect: {said}", FailureReason.CONNECT_FAILED)
    return failures.not_connected([(host or "the server", system.errno)])


def _system_error(error: BaseException) -> OSError | None:
    """The failed system call behind an exception."""
    return next((each for each in _chain(error) if isinstance(each, OSError) and each.errno is not None), None)


def _status(error: BaseException) -> int | None:
    """The HTTP status in an exception: of openai, anthropic, httpx, requests, aiohttp, google and botocore."""
    held: tuple[Any, ...] = (error, getattr(error, "response", None))
    for each in held:
        for name in ("status_code", "status", "code", "http_status"):
            value = getattr(each, name, None)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    metadata = held[1].get("ResponseMetadata", {}) if isinstance(held[1], dict) else {}
    value = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
    return value if isinstance(value, int) and 400 <= value < 600 else None


def _codes(error: BaseException) -> Iterator[str]:
    """The provider's own names of an error, as an exception carries them."""
    response = getattr(error, "response", None)
    inner = response.get("Error") if isinstance(response, dict) else None
    named = inner.get("Code") if isinstance(inner, dict) else None
    for value in (getattr(error, "code", None), getattr(error, "type", None), named, getattr(error, "status", None)):
        if isinstance(value, str) and value:
            yield value[: classify.MAX_NAME]


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, what it was raised from, and what is grouped in it."""
    waiting: list[BaseException] = [error]
    for _ in range(_CHAIN):
        if not waiting:
            return
        each = waiting.pop(0)
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
        if (cause := each.__cause__ or each.__context__) is not None:
            waiting.append(cause)
