"""Availability and quantiles over the last hour, day, week and month, from history.

They are exact, of the results themselves; where some of these are no longer kept, of the roll-ups, within 0.5 %.

Quantiles are nearest-rank: the smallest value that at least that share of the values does not exceed, so each is a
latency that some call really had. One is withheld below 1/(1-q) values, where it would just be the maximum:
2 for P50, 20 for P95, 100 for P99.
"""

from __future__ import annotations

import math
import time
import zlib
from bisect import bisect_left
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from aimon.call.containment import isolated
from aimon.call.outcome import Outcome
from aimon.metrics.totals import Identity
from aimon.probes.history.database import HistoryError
from aimon.probes.history.queries.period import QUANTILES, period
from aimon.probes.history.retention import DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from aimon.probes.history.history import History, Sample

WINDOWS: dict[str, float] = {"1h": 3600.0, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}

# A window is computed anew when a 500th of it is new: a month every 86 minutes. One that has up to 500 results
# changes by that much with each of them, and is not kept.
_PARTS = 500


class Window(msgspec.Struct, frozen=True):
    """What an endpoint did in the `seconds` up to `until` (unix time).

    The quantiles, in seconds, are of successful calls; one that has too few of them is missing.
    """

    seconds: float
    until: float
    outcomes: dict[Outcome, int]
    latency: dict[float, float]
    ttft: dict[float, float]

    @property
    def total(self) -> int:
        """Number of results."""
        return sum(self.outcomes.values())

    @property
    def counted(self) -> int:
        """Number of results that say something about the provider."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.counts_for_availability)

    @property
    def availability(self) -> float | None:
        """Successes over `counted`; None if that is 0."""
        return self.outcomes.get(Outcome.OK, 0) / self.counted if self.counted else None

    def rate(self, outcome: Outcome) -> float | None:
        """The share of calls made that had this outcome, such as `rate_limited`; None if none was made."""
        made = self.total - sum(self.outcomes.get(each, 0) for each in (Outcome.BUDGET_SKIPPED, Outcome.PROBER_ERROR))
        return self.outcomes.get(outcome, 0) / made if made else None


def quantile(ordered: Sequence[float], q: float) -> float | None:
    """The nearest-rank quantile of values in rising order; None if there are too few of them."""
    rank = math.ceil(round(q * len(ordered), 6))  # rounded, since 0.95 * 20 in binary may be a little above 19
    return ordered[rank - 1] if 0 < rank < len(ordered) else None


def summarise(samples: Sequence[Sample], seconds: float, until: float) -> Window:
    """The window of these samples, all of which are in it."""
    successes = [sample for sample in samples if sample.outcome == Outcome.OK]
    latencies = sorted(sample.latency for sample in successes)
    ttfts = sorted(sample.ttft for sample in successes if sample.ttft is not None)
    outcomes = Counter(sample.outcome for sample in samples)
    return Window(
        seconds,
        until,
        {Outcome(outcome): count for outcome, count in outcomes.items()},
        {q: value for q in QUANTILES if (value := quantile(latencies, q)) is not None},
        {q: value for q in QUANTILES if (value := quantile(ttfts, q)) is not None},
    )


def windows(
    history: History,
    identity: Identity,
    now: float | None = None,
    lengths: Sequence[float] = tuple(WINDOWS.values()),
) -> list[Window]:
    """The windows of these lengths (seconds) up to now, each computed anew.

    Results that are recorded in the future are in none.

    Raises:
        HistoryError: the history cannot be read.
    """
    now = time.time() if now is None else now
    samples = history.samples(identity, now - max(lengths), now)
    starts = [bisect_left(samples, now - seconds, key=lambda sample: sample.started_at) for seconds in lengths]
    return [
        _rolled_up(history, identity, seconds, now, len(samples) - start) or summarise(samples[start:], seconds, now)
        for start, seconds in zip(starts, lengths, strict=True)
    ]


def _rolled_up(history: History, identity: Identity, seconds: float, now: float, kept: int) -> Window | None:
    """The window from roll-ups, if they know of more results than the `kept` ones."""
    if seconds < DAY:  # younger than anything that is pruned
        return None
    found = period(history.database, identity, now - seconds, now)
    if found.total - found.planned <= kept:
        return None
    return Window(seconds, now, found.outcomes, found.latency.quantiles(QUANTILES), found.ttft.quantiles(QUANTILES))


def windows_at_intervals(
    history: History, identities: Collection[Identity], now: float | None = None
) -> dict[Identity, list[Window]]:
    """The standard windows, where large ones may be from an earlier run: for runs that follow each other closely.

    A month of probes, one a minute, is 43,200 results: reading them for each of a thousand endpoints in each
    run would cost more than the probes do.

    Raises:
        HistoryError: the history cannot be read or written.
    """
    now = time.time() if now is None else now
    kept = kept_windows(history)
    found: dict[Identity, list[Window]] = {}
    to_keep: list[tuple[Identity, Window]] = []
    for identity in identities:
        before = kept.get(identity, {})
        due = [seconds for seconds in WINDOWS.values() if is_due(before.get(seconds), seconds, now, identity)]
        with isolated(identity.endpoint, "published", but=HistoryError):
            fresh = {window.seconds: window for window in (windows(history, identity, now, due) if due else ())}
            found[identity] = [fresh.get(seconds) or before[seconds] for seconds in WINDOWS.values()]
            to_keep += [(identity, window) for window in fresh.values()]
    keep_windows(history, to_keep)
    return found


def is_due(window: Window | None, seconds: float, now: float, identity: Identity) -> bool:
    """Whether a window is to be computed anew."""
    if window is None:
        return True
    # From half to one and a half times the interval, by endpoint, so that not all of them fall due in one run.
    share = 0.5 + zlib.crc32("\0".join(identity).encode()) / 2**32
    return not 0 <= now - window.until < share * seconds / _PARTS


def kept_windows(history: History) -> dict[Identity, dict[float, Window]]:
    """The large windows that were computed before, by their length.

    Raises:
        HistoryError: the history cannot be read.
    """
    kept: dict[Identity, dict[float, Window]] = {}
    rows = history.database.query(
        "SELECT endpoint, model, provider, region, content "
        "FROM windows JOIN endpoints ON endpoints.id = windows.endpoint_id"
    )
    for *identity, content in rows:
        # A stored window that can't be read is computed anew.
        with suppress(msgspec.MsgspecError, UnicodeError):
            window = msgspec.json.decode(content, type=Window)
            kept.setdefault(Identity(*identity), {})[window.seconds] = window
    return kept


def keep_windows(history: History, found: Collection[tuple[Identity, Window]]) -> None:
    """Keeps windows of more than a few results for later runs.

    Raises:
        HistoryError: the history cannot be written.
    """
    found = [(identity, window) for identity, window in found if window.total > _PARTS]
    if not found or history.database.read_only:
        return
    with history.database.transaction() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO windows SELECT id, ?, ? FROM endpoints "
            "WHERE (endpoint, model, provider, region) = (?, ?, ?, ?)",
            [(window.seconds, msgspec.json.encode(window).decode(), *identity) for identity, window in found],
        )
