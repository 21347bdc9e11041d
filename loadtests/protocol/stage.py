"""What workers are told and what they tell: structs that travel between processes. Needs no gevent.

An Order is one stretch of load for all workers together, a Part says which share of it is one worker's, and a Report
is what happened at one worker since its last Report. Times in them are seconds relative to the start of the Order, so
that the clocks of machines need not agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from aimon.loadtests.engine.schedule import Schedule  # noqa: TC001 - msgspec reads the annotations
from aimon.loadtests.protocol import totals_codec
from aimon.loadtests.search.observation import Point, Seen  # noqa: TC001 - msgspec reads the annotations
from aimon.loadtests.statistics.tally import Tally

NOTHING, POINTS, CALLS = "", "points", "calls"


class Order(msgspec.Struct, kw_only=True, frozen=True):
    """One stretch of load.

    Attributes:
        number: counts the orders of a run.
        counts_from: seconds from its start; calls due earlier are a warm-up and not counted.
        run_offset: seconds from the beginning of what counts to the start of this order.
        schedule: the arrivals of an open loop.
        replay: the arrivals are those of the workload's trace.
        users: streams of a closed loop, `requests` how many calls they make, or `lasts` how long they go on.
        keep: what a Report has beside its tally: CALLS; POINTS, which are successes, and the other calls; or NOTHING.
    """

    number: int
    counts_from: float = 0.0
    run_offset: float = 0.0
    schedule: Schedule | None = None
    replay: bool = False
    users: int = 0
    requests: int | None = None
    lasts: float | None = None
    keep: str = NOTHING

    @property
    def is_open(self) -> bool:
        """Whether calls start on a schedule."""
        return self.replay or self.schedule is not None


class Part(msgspec.Struct, kw_only=True, frozen=True):
    """One worker's share.

    Attributes:
        serial: counts the parts that were given out.
        index: of the worker, among `workers` that share the order.
        delay: seconds until the order starts; negative, if it started that long ago.
        since: arrivals due earlier, in seconds from the start, are those of an earlier division.
        users: streams of a closed loop.
        more: calls of a closed loop that come on top of those it has been given; None: as many as the time allows.
        budget: what this worker may spend in the whole run.
    """

    serial: int = 0
    index: int = 0
    workers: int = 1
    delay: float = 0.0
    since: float = 0.0
    users: int = 0
    more: int | None = None
    budget: float | None = None


@dataclass(slots=True, kw_only=True)
class Report:
    """What happened at one worker since its last Report, unless said otherwise.

    Attributes:
        number: of the order, and `serial` of the part.
        done: all its calls have started and ended.
        tally: of the calls that count.
        started: calls since the order began.
        in_flight: calls under way.
        uncounted: calls that do not count.
        spent: in the whole run, in the reporting currency, counted or not.
        cpu: processor seconds that passed while `wall` seconds did.
        points: where the order asks for them; `seen` likewise.
        problem: why the run should end; `culprit` is the outcome and HTTP status of the call that says so, if one does.
        totals: the worker's cumulative metrics, where they are wanted.
    """

    number: int
    serial: int
    done: bool
    tally: Tally
    started: int = 0
    in_flight: int = 0
    uncounted: int = 0
    spent: float = 0.0
    cpu: float = 0.0
    wall: float = 0.0
    points: list[Point] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    problem: str | None = None
    culprit: tuple[str, int | None] | None = None
    totals: dict[str, Any] | None = None


def pack(report: Report) -> bytes:
    """A Report as bytes, without loss."""
    fields = {name: getattr(report, name) for name in Report.__slots__}
    return msgspec.json.encode(fields | {"tally": report.tally.dump()})


def unpack(data: bytes) -> Report:
    """The inverse of `pack`.

    Raises:
        ValueError: it is no Report, or holds a tally that can't be added to others.
    """
    try:
        report = msgspec.json.decode(data, type=Report, dec_hook=_load)
        Tally().merge(report.tally)
        if report.totals is not None:
            totals_codec.load(report.totals)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not a report: {error}") from error
    return report


def _load(kind: type, dumped: Any) -> Any:
    """What msgspec does not read by itself: it asks for Tallies alone."""
    return kind.load(dumped)  # type: ignore[attr-defined]


def even(total: int, parts: int) -> list[int]:
    """Whole shares of a number, as equal as they can be, which add up to it."""
    least, more = divmod(total, parts)
    return [least + (k < more) for k in range(parts)]
