"""Totals sent as JSON are decoded unchanged."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from aimon.call.outcome import Outcome
from aimon.loadtests.protocol import totals_codec
from aimon.metrics import exposition
from aimon.metrics.definitions import DURATION, TTFT
from aimon.metrics.totals import Totals
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER = QWEN._replace(endpoint='other "quoted"\n', region="")


def some(*ends: float, thresholds: dict[str, list[float]] | None = None) -> Totals:
    """Totals of calls that took so long, every third of them refused, and of an endpoint that had none."""
    totals = Totals()
    totals.declare(QWEN, currency="CNY", thresholds=thresholds)
    totals.declare(OTHER)
    for k, end in enumerate(ends):
        totals.observe(a_result(Outcome.RATE_LIMITED if k % 3 == 2 else Outcome.OK, end=end, cost=0.1 + k))
    return totals


def as_is(value: Any) -> Any:
    """No trip at all."""
    return value


def through_json(value: Any) -> Any:
    """As the standard library writes it."""
    return json.loads(json.dumps(value))


def through_msgspec(value: Any) -> Any:
    """As it goes through the pipe."""
    return msgspec.json.decode(msgspec.json.encode(value))


def same(one: Totals, other: Totals) -> bool:
    """Whether they hold the same series, values and boundaries, and would be exposed alike."""
    return (
        (one.counters, one.histograms) == (other.counters, other.histograms)
        and exposition.render(one) == exposition.render(other)
        and all(
            one.bounds(name, labels[0]) == other.bounds(name, labels[0])
            for name, series in one.histograms.items()
            for labels in series
        )
    )


@pytest.mark.parametrize("through", [as_is, through_json, through_msgspec])
def test_the_trip_there_and_back_changes_nothing(through: Callable[[Any], Any]) -> None:
    """Counters, sums to the last bit, buckets up to infinity, thresholds of an endpoint's own."""
    totals = some(0.1 + 0.2, 1 / 3, 1e-9, 599.0, 1e6, thresholds={DURATION: [0.7, 4.0], TTFT: [0.123]})
    loaded = totals_codec.load(through(totals_codec.dump(totals)))
    assert same(loaded, totals)
    assert loaded.histograms[DURATION][(*QWEN, "success")].counts[math.inf] == 1
    assert 0.7 in loaded.bounds(DURATION, QWEN.endpoint)
    assert 0.7 not in loaded.bounds(DURATION, OTHER.endpoint)
    loaded.observe(a_result(end=0.65))
    assert loaded.histograms[DURATION][(*QWEN, "success")].counts[0.7] == 1


def test_a_dump_does_not_change_with_what_it_was_made_of() -> None:
    """A dump is a copy, which later calls do not change."""
    totals = some(1.0)
    dumped = totals_codec.dump(totals)
    before = json.dumps(dumped)
    totals.observe(a_result())
    assert json.dumps(dumped) == before


def test_workers_together_are_as_one() -> None:
    """Three workers' totals add up to those of a process that saw all calls."""
    ends = [0.25 * 2**k for k in range(9)]
    bounds = {DURATION: [0.7]}
    parts = [totals_codec.dump(some(*ends[k::3], thresholds=bounds)) for k in range(3)]
    whole = Totals()
    for k in range(3):
        whole.merge(some(*ends[k::3], thresholds=bounds))
    assert same(totals_codec.merge(parts), whole)
    requests = totals_codec.merge(parts).counters["ai_api_requests_total"]
    assert sum(requests.values()) == 9


def test_nothing_is_nothing() -> None:
    """Empty totals are encoded and decoded as empty totals."""
    assert same(totals_codec.merge([]), Totals())


def test_what_is_no_dump_is_refused() -> None:
    """An invalid dump raises an error, and nothing of it is used."""
    with pytest.raises(KeyError):
        totals_codec.load({"counters": {}})
