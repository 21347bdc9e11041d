"""The wire languages of AI APIs, as a table of pure functions.

A dialect is one file: `encode(call)` writes the request, `read(data)` reads one SSE event, `read_body(body)` a
whole unstreamed answer, `read_error(status, body)` what a failed one says. None of them does I/O or keeps state.
What can't be read raises msgspec.DecodeError, UnicodeDecodeError (text that is not UTF-8) or RecursionError.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.call import Call, Quirks, Request
    from aimon.outcome import Outcome
    from aimon.result import Usage


class ProviderError(msgspec.Struct, frozen=True, gc=False):
    """What a provider says went wrong, from an error body or an error event in a stream.

    `outcome` is set where the code or type decides it; None leaves it to the HTTP status.
    """

    message: str
    code: str | None = None
    outcome: Outcome | None = None
    retry_after: float | None = None  # seconds, where the body carries it (Gemini's RetryInfo)


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What one event (or one whole body) adds to the answer.

    `usage` replaces the fields it knows and leaves the rest. `done` marks the dialect's terminal event.
    `answered` says that a payload which is not text (vectors, a list of models, a tool call) is the answer.
    `refusal` is text in which the model declines; it is no visible text, and no later finish reason undoes it.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    finish: str | None = None
    usage: Usage | None = None
    error: ProviderError | None = None
    done: bool = False
    answered: bool = False
    model: str | None = None
    response_id: str | None = None


NOTHING = Delta()
DONE = Delta(done=True)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire language.

    `finishes` maps the provider's finish reasons to what they mean for the outcome: `ok` (a natural end),
    `max_tokens_hit`, `content_filtered`, `refusal`, `stream_error`; an unknown reason counts as natural.
    `finish_ends` says that a finish reason followed by a clean end of the stream is a whole answer even
    without the terminal event.
    """

    name: str
    operation: str
    encode: Callable[[Call], Request]
    read: Callable[[bytes], Delta]
    read_body: Callable[[bytes], Delta]
    read_error: Callable[[int, bytes, Quirks], ProviderError]
    finishes: Mapping[str, Outcome]
    finish_ends: bool = False
    streams: bool = True


# Imported on demand: a probe of one endpoint needs one of them.
_MODULES = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "anthropic-messages": "anthropic_messages",
    "gemini": "gemini",
    "openai-embeddings": "openai_embeddings",
    "openai-models": "openai_models",
}

NAMES = tuple(_MODULES)


def get(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        KeyError: there is none; the message lists those there are.
    """
    try:
        module = import_module(f"aimon.dialects.{_MODULES[name]}")
    except KeyError:
        raise KeyError(f"no dialect {name!r}; there are {', '.join(NAMES)}") from None
    dialect: Dialect = module.DIALECT
    return dialect
