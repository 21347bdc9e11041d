"""The guide's four alerts, under its names, with its thresholds, waits and severities, and queries that work.

docs/from-the-guide.md has the guide's own queries, what they do, and why these are what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aimon.dashboards.rules.document import Alert, Group, Text
from aimon.dashboards.rules.promql import (
    NOT_LOADTEST,
    NOT_THE_PROVIDERS,
    SUCCEEDED,
    cost_increase,
    increase,
    quantile,
    slower,
)
from aimon.metrics.definitions import DURATION, INPUT_TOKENS, REQUESTS

if TYPE_CHECKING:
    from aimon.dashboards.rules.thresholds import Thresholds

GROUP: Final = "ai_api_alerts"
# Counters are whole, increase() is not: it extrapolates to the edges of its window.
_THREE: Final = "2.5"


def group(limits: Thresholds, currency: str) -> Group:
    """All four."""
    return Group(GROUP, (_error_rate(limits), _daily_cost(limits, currency), _latency(limits), _token_spike(limits)))


def _error_rate(limits: Thresholds) -> Alert:
    # Applications have no outcome: then every error counts.
    counted = f'outcome!~"{NOT_THE_PROVIDERS}"'
    errors = increase(REQUESTS, "5m", 'status="error"', counted)
    return Alert(
        "HighAPIErrorRate",
        f"{errors}\n  / {increase(REQUESTS, '5m', counted)} > {limits.error_ratio:g}\nand {errors} >= {_THREE}",
        "critical",
        Text(
            "{{ $labels.endpoint }}: {{ $value | humanizePercentage }} of the calls fail",
            "At least three calls of {{ $labels.endpoint }} ({{ $labels.model }}) failed in five minutes, "
            "{{ $value | humanizePercentage }} of all. Counted are faults of network and provider; refusals for the "
            "account's or the configuration's sake (401, 403, 404, 429, quota, bad requests) have alerts of their own.",
        ),
        Text(
            "{{ $labels.endpoint }}: {{ $value | humanizePercentage }} 的调用失败",
            "{{ $labels.endpoint }}（{{ $labels.model }}）五分钟内至少三次调用失败，"
            "错误率 {{ $value | humanizePercentage }}。仅统计网络与服务商故障；因账户或配置被拒绝的调用"
            "（401、403、404、429、额度、错误请求）另有告警。",
        ),
        "2m",
    )


def _daily_cost(limits: Thresholds, currency: str) -> Alert:
    # The sum of all models is what is paid; load tests are included: their money is spent too.
    return Alert(
        "HighDailyCost",
        f"sum ({cost_increase(currency, '24h')}) > {limits.daily_cost:g}",
        "warning",
        Text(
            f'{{{{ $value | printf "%.2f" }}}} {currency} spent in 24 hours',
            f"All AI calls together cost more than {limits.daily_cost:g} {currency} in the last 24 hours, calls "
            "without a known price not included.",
        ),
        Text(
            f'24 小时内已花费 {{{{ $value | printf "%.2f" }}}} {currency}',
            f"最近 24 小时全部 AI 调用的费用超过 {limits.daily_cost:g} {currency}，不含价格未知的调用。",
        ),
        "1m",
        labels={"currency": currency},
    )


def _latency(limits: Thresholds) -> Alert:
    return Alert(
        "HighAPILatency",
        f"{quantile(0.99, DURATION, '5m', SUCCEEDED)} > {limits.latency_p99:g}\n"
        f"and {slower(DURATION, limits.latency_p99, '5m', SUCCEEDED)} >= {_THREE}",
        "warning",
        Text(
            "{{ $labels.endpoint }}: P99 latency is {{ $value | humanizeDuration }}",
            f"At least three successful calls of {{{{ $labels.endpoint }}}} ({{{{ $labels.model }}}}) took longer than "
            f"{limits.latency_p99:g} s in five minutes.",
        ),
        Text(
            "{{ $labels.endpoint }}: P99 延迟 {{ $value | humanizeDuration }}",
            f"{{{{ $labels.endpoint }}}}（{{{{ $labels.model }}}}）五分钟内至少三次成功调用耗时超过 "
            f"{limits.latency_p99:g} 秒。",
        ),
        "5m",
    )


def _token_spike(limits: Thresholds) -> Alert:
    # By model, over all who use it: that is how providers limit.
    return Alert(
        "TokenSpike",
        f"60 * sum by (model) (rate({INPUT_TOKENS}{{{NOT_LOADTEST}}}[2m])) > {limits.tokens_per_minute:.0f}",
        "critical",
        Text(
            "{{ $labels.model }}: {{ $value | humanize }} input tokens a minute",
            f"{{{{ $labels.model }}}} is sent more than {limits.tokens_per_minute:,.0f} input tokens a minute: this "
            "may be abuse, such as a leaked key or a loop. Load tests are not counted.",
        ),
        Text(
            "{{ $labels.model }}: 每分钟输入 {{ $value | humanize }} token",
            f"{{{{ $labels.model }}}} 每分钟输入超过 {limits.tokens_per_minute:,.0f} token：可能存在滥用，"
            "例如密钥泄露或死循环。不含压测。",
        ),
        "1m",
    )
