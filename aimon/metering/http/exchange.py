"""An Exchange of an application's call: it may be broken off, and an answer that is not read is no fault of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from aimon.call import token_estimate
from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.exchange.exchange import Exchange
from aimon.exchange.verdict import Verdict
from aimon.metering.http import decoders
from aimon.metering.http.asked import prompts
from aimon.security import provider_text
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from aimon.call.call import Call
    from aimon.call.result import Arrivals, Result, Usage
    from aimon.dialects import Dialect

    Headers = Iterable[tuple[bytes, bytes]]

# Streams are not held in memory, and a long answer has 200 bytes around every token.
_MAX_STREAM_BYTES: Final = 256 << 20
# Names of models that answered: few, and the same in every call.
_MAX_NAMES: Final = 256
_CREDENTIALS: Final = frozenset(
    (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"proxy-authorization", b"cookie")
)


class ApplicationExchange(Exchange):
    """One call that an application made.

    Attributes:
        request: with its body, for an estimate of its tokens, and its credentials.
        secrets: hides them in what the provider says.
        gaps_wanted: whether the Result holds the gaps between chunks, which no metric of ours is made of.
    """

    most: ClassVar[int] = _MAX_STREAM_BYTES

    __slots__ = ("_unread", "gaps_wanted", "request", "secrets")

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
        gaps_wanted: bool,
    ) -> None:
        super().__init__(call, dialect, started=started, started_at=started_at, keep_text=keep_text)
        self._unread = False
        self.request = request
        self.secrets = secrets
        self.gaps_wanted = gaps_wanted

    def head(self, status: int, headers: Mapping[str, str], t: float) -> None:
        """The response head arrived. `headers` has lower-case names."""
        super().head(status, headers, t)
        if self._inflate is not None and (decode := decoders.decoder(headers["content-encoding"])) is not None:
            self._inflate = decode

    def feed_all(self, chunks: list[bytes], times: list[float]) -> None:
        """As `feed` for each chunk, and the time at which it came."""
        i, count = 0, len(chunks)
        while i < count and not self.complete:
            if self._stream is not None and self._inflate is None and (texts := self._stream.texts_of(chunks[i:])):
                end = i + len(texts)
                self._on_texts(texts, times[i:end])
                self._bytes += sum(map(len, chunks[i:end]))
                i = end
                if self._bytes > self.most:
                    self._leave_unread("a stream of more than is read", times[i - 1])
            else:
                self.feed(chunks[i], times[i])
                i += 1

    def close(self, t: float) -> None:
        """The body ended as HTTP says it should."""
        if self._end is None and self._unread:
            self._finish_at(t)
        else:
            super().close(t)

    @property
    def received(self) -> int:
        """Bytes that were read."""
        return self._bytes

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

    def _arrivals(self) -> Arrivals | None:
        return super()._arrivals() if self.gaps_wanted else None

    def _redact(self, value: str | None, known: Container[str] = ()) -> str | None:
        if value is None or value in known or value in self.secrets.harmless:
            return value
        return self.secrets.name(value, self.request.headers.raw)

    def _redactor_in_use(self) -> Redactor:
        return self.secrets.redactor(self.request.headers.raw)


class Secrets:
    """The credentials of one client, as its requests carry them: the same ones, as a rule, in all of them.

    Attributes:
        harmless: names without any of them.
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[bytes, ...], Redactor] = ((), Redactor())
        self.harmless: set[str] = set()

    def redactor(self, headers: Headers) -> Redactor:
        """What hides the credentials among these headers."""
        sent = tuple(value for name, value in headers if name.lower() in _CREDENTIALS)
        known, redactor = self._known
        if known != sent:
            # `Bearer KEY`, and KEY.
            words = (word for value in sent for word in (value.decode("latin-1"), *value.decode("latin-1").split()[1:]))
            redactor = Redactor([word for word in words if word])
            self._known = (sent, redactor)
        return redactor

    def name(self, value: str, headers: Headers) -> str:
        """A name that the provider chose, without the credentials among these headers."""
        shown = provider_text.name(value, self.redactor(headers))
        if shown == value:
            if len(self.harmless) >= _MAX_NAMES:
                self.harmless.clear()
            self.harmless.add(value)
        return shown
