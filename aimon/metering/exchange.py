"""An Exchange of an application's call: it may be broken off, and an answer that is not read is no fault of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aimon.call import token_estimate
from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.exchange.exchange import Exchange
from aimon.exchange.verdict import Verdict
from aimon.metering import decoders
from aimon.metering.asked import prompts

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from aimon.call.call import Call
    from aimon.call.result import Result, Usage
    from aimon.dialects import Dialect
    from aimon.metering.secrets import Secrets
    from aimon.security.redact import Redactor

# Streams are not held in memory, and a long answer has 200 bytes around every token.
_MAX_STREAM_BYTES: Final = 256 << 20


class ApplicationExchange(Exchange):
    """One call that an application made.

    Attributes:
        request: with its body, for an estimate of its tokens, and its credentials.
        secrets: hides them in what the provider says.
    """

    most = _MAX_STREAM_BYTES

    __slots__ = ("_unread", "request", "secrets")

    def __init__(
        self,
        call: Call,
        dialect: Dialect,
        *,
        started: float,
        started_at: float,
        keep_text: bool,
        request: Any,
        secrets: Secrets,
    ) -> None:
        super().__init__(call, dialect, started=started, started_at=started_at, keep_text=keep_text)
        self._unread = False
        self.request = request
        self.secrets = secrets

    def head(self, status: int, headers: Mapping[str, str], t: float) -> None:
        """The response head arrived. `headers` has lower-case names."""
        super().head(status, headers, t)
        if self._inflate is not None and (decode := decoders.decoder(headers["content-encoding"])) is not None:
            self._inflate = decode

    def close(self, t: float) -> None:
        """The body ended as HTTP says it should."""
        if self._end is None and self._unread:
            self._finish_at(t)
        else:
            super().close(t)

    def cancel(self, t: float) -> None:
        """The application broke the call off, or needed no more of it than it has."""
        if self._end is not None:
            return
        if self.headed and not self._succeeded():
            pass  # an SDK that tries again does not read why it must
        elif self._finish is not None:
            self._done = True
        else:
            self._failure = Failure(Outcome.CANCELLED, "the application broke the call off")
        self._finish_at(t)

    def unknown(self) -> Result:
        """The Result of a call whose answer could not be judged."""
        if self._end is None:
            self._finish_at(self.started)
        return self._unclassified()

    def _leave_unread(self, _error: str, _t: float) -> None:
        self._unread = True
        self.complete = True
        self._counts.clear()
        self._body.data.clear()

    def _classify(self, text: str) -> Verdict:
        if self._unread and self._succeeded() and self._failure is None:
            return Verdict(Outcome.OK)
        return super()._classify(text)

    def _estimated(self, _call: Call) -> Usage | None:
        if self._unread or self._usage.output is not None:
            return None
        return token_estimate.estimate(
            self._usage, prompts(self.request.content), self._text, self.chunks, self._thoughts.size
        )

    def _redact(self, value: str | None, known: Container[str] = ()) -> str | None:
        return value if value is None or value in known else self.secrets.name(value, self.request.headers.raw)

    def _redactor_in_use(self) -> Redactor:
        return self.secrets.redactor(self.request.headers.raw)
