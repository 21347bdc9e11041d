"""Cases for the alerts on the last probe and on the probing itself. promtool's clock begins at 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promtool import Case, at_minutes, constant, rising, series

if TYPE_CHECKING:
    from collections.abc import Callable

CRITICAL = {"severity": "critical", "endpoint": "e", "model": "m"}
WARNING = {"severity": "warning", "endpoint": "e", "model": "m"}
INFO = {"severity": "info", "endpoint": "e", "model": "m"}
DAY = 86400

RUN = series("ai_probe_last_run_timestamp_seconds")
WELL = series("ai_probe_success")
SUCCESS = series("ai_probe_last_success_timestamp_seconds")
INTERVAL = {series("ai_probe_interval_seconds"): constant(60)}
MAINTENANCE = series("ai_probe_maintenance")


def until(stop: float) -> Callable[[float], float]:
    """The time, in seconds, up to a minute."""
    return lambda minute: 60 * min(minute, stop)


def step(before: float, after: float, when: float) -> Callable[[float], float]:
    """A gauge that changes at a minute."""
    return lambda minute: before if minute < when else after


def _down(story: str, fires: bool, success: Callable[[float], float], last: float, at: float = 60) -> Case:
    return Case("AIEndpointDown", story, {WELL: success, SUCCESS: until(last), **INTERVAL}, fires, CRITICAL, at)


def _failing(outcome: str, fault: str, fires: bool, model: str = "m") -> Case:
    why = {series("ai_probe_outcome_info", outcome=outcome, fault=fault, model=model): constant(1)}
    gauges = {WELL: constant(0), SUCCESS: until(30), **INTERVAL, **why}
    return Case("AIEndpointDown", f"{outcome}, a fault of the {fault}", gauges, fires, CRITICAL)


DOWN = [
    _down("down since minute 30", True, step(1, 0, 30), 30, 36),
    _down("not yet for three intervals and a minute", False, step(1, 0, 30), 30, 34),
    _down("two failures", False, step(1, 0, 57.2), 57.2),
    _down("well", False, constant(1), 60),
    _down("well again, the timestamp is old", False, constant(1), 30),
    _failing("server_error", "provider", True),
    _failing("connect", "network", True),
    _failing("unauthorized", "account", False),
    _failing("model_not_found", "config", False),
    _failing("forbidden", "account", True, "another"),
]


def _unpriced(
    story: str, fires: bool, without: Any, priced: Any, job: str = "aimon-probe", budget: float | None = 5
) -> Case:
    counters = {series("ai_api_unpriced_calls_total", job): without, series("ai_api_priced_calls_total", job): priced}
    gauges = {} if budget is None else {series("ai_probe_daily_budget", job): constant(budget)}
    return Case("AICostUnknown", story, counters | gauges, fires, WARNING, 700, (240, 388), 5)


UNPRICED = [
    _unpriced("no call has a price", True, rising(1), constant(0)),
    _unpriced("two in three hours", True, at_minutes(550, 640), constant(0)),
    _unpriced("one in three hours", False, at_minutes(600), constant(0)),
    _unpriced("some lack token counts", False, rising(1), rising(1)),
    _unpriced("it has a price by now", False, rising(1), at_minutes(600)),
    _unpriced("it had a price once", True, rising(1), rising(1, 0, 400)),
    _unpriced("long ago", False, rising(1, 0, 500), constant(0)),
    _unpriced("budget: none", False, rising(1), constant(0), budget=None),
    _unpriced("a load test", False, rising(1), constant(0), "aimon-loadtest"),
]


def _certificate(alert: str, labels: dict[str, str], days: float) -> list[Case]:
    def case(story: str, fires: bool, left: float, at: float = 60) -> Case:
        return Case(alert, story, {series("ai_probe_ssl_earliest_cert_expiry"): constant(left)}, fires, labels, at)

    return [
        case("0.7 of the limit is left", True, 0.7 * days * DAY),
        case("it has expired", True, 600),
        case("1.6 times the limit is left", False, 1.6 * days * DAY),
        case("since a moment ago", False, days * DAY + 50 * 60, 53),
        case("for a while", True, days * DAY + 50 * 60, 58),
    ]


def _budget(alert: str, labels: dict[str, str], **fires: tuple[float, bool]) -> list[Case]:
    spent = series("ai_probe_budget_spent_ratio")
    return [Case(alert, story, {spent: constant(value)}, is_, labels) for story, (value, is_) in fires.items()]


LEFT = series("ai_account_balance_remaining_seconds", provider="deepseek", account="e", currency="CNY")
IN_YUAN = {**WARNING, "currency": "CNY"}
BALANCE = [
    Case("AIBalanceLow", "five days", {LEFT: constant(5 * DAY)}, True, IN_YUAN),
    Case("AIBalanceLow", "eleven days", {LEFT: constant(11 * DAY)}, False, IN_YUAN),
    Case("AIBalanceLow", "nothing", {LEFT: constant(0)}, True, IN_YUAN),
    Case("AIBalanceLow", "since a moment ago", {LEFT: step(9 * DAY, 6 * DAY, 50)}, False, IN_YUAN, 60),
    Case("AIBalanceLow", "for a while", {LEFT: step(9 * DAY, 6 * DAY, 50)}, True, IN_YUAN, 68),
]

BEATS = series("aimon_heartbeat_up", heartbeat="nightly")
SILENT = WARNING
HEARTBEATS = [
    Case("AIHeartbeatSilent", "reports in time", {BEATS: constant(1)}, False, SILENT),
    Case("AIHeartbeatSilent", "for a while", {BEATS: step(1, 0, 50)}, True, SILENT, 53),
    Case("AIHeartbeatSilent", "since a moment ago", {BEATS: step(1, 0, 50)}, False, SILENT, 51),
    Case("AIHeartbeatSilent", "again", {BEATS: step(0, 1, 50)}, False, SILENT, 51),
]

PROBER = [
    Case("AIProberStopped", "since minute 30", {RUN: until(30), **INTERVAL}, True, CRITICAL, 36),
    Case("AIProberStopped", "not yet", {RUN: until(30), **INTERVAL}, False, CRITICAL, 34),
    Case("AIProberStopped", "two intervals", {RUN: until(57.2), **INTERVAL}, False, CRITICAL),
    Case("AIProberStopped", "in maintenance", {RUN: until(30), **INTERVAL, MAINTENANCE: constant(1)}, False, CRITICAL),
    Case("AIProberStopped", "no more", {RUN: until(30), **INTERVAL, MAINTENANCE: constant(0)}, True, CRITICAL, 36),
    Case("AIProberStopped", "runs", {RUN: until(60), **INTERVAL}, False, CRITICAL),
]


def _jumped(minute: float) -> float:
    """The time, by a clock that is eight hours ahead from minute 30 on."""
    return 60 * (minute + (480 if minute >= 30 else 0))


PROBER += [
    Case("AIProberClockAhead", "since a moment ago", {RUN: _jumped}, False, WARNING, 31),
    Case("AIProberClockAhead", "for three minutes", {RUN: _jumped}, True, WARNING, 33),
    Case("AIProberClockAhead", "under two minutes", {RUN: lambda m: 60 * m + 118}, True, WARNING, steps=(60,)),
    Case("AIProberClockAhead", "eight hours", {RUN: lambda m: 60 * (m + 480)}, True, WARNING),
    Case("AIProberClockAhead", "was set right", {RUN: lambda m: 60 * (m + (480 if m < 30 else 0))}, False, WARNING),
    Case("AIProberClockAhead", "under a minute", {RUN: lambda m: 60 * m + 50}, False, WARNING),
    Case("AIProberClockAhead", "behind", {RUN: lambda m: 60 * (m - 480)}, False, WARNING),
]

GONE = {"severity": "critical"}
MISSING = [
    Case("AIProbesMissing", "probes", {RUN: until(90)}, False, GONE),
    Case("AIProbesMissing", "gone a moment", {RUN: lambda m: m if m < 30 else None}, False, GONE, 42),
    Case("AIProbesMissing", "gone", {RUN: lambda m: m if m < 30 else None}, True, GONE, 52),
    Case("AIProbesMissing", "never any", {WELL: constant(1)}, True, GONE),
]


def _push(story: str, fires: bool, failed: Callable[[float], float], at: float = 60, job: str = "aimon-probe") -> Case:
    pushed = {series("push_time_seconds", job): constant(1000), series("push_failure_time_seconds", job): failed}
    return Case("AIPushFailing", story, pushed, fires, WARNING, at)


UP = 'up{job="pushgateway", instance="gateway:9091"}'
PUSHING = [
    _push("the last push failed", True, constant(2000)),
    _push("none failed", False, constant(0)),
    _push("one failed before", False, constant(900)),
    _push("somebody else's", False, constant(2000), job="backup"),
    _push("a moment ago", False, step(0, 3000, 50), 50),
    _push("and not again since", True, step(0, 3000, 50), 53),
    Case("AIPushgatewayDown", "down", {UP: constant(0)}, True, GONE),
    Case("AIPushgatewayDown", "up", {UP: constant(1)}, False, GONE),
    Case("AIPushgatewayDown", "a moment", {UP: step(1, 0, 50)}, False, GONE, 51),
    Case("AIPushgatewayDown", "longer", {UP: step(1, 0, 50)}, True, GONE, 54),
    Case("AIPushgatewayDown", "another", {'up{job="node", instance="n"}': constant(0)}, False, GONE),
    Case("Watchdog", "always", {UP: constant(1)}, True, {"severity": "none"}),
]

CASES = [
    *DOWN,
    *UNPRICED,
    *_certificate("AICertificateExpiring", WARNING, 14),
    *_certificate("AICertificateExpiringSoon", CRITICAL, 3),
    *_budget("AIProbeBudgetNearlySpent", INFO, much=(0.9, True), little=(0.5, False), all=(1.2, False)),
    *_budget("AIProbeBudgetSpent", WARNING, all=(1.2, True), much=(0.7, False)),
    *BALANCE,
    *HEARTBEATS,
    *PROBER,
    *MISSING,
    *PUSHING,
]
