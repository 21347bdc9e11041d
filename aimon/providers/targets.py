"""From a preset and what the user says instead of it to the target of calls."""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from aimon import dialects
from aimon.call.call import Quirks, Target
from aimon.providers.presets import CHAT, COMPLETIONS, GEMINI, MESSAGES, MODELS, PRESETS, RESPONSES, Preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.security.secret import Secret

_PLAIN = Quirks()
_NONE: Mapping[str, str] = MappingProxyType({})
# The header for the key that each dialect's vendor uses; "bearer" for other dialects.
_AUTH = {MESSAGES: "x-api-key", GEMINI: "x-goog-api-key"}

# A base URL must not end with these paths: users paste the URL of a call.
_CALL_PATHS = (
    "/chat/completions", "/completions", "/responses", "/messages", "/embeddings", "/models", "/rerank",
    "/images/generations", "/audio/speech", ":generateContent",
)  # fmt: skip


def get(name: str) -> Preset:
    """The preset of that name.

    Raises:
        KeyError: no such preset; the message names the nearest, or all of them.
    """
    preset = PRESETS.get(name)
    if preset is None:
        near = get_close_matches(name.lower(), PRESETS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(PRESETS)}"
        raise KeyError(f"no preset {name!r}; {hint}")
    return preset


def target(
    preset: Preset | str | None,
    *,
    endpoint: str,
    model: str,
    api_key: Secret | None = None,
    dialect: str | None = None,
    base_url: str | None = None,
    auth: str | None = None,
    headers: Mapping[str, str] = _NONE,
    query: Mapping[str, str] = _NONE,
    quirks: Mapping[str, Any] = MappingProxyType({}),
    provider: str | None = None,
) -> Target:
    """A Target from a preset (or from `dialect` and `base_url` alone), with overrides.

    `headers`, `query` and `quirks` (fields of Quirks) are merged over the preset's; other arguments replace its values.

    Raises:
        KeyError: no such preset or dialect.
        ValueError: the base URL is missing, invalid, or unknown for that dialect; says what to write.
    """
    row = get(preset) if isinstance(preset, str) else preset
    if row is None:
        if dialect is None:
            raise ValueError("without a preset, a dialect is needed: one of " + ", ".join(dialects.NAMES))
        if base_url is None:
            raise ValueError("without a preset, base_url is needed, up to and including /v1 where there is one")
        row = Preset("custom", "custom", {dialect: base_url})
    dialect = dialect or row.dialect
    if dialect not in dialects.NAMES:
        raise KeyError(f"no dialect {dialect!r}; there are {', '.join(dialects.NAMES)}")
    url = _checked(base_url or _base(row, dialect))
    every_query = {**row.query, **query}
    if "/openai/deployments/" in url:
        _check_deployment(dialect, every_query)
    return Target(
        endpoint=endpoint,
        provider=provider or row.name,
        dialect=dialect,
        base_url=url,
        model=model,
        api_key=api_key,
        auth=auth or row.auth or _AUTH.get(dialect, "bearer"),
        headers={**row.headers, **headers},
        query=every_query,
        quirks=replace(_quirks(row, dialect), **quirks),
    )


def _base(row: Preset, dialect: str) -> str:
    known = row.bases.get(dialect)
    if known:
        return known
    if known is None:
        raise ValueError(f"{row.name} has no known base URL for {dialect}: give base_url")
    raise ValueError(f"{row.name} needs base_url" + (f": {row.note}" if row.note else ""))


def _quirks(row: Preset, dialect: str) -> Quirks:
    """A preset's quirks apply to its chat dialect; its error codes apply to all dialects."""
    if dialect == CHAT:
        return row.quirks
    own = row.quirks if dialect == COMPLETIONS else _PLAIN
    return Quirks(
        stream_usage=own.stream_usage,
        exact_output=own.exact_output,
        insufficient_quota_is_rate=row.quirks.insufficient_quota_is_rate,
    )


def _checked(url: str) -> str:
    """The base URL without a trailing slash.

    Raises:
        ValueError: it is not a valid base URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"base_url must start with http:// or https:// and name a host, not {url!r}")
    if parts.username or parts.password:
        raise ValueError("base_url must not carry a user or password: use api_key")
    if parts.query or parts.fragment:
        raise ValueError("base_url must end before '?': put parameters such as api-version under query")
    url = url.rstrip("/")
    if url.endswith(_CALL_PATHS):
        path = next(path for path in _CALL_PATHS if url.endswith(path))
        raise ValueError(f"base_url must end before {path}: the dialect adds it")
    return url


def _check_deployment(dialect: str, query: Mapping[str, str]) -> None:
    """Checks Azure's older URLs, which name one deployment, serve only its calls, and need a date as `api-version`."""
    if dialect in {RESPONSES, MODELS}:
        raise ValueError(f"{dialect} needs the base_url https://RESOURCE.openai.azure.com/openai/v1")
    if "api-version" not in query:
        raise ValueError("an Azure deployment URL needs query api-version, for example 2024-10-21")
