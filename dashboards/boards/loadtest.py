"""Load test: what was asked of an endpoint, what it delivered, and whether the client could keep up."""

from __future__ import annotations

from aimon.dashboards.boards import promql, shared
from aimon.dashboards.boards.model import Board, Panel, Query, Row, State, Text
from aimon.families import INPUT_TOKENS, OUTPUT_TOKENS, REQUESTS, TPOT

RUN_INFO = "ai_loadtest_run_info"
_RUN = 'run=~"$run"'
_TARGET = "ai_loadtest_target_requests_per_second"
_ACHIEVED = "ai_loadtest_achieved_requests_per_second"
_USERS = "ai_loadtest_users"
_IN_FLIGHT = "ai_loadtest_in_flight"
_LAG = "ai_loadtest_client_lag_seconds"
_SLO = "ai_loadtest_slo_met"
_CAPACITY = "ai_loadtest_capacity_requests_per_second"
_LIMIT = "ai_loadtest_limit_requests_per_second"
_TOKEN_LIMIT = "ai_loadtest_limit_tokens_per_minute"  # noqa: S105  # a metric
_BY = "endpoint, model, run"
_LEGEND = "{{endpoint}} {{model}} {{run}}"
_MET = (State(1, Text("Met", "达标"), shared.GREEN), State(0, Text("Missed", "未达标"), shared.RED))


def board(currency: str) -> Board:
    """The board, with costs in this currency."""
    return Board(
        "loadtest",
        Text("AI APIs: load test", "AI 接口：压测"),
        Text("A load test while it runs, and what the last ones found.", "压测实时状态，以及最近的压测结论。"),
        (
            Row(Text("Found", "结论"), _tiles(currency)),
            Row(Text("Load", "负载"), (_rates(), _concurrency(), _outcomes(), shared.errors_by_type())),
            Row(
                Text("Latency", "延迟"),
                (shared.latency(), shared.time_to_first_token(), shared.time_per_output_token(TPOT), _tokens()),
            ),
            Row(Text("Verdict", "判定"), (_slo(), _lag(), _runs())),
        ),
        jobs=RUN_INFO,
        runs=True,
    )


def _found(metric: str, title: Text, unit: str) -> Panel:
    return shared.tile(
        title,
        Text(f"{metric}: what the last load test found.", f"{metric}：最近一次压测的结论。"),
        f"max by (endpoint, model) ({promql.select(metric)})",
        unit,
        legend="{{endpoint}} {{model}}",
        width=4,
    )


def _tiles(currency: str) -> tuple[Panel, ...]:
    cost = shared.cost_counter(currency)
    return (
        _found(_CAPACITY, Text("Capacity", "容量"), "reqps"),
        _found(_LIMIT, Text("Request limit", "请求限额"), "reqps"),
        _found(_TOKEN_LIMIT, Text("Token limit a minute", "每分钟 token 限额"), "short"),
        shared.tile(
            Text("Calls", "调用数"),
            Text(f"{REQUESTS} of the time range.", f"所选时段内 {REQUESTS}。"),
            promql.total(REQUESTS, promql.CALLS),
            "short",
            width=4,
            decimals=0,
        ),
        shared.tile(
            Text("Error ratio", "错误率"),
            Text(f"Calls that did not end with ok: {REQUESTS}.", f"未以 ok 结束的调用占比：{REQUESTS}。"),
            promql.share_of_all(f'status="error", {promql.CALLS}', promql.CALLS),
            "percentunit",
            width=4,
            steps=shared.rising(0.01, 0.05),
            decimals=2,
        ),
        shared.tile(
            Text("Cost", "费用"),
            Text(f"{cost} over the time range.", f"所选时段内 {cost}。"),
            promql.total(cost),
            shared.CURRENCY_UNITS[currency],
            width=4,
            decimals=2,
        ),
    )


def _lines(title: Text, about: Text, unit: str, *queries: Query, width: int = 12) -> Panel:
    # A load test is short: points closer than the probes' minute.
    return Panel("lines", title, about, queries, unit, width, interval="15s")


def _rates() -> Panel:
    return _lines(
        Text("Rate asked and achieved", "目标速率与实际速率"),
        Text(
            f"{_TARGET} and {_ACHIEVED}. Where they part, server or client cannot keep up.",
            f"{_TARGET} 与 {_ACHIEVED}。两者分离说明服务端或客户端跟不上。",
        ),
        "reqps",
        Query(promql.latest(_TARGET, _RUN, by=_BY), f"asked {_LEGEND}"),
        Query(promql.latest(_ACHIEVED, _RUN, by=_BY), f"achieved {_LEGEND}"),
    )


def _concurrency() -> Panel:
    return _lines(
        Text("Users and calls in flight", "用户数与进行中的调用"),
        Text(f"{_USERS} and {_IN_FLIGHT}.", f"{_USERS} 与 {_IN_FLIGHT}。"),
        "short",
        Query(promql.latest(_USERS, _RUN, by=_BY), f"users {_LEGEND}"),
        Query(promql.latest(_IN_FLIGHT, _RUN, by=_BY), f"in flight {_LEGEND}"),
    )


def _outcomes() -> Panel:
    return Panel(
        "stacked",
        Text("Outcomes", "调用结果"),
        Text(f"Calls a second by outcome: {REQUESTS}.", f"每秒各结果的调用数：{REQUESTS}。"),
        (Query(f"{promql.rate(REQUESTS, by='outcome')} > 0", "{{outcome}}"),),
        "reqps",
        interval="15s",
    )


def _tokens() -> Panel:
    return _lines(
        Text("Tokens a second", "每秒 token 数"),
        Text(f"{INPUT_TOKENS} and {OUTPUT_TOKENS}.", f"{INPUT_TOKENS} 与 {OUTPUT_TOKENS}。"),
        "short",
        Query(promql.rate(INPUT_TOKENS), f"in {promql.LEGEND}"),
        Query(promql.rate(OUTPUT_TOKENS), f"out {promql.LEGEND}"),
    )


def _slo() -> Panel:
    return Panel(
        "states",
        Text("Objectives", "目标达成"),
        Text(f"{_SLO}: whether each objective is met so far.", f"{_SLO}：各目标目前是否达成。"),
        (Query(promql.latest(_SLO, _RUN, by=f"{_BY}, slo", pick="min"), "{{slo}} {{endpoint}} {{run}}"),),
        "none",
        states=_MET,
        interval="15s",
    )


def _lag() -> Panel:
    return _lines(
        Text("Client's own lag", "客户端自身延迟"),
        Text(
            f"{_LAG}: above a few milliseconds the client, not the endpoint, limits the figures.",
            f"{_LAG}：超过数毫秒时，受限的是客户端而非接口。",
        ),
        "s",
        Query(promql.latest(_LAG, _RUN, by=_BY), _LEGEND),
    )


def _runs() -> Panel:
    return Panel(
        "table",
        Text("Runs", "压测记录"),
        Text(f"{RUN_INFO}: which runs there are.", f"{RUN_INFO}：现有的压测。"),
        (Query(promql.latest(RUN_INFO, _RUN, by=f"{_BY}, profile, region"), instant=True),),
        "none",
        24,
    )
