"""From the parts that a dialect knows to a whole HTTP request: URL, key, headers, JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from aimon import __version__
from aimon.call import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.call import Call, Target

USER_AGENT = f"aimon/{__version__}"

# RFC 9110 §5.5, less obs-text: what a header field may hold.
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")


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
        call: gives the target; its headers, query and extra body win over those given here.
        path: of the operation, beginning with a slash.
        body: without the target's extra fields.
        stream: whether an event stream is expected; as the call says by default.
        headers: that the dialect wants.
        query: that the dialect wants.

    Raises:
        ValueError: the key or a header has characters that no header can carry.
    """
    target = call.target
    stream = call.stream if stream is None else stream
    accept = "text/event-stream" if stream else "application/json"
    own = {"Content-Type": "application/json", "Accept": accept, **(headers or {})}
    content = msgspec.json.encode({**body, **target.quirks.extra_body})
    return Request("POST", _url(target, path, query), _headers(target, own), content)


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
    # A compressor holds bytes back until it has enough of them, and so hides when tokens were made.
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
