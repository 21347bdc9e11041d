"""Endpoint: why it is slow or failing, and how near its limits it runs."""

from __future__ import annotations

from aimon.dashboards.boards import promql, shared
from aimon.dashboards.boards.model import Board, Panel, Query, Row, Text
from aimon.metrics.definitions import (
    DURATION,
    IN_FLIGHT,
    LOADTEST_CAPACITY,
    LOADTEST_LIMIT_REQUESTS,
    PROBE_AVAILABILITY,
    PROBE_BUDGET_SPENT,
    PROBE_CERTIFICATE_EXPIRY,
    PROBE_LATENCY_QUANTILE,
    PROBE_PHASE,
    PROBE_STATUS_CODE,
    PROBE_WINDOW_SAMPLES,
    RATE_LIMIT,
    RATE_LIMIT_REMAINING,
    REQUESTS,
    TPOT,
)

_LIMITED = 'outcome="rate_limited"'
_UNAUTHORIZED = 'outcome="unauthorized"'
_DAY = 86400


def board() -> Board:
    """The board; it has no costs."""
    return Board(
        "endpoint",
        Text("AI APIs: endpoint", "AI 接口：单个接口"),
        Text("Health, latency, limits and utilisation of endpoints.", "接口的健康状况、延迟、限额与利用率。"),
        (
            Row(Text("Now", "当前"), _tiles()),
            Row(Text("Health", "健康状况"), (shared.uptime(), _windows(), _status(), shared.prober_age(8))),
            Row(
                Text("Traffic and errors", "流量与错误"),
                (shared.qps_by_model(), shared.errors_by_type(), _outcomes(), _count_429(), _rate_401()),
            ),
            Row(
                Text("Latency", "延迟"),
                (
                    shared.latency(),
                    shared.time_to_first_token(),
                    shared.time_per_output_token(TPOT),
                    _phases(),
                    _exact(),
                ),
            ),
            Row(
                Text("Concurrency and limits", "并发与限额"),
                (_concurrency(), _utilisation(), _headroom(), _budget()),
            ),
        ),
        jobs=REQUESTS,
    )


def _tiles() -> tuple[Panel, ...]:
    return (*_uptime_tiles(), *_refusal_tiles(), *_age_tiles())


def _uptime_tiles() -> tuple[Panel, ...]:
    return (
        shared.tile(
            Text("State", "状态"),
            Text(
                "ai_probe_success of the last probe; a prober that has stopped is neither up nor down.",
                "最近一次探测的 ai_probe_success；探测器停止时既非正常也非故障。",
            ),
            promql.up(),
            "none",
            legend="{{endpoint}}",
            width=4,
            states=shared.UP_STATES,
        ),
        shared.tile(
            Text("Uptime, 24 h", "24 小时可用率"),
            Text(
                f"{PROBE_AVAILABILITY}, exact, from the prober's history. Missing while the prober has stopped.",
                f"{PROBE_AVAILABILITY}，由探测历史精确计算。探测器停止时不显示。",
            ),
            promql.while_fresh(promql.latest(PROBE_AVAILABILITY, 'window="24h"')),
            "percentunit",
            legend="{{endpoint}}",
            width=4,
            steps=shared.falling(0.99, 0.995),
            decimals=2,
        ),
    )


def _refusal_tiles() -> tuple[Panel, ...]:
    return (
        shared.tile(
            Text("Refused by rate limits (429)", "限流次数（429）"),
            Text(f"rate_limited calls of the time range: {REQUESTS}.", f"所选时段内 rate_limited 调用：{REQUESTS}。"),
            promql.total(REQUESTS, _LIMITED),
            "short",
            width=4,
            steps=shared.rising(1, 10),
            decimals=0,
        ),
        shared.tile(
            Text("Unauthorized (401)", "鉴权失败率（401）"),
            Text(
                f"Share of the time range's calls that were unauthorized: {REQUESTS}.",
                f"所选时段内鉴权失败的调用占比：{REQUESTS}。",
            ),
            promql.share_of_all(_UNAUTHORIZED, promql.JUDGED),
            "percentunit",
            width=4,
            steps=shared.rising(0.0001, 0.01),
            decimals=2,
        ),
    )


def _age_tiles() -> tuple[Panel, ...]:
    return (
        shared.tile(
            Text("Certificate expires in", "证书剩余天数"),
            Text(f"{PROBE_CERTIFICATE_EXPIRY} less now.", f"{PROBE_CERTIFICATE_EXPIRY} 减去当前时间。"),
            f"({promql.latest(PROBE_CERTIFICATE_EXPIRY, pick='min')} - time()) / {_DAY}",
            "d",
            legend="{{endpoint}}",
            width=4,
            steps=shared.falling(7, 21),
            decimals=0,
        ),
        shared.tile(
            Text("Last probe", "上次探测"),
            Text(
                "Time since ai_probe_last_run_timestamp_seconds.",
                "距 ai_probe_last_run_timestamp_seconds 的时间。",
            ),
            promql.age(),
            "s",
            legend="{{endpoint}}",
            width=4,
            decimals=0,
        ),
    )


def _lines(title: Text, about: Text, unit: str, *queries: Query, width: int = 12, top: float | None = None) -> Panel:
    return Panel("lines", title, about, queries, unit, width, max=top)


def _windows() -> Panel:
    by = f"{promql.BY}, window"
    return _lines(
        Text("Availability by window", "各时间窗可用率"),
        Text(
            f"{PROBE_AVAILABILITY}: 1 h, 24 h, 7 d and 30 d from history, while the prober is alive; "
            f"{PROBE_WINDOW_SAMPLES} says of how many probes.",
            f"{PROBE_AVAILABILITY}：由历史计算的 1 小时、24 小时、7 天、30 天可用率；样本数见 {PROBE_WINDOW_SAMPLES}。",
        ),
        "percentunit",
        Query(promql.while_fresh(promql.latest(PROBE_AVAILABILITY, by=by)), f"{{{{window}}}} {promql.LEGEND}"),
        width=8,
        top=1,
    )


def _status() -> Panel:
    return _lines(
        Text("HTTP status of the last probe", "最近探测的 HTTP 状态码"),
        Text(f"{PROBE_STATUS_CODE}; 0 if there was no answer.", f"{PROBE_STATUS_CODE}；无响应时为 0。"),
        "none",
        Query(promql.latest(PROBE_STATUS_CODE), promql.LEGEND),
        width=8,
    )


def _outcomes() -> Panel:
    return Panel(
        "stacked",
        Text("Outcomes", "调用结果"),
        Text(f"Calls a second by outcome: {REQUESTS}.", f"每秒各结果的调用数：{REQUESTS}。"),
        (Query(f"{promql.rate(REQUESTS, by='outcome')} > 0", "{{outcome}}"),),
        "reqps",
        8,
    )


def _count_429() -> Panel:
    return Panel(
        "bars",
        Text("429 count", "429 次数"),
        Text(f"rate_limited calls: {REQUESTS}.", f"rate_limited 调用数：{REQUESTS}。"),
        (Query(promql.increase(REQUESTS, _LIMITED, window=promql.CURVE), promql.LEGEND),),
        "short",
        8,
    )


def _rate_401() -> Panel:
    return _lines(
        Text("401 rate", "401 比率"),
        Text(f"Share of unauthorized calls: {REQUESTS}.", f"鉴权失败的调用占比：{REQUESTS}。"),
        "percentunit",
        Query(promql.share(_UNAUTHORIZED, promql.JUDGED), promql.LEGEND),
        width=8,
    )


def _phases() -> Panel:
    return Panel(
        "stacked",
        Text("Phases of the last probe", "最近探测各阶段耗时"),
        Text(
            f"{PROBE_PHASE}: name resolution, connection, TLS, sending, waiting, first token, transfer.",
            f"{PROBE_PHASE}：域名解析、连接、TLS、发送、等待、首字、传输。",
        ),
        (Query(promql.latest(PROBE_PHASE, by=f"{promql.BY}, phase"), "{{phase}} {{endpoint}} {{region}}"),),
        "s",
    )


def _exact() -> Panel:
    return _lines(
        Text("Exact latency quantiles, 24 h", "24 小时精确延迟分位数"),
        Text(
            f"{PROBE_LATENCY_QUANTILE}: from history, not from buckets; missing with too few probes.",
            f"{PROBE_LATENCY_QUANTILE}：由历史而非分桶计算；样本不足时不显示。",
        ),
        "s",
        Query(
            promql.while_fresh(
                promql.latest(PROBE_LATENCY_QUANTILE, 'window="24h"', by=f"{promql.BY}, quantile"),
            ),
            f"{{{{quantile}}}} {promql.LEGEND}",
        ),
        width=24,
    )


def _concurrency() -> Panel:
    return _lines(
        Text("Concurrency", "并发数"),
        Text(
            f"Calls at once: {IN_FLIGHT}, and the mean from {DURATION} (Little's law), which short calls show in too.",
            f"同时进行的调用：{IN_FLIGHT}，以及由 {DURATION} 按利特尔法则得出的均值。",
        ),
        "short",
        Query(promql.concurrency(), f"mean {promql.LEGEND}"),
        Query(promql.latest(IN_FLIGHT, pick="sum"), f"now {promql.LEGEND}"),
    )


def _utilisation() -> Panel:
    qps = promql.rate(REQUESTS, promql.CALLS, by="endpoint, model")
    own = "max by (endpoint, model)"
    left = promql.select(RATE_LIMIT_REMAINING)
    used = f"1 - min by (endpoint, model, kind) ({left}\n/ ({promql.select(RATE_LIMIT)} > 0))"
    return _lines(
        Text("Utilisation", "利用率"),
        Text(
            f"Calls a second ({REQUESTS}) over what load tests found to be the capacity ({LOADTEST_CAPACITY}) and "
            f"the limit ({LOADTEST_LIMIT_REQUESTS}), and the part of the limit headers that is used "
            f"({RATE_LIMIT}, {RATE_LIMIT_REMAINING}).",
            f"QPS（{REQUESTS}）与压测得出的容量（{LOADTEST_CAPACITY}）、限额（{LOADTEST_LIMIT_REQUESTS}）之比，"
            f"以及限流响应头的已用比例（{RATE_LIMIT}、{RATE_LIMIT_REMAINING}）。",
        ),
        "percentunit",
        Query(f"{qps}\n/ ({own} ({promql.any_job(LOADTEST_CAPACITY)}) > 0)", "of capacity {{endpoint}} {{model}}"),
        Query(f"{qps}\n/ ({own} ({promql.any_job(LOADTEST_LIMIT_REQUESTS)}) > 0)", "of limit {{endpoint}} {{model}}"),
        Query(used, "of {{kind}} header {{endpoint}} {{model}}"),
    )


def _headroom() -> Panel:
    by = f"{promql.BY}, kind"
    return _lines(
        Text("Rate-limit headroom", "限额余量"),
        Text(
            f"What the last answer's headers said is left ({RATE_LIMIT_REMAINING}) and allowed ({RATE_LIMIT}).",
            f"最近响应头中的剩余额度（{RATE_LIMIT_REMAINING}）与上限（{RATE_LIMIT}）。",
        ),
        "short",
        Query(promql.latest(RATE_LIMIT_REMAINING, by=by, pick="min"), f"{{{{kind}}}} left {promql.LEGEND}"),
        Query(promql.latest(RATE_LIMIT, by=by), f"{{{{kind}}}} allowed {promql.LEGEND}"),
    )


def _budget() -> Panel:
    return _lines(
        Text("Probe budget spent today", "今日探测预算使用率"),
        Text(
            f"{PROBE_BUDGET_SPENT}, since 00:00 UTC. At 100 % probes stop until midnight.",
            f"{PROBE_BUDGET_SPENT}，自 UTC 零点起。达到 100% 后当日停止探测。",
        ),
        "percentunit",
        Query(promql.latest(PROBE_BUDGET_SPENT), promql.LEGEND),
    )
