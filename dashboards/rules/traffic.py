"""Alerts on how calls go, beside the guide's four. They hold for probes and for applications alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.dashboards.rules.document import Alert, Text
from aimon.dashboards.rules.promql import NOT_JUDGED, cost_increase, increase, outcomes, per_second, quantile, slower
from aimon.metrics.definitions import REQUESTS, TTFT

if TYPE_CHECKING:
    from aimon.dashboards.rules.thresholds import Thresholds

# Counters are whole, increase() is not: it extrapolates to the edges of its window.
_THREE = "2.5"
_TWO = "1.5"


def alerts(limits: Thresholds, currency: str) -> tuple[Alert, ...]:
    """All of them."""
    return (
        _cost(limits, currency),
        _first_token(limits),
        _qps(limits),
        _rate_limited(limits),
        *_account(),
        _canary(),
    )


def _cost(limits: Thresholds, currency: str) -> Alert:
    return Alert(
        "AIDailyCostVeryHigh",
        f"sum ({cost_increase(currency, '24h')}) > {limits.daily_cost_critical:g}",
        "critical",
        Text(
            f'{{{{ $value | printf "%.2f" }}}} {currency} spent in 24 hours',
            f"All AI calls together cost more than {limits.daily_cost_critical:g} {currency} in the last 24 hours, "
            "calls without a known price not included.",
        ),
        Text(
            f'24 小时内已花费 {{{{ $value | printf "%.2f" }}}} {currency}',
            f"最近 24 小时全部 AI 调用的费用超过 {limits.daily_cost_critical:g} {currency}，不含价格未知的调用。",
        ),
        labels={"currency": currency},
    )


def _first_token(limits: Thresholds) -> Alert:
    return Alert(
        "AISlowFirstToken",
        f"{quantile(0.95, TTFT, '15m')} > {limits.ttft_p95:g}\nand {slower(TTFT, limits.ttft_p95, '15m')} >= {_THREE}",
        "warning",
        Text(
            "{{ $labels.endpoint }}: P95 time to first token is {{ $value | humanizeDuration }}",
            f"At least three calls of {{{{ $labels.endpoint }}}} ({{{{ $labels.model }}}}) waited longer than "
            f"{limits.ttft_p95:g} s for their first token in a quarter of an hour.",
        ),
        Text(
            "{{ $labels.endpoint }}: P95 首字延迟 {{ $value | humanizeDuration }}",
            f"{{{{ $labels.endpoint }}}}（{{{{ $labels.model }}}}）十五分钟内至少三次调用的首字延迟超过 "
            f"{limits.ttft_p95:g} 秒。",
        ),
        "1m",
    )


def _qps(limits: Thresholds) -> Alert:
    return Alert(
        "AIHighQPS",
        f"{per_second(REQUESTS, '5m')} > {limits.qps:g}",
        "info",
        Text(
            "{{ $labels.endpoint }}: {{ $value | humanize }} requests a second",
            f"{{{{ $labels.endpoint }}}} ({{{{ $labels.model }}}}) gets more than {limits.qps:g} requests a second.",
        ),
        Text(
            "{{ $labels.endpoint }}: 每秒 {{ $value | humanize }} 次请求",
            f"{{{{ $labels.endpoint }}}}（{{{{ $labels.model }}}}）每秒请求数超过 {limits.qps:g}。",
        ),
        "1m",
    )


def _rate_limited(limits: Thresholds) -> Alert:
    refused = 'outcome="rate_limited"'
    few, made = increase(REQUESTS, "15m", refused), increase(REQUESTS, "15m", f'outcome!~"{NOT_JUDGED}"')
    # Probes are too few to be refused ten times a minute: it is enough that most of them are.
    return Alert(
        "AIRateLimited",
        f"60 * {per_second(REQUESTS, '5m', refused)} > {limits.rate_limited_per_minute:g}\n"
        f"or {few} / 15\nand {few}\n  / {made} > 0.5\nand {few} >= {_THREE}",
        "warning",
        Text(
            "{{ $labels.endpoint }}: {{ $value | humanize }} answers of 429 a minute",
            "The provider of {{ $labels.endpoint }} ({{ $labels.model }}) turns calls away, more than "
            f"{limits.rate_limited_per_minute:g} a minute or most of them: the account's rate limit is reached.",
        ),
        Text(
            "{{ $labels.endpoint }}: 每分钟 {{ $value | humanize }} 次 429",
            "{{ $labels.endpoint }}（{{ $labels.model }}）的服务商正在限流，"
            f"每分钟超过 {limits.rate_limited_per_minute:g} 次或大部分调用被拒绝：已达到账户的速率上限。",
        ),
    )


def _account() -> tuple[Alert, ...]:
    return (
        Alert(
            "AIUnauthorized",
            f"{outcomes('unauthorized', '10m')} > 0",
            "critical",
            Text(
                "{{ $labels.endpoint }}: the API key is refused (401)",
                "The provider of {{ $labels.endpoint }} ({{ $labels.model }}) does not take the key: revoked, "
                "expired, mistyped, or meant for another endpoint.",
            ),
            Text(
                "{{ $labels.endpoint }}: API 密钥被拒绝（401）",
                "{{ $labels.endpoint }}（{{ $labels.model }}）的服务商不接受该密钥："
                "已吊销、过期、写错，或属于其他端点。",
            ),
        ),
        Alert(
            "AIQuotaExhausted",
            f"{outcomes('quota_exhausted', '10m')} > 0",
            "critical",
            Text(
                "{{ $labels.endpoint }}: quota or credit is used up",
                "The provider of {{ $labels.endpoint }} ({{ $labels.model }}) refuses calls for want of quota or "
                "credit; waiting does not help.",
            ),
            Text(
                "{{ $labels.endpoint }}: 额度或余额已用尽",
                "{{ $labels.endpoint }}（{{ $labels.model }}）的服务商因额度或余额不足拒绝调用；等待无济于事。",
            ),
        ),
        Alert(
            "AIRequestRejected",
            f"{outcomes('forbidden|model_not_found|bad_request', '30m')} >= {_TWO}",
            "warning",
            Text(
                "{{ $labels.endpoint }}: the provider rejects what is asked",
                "{{ $labels.endpoint }} ({{ $labels.model }}) answers 403, 404 or another 4xx: the model may be "
                "retired, the region not supported, or a parameter no longer taken.",
            ),
            Text(
                "{{ $labels.endpoint }}: 服务商拒绝请求",
                "{{ $labels.endpoint }}（{{ $labels.model }}）返回 403、404 或其他 4xx："
                "模型可能已下线、地区不受支持，或参数不再被接受。",
            ),
        ),
    )


def _canary() -> Alert:
    return Alert(
        "AICanaryWrong",
        f"{outcomes('answer_mismatch', '30m')} >= {_TWO}",
        "warning",
        Text(
            "{{ $labels.endpoint }}: answers are wrong",
            "{{ $labels.endpoint }} ({{ $labels.model }}) answered a question with a known answer wrongly, at least "
            "twice in half an hour.",
        ),
        Text(
            "{{ $labels.endpoint }}: 回答错误",
            "{{ $labels.endpoint }}（{{ $labels.model }}）半小时内至少两次答错了已知答案的问题。",
        ),
    )
