"""Overview: does everything work, for everybody who has ten seconds."""

from __future__ import annotations

from aimon.dashboards.boards import promql, shared
from aimon.dashboards.boards.model import Board, Panel, Query, Row, Text
from aimon.metrics.definitions import DURATION, INPUT_TOKENS, OUTPUT_TOKENS, PROBE_SUCCESS, REQUESTS, TTFT

_STATUS_429 = 'outcome=~"rate_limited|quota_exhausted"'


def board(currency: str) -> Board:
    """The board, with costs in this currency."""
    return Board(
        "overview",
        Text("AI APIs: overview", "AI 接口：总览"),
        Text("Availability, traffic, latency and cost of all endpoints.", "所有接口的可用性、流量、延迟与费用。"),
        (
            Row(Text("Now", "当前"), _tiles(currency)),
            Row(
                Text("Endpoints", "接口"),
                (shared.uptime(), _requests(), shared.errors_by_type(), _p95(), _tokens()),
            ),
            Row(Text("Watching the watchers", "监测自身"), (shared.prober_age(), _limited())),
        ),
        jobs=REQUESTS,
    )


def _tiles(currency: str) -> tuple[Panel, ...]:
    symbol = {"CNY": "¥", "USD": "$"}[currency]
    return (
        shared.tile(
            Text("Endpoints up", "正常接口占比"),
            Text(
                f"Share of endpoints whose last probe succeeded ({PROBE_SUCCESS}), no longer ago than three intervals.",
                f"最近一次探测成功（{PROBE_SUCCESS}）且不超过三个周期的接口占比。",
            ),
            promql.up_ratio(),
            "percentunit",
            steps=shared.falling(0.5, 1),
        ),
        shared.tile(
            Text("Availability", "可用率"),
            Text(
                f"{REQUESTS} over the time range: calls without a network or provider fault, of those that say "
                "something about the provider. Old probes stay in it: see Endpoints up for now.",
                f"所选时段内 {REQUESTS}：未因网络或供应商故障失败的调用占比。"
                "其中包含历史探测；当前状态见“正常接口占比”。",
            ),
            promql.availability(),
            "percentunit",
            steps=shared.falling(0.99, 0.995),
            decimals=2,
        ),
        shared.tile(
            Text("QPS", "QPS"),
            Text(f"Calls a second over the time range: {REQUESTS}.", f"所选时段内每秒调用数：{REQUESTS}。"),
            f"sum(rate({promql.select(REQUESTS, promql.CALLS)}[{promql.RANGE}])) or vector(0)",
            "reqps",
        ),
        shared.tile(
            Text("Error ratio", "错误率"),
            Text(
                f"Calls over the time range that ended with anything but ok: {REQUESTS}.",
                f"所选时段内未以 ok 结束的调用占比：{REQUESTS}。",
            ),
            promql.share_of_all(f"{shared.ERRORS}, {promql.JUDGED}", promql.JUDGED),
            "percentunit",
            steps=shared.rising(0.01, 0.05),
            decimals=2,
        ),
        _quantile_tile("TTFT P95", 0.95, TTFT, (), (2, 5)),
        _quantile_tile("P95", 0.95, DURATION, (shared.SUCCESSES,), (5, 10)),
        _p99(),
        shared.cost_tile(
            Text(f"Daily cost estimate ({symbol})", f"日费用估算({symbol})"), currency, "24h", steps=shared.DAILY_COST
        ),
    )


def _quantile_tile(
    name: str, q: float, histogram: str, matchers: tuple[str, ...], limits: tuple[float, float]
) -> Panel:
    return shared.tile(
        Text(name, name),
        Text(
            f"{histogram}: successful calls of the time range.",
            f"{histogram}：所选时段内的成功调用。",
        ),
        promql.quantile_of_all(q, histogram, *matchers),
        "s",
        steps=shared.rising(*limits),
        decimals=2,
    )


def _p99() -> Panel:
    return Panel(
        "gauge",
        Text("API latency P99", "API 延迟 P99"),
        Text(f"{DURATION}: successful calls of the time range.", f"{DURATION}：所选时段内的成功调用。"),
        (Query(promql.quantile_of_all(0.99, DURATION, shared.SUCCESSES), "P99", instant=True),),
        "s",
        3,
        4,
        steps=shared.P99,
        decimals=2,
        max=15,
    )


def _requests() -> Panel:
    return Panel(
        "lines",
        Text("AI API requests", "AI API 请求量"),
        Text(
            f"Calls a second by model and status: {REQUESTS}, without those never sent.",
            f"每秒调用数，按模型与状态：{REQUESTS}，不含未发出的调用。",
        ),
        (Query(promql.rate(REQUESTS, promql.CALLS, by="model, status"), "{{model}} {{status}}"),),
        "reqps",
    )


def _p95() -> Panel:
    return Panel(
        "lines",
        Text("Latency P95 by endpoint", "各接口延迟 P95"),
        Text(f"Of successful calls: {DURATION}.", f"成功调用：{DURATION}。"),
        (Query(promql.quantile(0.95, DURATION, shared.SUCCESSES), promql.LEGEND),),
        "s",
    )


def _tokens() -> Panel:
    return Panel(
        "lines",
        Text("Tokens (cumulative)", "Token 消耗(累计)"),
        Text(
            f"{INPUT_TOKENS} and {OUTPUT_TOKENS} since they are counted. For a period: the board on tokens and cost.",
            f"累计 {INPUT_TOKENS} 与 {OUTPUT_TOKENS}。各时段用量见“用量与费用”看板。",
        ),
        (
            Query(promql.latest(INPUT_TOKENS, by="model", pick="sum"), Text("Input {{model}}", "输入 Token {{model}}")),
            Query(
                promql.latest(OUTPUT_TOKENS, by="model", pick="sum"), Text("Output {{model}}", "输出 Token {{model}}")
            ),
        ),
        "short",
    )


def _limited() -> Panel:
    return Panel(
        "bars",
        Text("Calls refused by limits (429)", "被限流的调用（429）"),
        Text(
            f"Calls with outcome rate_limited or quota_exhausted: {REQUESTS}.",
            f"结果为 rate_limited 或 quota_exhausted 的调用：{REQUESTS}。",
        ),
        (Query(promql.increase(REQUESTS, _STATUS_429, window=promql.CURVE), promql.LEGEND),),
        "short",
    )
