"""Builds a complete HTTP request from a dialect's parts: URL, key, headers, JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from aimon import __version__
from aimon.call.call import Request, are_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.call.call import Call, Message, Target

USER_AGENT = f"aimon/{__version__}"

# RFC 9110 §5.5 without obs-text: the characters of a header field.
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")

_encode = msgspec.json.Encoder().encode


class _Start(NamedTuple):
    """The part that all requests to one path of a target share."""

    target: Target  # referenced, so that its id() is not reused
    url: str
    headers: tuple[tuple[str, str], ...]


_MAX_STARTS = 256
_starts: dict[tuple[int, str, bool], _Start] = {}


def post(
    call: Call,
    path: str,
    body: Mapping[str, Any],
    *,
    stream: bool | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Request:
    """A JSON request to `base_url` + `path`.

    Args:
        call: names the target; headers, query and `extra_body` of the target, and the call's own body fields, override
            the arguments.
        path: of the operation, beginning with a slash.
        body: without the target's extra fields.
        stream: whether an event stream is expected; by default `call.stream`.
        headers: that the dialect wants, the same for every call to this path.
        query: that the dialect wants, likewise.

    Raises:
        ValueError: the key or a header has characters that no header can carry.
    """
    target = call.target
    streamed = call.stream if stream is None else stream
    extra = target.quirks.extra_body
    own = call.body
    content = _encode({**body, **(own or {}), **extra} if extra or own else body)
    # A dialect's headers and query are constant for a path, so the path is a sufficient cache key.
    key = (id(target), path, streamed)
    start = _starts.get(key)
    if start is None or start.target is not target:
        accept = "text/event-stream" if streamed else "application/json"
        own = {"Content-Type": "application/json", "Accept": accept, **(headers or {})}
        start = _Start(target, _url(target, path, query), _headers(target, own))
        if len(_starts) >= _MAX_STARTS:
            _starts.clear()
        _starts[key] = start
    return Request("POST", start.url, start.headers, content)


def plain(call: Call) -> tuple[Message, ...]:
    """The messages of a call, for a dialect without support for tool calls.

    Raises:
        ValueError: the messages have tool calls.
    """
    if are_plain(call.messages):
        return call.messages
    raise ValueError(f"calls of tools are sent in openai-chat only, and the endpoint speaks {call.target.dialect}")


def get(call: Call, path: str) -> Request:
    """A request without a body to `base_url` + `path`.

    Raises:
        ValueError: the key or a header has characters that no header can carry.
    """
    return Request("GET", _url(call.target, path), _headers(call.target, {"Accept": "application/json"}), b"")


def _url(target: Target, path: str, query: Mapping[str, str] | None = None) -> str:
    every = {**(query or {}), **target.query}
    return target.base_url.rstrip("/") + path + (f"?{urlencode(every)}" if every else "")


def _headers(target: Target, own: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    # A compressor buffers bytes, and so hides when tokens were generated.
    fields = {**own, "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
    if target.api_key is not None:
        key = target.api_key.reveal()
        if not _FIELD_VALUE.fullmatch(key):
            raise ValueError("the API key has characters that no header can carry; is it a file with several lines?")
        if target.auth == "bearer":
            fields["Authorization"] = f"Bearer {key}"
        else:
            fields[target.auth] = key
    by_name = {name.lower(): (name, value) for name, value in fields.items()}
    for name, value in target.headers.items():
        if not _FIELD_VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} has a value that no header can carry")
        by_name[name.lower()] = (name, value)
    return tuple(by_name.values())
