"""Roll-ups: counts and histograms of an endpoint's results by the hour, of which long windows are made.

They are written in the transaction that writes the results, so a kill at any moment leaves both or neither. A
result counts where its own stamp says, whenever it is recorded. There are also roll-ups of a day, so that a month is
not 720 rows, and of the lengths of which 90 are a day, a week or 30 days, for uptime bars. All begin at multiples of
their length since 1970, in UTC.

What was in a maintenance window is in `total` and `planned` alone; the other numbers leave it out.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aimon.call.outcome import Outcome
from aimon.log_histogram import LogHistogram

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

SLOT = 960
HOUR = 3600
DAY = 86_400
LENGTHS = (SLOT, HOUR, 7 * DAY // 90, 30 * DAY // 90, DAY)
"""Seconds."""
_WITH_HISTOGRAMS = (SLOT, HOUR, DAY)

_AHEAD_OF_ALL = 1e11
"""No stamp: the year 5138."""

_decode_outcomes = msgspec.json.Decoder(dict[str, int]).decode


class Figures(NamedTuple):
    """What statistics keep of one result.

    Attributes:
        endpoint_id: its endpoint, in the file.
        record_id: its record, in the file.
        started_at: unix time.
        outcome: of the call.
        latency: E2E seconds.
        ttft: seconds; None where there was no text.
        slow: whether it succeeded, but took longer than each objective of its endpoint allows.
        planned: whether it was in a maintenance window.
        input_tokens: as reported; None where that is not known.
        output_tokens: the same.
    """

    endpoint_id: int
    record_id: int
    started_at: float
    outcome: Outcome
    latency: float
    ttft: float | None
    slow: bool = False
    planned: bool = False
    input_tokens: int | None = 0
    output_tokens: int | None = 0


_KEY = "endpoint_id = ? AND seconds = ? AND start = ?"
_ADD_COUNTS = """
INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    record_id = max(record_id, excluded.record_id),
    total = total + excluded.total, planned = planned + excluded.planned, counted = counted + excluded.counted,
    ok = ok + excluded.ok, slow = slow + excluded.slow,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
    failures = excluded.failures
"""

Key = tuple[int, int, int]


def add(connection: sqlite3.Connection, results: Iterable[Figures]) -> None:
    """Within a transaction: counts results in the periods that they started in."""
    groups: dict[Key, list[Figures]] = {}
    for each in results:
        if not abs(each.started_at) < _AHEAD_OF_ALL:  # NaN neither
            continue
        for length in LENGTHS:
            start = math.floor(each.started_at / length) * length
            groups.setdefault((each.endpoint_id, length, start), []).append(each)
    for key, members in groups.items():
        _add_counts(connection, key, members)
        successes = [each for each in members if each.outcome is Outcome.OK and not each.planned]
        if successes and key[1] in _WITH_HISTOGRAMS:
            _add_times(connection, key, successes)


def _add_counts(connection: sqlite3.Connection, key: Key, members: list[Figures]) -> None:
    judged = [each for each in members if not each.planned]
    failures = Counter(each.outcome.value for each in judged if each.outcome is not Outcome.OK)
    row = connection.execute(f"SELECT failures FROM rollups WHERE {_KEY}", key).fetchone()  # noqa: S608 - constants
    stored = row[0] if row else ""
    if failures:
        stored = json.dumps(failures + failures_of(stored), separators=(",", ":"))
    connection.execute(
        _ADD_COUNTS,
        (
            *key,
            max(each.record_id for each in members),
            len(members),
            len(members) - len(judged),
            sum(each.outcome.counts_for_availability for each in judged),
            sum(each.outcome is Outcome.OK for each in judged),
            sum(each.slow for each in judged),
            # Tokens are paid for in maintenance too.
            _sum([each.input_tokens for each in members]),
            _sum([each.output_tokens for each in members]),
            stored,
        ),
    )


def _add_times(connection: sqlite3.Connection, key: Key, successes: list[Figures]) -> None:
    row = connection.execute(f"SELECT latency, ttft FROM rollup_histograms WHERE {_KEY}", key).fetchone()  # noqa: S608 - constants
    latency, ttft = (histogram_of(row[0]), histogram_of(row[1])) if row else (LogHistogram(), LogHistogram())
    for each in successes:
        if math.isfinite(each.latency):
            latency.record(each.latency)
        if each.ttft is not None and math.isfinite(each.ttft):
            ttft.record(each.ttft)
    connection.execute(
        "INSERT OR REPLACE INTO rollup_histograms VALUES (?, ?, ?, ?, ?)", (*key, latency.dump(), ttft.dump())
    )


def failures_of(stored: str) -> Counter[str]:
    """Counts by outcome other than ok, as they are stored; none where that can't be read."""
    try:
        return Counter(_decode_outcomes(stored)) if stored else Counter()
    except (msgspec.MsgspecError, TypeError):
        return Counter()


def histogram_of(stored: str) -> LogHistogram:
    """A histogram as it is stored; an empty one where that can't be read."""
    try:
        return LogHistogram.load(stored)
    except (msgspec.MsgspecError, TypeError):
        return LogHistogram()


def _sum(values: list[int | None]) -> int | None:
    """The sum; None if a part of it is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
