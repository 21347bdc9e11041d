"""Recording rules: availability over the burn-rate windows, cost by day, week and month, the guide's alias."""

from __future__ import annotations

from aimon.dashboards.rules.document import Group, Recording
from aimon.dashboards.rules.promql import COUNTED, FAILURES, IDENTITY, outcomes
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
    counter = cost_family(currency).name
    name = counter.removesuffix("_total")
    return Group(
        f"aimon-cost-{currency.lower()}",
        tuple(
            Recording(f"endpoint:{name}:increase{window}", f"sum by ({IDENTITY}) (increase({counter}[{window}]))")
            for window in COST_WINDOWS
        ),
    )


def aliases(currency: str) -> Group:
    """The name that the guide gives the cost counter, with `total` before the unit."""
    counter = cost_family(currency).name
    unit = counter.removeprefix("ai_api_cost_").removesuffix("_total")
    return Group(f"aimon-alias-{currency.lower()}", (Recording(f"ai_api_cost_total_{unit}", counter),))
