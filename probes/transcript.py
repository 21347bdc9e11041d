"""The whole exchange of one probe, for people who look into why it failed: request, answer, and when what arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.probes.result_json import as_pretty

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aimon.call.call import Request
    from aimon.call.result import Result
    from aimon.security.redact import Redactor

MAX_BODY = 64 * 1024
_MAX_ARRIVALS = 200
# What the redactor writes in place of a secret.
_HIDDEN = "****"


class Transcript:
    """Is filled by `aimon.probes.transport.perform`; holds secrets until it is rendered."""

    def __init__(self) -> None:
        self._request: Request | None = None
        self._started = 0.0
        self._head: tuple[str, int, list[tuple[bytes, bytes]], float] | None = None
        self._body = bytearray()
        self._length = 0
        self._arrivals: list[tuple[float, int]] = []
        self._count = 0

    def sending(self, request: Request, started: float) -> None:
        """The request, and the start of the call (seconds of the monotonic clock)."""
        self._request, self._started = request, started

    def head(self, version: str, status: int, headers: Sequence[tuple[bytes, bytes]], t: float) -> None:
        """The head of the answer, which arrived at `t`."""
        self._head = version, status, list(headers), t

    def chunk(self, data: bytes, t: float) -> None:
        """The next bytes of the body, which arrived at `t`."""
        self._body += data[: MAX_BODY - len(self._body)]
        self._length += len(data)
        self._count += 1
        if len(self._arrivals) < _MAX_ARRIVALS:
            self._arrivals.append((t, len(data)))

    def render(self, result: Result, redactor: Redactor) -> str:
        """The exchange as text, without secrets."""
        return "".join(f"{redactor.text(part)}\n" for part in self._parts(result))

    def _parts(self, result: Result) -> Iterator[str]:
        yield f"== {result.endpoint}, canary {result.canary}: {result.outcome}"
        if self._request is None:
            yield "\nnothing was sent\n"
        else:
            yield f"\n== Request\n{self._request.method} {self._request.url}"
            yield from (f"{name}: {value}" for name, value in self._request.headers)
            yield f"\n{self._request.body.decode('utf-8', 'replace')}\n"
        if self._head is not None:
            version, status, headers, t = self._head
            yield f"== Answer after {t - self._started:.6f} s\n{version} {status}"
            yield from (f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in headers)
            yield f"\n{self._shown_body(result)}\n"
            yield "== Arrivals: seconds from the start, bytes"
            yield from (f"{t - self._started:12.6f} {size:8}" for t, size in self._arrivals)
            if self._count > len(self._arrivals):
                yield f"… and {self._count - len(self._arrivals)} more"
        yield f"\n== Result\n{as_pretty(result)}"

    def _shown_body(self, result: Result) -> str:
        if _HIDDEN in f"{result.text} {result.error}":
            # A stream may hold a key in pieces too small to be found.
            return "(not shown: the answer repeats a secret)"
        if (encoding := self._encoding()) is not None:
            return f"({self._length} bytes, {encoding}: not shown)"
        text = self._body.decode("utf-8", "replace")
        return f"{text}\n… of {self._length} bytes" if self._length > len(self._body) else text

    def _encoding(self) -> str | None:
        headers = [] if self._head is None else self._head[2]
        found = [value.decode("latin-1") for name, value in headers if name.lower() == b"content-encoding"]
        return found[0] if found and found[0] != "identity" else None
