"""Recording rules: availability over the burn-rate windows, cost by day, week and month, the guide's alias."""

from __future__ import annotations

from aimon.dashboards.rules.document import Group, Recording
from aimon.dashboards.rules.promql import COUNTED, FAILURES, IDENTITY, cost_increase, guides_cost, outcomes
from aimon.metrics.definitions import cost_family

# Google's SRE workbook, chapter 5: the long and the short windows of its four burn rates.
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
COST_WINDOWS = ("1d", "7d", "30d")


def sli(windows: tuple[str, ...] = WINDOWS) -> Group:
    """How many calls there were, how many failed by the fault of network or provider, and their ratio."""
    rules: list[Recording] = []
    for window in windows:
        calls, failures = f"endpoint:ai_calls:increase{window}", f"endpoint:ai_failures:increase{window}"
        rules += [
            Recording(calls, outcomes(COUNTED, window)),
            Recording(failures, outcomes(FAILURES, window)),
            # Without calls there is no ratio, rather than NaN.
            Recording(f"endpoint:ai_failures:ratio{window}", f"{failures} / ({calls} > 0)"),
        ]
    return Group("aimon-sli", tuple(rules))


def cost(currency: str) -> Group:
    """What calls cost in the last day, week and month, load tests included."""
    name = cost_family(currency).name.removesuffix("_total")
    return Group(
        f"aimon-cost-{currency.lower()}",
        tuple(
            Recording(f"endpoint:{name}:increase{window}", f"sum by ({IDENTITY}) ({cost_increase(currency, window)})")
            for window in COST_WINDOWS
        ),
    )


def aliases(currency: str) -> Group:
    """The cost counter under the guide's own name, also where Python's client library has added `_total` to it."""
    name = guides_cost(currency)
    counters = f"{cost_family(currency).name} or {name}_total"
    return Group(f"aimon-alias-{currency.lower()}", (Recording(name, counters),))
