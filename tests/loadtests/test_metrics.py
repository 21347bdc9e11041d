"""The gauges of a load test, as it runs and at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.loadtests import metrics
from moments import ENDPOINT, a_moment, a_report
from results import QWEN

if TYPE_CHECKING:
    from aimon.metrics.totals import Gauges

IDENTITY = dict(QWEN.labels)


def plain(gauges: Gauges) -> dict[str, float]:
    """Values by name, without the labels that all of them have; what labels there are besides stand behind it."""
    found = {}
    for gauge in gauges:
        labels = dict(gauge.labels)
        assert {name: labels.pop(name) for name in IDENTITY} == IDENTITY
        found[" ".join([gauge.name.removeprefix("ai_loadtest_"), *labels.values()])] = gauge.value
    return found


def test_a_run_as_it_goes() -> None:
    """An open loop has a target, a closed one has users; objectives are those so far."""
    slo = a_report()["slo"]
    assert plain(metrics.progress_gauges(a_moment(slo=slo), ENDPOINT, run="1795513309", profile="steady")) == {
        "target_requests_per_second": 40,
        "achieved_requests_per_second": 40.1,
        "in_flight": 12,
        "client_lag_seconds": 0.0012,
        "slo_met p99<2s": 1,
        "slo_met error_rate<0.1%": 0,
        "run_info 1795513309 steady": 1,
        "start_timestamp_seconds steady": 1795513309,
    }
    closed = a_moment(asked=None, users=64, client={})
    assert plain(metrics.progress_gauges(closed, ENDPOINT, run="7", profile="soak")) == {
        "achieved_requests_per_second": 40.1,
        "users": 64,
        "in_flight": 12,
        "run_info 7 soak": 1,
        "start_timestamp_seconds soak": 7,
    }


def test_what_a_run_found() -> None:
    """After a run nothing is in flight; the run is named by its start, or as it was told."""
    found = plain(metrics.report_gauges(a_report(), ENDPOINT))
    assert found == {
        "target_requests_per_second": 40,
        "achieved_requests_per_second": 39.9,
        "in_flight": 0,
        "client_lag_seconds": 0.0012,
        "slo_met p99<2s": 1,
        "slo_met error_rate<0.1%": 0,
        "run_info 1795513309 steady": 1,
        "start_timestamp_seconds steady": 1795513309,
    }
    assert "run_info 1795513311 steady" in plain(metrics.report_gauges(a_report(), ENDPOINT, run="1795513311"))


def test_searches_have_found_a_capacity_or_limits() -> None:
    """A search that found a capacity or limits has their gauges; one that found none has no gauge."""
    capacity = plain(metrics.report_gauges(a_report(capacity={"rate": 23.5}), ENDPOINT))
    assert capacity["capacity_requests_per_second"] == 23.5
    limits = plain(metrics.report_gauges(a_report(limits={"requests_per_s": 8.3, "tokens_per_min": None}), ENDPOINT))
    assert limits["limit_requests_per_second"] == 8.3
    assert "limit_tokens_per_minute" not in limits
    assert "capacity_requests_per_second" not in plain(
        metrics.report_gauges(a_report(capacity={"rate": None}), ENDPOINT)
    )
