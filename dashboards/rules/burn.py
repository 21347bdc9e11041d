"""Service level objectives as burn-rate alerts with two windows each, fit for probes that are few.

The factors and windows are those of Google's SRE workbook, chapter 5 ("Alerting on SLOs", table 5-8). With one call a
minute and an objective of 99.9 % a single failure burns fast enough to page, so each alert also wants three failures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aimon.dashboards.rules.document import Alert, Group, Recording, Severity, Text
from aimon.dashboards.rules.promql import equals, increase, slower
from aimon.dashboards.rules.recording import WINDOWS
from aimon.metrics.definitions import DURATION, TPOT, TTFT
from aimon.quantities import ratio_text, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.config import LatencyObjective

# Three, less what increase() may lose at the edges of its window.
AT_LEAST_THREE = "2.5"
CALLS_IN_A_SHORT_WINDOW = 3

_HISTOGRAM = {"latency": (DURATION, 'status="success"'), "ttft": (TTFT,), "tpot": (TPOT,)}
_MEASURE_ZH = {"latency": "总耗时", "ttft": "首字延迟", "tpot": "每 token 耗时"}


class Burn(NamedTuple):
    """The budget burns `factor` times as fast as it may, over the long and still over the short window."""

    factor: float
    long: str
    short: str
    severity: Severity


BURNS = (
    Burn(14.4, "1h", "5m", "critical"),
    Burn(6, "6h", "30m", "critical"),
    Burn(3, "1d", "2h", "warning"),
    Burn(1, "3d", "6h", "warning"),
)


def availability(objective: float, *, endpoint: str | None = None, interval: float = 60.0) -> tuple[Alert, ...]:
    """Alerts on an availability objective (0.995), of one endpoint or of each."""
    en = Text(
        "{{ $labels.endpoint }}: FACTOR× its failure budget over WINDOW",
        "{{ $value | humanizePercentage }} of the calls of {{ $labels.endpoint }} ({{ $labels.model }}) failed over "
        f"WINDOW, and failures go on; the objective is {ratio_text(objective)}.",
    )
    zh = Text(
        "{{ $labels.endpoint }}: WINDOW 内故障预算消耗速度为 FACTOR 倍",
        "{{ $labels.endpoint }}（{{ $labels.model }}）在 WINDOW 内有 {{ $value | humanizePercentage }} 的调用失败，"
        f"且仍在持续；目标可用率为 {ratio_text(objective)}。",
    )
    labels = _labels(None, endpoint)
    return _alerts("AIAvailabilityBurn", "endpoint:ai_failures", labels, 1 - objective, interval, en, zh)


def slow_calls(objective: LatencyObjective, *, endpoint: str | None = None) -> Group:
    """Records how many calls missed a latency objective, over each window."""
    histogram, *matchers = _HISTOGRAM[objective.measure]
    if endpoint is not None:
        matchers.append(equals("endpoint", endpoint))
    labels = _labels(objective, endpoint)
    own = _selector(labels)
    rules: list[Recording] = []
    for window in WINDOWS:
        calls, slow = f"endpoint:ai_timed_calls:increase{window}", f"endpoint:ai_slow_calls:increase{window}"
        rules += [
            Recording(calls, increase(f"{histogram}_count", window, *matchers), labels),
            Recording(slow, slower(histogram, objective.threshold, window, *matchers), labels),
            Recording(f"endpoint:ai_slow_calls:ratio{window}", f"{slow}{own} / ({calls}{own} > 0)", labels),
        ]
    name = f"aimon-slow-{objective.measure}-{objective.quantile:g}"
    return Group(name if endpoint is None else f"{name}-{endpoint}", tuple(rules))


def latency(objective: LatencyObjective, *, endpoint: str | None = None, interval: float = 60.0) -> tuple[Alert, ...]:
    """Alerts on a latency objective, from what `slow_calls` records."""
    promise = f"{objective.quantile:.1%} within {objective.threshold:g} s"
    en = Text(
        f"{{{{ $labels.endpoint }}}}: {objective.measure} uses FACTOR× its budget over WINDOW",
        f"{{{{ $value | humanizePercentage }}}} of the calls of {{{{ $labels.endpoint }}}} "
        f"({{{{ $labels.model }}}}) missed the {objective.measure} objective ({promise}) over WINDOW.",
    )
    zh = Text(
        f"{{{{ $labels.endpoint }}}}: WINDOW 内{_MEASURE_ZH[objective.measure]}预算消耗速度为 FACTOR 倍",
        f"{{{{ $labels.endpoint }}}}（{{{{ $labels.model }}}}）在 WINDOW 内有 {{{{ $value | humanizePercentage }}}} "
        f"的调用未达到{_MEASURE_ZH[objective.measure]}目标"
        f"（{objective.quantile:.1%} 不超过 {objective.threshold:g} 秒）。",
    )
    labels = _labels(objective, endpoint)
    return _alerts("AILatencyBurn", "endpoint:ai_slow_calls", labels, 1 - objective.quantile, interval, en, zh)


def _labels(objective: LatencyObjective | None, endpoint: str | None) -> dict[str, str]:
    """What tells an objective's series and alerts from those of others; Prometheus' lint wants it to be written."""
    own = {} if objective is None else {"measure": objective.measure, "quantile": f"{objective.quantile:g}"}
    return own if endpoint is None else {**own, "endpoint": endpoint}


def _selector(labels: Mapping[str, str]) -> str:
    return f"{{{', '.join(equals(*label) for label in labels.items())}}}" if labels else ""


def _alerts(
    name: str, series: str, labels: Mapping[str, str], budget: float, interval: float, en: Text, zh: Text
) -> tuple[Alert, ...]:
    alerts = []
    selector = _selector(labels)
    for burn in BURNS:
        limit = round(burn.factor * budget, 9)
        if limit >= 1:
            # More than all calls would have to fail: such an alert could never fire.
            continue
        short = _short_window(burn.short, burn.long, interval)
        if short is None:
            continue
        expr = (
            f"{series}:ratio{burn.long}{selector} > {limit:g}\n"
            f"and {series}:ratio{short}{selector} > {limit:g}\n"
            f"and {series}:increase{burn.long}{selector} >= {AT_LEAST_THREE}"
        )
        alerts.append(
            Alert(
                name,
                expr,
                burn.severity,
                _filled(en, burn),
                _filled(zh, burn),
                labels={"window": burn.long, **labels},
            )
        )
    return tuple(alerts)


def _filled(text: Text, burn: Burn) -> Text:
    """The text with its two placeholders filled; percent signs and braces in it are Prometheus' own."""
    return Text(*(part.replace("FACTOR", f"{burn.factor:g}").replace("WINDOW", burn.long) for part in text))


def _short_window(nominal: str, long: str, interval: float) -> str | None:
    """The shortest window, from the nominal one on, that holds three calls; None if none is shorter than the long."""
    candidates = WINDOWS[WINDOWS.index(nominal) : WINDOWS.index(long)]
    return next((w for w in candidates if seconds(w) >= CALLS_IN_A_SHORT_WINDOW * interval), None)
