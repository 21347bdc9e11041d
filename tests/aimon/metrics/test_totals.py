"""Totals and gauges: what a call counts, and what survives storing, merging and new boundaries."""

from __future__ import annotations

import math
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.call.outcome import Fault, Outcome
from aimon.call.result import Pace, Result, Source, Usage
from aimon.metrics import definitions
from aimon.metrics.amounts import amounts_of, check_amounts
from aimon.metrics.totals import Gauges, HistogramSeries, Totals
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = tuple(QWEN)
BOUNDS = (0.5, 1.0, 2.0)


def test_declared_series_are_born_at_zero() -> None:
    """Every outcome that probes have, both statuses, tokens and cost exist before the first call."""
    totals = Totals()
    totals.declare(QWEN, currency="CNY")
    requests = totals.counters[definitions.REQUESTS]
    assert requests == {(*LABELS, outcome.status, outcome.value): 0 for outcome in Outcome if outcome != "cancelled"}
    assert set(totals.histograms[definitions.DURATION]) == {(*LABELS, "success"), (*LABELS, "error")}
    assert totals.histograms[definitions.TTFT][LABELS].cumulative(BOUNDS)[-1] == (math.inf, 0)
    assert totals.counters["ai_api_cost_yuan_total"] == {LABELS: 0}
    assert totals.counters[definitions.INPUT_TOKENS] == {LABELS: 0}


def test_only_applications_break_calls_off() -> None:
    """Applications have a series of `cancelled` from the start; probes and load tests have none."""
    totals = Totals()
    totals.declare(QWEN, application=True)
    assert totals.counters[definitions.REQUESTS][*LABELS, "cancelled", "cancelled"] == 0


def test_an_unknown_price_is_no_cost_of_zero() -> None:
    """Without a currency there is no cost series; calls without a price are counted from 0 on."""
    totals = Totals()
    totals.declare(QWEN)
    assert not [name for name in totals.counters if name.startswith("ai_api_cost")]
    assert totals.counters[definitions.UNPRICED_CALLS] == totals.counters[definitions.PRICED_CALLS] == {LABELS: 0}


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, "unpriced"),
        ({"outcome": Outcome.STREAM_TRUNCATED}, "unpriced"),
        ({"outcome": Outcome.TIMEOUT_TTFT, "status_code": None}, "unpriced"),
        ({"cost": 0.0, "currency": "CNY"}, "priced"),
        ({"outcome": Outcome.RATE_LIMITED, "status_code": 429}, None),
        ({"outcome": Outcome.UNAUTHORIZED, "status_code": 400}, None),
        ({"outcome": Outcome.SERVER_ERROR, "status_code": 503}, None),
        ({"outcome": Outcome.CONNECT, "status_code": None, "request_sent": None}, None),
        ({"outcome": Outcome.BUDGET_SKIPPED, "status_code": None, "request_sent": None}, None),
        ({"operation": "models"}, None),
        ({"source": Source.APP, "request_sent": None}, "unpriced"),
        ({"source": Source.APP, "outcome": Outcome.CANCELLED, "status_code": None, "request_sent": None}, "unpriced"),
        ({"source": Source.APP, "outcome": Outcome.CONNECT, "status_code": None, "request_sent": None}, None),
    ],
    ids=str,
)
def test_which_calls_lack_a_price(changes: dict[str, Any], counted: str | None) -> None:
    """A call that may be charged for lacks a price if its cost is unknown; a refused one does not."""
    outcome = changes.pop("outcome", Outcome.OK)
    result = a_result(outcome, **({"cost": None, "currency": None, "request_sent": 0.1, "status_code": 200} | changes))
    totals = Totals()
    totals.declare(QWEN)
    totals.observe(result)
    both = {"priced": definitions.PRICED_CALLS, "unpriced": definitions.UNPRICED_CALLS}
    assert {name: totals.counters[both[name]][LABELS] for name in both} == {
        name: float(name == counted) for name in both
    }


COUNTS = st.none() | st.integers(-2, 1 << 60) | st.sampled_from([10**300, 10**400])


@given(
    usage=st.builds(Usage, input=COUNTS, output=COUNTS, cached_input=COUNTS, reasoning=COUNTS),
    cost=st.none() | st.floats(),
    estimated=st.none() | st.integers(-2, 10),
)
def test_amounts_are_checked_as_they_are_counted(usage: Usage, cost: float | None, estimated: int | None) -> None:
    """What can't be counted is refused where nothing counts, too, and nothing else is."""
    guess = None if estimated is None else Usage(estimated, estimated, source="estimated")
    result = a_result(usage=usage, cost=cost, currency="CNY", estimated=guess)
    assert refused(check_amounts, result) == refused(amounts_of, result)


def refused(take: Callable[[Result], object], result: Result) -> str:
    """Why a Result is refused; empty where it is not."""
    try:
        take(result)
    except (ValueError, OverflowError) as error:
        return repr(error)
    return ""


def test_declaring_again_changes_no_count() -> None:
    """A configuration that is read again resets nothing."""
    totals = Totals()
    totals.observe(a_result())
    totals.declare(QWEN, currency="CNY")
    assert totals.counters[definitions.REQUESTS][*LABELS, "success", "ok"] == 1
    assert totals.counters["ai_api_cost_yuan_total"][LABELS] == 0.002


def test_a_success_counts_its_call_times_tokens_and_cost() -> None:
    """One call, every number that it adds."""
    totals = Totals()
    usage = Usage(input=20, output=10, cached_input=4, reasoning=1, source="reported")
    totals.observe(a_result(usage=usage, pace=Pace(seconds=0.9, tokens=8.0)))
    assert totals.counters == {
        definitions.REQUESTS: {(*LABELS, "success", "ok"): 1},
        definitions.INPUT_TOKENS: {LABELS: 20},
        definitions.OUTPUT_TOKENS: {LABELS: 10},
        definitions.CACHED_INPUT_TOKENS: {LABELS: 4},
        definitions.REASONING_TOKENS: {LABELS: 1},
        "ai_api_cost_yuan_total": {LABELS: 0.002},
        definitions.PRICED_CALLS: {LABELS: 1},
    }
    assert totals.histograms[definitions.DURATION][*LABELS, "success"].counts == {2.0: 1}
    assert totals.histograms[definitions.TTFT][LABELS].counts == {0.5: 1}
    # (1.3 - 0.4) s over the 8 gaps between 9 visible tokens
    assert totals.histograms[definitions.TPOT][LABELS].sum == pytest.approx(0.1125)


def test_estimated_tokens_are_tokens_and_marked() -> None:
    """Tokens that the provider did not report are counted by their estimate, and again as estimated."""
    totals = Totals()
    totals.observe(a_result(usage=Usage(input=20), estimated=Usage(20, 7, source="estimated")))
    counted = {name: totals.counters[name][LABELS] for name in totals.counters if "token" in name}
    assert counted == {
        definitions.INPUT_TOKENS: 20,
        definitions.OUTPUT_TOKENS: 7,
        definitions.ESTIMATED_OUTPUT_TOKENS: 7,
    }


def test_a_count_that_cannot_be_right_is_not_counted_by_its_estimate() -> None:
    """The provider did report it, and nothing is added up from it."""
    totals = Totals()
    wrong = Usage(20, None, source="reported", implausible=("output",))
    totals.observe(a_result(usage=wrong, estimated=Usage(20, 7, source="estimated")))
    assert not [name for name in totals.counters if "output" in name]


def test_a_failure_adds_nothing_to_the_times_of_successes() -> None:
    """A wrong answer had a first token, and still is no success."""
    totals = Totals()
    totals.observe(a_result(Outcome.ANSWER_MISMATCH, first_token=0.4, last_token=1.3))
    assert totals.counters[definitions.REQUESTS] == {(*LABELS, "error", "answer_mismatch"): 1}
    assert totals.histograms == {definitions.DURATION: {(*LABELS, "error"): HistogramSeries({2.0: 1}, 1.5)}}


@pytest.mark.parametrize("outcome", [o for o in Outcome if o.fault is Fault.PROBER])
def test_a_call_that_was_never_made_has_no_duration(outcome: Outcome) -> None:
    """A call that was never made is counted by its outcome and is in no histogram."""
    totals = Totals()
    totals.observe(a_result(outcome))
    assert totals.counters == {definitions.REQUESTS: {(*LABELS, "error", outcome.value): 1}}
    assert totals.histograms == {}


def test_a_threshold_gets_a_boundary_of_its_own() -> None:
    """An SLO at 4 s can be read off exactly, for its endpoint alone."""
    totals = Totals()
    totals.declare(QWEN, thresholds={definitions.DURATION: (4,)})
    for seconds in (3.9, 4.0, 4.1):
        totals.observe(a_result(end=seconds))
    bounds = totals.bounds(definitions.DURATION, QWEN.endpoint)
    assert bounds == tuple(sorted((*definitions.DURATION_BUCKETS, 4.0)))
    cumulative = dict(totals.histograms[definitions.DURATION][*LABELS, "success"].cumulative(bounds))
    assert cumulative[3.0] == 0
    assert cumulative[4.0] == 2
    assert cumulative[5.0] == 3
    assert totals.bounds(definitions.DURATION, "another") == definitions.DURATION_BUCKETS


@given(st.lists(st.floats(0, 3)), st.lists(st.floats(0, 3)))
def test_histograms_with_other_boundaries_merge_without_loss(old: list[float], new: list[float]) -> None:
    """At the boundaries that both had the counts are exact; at a new one nothing is invented."""
    before, after = HistogramSeries(), HistogramSeries()
    for value in old:
        before.observe(value, BOUNDS)
    for value in new:
        after.observe(value, (*BOUNDS[:2], 1.5, 2.0))
    before.merge(after)
    everything = old + new
    assert before.sum == pytest.approx(math.fsum(everything))
    assert before.cumulative(BOUNDS) == [(b, sum(v <= b for v in everything)) for b in (*BOUNDS, math.inf)]
    at_new = dict(before.cumulative((*BOUNDS[:2], 1.5, 2.0)))[1.5]
    assert at_new == sum(v <= 1.0 for v in old) + sum(v <= 1.5 for v in new)


@given(st.lists(st.sampled_from(list(Outcome))), st.lists(st.sampled_from(list(Outcome))))
def test_merging_equals_observing_everything_in_one_place(first: list[Outcome], second: list[Outcome]) -> None:
    """Two processes that merge say what one would have said."""
    apart, other, together = Totals(), Totals(), Totals()
    # Sums of these are exact in binary, in any order.
    exact: dict[str, Any] = {
        "cost": 0.25,
        "currency": "USD",
        "first_token": 0.5,
        "last_token": 1.5,
        "pace": Pace(seconds=1.0, tokens=8.0),
    }
    for totals, outcomes in ((apart, first), (other, second)):
        for outcome in outcomes:
            totals.observe(a_result(outcome, **exact))
            together.observe(a_result(outcome, **exact))
    apart.merge(other)
    assert apart.counters == together.counters
    assert apart.histograms == together.histograms


def test_nothing_is_lost_between_threads() -> None:
    """Four threads count 2,000 calls each while a fifth reads consistent copies."""
    totals = Totals()
    result = a_result()

    def count() -> None:
        for _ in range(2000):
            totals.observe(result)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        seen = totals.copy()
        calls = seen.counters.get(definitions.REQUESTS, {}).get((*LABELS, "success", "ok"), 0)
        durations = seen.histograms.get(definitions.DURATION, {}).get((*LABELS, "success"), HistogramSeries())
        assert durations.cumulative(())[-1][1] == calls
    for thread in threads:
        thread.join()
    assert totals.counters[definitions.REQUESTS][*LABELS, "success", "ok"] == 8000


def test_a_copy_of_some_endpoints_leaves_the_others_out() -> None:
    """`only` keeps whole series and no others."""
    totals = Totals()
    other = QWEN._replace(endpoint="other")
    totals.observe(a_result())
    totals.observe(a_result(identity=other))
    only = totals.only({other})
    assert list(only.counters[definitions.REQUESTS]) == [(*other, "success", "ok")]
    assert list(only.histograms[definitions.TTFT]) == [tuple(other)]


def test_gauges_take_exactly_their_labels() -> None:
    """A missing or unknown label is an error of the caller, found at once."""
    gauges = Gauges()
    gauges.set(definitions.PROBE_SUCCESS, 1, **QWEN.labels)
    assert gauges.get(definitions.PROBE_SUCCESS, **QWEN.labels) == 1
    with pytest.raises(ValueError, match="ai_probe_success has the labels endpoint, model, provider, region"):
        gauges.set(definitions.PROBE_SUCCESS, 1, endpoint="x")
    with pytest.raises(ValueError, match="not endpoint, model, provider, region, team"):
        gauges.set(definitions.PROBE_SUCCESS, 1, **QWEN.labels, team="search")
    with pytest.raises(KeyError, match="no metric 'ai_probe_sucess'"):
        gauges.set("ai_probe_sucess", 1)


def test_a_label_may_have_any_name_of_the_configuration() -> None:
    """A label may have the name of a parameter of the code."""
    gauges = Gauges()
    gauges.set(definitions.ENDPOINT_INFO, 1, **QWEN.labels, name="n", value="v", self="s")
    [info] = gauges
    assert dict(info.labels) == {**QWEN.labels, "name": "n", "value": "v", "self": "s"}


@pytest.mark.parametrize(
    ("currency", "name"),
    [("CNY", "ai_api_cost_yuan_total"), ("USD", "ai_api_cost_usd_total"), ("EUR", "ai_api_cost_eur_total")],
)
def test_the_cost_counter_is_named_by_its_currency(currency: str, name: str) -> None:
    """Yuan and dollars as the guide names them, any other by its code; each is found by name again."""
    assert definitions.cost_family(currency).name == name
    assert (
        definitions.family(name).help
        == f"Cost of the calls whose cost is known, in {currency}; missing where no price is known."
    )


def test_a_currency_is_a_code() -> None:
    """A word would become part of a metric's name."""
    with pytest.raises(ValueError, match="'yuan' is no currency code: write three capital letters"):
        definitions.cost_family("yuan")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("team name", "no label name"),
        ("1st", "no label name"),
        ("__team", "no label name"),
        ("", "no label name"),
        ("model", "is taken"),
        ("job", "is taken"),
        ("le", "is taken"),
    ],
)
def test_labels_that_cannot_be_are_refused(name: str, message: str) -> None:
    """Names that Prometheus would not take, and names that already mean something."""
    with pytest.raises(ValueError, match=message):
        definitions.check_label_name(name)
