"""The pieces of PromQL that panels are made of.

Every query is written so that an idle system gives nothing or 0, never NaN: divisors are `> 0`, and quantiles are
shown only where calls were made. `[$__rate_interval]` is for curves, `[$__range]` for what a tile sums up.
"""

from __future__ import annotations

from typing import Final

from aimon.dashboards.rules.promql import COUNTED, FAILURES, NOT_JUDGED, NOT_MADE, cost_increase
from aimon.metrics.definitions import DURATION, PROBE_INTERVAL, PROBE_LAST_RUN, PROBE_SUCCESS, REQUESTS

CURVE: Final = "$__rate_interval"
RANGE: Final = "$__range"
# One line an endpoint. Regions stay apart: the same endpoint may be down as seen from one of them.
BY: Final = "region, endpoint, model"
LEGEND: Final = "{{endpoint}} {{model}} {{region}}"

_ENDPOINT = ('region=~"$region"', 'endpoint=~"$endpoint"', 'model=~"$model"')
_SELECTION = ('job=~"$job"', *_ENDPOINT)
# A probe that is done by hand has no interval; then an hour of silence is three of them.
_UNKNOWN_INTERVAL = 1200

CALLS: Final = f'outcome!~"{NOT_MADE}"'
# What ratios are of: calls that an application broke off have neither failed nor succeeded.
JUDGED: Final = f'outcome!~"{NOT_JUDGED}"'


def select(metric: str, *matchers: str) -> str:
    """The selected series of a metric."""
    return f"{metric}{{{', '.join((*_SELECTION, *matchers))}}}"


def any_job(metric: str, *matchers: str) -> str:
    """The selected endpoints' series of a metric, whoever pushed them: what a load test found holds for production."""
    return f"{metric}{{{', '.join((*_ENDPOINT, *matchers))}}}"


def rate(metric: str, *matchers: str, by: str = BY) -> str:
    """How fast a counter rises, a second."""
    return f"sum by ({by}) (rate({select(metric, *matchers)}[{CURVE}]))"


def increase(metric: str, *matchers: str, window: str = RANGE, by: str = BY) -> str:
    """By how much a counter rose over a window."""
    return f"sum by ({by}) (increase({select(metric, *matchers)}[{window}]))"


def total(metric: str, *matchers: str, window: str = RANGE) -> str:
    """By how much a counter rose over a window, all series together; 0 where there is none."""
    return f"sum(increase({select(metric, *matchers)}[{window}])) or vector(0)"


def spent(currency: str, window: str = RANGE, by: str = "endpoint, model") -> str:
    """What calls cost over a window; nothing where no price is known."""
    return f"sum by ({by}) ({cost_increase(currency, window, *_SELECTION)})"


def spent_in_all(currency: str, window: str = RANGE) -> str:
    """As `spent`, of all selected endpoints together."""
    return f"sum({cost_increase(currency, window, *_SELECTION)})"


def spending(currency: str, by: str) -> str:
    """What calls cost a second."""
    return f"sum by ({by}) ({cost_increase(currency, CURVE, *_SELECTION, function='rate')})"


def latest(metric: str, *matchers: str, by: str = BY, pick: str = "max") -> str:
    """A gauge, one value an endpoint: several jobs may tell of the same one."""
    return f"{pick} by ({by}) ({select(metric, *matchers)})"


def share(part: str, whole: str, window: str = CURVE, by: str = BY) -> str:
    """The share of calls with some outcomes among others; nothing where there were no calls."""
    return (
        f"sum by ({by}) (increase({select(REQUESTS, part)}[{window}]))\n"
        f"/ (sum by ({by}) (increase({select(REQUESTS, whole)}[{window}])) > 0)"
    )


def share_of_all(part: str, whole: str, window: str = RANGE) -> str:
    """As `share`, over all selected endpoints together."""
    return (
        f"sum(increase({select(REQUESTS, part)}[{window}]))\n/ (sum(increase({select(REQUESTS, whole)}[{window}])) > 0)"
    )


def availability(window: str = RANGE) -> str:
    """Calls that did not fail by the fault of network or provider, among those that say something about them."""
    failures, counted = f'outcome=~"{FAILURES}"', f'outcome=~"{COUNTED}"'
    return f"1 - {share_of_all(failures, counted, window)}"


def quantile(q: float, histogram: str, *matchers: str, window: str = CURVE, by: str = BY) -> str:
    """A quantile of a histogram for each endpoint, in seconds; nothing where nothing was observed."""
    inner = f"sum by (le, {by}) (rate({select(f'{histogram}_bucket', *matchers)}[{window}]))"
    made = f"sum by ({by}) (rate({select(f'{histogram}_count', *matchers)}[{window}])) > 0"
    return f"histogram_quantile({q:g}, {inner})\nand ({made})"


def quantile_of_all(q: float, histogram: str, *matchers: str, window: str = RANGE) -> str:
    """As `quantile`, over all selected endpoints together."""
    inner = f"sum by (le) (rate({select(f'{histogram}_bucket', *matchers)}[{window}]))"
    made = f"sum(rate({select(f'{histogram}_count', *matchers)}[{window}])) > 0"
    return f"histogram_quantile({q:g}, {inner})\nand ({made})"


def concurrency() -> str:
    """The mean number of calls at once, by Little's law: seconds spent in calls, a second."""
    return rate(f"{DURATION}_sum")


def age() -> str:
    """Seconds since the last probe of each endpoint ended."""
    return f"time() - {latest(PROBE_LAST_RUN)}"


def fresh() -> str:
    """Endpoints whose prober is alive: the last probe is no older than three intervals."""
    interval = f"({latest(PROBE_INTERVAL)} or {latest(PROBE_LAST_RUN)} * 0 + {_UNKNOWN_INTERVAL})"
    return f"{age()} <= 3 * {interval}"


def while_fresh(expr: str) -> str:
    """An expression with labels BY (and perhaps more), where its endpoint's prober is alive."""
    return f"{expr}\nand on ({BY}) ({fresh()})"


def up() -> str:
    """1 where the last probe succeeded, 0 where it failed, -1 where the prober has stopped: nobody knows then."""
    success = latest(PROBE_SUCCESS)
    return f"{while_fresh(success)}\nor ({success}) * 0 - 1"


def up_ratio() -> str:
    """The share of endpoints that are up; one that nobody probes any more is not."""
    alive = f"(({while_fresh(latest(PROBE_SUCCESS))}) > 0)"
    return f"(count({alive}) or vector(0)) / (count({latest(PROBE_SUCCESS)}) > 0)"
