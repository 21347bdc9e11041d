"""The types that all dialects share: requests, answers, and the events of an answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Headers = list[tuple[str, str]]

# The providers send UTF-8 and no spaces; a shared encoder, since json.dumps makes a new one per call.
dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_HOLE = "\x00"


class RequestError(Exception):
    """A request that the provider would refuse with 400; `param` is the field at fault."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


@dataclass(slots=True)
class Call:
    """A request, independent of its dialect."""

    model: str
    prompt: str = ""  # the last user message
    input_tokens: int = 0
    stream: bool = False
    max_tokens: int | None = None
    min_tokens: int = 0  # of inference servers: the minimum number of tokens
    tool: tuple[str, Mapping[str, Any]] | None = None  # the tool to call: its name, and the schema of its arguments
    ignore_eos: bool = False  # of inference servers: no end before the limit
    include_usage: bool = False
    think: bool = True
    inputs: Sequence[str] = ()  # embeddings
    dimensions: int = 64
    base64: bool = False


class Finish(Enum):
    """Why an answer ended; each dialect has its own names."""

    STOP = "stop"
    TOOL = "tool_calls"
    LENGTH = "length"
    FILTER = "filter"
    REFUSAL = "refusal"
    BLOCKED = "blocked"  # the prompt was filtered: no candidate
    ERROR = "error"


@dataclass(slots=True)
class Answer:
    """An answer of the model in tokens, and the provider's additions."""

    id: str
    model: str
    created: int
    text: list[str]
    thoughts: list[str] = field(default_factory=list)
    tool: str = ""  # the name of the tool that is called
    arguments: list[str] = field(default_factory=list)
    thoughts_shown: bool = True
    thoughts_field: str = "reasoning_content"
    finish: Finish = Finish.STOP
    input_tokens: int = 0
    cached_tokens: int = 0
    include_usage: bool = False
    chunk_tokens: int = 1
    vendor: str = "openai"
    filter_down: bool = False
    negative_limits: bool = False
    key: str = field(default="", repr=False)  # of the request, for the faults that echo it

    def complaint(self, kind: str, usual: str) -> str:
        """The message of an error event; contains the key if the fault echoes it."""
        return f"An upstream server refused the key {self.key}" if kind == "event_echo" else usual

    @property
    def output_tokens(self) -> int:
        """All tokens generated: reasoning, text and arguments of a tool."""
        return len(self.thoughts) + len(self.text) + len(self.arguments)

    @property
    def words(self) -> str:
        """The visible text, whole."""
        return "".join(self.text)

    @property
    def musings(self) -> str:
        """The whole reasoning text; empty if it is not sent."""
        return "".join(self.thoughts) if self.thoughts_shown else ""

    def text_chunks(self) -> Iterator[tuple[str, int]]:
        """The visible text as events carry it, each with its number of tokens."""
        return _chunks(self.text, self.chunk_tokens)

    def argument_chunks(self) -> Iterator[tuple[str, int]]:
        """The arguments of a tool as events carry them."""
        return _chunks(self.arguments, self.chunk_tokens)

    def thought_chunks(self) -> Iterator[tuple[str, int]]:
        """The reasoning as events carry it; hidden reasoning still takes time."""
        return _chunks(self.thoughts, self.chunk_tokens)


class Kind(Enum):
    """The kind of an event, for timing and faults."""

    OPEN = "open"  # role, message_start, …: before any token
    THOUGHT = "thought"
    TEXT = "text"
    REFUSAL = "refusal"
    TOOL = "tool"
    PART = "part"  # structure around the tokens
    FINISH = "finish"
    DONE = "done"  # the terminal event


TIMED = (Kind.THOUGHT, Kind.TEXT, Kind.REFUSAL, Kind.TOOL)


@dataclass(slots=True)
class Frame:
    """One server-sent event. Empty data takes time and sends nothing (hidden reasoning)."""

    kind: Kind
    data: str
    event: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """An error, to be formatted by a provider.

    Attributes:
        kind: The name of the fault.
        key: The key as sent: OpenAI echoes a part of it.
        message, param: The reason and field of a request refused for its content.
        retry_after: Seconds; None if unknown.
    """

    kind: str
    vendor: str = "openai"
    model: str = ""
    key: str = ""
    message: str = ""
    param: str | None = None
    retry_after: float | None = None
    request_id: str = ""


# Status and body: JSON values, or a string that is sent as HTML.
ErrorAnswer = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Wire:
    """A dialect: pure functions from and to its wire shape.

    Attributes:
        name: As aimon's configuration calls the dialect.
        family: Its errors and headers: openai, anthropic or gemini.
        read: The Call in a parsed body; the path's model comes separately for those that put it there.
        body: The answer that is not streamed.
        events: The answer as events.
        error_events: An error inside a stream that began with 200.
    """

    name: str
    family: str
    read: Callable[[Mapping[str, Any], str], Call]
    body: Callable[[Answer], Any]
    events: Callable[[Answer], Iterator[Frame]]
    error_events: Callable[[Answer, str], list[Frame]]


def splice(shape: Callable[[str], Any]) -> Callable[[str], str]:
    """A fast encoder for events that differ in one string: the rest is encoded once."""
    head, tail = dumps(shape(_HOLE)).split(dumps(_HOLE))
    return lambda text: head + dumps(text) + tail


def _chunks(tokens: list[str], size: int) -> Iterator[tuple[str, int]]:
    for start in range(0, len(tokens), size):
        part = tokens[start : start + size]
        yield "".join(part), len(part)
