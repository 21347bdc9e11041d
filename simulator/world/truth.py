"""The simulator's records: counts, and one record per request with the times of its writes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(slots=True)
class Record:
    """The record of one request. Times are readings of time.monotonic(), which all processes share.

    Attributes:
        id: The (x-)request-id header of the answer.
        received: The request's first bytes arrived at the event loop.
        service: Service began: it had a slot.
        first_byte, first_token, last_token, last_write: Just before the response's head, the first and the
            last visible text, and the last bytes were handed to the kernel.
        end: The exchange ended for the server (also if the client had disconnected).
        outcome: What a client should report: `ok`, the outcome of the fault, `rate_limited`, …;
            `abandoned` if the client disconnected before the end of an answer without a fault.
        fault: The fault that was applied, or empty.
        finish: Why the answer ended, by the simulator's names (stop, length, filter, refusal, …).
        output_tokens: Generated until the end, reasoning included; `reasoning_tokens` of them.
        lateness: The longest delay of a write after it was due, in seconds: the simulator's own lag.
        uncertainty: The longest duration of a write of text, in seconds: the accuracy of the times.
        key_sent: Whether the request carried a key.
    """

    id: str
    profile: str
    dialect: str = ""
    model: str = ""
    stream: bool = False
    received: float = 0.0
    service: float | None = None
    first_byte: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    last_write: float | None = None
    end: float | None = None
    status: int | None = None
    outcome: str = "ok"
    fault: str = ""
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    lateness: float = 0.0
    uncertainty: float = 0.0
    key_sent: bool = False

    @property
    def ttft(self) -> float | None:
        """Seconds from the arrival of the request to the first visible text."""
        return None if self.first_token is None else self.first_token - self.received


_RECORD = tuple(f.name for f in fields(Record))


@dataclass(frozen=True, slots=True)
class Truth:
    """A snapshot: counts since the start or the last reset, and the records that the ring still holds."""

    since: float
    now: float
    requests: int
    in_flight: int
    peak_in_flight: int
    by_status: Mapping[str, int]
    by_outcome: Mapping[str, int]
    by_fault: Mapping[str, int]
    by_profile: Mapping[str, int]
    input_tokens: int
    output_tokens: int
    max_lateness: float
    records: tuple[Record, ...] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The snapshot as JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        # By hand: dataclasses.asdict copies deeply, which would delay writes that are due.
        return values | {"records": [{name: getattr(record, name) for name in _RECORD} for record in self.records]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Truth:
        """The inverse of `as_dict`."""
        return cls(**(dict(values) | {"records": tuple(Record(**record) for record in values["records"])}))


class Ledger:
    """Collects records. Counts cover requests that have ended; used from one event loop."""

    def __init__(self, size: int) -> None:
        self._ring: deque[Record] = deque(maxlen=size)
        self._open: dict[str, Record] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self.reset()

    def reset(self) -> None:
        """Starts over; requests in flight stay open and count when they end."""
        self._ring.clear()
        self._since = time.monotonic()
        self._peak = len(self._open)
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("by_status", "by_outcome", "by_fault", "by_profile")
        }
        self._requests = self._input = self._output = 0
        self._lateness = 0.0

    @property
    def in_flight(self) -> int:
        """Requests that have begun and not ended."""
        return len(self._open)

    def open(self, record: Record) -> None:
        """A request has arrived."""
        self._open[record.id] = record
        self._peak = max(self._peak, len(self._open))

    def close(self, record: Record) -> None:
        """Ends a request: records its end and counts it."""
        record.end = time.monotonic()
        del self._open[record.id]
        self._ring.append(record)
        self._requests += 1
        self._input += record.input_tokens
        self._output += record.output_tokens
        self._lateness = max(self._lateness, record.lateness)
        counts = self._counts
        counts["by_status"][str(record.status) if record.status else "none"] += 1
        counts["by_outcome"][record.outcome] += 1
        counts["by_profile"][record.profile] += 1
        if record.fault:
            counts["by_fault"][record.fault] += 1
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def until(self, condition: Callable[[], bool], wait: float) -> None:
        """Waits at most `wait` seconds until a condition holds; it is checked whenever a request ends."""
        try:
            async with asyncio.timeout(wait):
                while not condition():
                    waiting = asyncio.get_running_loop().create_future()
                    self._waiting.append(waiting)
                    await waiting
        except TimeoutError:
            return  # the caller looks at the condition again

    def find(self, request_id: str) -> Record | None:
        """The record of a request that has ended; of several, the most recent."""
        return next((record for record in reversed(self._ring) if record.id == request_id), None)

    def snapshot(self, limit: int | None = None, profile: str | None = None) -> Truth:
        """A snapshot.

        Args:
            limit: The maximum number of records, the latest; None for all in the ring.
            profile: Only the records of this profile (the counts cover all).
        """
        records = [r for r in self._ring if profile is None or r.profile == profile]
        if limit is not None:
            records = records[-limit:] if limit else []
        return Truth(
            since=self._since,
            now=time.monotonic(),
            requests=self._requests,
            in_flight=len(self._open),
            peak_in_flight=self._peak,
            input_tokens=self._input,
            output_tokens=self._output,
            max_lateness=self._lateness,
            records=tuple(records),
            **{name: dict(counter) for name, counter in self._counts.items()},
        )
