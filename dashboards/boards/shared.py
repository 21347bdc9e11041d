"""Panels and scales that more than one board has."""

from __future__ import annotations

from typing import Final

from aimon.dashboards.boards import promql
from aimon.dashboards.boards.model import Panel, Query, State, Step, Text
from aimon.dashboards.rules.promql import SUCCEEDED
from aimon.metrics.definitions import (
    DURATION,
    PROBE_LAST_RUN,
    PROBE_SUCCESS,
    REQUESTS,
    TTFT,
    UNPRICED_CALLS,
    cost_family,
)

GREEN: Final = "green"
RED: Final = "red"
ORANGE: Final = "orange"
SUCCESSES: Final = SUCCEEDED
ERRORS: Final = 'status="error"'

UP_STATES: Final = (
    State(1, Text("Up", "正常"), GREEN),
    State(0, Text("Down", "故障"), RED),
    State(-1, Text("Prober stopped", "探测器已停止"), "purple"),
)

QUANTILES: Final = (0.5, 0.95, 0.99)
CURRENCY_UNITS: Final = {"CNY": "currency:¥", "USD": "currencyUSD"}
# The guide's scale of a day's cost, in the reporting currency, and of the latency, in seconds.
DAILY_COST: Final = (Step(None, GREEN), Step(100, "yellow"), Step(500, RED))
P99: Final = (Step(None, GREEN), Step(5, "yellow"), Step(10, RED))


def rising(warn: float, bad: float) -> tuple[Step, ...]:
    """A scale where more is worse."""
    return (Step(None, GREEN), Step(warn, ORANGE), Step(bad, RED))


def falling(bad: float, warn: float) -> tuple[Step, ...]:
    """A scale where less is worse."""
    return (Step(None, RED), Step(bad, ORANGE), Step(warn, GREEN))


def tile(
    title: Text,
    about: Text,
    expr: str,
    unit: str,
    *,
    legend: str = "",
    width: int = 3,
    steps: tuple[Step, ...] = (),
    states: tuple[State, ...] = (),
    decimals: int | None = None,
    since: str | None = None,
) -> Panel:
    """One big figure, or one for each series."""
    query = Query(expr, legend or title.en, instant=True)
    return Panel(
        "stat",
        title,
        about,
        (query,),
        unit,
        width,
        4,
        steps=steps,
        states=states,
        decimals=decimals,
        since=since,
    )


def cost_tile(title: Text, currency: str, window: str, *, width: int = 3, steps: tuple[Step, ...] = ()) -> Panel:
    """What calls cost, and beside it how many calls are not in it, for want of a price: then it is a part of the cost.

    Unknown, and not 0, where no call had a price.
    """
    counter, shown = cost_counter(currency), "the time range" if window == promql.RANGE else window
    about = Text(
        f"{counter} over {shown}, load tests included. The second figure, {UNPRICED_CALLS}, is how many calls are not "
        "in it: while it is above 0, the cost is only a part.",
        f"{'所选时段' if window == promql.RANGE else window} 内 {counter}，含压测。第二个数字 {UNPRICED_CALLS} "
        "为价格未知、未计入的调用数；大于 0 时费用仅为部分。",
    )
    queries = (
        Query(promql.spent_in_all(currency, window), Text("known", "已知"), instant=True),
        Query(promql.total(UNPRICED_CALLS, window=window), Text("calls not in it", "未计入的调用"), True, "short"),
    )
    return Panel(
        "stat", title, about, queries, CURRENCY_UNITS[currency], width, 4,
        steps=steps, decimals=2, nothing=Text("Unknown", "未知"),
    )  # fmt: skip


def cost_counter(currency: str) -> str:
    """The cost metric of a currency."""
    return cost_family(currency).name


def uptime(width: int = 24, height: int = 6) -> Panel:
    """The bands of each endpoint over time."""
    return Panel(
        "states",
        Text("Uptime history", "可用性历史"),
        Text(
            f"{PROBE_SUCCESS}: whether the last probe succeeded. Where {PROBE_LAST_RUN} is older than three intervals "
            "the prober has stopped, and what it last said is not shown as up.",
            f"{PROBE_SUCCESS}：最近一次探测是否成功。若 {PROBE_LAST_RUN} 超过三个周期未更新，"
            "说明探测器已停止，不会再显示为正常。",
        ),
        (Query(promql.up(), promql.LEGEND),),
        "none",
        width,
        height,
        states=UP_STATES,
    )


def prober_age(width: int = 12, height: int = 8) -> Panel:
    """Since when nobody has looked."""
    return Panel(
        "lines",
        Text("Time since the last probe", "距上次探测的时间"),
        Text(
            f"Now less {PROBE_LAST_RUN}. A line that climbs is a prober that has stopped, or whose pushes fail.",
            f"当前时间减去 {PROBE_LAST_RUN}。持续上升说明探测器已停止，或推送失败。",
        ),
        (Query(promql.age(), promql.LEGEND),),
        "s",
        width,
        height,
    )


def qps_by_model(width: int = 12) -> Panel:
    """Calls a second."""
    return Panel(
        "lines",
        Text("QPS by model", "各模型 QPS"),
        Text(f"Calls a second: {REQUESTS}, without those never sent.", f"每秒调用数：{REQUESTS}，不含未发出的调用。"),
        (Query(promql.rate(REQUESTS, promql.CALLS, by="model"), "{{model}}"),),
        "reqps",
        width,
    )


def errors_by_type(width: int = 12) -> Panel:
    """What went wrong, and how often."""
    return Panel(
        "stacked",
        Text("Error rate by type", "各类型错误率"),
        Text(
            f"Share of all calls that ended with each outcome other than ok: {REQUESTS}.",
            f"以各类非 ok 结果结束的调用占比：{REQUESTS}。",
        ),
        (
            Query(
                f"{promql.rate(REQUESTS, ERRORS, promql.JUDGED, by='outcome')}\n"
                f"/ on () group_left () (sum(rate({promql.select(REQUESTS, promql.JUDGED)}[{promql.CURVE}])) > 0)",
                "{{outcome}}",
            ),
        ),
        "percentunit",
        width,
    )


def latency(width: int = 12) -> Panel:
    """How long successful calls take."""
    return _quantiles(
        Text("Latency P50, P95, P99", "延迟 P50、P95、P99"),
        Text(
            f"From start to end of successful calls: {DURATION}.",
            f"成功调用从开始到结束的耗时：{DURATION}。",
        ),
        DURATION,
        SUCCESSES,
        width=width,
    )


def time_to_first_token(width: int = 12) -> Panel:
    """How long until the first visible text."""
    return _quantiles(
        Text("Time to first token P50, P95, P99", "首字延迟（TTFT）P50、P95、P99"),
        Text(
            f"To the first visible text of successful calls; reasoning does not count: {TTFT}.",
            f"成功调用到首个可见文本的时间，不含推理过程：{TTFT}。",
        ),
        TTFT,
        width=width,
    )


def time_per_output_token(histogram: str, width: int = 12) -> Panel:
    """How fast text comes."""
    return _quantiles(
        Text("Time per output token P50, P95, P99", "单 token 耗时（TPOT）P50、P95、P99"),
        Text(
            f"Seconds per output token after the first: {histogram}.",
            f"首个 token 之后每个输出 token 的秒数：{histogram}。",
        ),
        histogram,
        width=width,
    )


def _quantiles(title: Text, about: Text, histogram: str, *matchers: str, width: int) -> Panel:
    queries = tuple(Query(promql.quantile(q, histogram, *matchers), f"P{q * 100:g} {promql.LEGEND}") for q in QUANTILES)
    return Panel("lines", title, about, queries, "s", width)
