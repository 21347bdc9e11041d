"""What a request of an SDK asks for: dialect, model, streamed or not, and of which provider.

Told from the address and a few fields of the body. What is not one of these calls (files, transcriptions, batches,
lists of models, other services behind the same HTTP client) is not metered.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from aimon.dialects import tolerant
from aimon.dialects.usage import MAX_COUNT
from aimon.metering.meter import MAX_MODEL_CHARS, UNKNOWN_PROVIDER
from aimon.network.server.listen import is_loopback
from aimon.providers import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    GEMINI,
    IMAGES,
    MESSAGES,
    PRESETS,
    RERANK,
    RESPONSES,
    SPEECH,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is looked at of a prompt to estimate its tokens.
_MAX_DEPTH: Final = 12

# The end of a path, what is spoken there, and what the path itself says: a model, and whether the answer is streamed.
_PATHS: Final = (
    (re.compile(r"(?:/deployments/(?P<model>[^/]+))?/chat/completions"), CHAT),
    (re.compile(r"/completions"), COMPLETIONS),
    (re.compile(r"/responses"), RESPONSES),
    (re.compile(r"/messages"), MESSAGES),
    (re.compile(r"(?:/deployments/(?P<model>[^/]+))?/embeddings"), EMBEDDINGS),
    (re.compile(r"/rerank"), RERANK),
    (re.compile(r"/images/generations"), IMAGES),
    (re.compile(r"/audio/speech"), SPEECH),
    (re.compile(r"/publishers/anthropic/models/(?P<model>[^/:]+):(?P<streamed>stream)?[rR]awPredict"), MESSAGES),
    (re.compile(r"/(?:m|tunedM)odels/(?P<model>[^/:]+):(?P<streamed>stream)?[gG]enerateContent"), GEMINI),
)
# Hosts that no preset names: resources of one's own, and regions.
_SUFFIXES: Final = (
    (".openai.azure.com", "azure"),
    (".services.ai.azure.com", "azure"),
    (".cognitiveservices.azure.com", "azure"),
    ("aiplatform.googleapis.com", "gemini"),
)


class Asked(NamedTuple):
    """One call. `max_tokens` is all that any model may write where the request sets no limit."""

    dialect: str
    model: str
    stream: bool
    max_tokens: int
    provider: str


class _Address(NamedTuple):
    """What the address alone says; `model` and `stream` are None where only the body does."""

    dialect: str
    model: str | None
    stream: bool | None
    provider: str


class _Body(msgspec.Struct, gc=False):
    model: Any = None
    stream: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    n: Any = None


_decode = msgspec.json.Decoder(_Body).decode


def read(method: str, host: bytes, path: bytes, body: bytes) -> Asked | None:
    """What a request asks for; None where it is no call that is metered.

    Args:
        method: of HTTP.
        host: of the address, in ASCII.
        path: of the address, with its query.
        body: of the request.
    """
    if method != "POST" or (address := _address(host, path)) is None:
        return None
    if address.dialect == GEMINI:
        return Asked(GEMINI, address.model or "", bool(address.stream), MAX_COUNT, address.provider)
    try:
        asked = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    model = asked.model if isinstance(asked.model, str) and asked.model else address.model
    if model is None:
        return None
    stream = asked.stream is True if address.stream is None else address.stream
    return Asked(address.dialect, model[:MAX_MODEL_CHARS], stream, _most_tokens(asked), address.provider)


def _most_tokens(asked: _Body) -> int:
    limits = (asked.max_completion_tokens, asked.max_output_tokens, asked.max_tokens)
    most = next((limit for limit in limits if isinstance(limit, int) and 0 < limit < MAX_COUNT), MAX_COUNT)
    return most * asked.n if isinstance(asked.n, int) and 0 < asked.n < MAX_COUNT else most


@lru_cache(maxsize=1024)
def _address(host: bytes, path: bytes) -> _Address | None:
    """What an address says; None for one that no call of a known dialect has."""
    where = path.decode("ascii", "replace").partition("?")[0].rstrip("/")
    for pattern, dialect in _PATHS:
        if (match := _at_end(pattern, where)) is None:
            continue
        named = match.groupdict()
        model = unquote(named["model"])[:MAX_MODEL_CHARS] if named.get("model") else None
        streamed = named["streamed"] is not None if "streamed" in named else None
        return _Address(dialect, model, streamed, provider(host.decode("ascii", "replace")))
    return None


def _at_end(pattern: re.Pattern[str], path: str) -> re.Match[str] | None:
    return next((match for match in pattern.finditer(path) if match.end() == len(path)), None)


def provider(host: str) -> str:
    """The preset whose servers have that name; `custom` where none is known."""
    host = host.lower()
    if (known := _hosts().get(host)) is not None:
        return known
    return next((name for suffix, name in _SUFFIXES if host.endswith(suffix)), UNKNOWN_PROVIDER)


@cache
def _hosts() -> dict[str, str]:
    hosts: dict[str, str] = {}
    for preset in PRESETS.values():
        # The note names the servers outside China, or inside.
        for url in (*preset.bases.values(), *re.findall(r"https://\S+", preset.note)):
            host = urlsplit(url).hostname
            if host and not is_loopback(host):
                hosts.setdefault(host, preset.name)
    return hosts


def prompts(body: bytes) -> Iterator[str]:
    """The texts of a prompt, for an estimate of its tokens; images and other data are no text."""
    try:
        document = tolerant.decode(body)
    except (ValueError, RecursionError):
        return
    if isinstance(document, dict):
        for name in ("system", "instructions", "messages", "input", "prompt", "contents", "systemInstruction"):
            yield from _texts(document.get(name))


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < _MAX_DEPTH:
        for item in value:
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict) and depth < _MAX_DEPTH:
        for name in ("content", "text", "parts"):
            yield from _texts(value.get(name), depth + 1)
