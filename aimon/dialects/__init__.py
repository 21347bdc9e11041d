"""The wire languages of AI APIs, as a table of pure functions.

A dialect is one file: `encode(call)` writes the request, `read(event)` reads one event of a stream, `read_body(body)`
a whole unstreamed answer. None of them does I/O, keeps state, or sees bytes: both are read from structs (`event`,
`body`) that the `Reader` has decoded, and everything that dialects have in common is its business: the terminal mark
`[DONE]`, errors in whatever shape, fields that do not fit, counts of tokens in odd places.
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
    """What a provider says went wrong, from an error body or an error event in a stream.

    `outcome` is set where the code or type decides it; None leaves it to the HTTP status.
    """

    message: str
    code: str | None = None
    outcome: Outcome | None = None
    retry_after: float | None = None  # seconds, where the body carries it (Gemini's RetryInfo)


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What one event (or one whole body) adds to the answer.

    `whole` is the text of the whole answer, as some events repeat it: it counts where no text came before.
    `usage` is an object of counts as it came (`dialects.usage`). `done` marks the dialect's terminal event.
    `answered` says that a payload which is not text (vectors, a list of models, a tool call) is the answer.
    `tools` are pieces of calls of tools, where the dialect reads them.
    `refusal` is text in which the model declines; it is no visible text, and no later finish reason undoes it.
    `strange` says that the dialect does not know this event, or that it is about an error: the reader looks for one.
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
    """One wire language.

    `event` and `body` are the structs of which `read` and `read_body` take the answer, and `answer` names what a
    whole one has. `read_media` reads an answer that is sound itself, and no JSON; None for other bytes. `finish_ends`
    says that a finish reason followed by a clean end of the stream is a whole answer even without the terminal event.
    Answers of a dialect that does not stream are no text that a model wrote: theirs describes them.
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


# Imported on demand: a probe of one endpoint needs one of them.
_MODULES = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "anthropic-messages": "anthropic_messages",
    "gemini": "gemini",
    "openai-embeddings": "openai_embeddings",
    "openai-models": "openai_models",
    "openai-completions": "openai_completions",
    "rerank": "rerank",
    "openai-images": "openai_images",
    "openai-speech": "openai_speech",
}

NAMES = tuple(_MODULES)
WITHOUT_STREAM = frozenset(("openai-embeddings", "openai-models", "rerank", "openai-images", "openai-speech"))
"""Those whose answers are not streamed as events, so that nobody must import one to know."""


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
