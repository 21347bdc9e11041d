"""The request and response formats of AI APIs, as a table of pure functions.

A dialect is one file: `encode(call)` writes the request, `read(event)` reads one event of a stream, `read_body(body)`
a complete answer that is not streamed. None of them does I/O, keeps state, or sees bytes: they take structs (`event`,
`body`) that the `Reader` has decoded. The `Reader` also handles what dialects have in common: the terminal mark
`[DONE]`, errors in any shape, fields of unexpected types, token counts in vendor-specific places.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.call.call import Call, Request
    from aimon.call.outcome import Outcome
    from aimon.call.tool_call import ToolPiece


class ProviderError(msgspec.Struct, frozen=True, gc=False):
    """The error that a provider reports, in an error body or an error event in a stream.

    `outcome` is set if the error's code or type determines it; if None, the HTTP status does.
    """

    message: str
    code: str | None = None
    outcome: Outcome | None = None
    retry_after: float | None = None  # seconds, where the body carries it (Gemini's RetryInfo)


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What one event (or one whole body) adds to the answer.

    `whole` is the complete text of the answer, which some events repeat: it is used only if no text came before.
    `usage` is the object of token counts as received (`dialects.usage`). `done` marks the dialect's terminal event.
    `answered` means that a payload other than text (vectors, a list of models, a tool call) is the answer.
    `tools` are fragments of tool calls, in dialects that read them.
    `refusal` is text in which the model declines; it is not visible text, and no later finish reason overrides it.
    `strange` means that the event is unknown or about an error: the reader then looks for an error in it.
    """

    text: str = ""
    whole: str = ""
    reasoning: str = ""
    refusal: str = ""
    finish: str | None = None
    usage: Any = None
    error: ProviderError | None = None
    done: bool = False
    answered: bool = False
    tools: tuple[ToolPiece, ...] = ()
    model: str | None = None
    response_id: str | None = None
    strange: bool = False


NOTHING = Delta()
STRANGE = Delta(strange=True)
DONE = Delta(done=True)


class Dialect(msgspec.Struct, frozen=True, eq=False):
    """One dialect.

    `event` and `body` are the structs that `read` and `read_body` take; `answer` names a field of every complete
    answer. `read_media` reads an answer that is audio instead of JSON; it returns None for other bytes. `finish_ends`
    means that a finish reason followed by a clean end of the stream completes an answer without the terminal event.
    In a dialect that does not stream, the text of an answer describes it; the model did not write it.
    """

    name: str
    operation: str
    encode: Callable[[Call], Request]
    event: Any
    read: Callable[[Any], Delta]
    body: Any
    read_body: Callable[[Any], Delta]
    answer: str
    read_media: Callable[[bytes], Delta | None] | None = None
    finish_ends: bool = False
    streams: bool = True


# Imported on demand: a probe of one endpoint needs one dialect.
_MODULES = {
    "openai-chat": "openai.chat",
    "openai-responses": "openai.responses",
    "anthropic-messages": "anthropic_messages",
    "gemini": "gemini",
    "openai-embeddings": "openai.embeddings",
    "openai-models": "openai.models",
    "openai-completions": "openai.completions",
    "rerank": "rerank",
    "openai-images": "openai.images",
    "openai-speech": "openai.speech",
}

NAMES = tuple(_MODULES)
WITHOUT_STREAM = frozenset(("openai-embeddings", "openai-models", "rerank", "openai-images", "openai-speech"))
"""The dialects that do not stream events, listed here so that this can be checked without importing them."""


def get(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        KeyError: no such dialect; the message lists the known ones.
    """
    try:
        module = import_module(f"aimon.dialects.{_MODULES[name]}")
    except KeyError:
        raise KeyError(f"no dialect {name!r}; there are {', '.join(NAMES)}") from None
    dialect: Dialect = module.DIALECT
    return dialect
