"""A Call: an endpoint and a prompt. Dialects turn it into a Request."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.call.outcome import Outcome
from aimon.call.result import Source
from aimon.call.tool_call import ToolCall  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aimon.call.checks import Check
    from aimon.security.secret import Secret

_EMPTY: Mapping[str, str] = MappingProxyType({})


class Quirks(msgspec.Struct, frozen=True):
    """Where a server departs from its dialect. The defaults are the dialect as its vendor documents it."""

    # OpenAI's own servers want max_completion_tokens for reasoning models; most compatible ones know max_tokens only.
    max_tokens_field: str = "max_tokens"
    # Some compatible servers answer 400 to stream_options.
    stream_usage: bool = True
    # How the reasoning level is sent: a key of dialects.reasoning.STYLES; None: the dialect's default.
    reasoning_style: str | None = None
    # On DashScope insufficient_quota may be a token rate; on OpenAI it is an empty account.
    insufficient_quota_is_rate: bool = False
    # How the server is made to write exactly max_tokens: a key of dialects.exact_output.STYLES; None: not known.
    exact_output: str | None = None
    # Fields of the JSON body that the dialect does not know; they win over its own.
    extra_body: Mapping[str, Any] = _EMPTY


class Target(msgspec.Struct, frozen=True):
    """Where to call, and with which credentials."""

    endpoint: str
    provider: str
    dialect: str
    base_url: str
    model: str
    api_key: Secret | None = None
    # "bearer" for Authorization: Bearer KEY, otherwise the name of the header that carries the key alone.
    auth: str = "bearer"
    headers: Mapping[str, str] = _EMPTY  # may hold credentials
    query: Mapping[str, str] = _EMPTY
    quirks: Quirks = Quirks()
    secrets: tuple[Secret, ...] = ()  # besides the key, all that must not be shown where the server repeats it

    def __repr__(self) -> str:
        return f"Target({self.endpoint!r}, {self.dialect!r}, {self.base_url!r}, {self.model!r})"


class Message(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One turn of a conversation; role is system, user, assistant or tool.

    Attributes:
        role: who speaks.
        content: what is said; may be empty beside `tool_calls`.
        tool_calls: of an assistant.
        tool_call_id: of a tool: which call it answers.
    """

    role: str
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


def are_plain(messages: Iterable[Message]) -> bool:
    """Whether they are text alone, which every dialect can send."""
    for message in messages:  # noqa: SIM110 - in half the time of `all`, in every call of a load test
        if message.tool_calls or message.tool_call_id is not None:
            return False
    return True


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds from the start of the call. `total` is a hard deadline that keep-alive comments cannot extend."""

    connect: float = 5.0
    ttft: float = 15.0
    total: float = 60.0

    def limit(self, *, connected: bool, waits: bool) -> tuple[float, Outcome]:
        """The next limit: seconds from the start of the call, and the outcome when they are over.

        Args:
            connected: there is a connection.
            waits: a stream was asked for, and none of its text came yet.
        """
        first, outcome = self.connect, Outcome.TIMEOUT_CONNECT
        if connected:
            first, outcome = self.ttft, Outcome.TIMEOUT_TTFT
        if (connected and not waits) or first >= self.total:
            return self.total, Outcome.TIMEOUT_TOTAL
        return first, outcome


class Call(msgspec.Struct, frozen=True, gc=False):
    """One question to one endpoint."""

    target: Target
    messages: tuple[Message, ...]
    max_tokens: int = 64
    stream: bool = True
    temperature: float | None = None
    reasoning: str | None = None  # off, minimal, low, medium, high; None leaves it to the model
    exact_output: bool = False  # as many tokens as `max_tokens`, where the server knows how
    # Further fields of the JSON body in the dialect's own words, such as tools or top_p.
    body: Mapping[str, Any] | None = None
    checks: tuple[Check, ...] = ()
    timeouts: Timeouts = Timeouts()
    source: Source = Source.PROBE
    region: str = "local"
    canary: str | None = None


class Request(msgspec.Struct, frozen=True, gc=False):
    """An HTTP request, ready to be sent by any transport. `headers` holds the key: never log one."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url}, {len(self.body)} bytes)"
