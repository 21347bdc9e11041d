"""What the gauges say of an endpoint's last probe, windows and budget."""

from __future__ import annotations

import pytest

from aimon.call.outcome import Fault, Outcome
from aimon.call.result import Connection, Limits
from aimon.metrics import definitions
from aimon.probes.history.history import Last, Sample
from aimon.probes.history.windows import summarise
from aimon.probes.state.gauges import endpoint_gauges, last_of
from aimon.probes.state.monitored import MonitoredEndpoint
from results import QWEN, a_result

LABELS = QWEN.labels


def shown(monitored: MonitoredEndpoint, *args: object, **options: object) -> dict[str, float]:
    """The gauges as `name` or `name{further labels}`."""
    gauges = endpoint_gauges(monitored, *args, **options)  # type: ignore[arg-type]  # as given by the test
    values = {}
    for gauge in gauges:
        assert dict(gauge.labels).items() >= LABELS.items()
        further = ",".join(value for name, value in gauge.labels if name not in LABELS)
        values[f"{gauge.name}{{{further}}}" if further else gauge.name] = gauge.value
    return values


def test_an_endpoint_that_was_never_probed_has_its_configuration() -> None:
    """An endpoint that was never probed has gauges of its configuration, and none that would look like a probe."""
    monitored = MonitoredEndpoint(QWEN, interval=60, currency="CNY", daily_budget=5, labels={"team": "search"})
    assert shown(monitored, Last(), spent=0.0) == {
        "aimon_endpoint_info{search}": 1,
        "ai_probe_interval_seconds": 60,
        "ai_probe_daily_budget": 5,
        "ai_probe_budget_spent_ratio": 0,
    }


def test_a_successful_probe_shows_all_it_found() -> None:
    """Phases that it entered, certificate, limits (0 left is a value) and when it was."""
    probe = a_result(
        started_at=1000.0,
        dns=0.01,
        connect=0.03,
        request_sent=0.1,
        connection=Connection(certificate_expiry=2e9),
        limits=Limits(requests_limit=60, requests_remaining=0),
    )
    values = shown(MonitoredEndpoint(QWEN), Last(1001.5, 1001.5, probe))
    phases = {name: values.pop(name) for name in list(values) if name.startswith("ai_probe_phase")}
    assert values == {
        "aimon_endpoint_info": 1,
        "ai_probe_success": 1,
        "ai_probe_outcome_info{ok,none}": 1,
        "ai_probe_http_status_code": 200,
        "ai_probe_last_run_timestamp_seconds": 1001.5,
        "ai_probe_last_success_timestamp_seconds": 1001.5,
        "ai_probe_ssl_earliest_cert_expiry": 2e9,
        "ai_api_rate_limit_limit{requests}": 60,
        "ai_api_rate_limit_remaining{requests}": 0,
    }
    assert phases == pytest.approx(
        {
            "ai_probe_phase_seconds{resolve}": 0.01,
            "ai_probe_phase_seconds{connect}": 0.02,
            "ai_probe_phase_seconds{send}": 0.07,
            "ai_probe_phase_seconds{wait}": 0.2,
            "ai_probe_phase_seconds{first_token}": 0.1,
            "ai_probe_phase_seconds{transfer}": 1.1,
        }
    )


def test_an_endpoint_that_never_succeeded_says_so() -> None:
    """Its last success is at 0, so that a rule on its age holds; without an answer the status is 0."""
    probe = a_result(Outcome.CONNECT, status_code=None, headers=None)
    values = shown(MonitoredEndpoint(QWEN), Last(5.0, None, probe))
    assert values["ai_probe_success"] == 0
    assert values["ai_probe_http_status_code"] == 0
    assert values["ai_probe_last_success_timestamp_seconds"] == 0


def test_windows_show_what_they_have() -> None:
    """20 successes and 5 failures: P95 but no P99."""
    samples = [Sample(i, "ok", i / 10, i / 100) for i in range(1, 21)]
    samples += [Sample(i, "dns", 9, None) for i in range(5)]
    values = shown(MonitoredEndpoint(QWEN), Last(), [summarise(samples, 3600.0, 100.0)])
    assert values == {
        "aimon_endpoint_info": 1,
        "ai_probe_window_samples{1h}": 25,
        "ai_probe_availability_ratio{1h}": 0.8,
        "ai_probe_latency_quantile_seconds{1h,0.5}": 1.0,
        "ai_probe_latency_quantile_seconds{1h,0.95}": 1.9,
        "ai_probe_ttft_quantile_seconds{1h,0.5}": 0.1,
        "ai_probe_ttft_quantile_seconds{1h,0.95}": 0.19,
    }


def test_a_budget_is_shown_as_the_part_spent() -> None:
    """The spent share of a budget is shown if there is a budget and the spending is known."""
    name = definitions.PROBE_BUDGET_SPENT
    assert shown(MonitoredEndpoint(QWEN, daily_budget=5), Last(), spent=1.25)[name] == 0.25
    assert name not in shown(MonitoredEndpoint(QWEN, daily_budget=5), Last())
    assert name not in shown(MonitoredEndpoint(QWEN), Last(), spent=1.25)


def test_a_budget_that_no_price_can_spend() -> None:
    """It is told that there is one, and no share of it, until a call turns out to have a price after all."""
    monitored = MonitoredEndpoint(QWEN, currency="CNY", priced=False, daily_budget=5)
    unknown = shown(monitored, Last(), spent=0.0)
    assert definitions.PROBE_BUDGET_SPENT not in unknown
    assert unknown[definitions.PROBE_DAILY_BUDGET] == 5
    assert shown(monitored, Last(), spent=1.25)[definitions.PROBE_BUDGET_SPENT] == 0.25


@pytest.mark.parametrize("outcome", [each for each in Outcome if each.fault is not Fault.PROBER])
def test_whose_fault_the_last_probe_was(outcome: Outcome) -> None:
    """Its outcome and fault are labels of a gauge that alerts can leave out the account's faults by."""
    values = shown(MonitoredEndpoint(QWEN), Last(1.0, None, a_result(outcome)))
    assert values[f"ai_probe_outcome_info{{{outcome},{outcome.fault or 'none'}}}"] == 1


def test_the_latest_goes_on_from_what_was_known() -> None:
    """A failure keeps the last success; a skipped probe keeps the last one that was made."""
    before = Last(success_at=50.0)
    failed = a_result(Outcome.OVERLOADED, started_at=100.0)
    skipped = a_result(Outcome.BUDGET_SKIPPED, started_at=200.0, end=0.0)
    assert last_of([failed, skipped], before, 1000.0) == Last(200.0, 50.0, failed)
    good = a_result(started_at=300.0)
    assert last_of([good], Last(200.0, 50.0, failed), 1000.0) == Last(301.5, 301.5, good)


def test_a_time_ahead_of_now_is_not_believed() -> None:
    """What came last is the latest; a last success that can't be is not known, and none is after now."""
    good, failed = a_result(started_at=9000.0), a_result(Outcome.OVERLOADED, started_at=100.0)
    ahead = last_of([good], Last(), 9002.0)
    assert ahead == Last(9001.5, 9001.5, good)
    assert last_of([failed], ahead, 102.0) == Last(101.5, None, failed)
    assert last_of([good], Last(), 102.0) == Last(102.0, 102.0, good)
