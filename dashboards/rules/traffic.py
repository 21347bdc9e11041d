"""Alerts on how calls go: errors, latency, rates, money. They hold for probes and for applications alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.dashboards.rules.document import Alert, Text
from aimon.dashboards.rules.promql import NOT_MADE, increase, outcomes, per_second, quantile, slower
from aimon.metrics.definitions import DURATION, INPUT_TOKENS, OUTPUT_TOKENS, REQUESTS, TTFT, cost_family

if TYPE_CHECKING:
    from aimon.dashboards.rules.thresholds import Thresholds

_WELL = 'status="success"'
# Counters are whole, increase() is not: it extrapolates to the edges of its window.
_THREE = "2.5"
_TWO = "1.5"


def alerts(limits: Thresholds, currency: str) -> tuple[Alert, ...]:
    """All of them."""
    return (
        _error_rate(limits),
        *_cost(limits, currency),
        _latency(limits),
        _first_token(limits),
        _token_rate(limits),
        _qps(limits),
        _rate_limited(limits),
        *_account(),
        _canary(),
    )


def _error_rate(limits: Thresholds) -> Alert:
    made = f'outcome!~"{NOT_MADE}"'
    errors = increase(REQUESTS, "10m", 'status="error"', made)
    return Alert(
        "AIHighErrorRate",
        f"{errors}\n  / {increase(REQUESTS, '10m', made)} > {limits.error_ratio:g}\nand {errors} >= {_THREE}",
        "critical",
        Text(
            "{{ $labels.endpoint }}: {{ $value | humanizePercentage }} of the calls fail",
            "At least three calls of {{ $labels.endpoint }} ({{ $labels.model }}) failed in ten minutes, "
            "{{ $value | humanizePercentage }} of all.",
        ),
        Text(
            "{{ $labels.endpoint }}: {{ $value | humanizePercentage }} 的调用失败",
            "{{ $labels.endpoint }}（{{ $labels.model }}）十分钟内至少三次调用失败，"
            "失败率 {{ $value | humanizePercentage }}。",
        ),
        "1m",
    )


def _cost(limits: Thresholds, currency: str) -> tuple[Alert, Alert]:
    # Load tests are included: their money is spent too.
    spent = f"sum (increase({cost_family(currency).name}[1d]))"

    def tier(name: str, limit: float, severity: str) -> Alert:
        return Alert(
            name,
            f"{spent} > {limit:g}",
            "critical" if severity == "critical" else "warning",
            Text(
                f'{{{{ $value | printf "%.2f" }}}} {currency} spent in 24 hours',
                f"All AI calls together cost more than {limit:g} {currency} in the last 24 hours.",
            ),
            Text(
                f'24 小时内已花费 {{{{ $value | printf "%.2f" }}}} {currency}',
                f"最近 24 小时全部 AI 调用的费用超过 {limit:g} {currency}。",
            ),
            labels={"currency": currency},
        )

    return (
        tier("AIDailyCostHigh", limits.daily_cost, "warning"),
        tier("AIDailyCostVeryHigh", limits.daily_cost_critical, "critical"),
    )


def _latency(limits: Thresholds) -> Alert:
    return Alert(
        "AIHighLatencyP99",
        f"{quantile(0.99, DURATION, '15m', _WELL)} > {limits.latency_p99:g}\n"
        f"and {slower(DURATION, limits.latency_p99, '15m', _WELL)} >= {_THREE}",
        "warning",
        Text(
            "{{ $labels.endpoint }}: P99 latency is {{ $value | humanizeDuration }}",
            f"At least three successful calls of {{{{ $labels.endpoint }}}} ({{{{ $labels.model }}}}) took longer than "
            f"{limits.latency_p99:g} s in a quarter of an hour.",
        ),
        Text(
            "{{ $labels.endpoint }}: P99 延迟 {{ $value | humanizeDuration }}",
            f"{{{{ $labels.endpoint }}}}（{{{{ $labels.model }}}}）十五分钟内至少三次成功调用耗时超过 "
            f"{limits.latency_p99:g} 秒。",
        ),
        "1m",
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


def _token_rate(limits: Thresholds) -> Alert:
    # By model, over all who use it: that is how providers limit.
    tokens = " + ".join(f"sum by (model) (rate({metric}[5m]))" for metric in (INPUT_TOKENS, OUTPUT_TOKENS))
    return Alert(
        "AITokenRateHigh",
        f"60 * ({tokens}) > {limits.tokens_per_minute:.0f}",
        "warning",
        Text(
            "{{ $labels.model }}: {{ $value | humanize }} tokens a minute",
            f"{{{{ $labels.model }}}} uses more than {limits.tokens_per_minute:,.0f} tokens a minute, input and output "
            "together, on average over five minutes.",
        ),
        Text(
            "{{ $labels.model }}: 每分钟 {{ $value | humanize }} token",
            f"{{{{ $labels.model }}}} 的输入与输出 token 五分钟平均每分钟超过 {limits.tokens_per_minute:,.0f}。",
        ),
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
    turned_away = per_second(REQUESTS, "5m", 'outcome="rate_limited"')
    return Alert(
        "AIRateLimited",
        f"60 * {turned_away} > {limits.rate_limited_per_minute:g}",
        "warning",
        Text(
            "{{ $labels.endpoint }}: {{ $value | humanize }} answers of 429 a minute",
            "The provider of {{ $labels.endpoint }} ({{ $labels.model }}) turns calls away: "
            "the account's rate limit is reached.",
        ),
        Text(
            "{{ $labels.endpoint }}: 每分钟 {{ $value | humanize }} 次 429",
            "{{ $labels.endpoint }}（{{ $labels.model }}）的服务商正在限流：已达到账户的速率上限。",
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
