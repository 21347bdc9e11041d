"""Tokens and cost: where the money goes."""

from __future__ import annotations

from aimon.dashboards.boards import promql, shared
from aimon.dashboards.boards.model import Board, Panel, Query, Row, Text
from aimon.metrics.definitions import (
    CACHED_INPUT_TOKENS,
    INPUT_TOKENS,
    LOADTEST_LIMIT_TOKENS,
    OUTPUT_TOKENS,
    PRICED_CALLS,
    PROBE_BUDGET_SPENT,
    REASONING_TOKENS,
    REQUESTS,
    UNPRICED_CALLS,
)

_UNKNOWN = Text("Unknown", "未知")

_PERIODS = (
    ("1d", "30d", Text("Cost by day", "每日费用"), Text("a day", "一天")),
    ("7d", "26w", Text("Cost by week", "每周费用"), Text("seven days", "七天")),
    ("30d", "52w", Text("Cost by month", "每月费用"), Text("thirty days", "三十天")),
)


def board(currency: str) -> Board:
    """The board, with costs in this currency."""
    return Board(
        "tokens",
        Text("AI APIs: tokens and cost", "AI 接口：用量与费用"),
        Text("Tokens in and out, and what they cost.", "输入、输出 token 用量及其费用。"),
        (
            Row(Text("In total", "合计"), (*_token_tiles(), *_cost_tiles(currency))),
            Row(
                Text("Cost", "费用"),
                (*_by_period(currency), _per_hour(currency), _per_call(currency), _unpriced()),
            ),
            Row(Text("Tokens", "用量"), (_rate(INPUT_TOKENS), _rate(OUTPUT_TOKENS), _cached(), _minute(), _budget())),
        ),
        jobs=REQUESTS,
    )


def _token_tiles() -> tuple[Panel, ...]:
    titles = (
        (INPUT_TOKENS, Text("Input tokens", "输入 token")),
        (OUTPUT_TOKENS, Text("Output tokens", "输出 token")),
        (CACHED_INPUT_TOKENS, Text("Cached input", "缓存输入")),
        (REASONING_TOKENS, Text("Reasoning", "推理 token")),
    )
    return tuple(
        shared.tile(
            title,
            Text(f"{metric} over the time range.", f"所选时段内 {metric}。"),
            promql.total(metric),
            "short",
        )
        for metric, title in titles
    )


def _cost_tiles(currency: str) -> tuple[Panel, ...]:
    periods = (
        ("24h", Text("Cost, 24 h", "24 小时费用")),
        ("7d", Text("Cost, 7 days", "7 天费用")),
        ("30d", Text("Cost, 30 days", "30 天费用")),
    )
    tiles = tuple(shared.cost_tile(title, currency, window) for window, title in periods)
    share = f"max({promql.select(PROBE_BUDGET_SPENT)})"
    about = Text(
        f"The most spent of today's probe budgets: {PROBE_BUDGET_SPENT}.",
        f"今日预算使用率最高的接口：{PROBE_BUDGET_SPENT}。",
    )
    title = Text("Probe budget", "探测预算")
    return (*tiles, shared.tile(title, about, share, "percentunit", steps=shared.rising(0.8, 1)))


def _by_period(currency: str) -> tuple[Panel, ...]:
    cost = shared.cost_counter(currency)
    return tuple(
        Panel(
            "bars",
            title,
            Text(
                f"{cost}: each bar is the {length.en} up to its time (UTC), without calls of unknown price.",
                f"{cost}：每根柱为截至该时刻（UTC）的{length.zh}，不含价格未知的调用。",
            ),
            (Query(promql.spent(currency, window), "{{endpoint}} {{model}}"),),
            shared.CURRENCY_UNITS[currency],
            8,
            interval=window,
            since=since,
            nothing=_UNKNOWN,
        )
        for window, since, title, length in _PERIODS
    )


def _per_hour(currency: str) -> Panel:
    cost = shared.cost_counter(currency)
    return Panel(
        "lines",
        Text("Cost per hour", "每小时费用"),
        Text(f"What an hour costs at the present rate: {cost}.", f"按当前速率每小时的费用：{cost}。"),
        (Query(f"3600 * {promql.spending(currency, 'job, endpoint, model')}", "{{endpoint}} {{model}} {{job}}"),),
        shared.CURRENCY_UNITS[currency],
        8,
        nothing=_UNKNOWN,
    )


def _per_call(currency: str) -> Panel:
    cost = shared.cost_counter(currency)
    calls = f"{promql.increase(PRICED_CALLS, by='endpoint, model')} > 0"
    return Panel(
        "table",
        Text("Cost per thousand calls", "每千次调用费用"),
        Text(
            f"{cost} over {PRICED_CALLS}, of the time range: calls of unknown price are in neither.",
            f"所选时段内 {cost} 与 {PRICED_CALLS} 之比，两者均不含价格未知的调用。",
        ),
        (Query(f"1000 * {promql.increase(cost, by='endpoint, model')}\n/ ({calls})", instant=True),),
        shared.CURRENCY_UNITS[currency],
        8,
        decimals=3,
        nothing=_UNKNOWN,
        value=Text("Cost", "费用"),
    )


def _unpriced() -> Panel:
    return Panel(
        "bars",
        Text("Calls of unknown price", "价格未知的调用"),
        Text(
            f"{UNPRICED_CALLS}: they are in no cost. Give their endpoints `prices`.",
            f"{UNPRICED_CALLS}：未计入任何费用。请为相应接口配置 prices。",
        ),
        (Query(promql.increase(UNPRICED_CALLS, window=promql.CURVE), promql.LEGEND),),
        "short",
        8,
    )


def _rate(metric: str) -> Panel:
    title = {
        INPUT_TOKENS: Text("Input tokens a second by model", "各模型每秒输入 token"),
        OUTPUT_TOKENS: Text("Output tokens a second by model", "各模型每秒输出 token"),
    }[metric]
    about = Text(f"{metric}.", f"{metric}。")
    return Panel("lines", title, about, (Query(promql.rate(metric, by="model"), "{{model}}"),), "short")


def _cached() -> Panel:
    return Panel(
        "lines",
        Text("Share of input from the cache", "输入缓存命中率"),
        Text(f"{CACHED_INPUT_TOKENS} over {INPUT_TOKENS}.", f"{CACHED_INPUT_TOKENS} 与 {INPUT_TOKENS} 之比。"),
        (Query(f"{promql.rate(CACHED_INPUT_TOKENS)}\n/ ({promql.rate(INPUT_TOKENS)} > 0)", promql.LEGEND),),
        "percentunit",
        8,
    )


def _minute() -> Panel:
    used = (
        f"60 * ({promql.rate(INPUT_TOKENS, by='endpoint, model')} + {promql.rate(OUTPUT_TOKENS, by='endpoint, model')})"
    )
    limit = f"max by (endpoint, model) ({promql.any_job(LOADTEST_LIMIT_TOKENS)})"
    return Panel(
        "lines",
        Text("Tokens a minute and the limit", "每分钟 token 数与限额"),
        Text(
            f"{INPUT_TOKENS} and {OUTPUT_TOKENS} a minute; {LOADTEST_LIMIT_TOKENS} is what a load test found.",
            f"每分钟 {INPUT_TOKENS} 与 {OUTPUT_TOKENS} 之和；{LOADTEST_LIMIT_TOKENS} 为压测得出的限额。",
        ),
        (Query(used, "used {{endpoint}} {{model}}"), Query(limit, "limit {{endpoint}} {{model}}")),
        "short",
        8,
    )


def _budget() -> Panel:
    return Panel(
        "lines",
        Text("Probe budget spent", "探测预算使用率"),
        Text(f"{PROBE_BUDGET_SPENT}, since 00:00 UTC.", f"{PROBE_BUDGET_SPENT}，自 UTC 零点起。"),
        (Query(promql.latest(PROBE_BUDGET_SPENT), promql.LEGEND),),
        "percentunit",
        8,
    )
