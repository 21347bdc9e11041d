"""Reads request fields with the checks of providers: a wrong type is a 400, not a crash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aimon.simulator.wire.shape import RequestError


def string(body: Mapping[str, Any], name: str) -> str:
    """A required string.

    Raises:
        RequestError: It is missing, empty or not a string.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RequestError(f"you must provide a {name} parameter", name)
    return value


def flag(body: Mapping[str, Any], name: str) -> bool:
    """An optional boolean.

    Raises:
        RequestError: It has another type.
    """
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"Invalid type for '{name}': expected a boolean", name)
    return bool(value)


def section(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An optional object; empty if absent.

    Raises:
        RequestError: It has another type.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RequestError(f"Invalid type for '{name}': expected an object", name)
    return value


def limit(body: Mapping[str, Any], *names: str) -> int | None:
    """An optional token limit, under the first of the names that is present.

    Raises:
        RequestError: It is not a whole number of at least 1.
    """
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise RequestError(f"Invalid value for '{name}': expected an integer of at least 1", name)
        return value
    return None


def turns(body: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    """The conversation as (role, text) pairs.

    Raises:
        RequestError: It is missing, empty, or a message has no role or no content.
    """
    messages = body.get(name)
    if not isinstance(messages, list) or not messages:
        raise RequestError(f"Missing required parameter: '{name}'", name)
    found = []
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role", "user"), str):
            raise RequestError(f"Invalid type for '{name}[{index}]': expected a message with a role", name)
        content = message.get("content", message.get("parts"))
        if content is None and message.get("tool_calls"):
            content = ""  # a tool call needs no text
        if content is None:
            raise RequestError(f"Missing required parameter: '{name}[{index}].content'", name)
        found.append((message.get("role", "user"), "".join(texts(content))))
    return found


def texts(content: Any) -> Iterator[str]:
    """The text in a message's content: a string, or a list of parts of which some are text."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, Mapping) and isinstance(part.get("text"), str):
                yield part["text"]


def last_user(conversation: list[tuple[str, str]]) -> str:
    """The last message of the user."""
    return next((text for role, text in reversed(conversation) if role == "user"), "")
