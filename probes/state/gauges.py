"""The gauges of an endpoint: its last probe, its windows, its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.outcome import Fault, Outcome
from aimon.metrics import definitions
from aimon.metrics.totals import Gauges
from aimon.probes.history.history import Last
from aimon.probes.history.windows import WINDOWS, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.call.result import Result
    from aimon.probes.state.monitored import MonitoredEndpoint

_WINDOW_NAMES = {seconds: name for name, seconds in WINDOWS.items()}


def endpoint_gauges(
    monitored: MonitoredEndpoint, last: Last, windows: Iterable[Window] = (), spent: float | None = None
) -> Gauges:
    """All gauges of one endpoint.

    Args:
        monitored: the endpoint.
        last: its last probe and last success.
        windows: its figures in the standard windows.
        spent: the cost of its probes since 00:00 UTC; None if unknown.
    """
    gauges = Gauges()
    labels = monitored.identity.labels
    gauges.set(definitions.ENDPOINT_INFO, 1, **labels, **monitored.labels)
    if monitored.interval is not None:
        gauges.set(definitions.PROBE_INTERVAL, monitored.interval, **labels)
    if monitored.daily_budget:
        gauges.set(definitions.PROBE_DAILY_BUDGET, monitored.daily_budget, **labels)
        # With an unknown price, an unspent budget is not a share of 0.
        if spent is not None and (spent or monitored.priced):
            gauges.set(definitions.PROBE_BUDGET_SPENT, spent / monitored.daily_budget, **labels)
    if last.run_at is not None:
        gauges.set(definitions.PROBE_LAST_RUN, last.run_at, **labels)
        # 0, not absent: "no success for an hour" must also match an endpoint that never succeeded.
        gauges.set(definitions.PROBE_LAST_SUCCESS, last.success_at or 0, **labels)
    if last.probe is not None:
        _last_probe(gauges, labels, last.probe)
    gauges.update(window_gauges(labels, windows))
    return gauges


def window_gauges(labels: dict[str, str], windows: Iterable[Window]) -> Gauges:
    """The gauges of an endpoint's standard windows."""
    gauges = Gauges()
    for window in windows:
        _window(gauges, labels, window)
    return gauges


def last_of(results: Iterable[Result], before: Last, now: float) -> Last:
    """The last probe and success of an endpoint after these results.

    As in the history: the result recorded last is the last probe, and a time in the future is rejected.

    Args:
        results: in the order in which they were recorded.
        before: the last probe and success before them.
        now: unix time.
    """
    run_at, success_at, probe = before
    run_at, success_at = believed(run_at, now), believed(success_at, now)
    for result in results:
        ended = min(result.started_at + result.end, now)
        run_at = max(run_at or 0.0, ended)
        if result.outcome is Outcome.OK:
            success_at = max(success_at or 0.0, ended)
        if result.fault is not Fault.PROBER:
            probe = result
    return Last(run_at, success_at, probe)


def believed(at: float | None, now: float) -> float | None:
    """A stored time, or None if it is in the future: the clock was wrong then, or is wrong now."""
    return None if at is None or at > now else at


def _last_probe(gauges: Gauges, labels: dict[str, str], probe: Result) -> None:
    gauges.set(definitions.PROBE_SUCCESS, float(probe.outcome is Outcome.OK), **labels)
    fault = "none" if probe.fault is None else probe.fault.value
    gauges.set(definitions.PROBE_OUTCOME_INFO, 1, **labels, outcome=probe.outcome.value, fault=fault)
    gauges.set(definitions.PROBE_STATUS_CODE, probe.status_code or 0, **labels)
    for phase, seconds in probe.phases.items():
        if seconds is not None:
            gauges.set(definitions.PROBE_PHASE, seconds, **labels, phase=phase)
    if probe.connection is not None and probe.connection.certificate_expiry is not None:
        gauges.set(definitions.PROBE_CERTIFICATE_EXPIRY, probe.connection.certificate_expiry, **labels)
    if (limits := probe.limits) is None:
        return
    for name, kind, value in (
        (definitions.RATE_LIMIT, "requests", limits.requests_limit),
        (definitions.RATE_LIMIT, "tokens", limits.tokens_limit),
        (definitions.RATE_LIMIT_REMAINING, "requests", limits.requests_remaining),
        (definitions.RATE_LIMIT_REMAINING, "tokens", limits.tokens_remaining),
    ):
        if value is not None:
            gauges.set(name, value, **labels, kind=kind)


def _window(gauges: Gauges, labels: dict[str, str], window: Window) -> None:
    name = _WINDOW_NAMES[window.seconds]
    gauges.set(definitions.PROBE_WINDOW_SAMPLES, window.counted, **labels, window=name)
    if window.availability is not None:
        gauges.set(definitions.PROBE_AVAILABILITY, window.availability, **labels, window=name)
    for family, quantiles in (
        (definitions.PROBE_LATENCY_QUANTILE, window.latency),
        (definitions.PROBE_TTFT_QUANTILE, window.ttft),
    ):
        for q, seconds in quantiles.items():
            gauges.set(family, seconds, **labels, window=name, quantile=str(q))
