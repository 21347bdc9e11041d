"""Alerts on what the last probe found, and on the probing itself: who watches must not fall silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aimon.call.outcome import Fault, Outcome
from aimon.dashboards.rules.document import Alert, Text
from aimon.dashboards.rules.promql import IDENTITY, increase, outcomes
from aimon.metrics.definitions import (
    ACCOUNT_REMAINING,
    HEARTBEAT_UP,
    PRICED_CALLS,
    PROBE_BUDGET_SPENT,
    PROBE_CERTIFICATE_EXPIRY,
    PROBE_DAILY_BUDGET,
    PROBE_INTERVAL,
    PROBE_LAST_RUN,
    PROBE_LAST_SUCCESS,
    PROBE_MAINTENANCE,
    PROBE_OUTCOME_INFO,
    PROBE_SUCCESS,
    UNPRICED_CALLS,
)

if TYPE_CHECKING:
    from aimon.dashboards.rules.document import Severity
    from aimon.dashboards.rules.thresholds import Thresholds

DAY: Final = 86400
# The job of the Pushgateway's own scrape, as dashboards/prometheus/prometheus.yml names it.
GATEWAY_JOB: Final = "pushgateway"
# Faults that have alerts of their own, with other advice.
_NOT_THE_ENDPOINTS: Final = f"{Fault.ACCOUNT}|{Fault.CONFIG}"


def alerts(limits: Thresholds) -> tuple[Alert, ...]:
    """All of them."""
    return (
        _down(),
        _certificate("AICertificateExpiring", limits.certificate_days, "warning"),
        _certificate("AICertificateExpiringSoon", limits.certificate_days_critical, "critical"),
        *_budget(limits),
        _unpriced(),
        _balance(limits.balance_days),
        _heartbeat(),
        _prober_error(),
        _stopped(),
        _ahead(),
        _missing(),
        *_pushing(),
        _watchdog(),
    )


def _down() -> Alert:
    return Alert(
        "AIEndpointDown",
        f"{PROBE_SUCCESS} == 0\nand time() - {PROBE_LAST_SUCCESS} > 3 * {PROBE_INTERVAL}\n"
        f'unless on ({IDENTITY}) {PROBE_OUTCOME_INFO}{{fault=~"{_NOT_THE_ENDPOINTS}"}}',
        "critical",
        Text(
            "{{ $labels.endpoint }} is down",
            "The last probe of {{ $labels.endpoint }} ({{ $labels.model }}) failed by a fault of network or provider, "
            "and none has succeeded for three intervals.",
        ),
        Text(
            "{{ $labels.endpoint }} 不可用",
            "{{ $labels.endpoint }}（{{ $labels.model }}）最近一次探测因网络或服务商故障失败，且连续三个周期没有成功。",
        ),
        "1m",
    )


def _certificate(name: str, days: float, severity: Severity) -> Alert:
    return Alert(
        name,
        f"{PROBE_CERTIFICATE_EXPIRY} - time() < {days * DAY:.0f}",
        severity,
        Text(
            "{{ $labels.endpoint }}: the certificate expires in {{ $value | humanizeDuration }}",
            f"The TLS certificate of {{{{ $labels.endpoint }}}} expires in less than {days:g} days; "
            "a negative figure: it has expired.",
        ),
        Text(
            "{{ $labels.endpoint }}: 证书将在 {{ $value | humanizeDuration }} 后过期",
            f"{{{{ $labels.endpoint }}}} 的 TLS 证书将在 {days:g} 天内过期；若为负数则已过期。",
        ),
        "5m",
    )


def _budget(limits: Thresholds) -> tuple[Alert, Alert]:
    return (
        Alert(
            "AIProbeBudgetNearlySpent",
            f"{PROBE_BUDGET_SPENT} >= {limits.budget_ratio:g} and {PROBE_BUDGET_SPENT} < 1",
            "info",
            Text(
                "{{ $labels.endpoint }}: {{ $value | humanizePercentage }} of today's probe budget is spent",
                "Probes of {{ $labels.endpoint }} stop for the day (UTC) when their budget is spent.",
            ),
            Text(
                "{{ $labels.endpoint }}: 今日探测预算已用 {{ $value | humanizePercentage }}",
                "预算用尽后，{{ $labels.endpoint }} 当日（UTC）将停止探测。",
            ),
        ),
        Alert(
            "AIProbeBudgetSpent",
            f"{PROBE_BUDGET_SPENT} >= 1",
            "warning",
            Text(
                "{{ $labels.endpoint }}: the probe budget is spent, nobody watches",
                "{{ $labels.endpoint }} is not probed until 00:00 UTC.",
            ),
            Text(
                "{{ $labels.endpoint }}: 探测预算已用尽，目前无人监测",
                "{{ $labels.endpoint }} 在 UTC 零点之前不会再被探测。",
            ),
        ),
    )


def _balance(days: float) -> Alert:
    return Alert(
        "AIBalanceLow",
        f"{ACCOUNT_REMAINING} < {days * DAY:.0f}",
        "warning",
        Text(
            "{{ $labels.account }}: the account has money for {{ $value | humanizeDuration }}",
            "At the rate of the last week, the {{ $labels.provider }} account that {{ $labels.account }} uses is empty "
            f"in less than {days:g} days. Then calls are refused.",
        ),
        Text(
            "{{ $labels.account }}: 账户余额还可用 {{ $value | humanizeDuration }}",
            "按最近一周的消费速度，{{ $labels.account }} 所用的 {{ $labels.provider }} 账户"
            f"将在 {days:g} 天内用尽，之后调用会被拒绝。",
        ),
        "15m",
    )


def _heartbeat() -> Alert:
    return Alert(
        "AIHeartbeatSilent",
        f"{HEARTBEAT_UP} == 0",
        "warning",
        Text(
            "{{ $labels.heartbeat }} does not report that it is well",
            "The program {{ $labels.heartbeat }} has not reported in time, or says that it failed.",
        ),
        Text(
            "{{ $labels.heartbeat }} 没有报告正常",
            "程序 {{ $labels.heartbeat }} 没有按时报告，或报告自己失败。",
        ),
        # Its own patience is `every` and `grace`; this is for a restart of the service.
        "2m",
    )


def _unpriced() -> Alert:
    by = "region, endpoint, model"
    return Alert(
        "AICostUnknown",
        f"{increase(UNPRICED_CALLS, '3h')} >= 1.5\n"
        f"unless {increase(PRICED_CALLS, '3h')} > 0\n"
        f"and on ({by}) {PROBE_DAILY_BUDGET}",
        "warning",
        Text(
            "{{ $labels.endpoint }}: what its probes cost is not known",
            "No price of {{ $labels.model }} is known, so the budget of {{ $labels.endpoint }} can't stop its probes, "
            "and its cost is in no total.",
        ),
        Text(
            "{{ $labels.endpoint }}: 探测费用未知",
            "{{ $labels.model }} 的价格未知：{{ $labels.endpoint }} 的预算无法生效，其费用不计入任何合计。",
        ),
    )


def _prober_error() -> Alert:
    return Alert(
        "AIProberError",
        f"{outcomes(Outcome.PROBER_ERROR, '30m')} >= 1.5",
        "warning",
        Text(
            "{{ $labels.endpoint }}: probes could not be made",
            "The prober had a fault of its own, such as a key or a file that is missing: nobody watches "
            "{{ $labels.endpoint }} in {{ $labels.region }}.",
        ),
        Text(
            "{{ $labels.endpoint }}: 探测未能执行",
            "探测器自身出错，例如缺少密钥或文件：{{ $labels.region }} 中的 {{ $labels.endpoint }} 目前无人监测。",
        ),
    )


def _stopped() -> Alert:
    return Alert(
        "AIProberStopped",
        # In maintenance nothing is probed, and that is known.
        f"time() - {PROBE_LAST_RUN} > 3 * {PROBE_INTERVAL} unless {PROBE_MAINTENANCE} == 1",
        "critical",
        Text(
            "{{ $labels.endpoint }}: no probe for {{ $value | humanizeDuration }}",
            "The prober of {{ $labels.endpoint }} in {{ $labels.region }} has stopped, or its pushes do not arrive: "
            "what the dashboards show of it is old.",
        ),
        Text(
            "{{ $labels.endpoint }}: 已 {{ $value | humanizeDuration }} 没有探测",
            "{{ $labels.region }} 中 {{ $labels.endpoint }} 的探测器已停止，或推送未送达：仪表板上的数据已过时。",
        ),
        "1m",
    )


def _ahead() -> Alert:
    # While it lasts, AIProberStopped can't fire: the last run is not old yet when it should be.
    return Alert(
        "AIProberClockAhead",
        f"{PROBE_LAST_RUN} - time() > 60",
        "warning",
        Text(
            "{{ $labels.endpoint }}: the prober's clock is {{ $value | humanizeDuration }} ahead",
            "The last probe of {{ $labels.endpoint }} in {{ $labels.region }} is stamped in the future: a prober that "
            "stops now is not missed until then.",
        ),
        Text(
            "{{ $labels.endpoint }}: 探测器的时钟快了 {{ $value | humanizeDuration }}",
            "{{ $labels.region }} 中 {{ $labels.endpoint }} 的最近一次探测时间在未来：在此之前探测器停止将不会被发现。",
        ),
        "2m",
    )


def _missing() -> Alert:
    return Alert(
        "AIProbesMissing",
        f"absent({PROBE_LAST_RUN})",
        "critical",
        Text(
            "There are no probes at all",
            "Prometheus sees no probe of any endpoint: nothing was ever pushed or scraped, or the gateway lost it.",
        ),
        Text("完全没有探测数据", "Prometheus 看不到任何端点的探测：从未推送或抓取，或 Pushgateway 丢失了数据。"),
        "10m",
    )


def _pushing() -> tuple[Alert, Alert]:
    return (
        Alert(
            "AIPushFailing",
            'push_failure_time_seconds{job=~"aimon-.*"} > push_time_seconds{job=~"aimon-.*"}',
            "warning",
            Text(
                "{{ $labels.endpoint }}: the Pushgateway refuses what is pushed",
                "The last push of the group {{ $labels.job }}/{{ $labels.region }}/{{ $labels.endpoint }} failed: "
                "what the dashboards show of it is old.",
            ),
            Text(
                "{{ $labels.endpoint }}: Pushgateway 拒绝推送",
                "分组 {{ $labels.job }}/{{ $labels.region }}/{{ $labels.endpoint }} 最近一次推送失败："
                "仪表板数据已过时。",
            ),
            "1m",
        ),
        Alert(
            "AIPushgatewayDown",
            f'up{{job="{GATEWAY_JOB}"}} == 0',
            "critical",
            Text(
                "The Pushgateway is down",
                "Prometheus cannot scrape {{ $labels.instance }}: no probe that is pushed can be seen.",
            ),
            Text("Pushgateway 不可用", "Prometheus 无法抓取 {{ $labels.instance }}：看不到任何推送的探测。"),
            "2m",
        ),
    )


def _watchdog() -> Alert:
    return Alert(
        "Watchdog",
        "vector(1)",
        "none",
        Text(
            "Alerting works",
            "Always fires. Send it to a heartbeat service outside, which calls when it stops coming.",
        ),
        Text("告警链路正常", "始终触发。请发送到外部心跳服务；一旦中断，由该服务通知。"),
    )
