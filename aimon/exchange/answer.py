"""The state of one answer, updated by each event that arrives."""

from __future__ import annotations

from operator import sub
from typing import TYPE_CHECKING

from aimon.call import finish_reasons, token_estimate, tpot
from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.call.result import Arrivals, Pace, Usage
from aimon.call.tool_call import ToolCall, joined
from aimon.dialects import usage
from aimon.exchange.inflate import InflateError, UnreadError
from aimon.exchange.sse import EventTooLargeError
from aimon.security import provider_text

if TYPE_CHECKING:
    from aimon.call.call import Call
    from aimon.call.tool_call import ToolPiece
    from aimon.dialects import Delta, ProviderError
    from aimon.security.redact import Redactor

_NO_USAGE = Usage()
# Pieces of calls of tools that are kept: as many as the text's characters, so that no answer fills the memory.
_MAX_PIECES = provider_text.MAX_TEXT


class AnswerState:
    """One answer, as far as it has arrived.

    Attributes:
        chunks: of visible text.
        complete: nothing that may still arrive can change the Result.
        gaps: seconds between successive visible arrivals.
    """

    __slots__ = (
        "_answered", "_counts", "_delta_model", "_done", "_end", "_failure", "_finish", "_first_output",
        "_first_reasoning", "_first_token", "_heard", "_last_token", "_provider_error", "_refusal", "_response_id",
        "_text", "_text_chars", "_thoughts", "_tools", "_usage", "_written_at", "chunks", "complete", "gaps",
    )  # fmt: skip

    def __init__(self) -> None:
        self.complete = False
        self.gaps: list[float] = []
        self.chunks = 0
        self._first_output: float | None = None
        self._first_reasoning: float | None = None
        self._first_token: float | None = None
        self._last_token: float | None = None
        self._end: float | None = None
        self._text: list[str] = []
        self._text_chars = 0
        self._counts: dict[str, int] = {}
        self._heard = False
        self._thoughts = tpot.Thoughts()
        self._usage = _NO_USAGE
        self._written_at: float | None = None  # when the model said that it had finished
        self._finish: str | None = None
        self._refusal = ""
        self._done = False
        self._answered = False
        self._tools: list[ToolPiece] = []
        self._delta_model: str | None = None
        self._response_id: str | None = None
        self._provider_error: ProviderError | None = None
        self._failure: Failure | None = None

    def _on_text(self, texts: list[str], t: float) -> None:
        """Visible text that arrived at once."""
        if self._first_token is None:
            self._first_token = t
            if self._first_output is None:
                self._first_output = t
        else:
            self.gaps.append(t - self._last_token)  # type: ignore[operator]  # set with the first token
        self._last_token = t
        count = len(texts)
        self.chunks += count
        if count > 1:
            self.gaps += [0.0] * (count - 1)
        if self._text_chars < provider_text.MAX_TEXT:
            self._text += texts
            self._text_chars += len(texts[0]) if count == 1 else sum(map(len, texts))

    def _on_texts(self, texts: list[str], times: list[float]) -> None:
        """Visible texts, one by one: as `_on_text` for each of them."""
        if self._first_token is None:
            self._on_text(texts[:1], times[0])
            texts, times = texts[1:], times[1:]
            if not texts:
                return
        self.gaps += map(sub, times, [self._last_token, *times])
        self._last_token = times[-1]
        self.chunks += len(texts)
        if self._text_chars < provider_text.MAX_TEXT:
            self._text += texts
            self._text_chars += sum(map(len, texts))

    def _on_said(self, said: list[list[str] | Delta], t: float) -> None:
        """What arrived at once, up to the event that ends the answer."""
        for each in said:
            if isinstance(each, list):
                self._on_text(each, t)
                continue
            self._on_delta(each, t)
            if self.complete:
                return

    def _on_delta(self, delta: Delta, t: float) -> None:
        self._heard = True
        if self._first_output is None and (delta.reasoning or delta.answered or delta.refusal):
            self._first_output = t
        # The last event of some streams repeats all that came.
        if delta.reasoning and not (self._first_token is not None and (delta.done or delta.whole)):
            after = self._first_token is not None and not delta.text
            self._thoughts = self._thoughts.more(delta.reasoning, after_text=after)
        if delta.text:
            self._on_text([delta.text], t)
        elif delta.whole and self._first_token is None:
            self._on_text([delta.whole], t)
        elif delta.reasoning and self._first_reasoning is None:
            self._first_reasoning = t
        if delta.refusal and not (delta.done and self._refusal):
            self._refusal = (self._refusal + delta.refusal)[: provider_text.MAX_TEXT]
        if delta.finish is not None and finish_reasons.is_one(delta.finish):
            self._finish = delta.finish
            self._written_at = t
        if delta.usage:
            usage.gather(self._counts, delta.usage)
        if delta.model is not None:
            self._delta_model = delta.model
        if delta.response_id is not None:
            self._response_id = delta.response_id
        if delta.answered:
            self._on_answered(delta)
        if delta.error is not None:
            self._provider_error = delta.error
            self._finish_at(t)
        elif delta.done:
            self._done = True
            self._finish_at(t)

    def _on_answered(self, delta: Delta) -> None:
        self._answered = True
        if delta.tools and len(self._tools) < _MAX_PIECES:
            self._tools += delta.tools

    def _finish_at(self, t: float) -> None:
        self._end = t
        self.complete = True

    def _on_fault(self, error: Exception, t: float) -> None:
        """Bytes that can't be read."""
        said = str(error) if isinstance(error, InflateError) else f"an event that can't be read: {error}"
        if isinstance(error, UnreadError | EventTooLargeError):
            self._leave_unread(said, t)
        else:
            self._stop(Outcome.MALFORMED, said, t)

    def _leave_unread(self, error: str, t: float) -> None:
        """The answer is larger than answers of canaries and load tests are, or encoded in a way that is not read."""
        self._stop(Outcome.MALFORMED, error, t)

    def _stop(self, outcome: Outcome, error: str, t: float) -> None:
        self._failure = Failure(outcome, error)
        self._finish_at(t)

    def _settle_usage(self, call: Call, *, written: bool) -> Usage:
        """The counts; `written`: the text was written by a model, and does not describe an answer of another kind."""
        reasoned = self._thoughts.chunks > 0
        return usage.settle(
            self._counts,
            wrote=written and (reasoned or self._text_chars > 0 or bool(self._refusal)),
            characters=self._text_chars,
            reasoned=reasoned or call.reasoning not in (None, "off"),
            max_tokens=call.max_tokens,
        )

    def _arrivals(self) -> Arrivals | None:
        return Arrivals.of(self.gaps) if self.gaps else None

    def _pace(self) -> Pace | None:
        if self._first_token is None:
            return Pace(unknown=tpot.NOT_STREAMED) if self.chunks else None
        tool = (self._written_at or self._end or self._first_token) - self._first_token if self._answered else None
        return tpot.pace(self._text, self.gaps, self._usage, thoughts=self._thoughts, tool_until=tool)

    def _estimated(self, call: Call) -> Usage | None:
        prompts = (message.content for message in call.messages)
        return token_estimate.estimate(self._usage, prompts, self._text, self.chunks, self._thoughts.size)

    def _tool_calls(self, redactor: Redactor) -> tuple[ToolCall, ...]:
        """The calls of tools, whole and without secrets."""
        return tuple(
            ToolCall(
                provider_text.name(each.id, redactor),
                provider_text.name(each.name, redactor),
                provider_text.text(each.arguments, redactor),
            )
            for each in joined(self._tools)
        )
