"""Load test: what was asked of an endpoint, what it delivered, and whether the client could keep up."""

from __future__ import annotations

from aimon.dashboards.boards import promql, shared
from aimon.dashboards.boards.model import Board, Panel, Query, Row, State, Text
from aimon.metrics.definitions import (
    INPUT_TOKENS,
    LOADTEST_ACHIEVED_RATE,
    LOADTEST_CAPACITY,
    LOADTEST_CLIENT_LAG,
    LOADTEST_IN_FLIGHT,
    LOADTEST_LIMIT_REQUESTS,
    LOADTEST_LIMIT_TOKENS,
    LOADTEST_RUN_INFO,
    LOADTEST_SLO_MET,
    LOADTEST_START,
    LOADTEST_TARGET_RATE,
    LOADTEST_USERS,
    OUTPUT_TOKENS,
    REQUESTS,
    TPOT,
)

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
        jobs=LOADTEST_RUN_INFO,
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
    return (
        _found(LOADTEST_CAPACITY, Text("Capacity", "容量"), "reqps"),
        _found(LOADTEST_LIMIT_REQUESTS, Text("Request limit", "请求限额"), "reqps"),
        _found(LOADTEST_LIMIT_TOKENS, Text("Token limit a minute", "每分钟 token 限额"), "short"),
        shared.tile(
            Text("Calls", "调用数"),
            Text(
                f"{REQUESTS} of the time range, whatever their outcome.",
                f"所选时段内 {REQUESTS}，包含所有结果。",
            ),
            promql.total(REQUESTS),
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
        shared.cost_tile(Text("Cost", "费用"), currency, promql.RANGE, width=4),
    )


def _lines(title: Text, about: Text, unit: str, *queries: Query, width: int = 12) -> Panel:
    # A load test is short: points closer than the probes' minute.
    return Panel("lines", title, about, queries, unit, width, interval="15s")


def _rates() -> Panel:
    return _lines(
        Text("Calls asked, started and ended", "目标、开始与结束的调用速率"),
        Text(
            f"{LOADTEST_TARGET_RATE}; {LOADTEST_ACHIEVED_RATE}, the calls started; and {REQUESTS}, the calls ended, "
            "which the outcomes beside add up to. Where asked and started part, the client can't keep up; where "
            "started and ended part, calls pile up.",
            f"{LOADTEST_TARGET_RATE}；{LOADTEST_ACHIEVED_RATE} 为开始的调用；{REQUESTS} 为结束的调用，"
            "等于旁边各调用结果之和。目标与开始分离说明客户端跟不上；开始与结束分离说明调用在堆积。",
        ),
        "reqps",
        Query(promql.latest(LOADTEST_TARGET_RATE), Text(f"asked {promql.LEGEND}", f"目标 {promql.LEGEND}")),
        Query(promql.latest(LOADTEST_ACHIEVED_RATE), Text(f"started {promql.LEGEND}", f"开始 {promql.LEGEND}")),
        Query(promql.rate(REQUESTS), Text(f"ended {promql.LEGEND}", f"结束 {promql.LEGEND}")),
    )


def _concurrency() -> Panel:
    return _lines(
        Text("Users and calls in flight", "用户数与进行中的调用"),
        Text(f"{LOADTEST_USERS} and {LOADTEST_IN_FLIGHT}.", f"{LOADTEST_USERS} 与 {LOADTEST_IN_FLIGHT}。"),
        "short",
        Query(promql.latest(LOADTEST_USERS), f"users {promql.LEGEND}"),
        Query(promql.latest(LOADTEST_IN_FLIGHT), f"in flight {promql.LEGEND}"),
    )


def _outcomes() -> Panel:
    return Panel(
        "stacked",
        Text("Outcomes", "调用结果"),
        Text(
            f"Calls that ended, a second, by outcome: {REQUESTS}. Together they are the calls ended beside.",
            f"每秒结束的调用，按结果：{REQUESTS}。合计等于旁边结束的调用。",
        ),
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
        Text(f"{LOADTEST_SLO_MET}: whether each objective is met so far.", f"{LOADTEST_SLO_MET}：各目标目前是否达成。"),
        (Query(promql.latest(LOADTEST_SLO_MET, by=f"{promql.BY}, slo", pick="min"), "{{slo}} {{endpoint}}"),),
        "none",
        states=_MET,
        interval="15s",
    )


def _lag() -> Panel:
    return _lines(
        Text("Client's own lag", "客户端自身延迟"),
        Text(
            f"{LOADTEST_CLIENT_LAG}: above a few milliseconds the client, not the endpoint, limits the figures.",
            f"{LOADTEST_CLIENT_LAG}：超过数毫秒时，受限的是客户端而非接口。",
        ),
        "s",
        Query(promql.latest(LOADTEST_CLIENT_LAG), promql.LEGEND),
    )


def _runs() -> Panel:
    return Panel(
        "table",
        Text("Runs", "压测记录"),
        Text(
            f"{LOADTEST_START}: when the last run of each endpoint began, and its profile.",
            f"{LOADTEST_START}：各接口最近一次压测的开始时间与类型。",
        ),
        (Query(f"1000 * {promql.latest(LOADTEST_START, by=f'{promql.BY}, profile')}", instant=True),),
        "dateTimeAsIso",
        24,
        value=Text("Started", "开始时间"),
    )
