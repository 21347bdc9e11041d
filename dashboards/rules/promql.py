"""The pieces of PromQL that the rules are made of."""

from __future__ import annotations

import re

from aimon.call.outcome import Fault, Outcome
from aimon.metrics.definitions import REQUESTS, cost_family

# One line a call's way: who asked (job), from where, whom.
IDENTITY = "job, region, provider, endpoint, model"
# A load test drives an endpoint to its limits on purpose: that must not wake anybody.
NOT_LOADTEST = 'job!="aimon-loadtest"'

_FAULTS_OF_THE_PROVIDER = (Fault.NETWORK, Fault.PROVIDER)
FAILURES = "|".join(outcome.value for outcome in Outcome if outcome.fault in _FAULTS_OF_THE_PROVIDER)
COUNTED = "|".join(outcome.value for outcome in Outcome if outcome.counts_for_availability)
NOT_MADE = "|".join(outcome.value for outcome in Outcome if outcome.fault is Fault.PROBER)
# Neither failures nor successes: they are in no ratio.
NOT_JUDGED = f"{NOT_MADE}|{Outcome.CANCELLED.value}"
NOT_THE_PROVIDERS = "|".join(outcome.value for outcome in Outcome if not outcome.counts_for_availability)
# Matches the names of all alerts but the Watchdog's: ours, and the guide's four.
ALERTS = "AI.+|HighAPIErrorRate|HighDailyCost|HighAPILatency|TokenSpike"
# Histograms of applications that follow the guide have no status.
SUCCEEDED = 'status!~"error|cancelled"'


def increase(metric: str, window: str, *matchers: str, by: str = IDENTITY) -> str:
    """By how much a counter rose over a window, load tests left out."""
    return f"sum by ({by}) (increase({metric}{{{', '.join((NOT_LOADTEST, *matchers))}}}[{window}]))"


def guides_cost(currency: str) -> str:
    """The guide's name of the cost counter, with `total` before the unit: `ai_api_cost_total_yuan`."""
    unit = cost_family(currency).name.removeprefix("ai_api_cost_").removesuffix("_total")
    return f"ai_api_cost_total_{unit}"


def cost_increase(currency: str, window: str, *matchers: str, function: str = "increase") -> str:
    """What each series of calls cost over a window (or its `rate`), whatever the cost counter is called.

    Probes and load tests have aimon's name; applications that follow the guide have the guide's, to which Python's
    client library adds `_total`. The alias that the rules record has the labels of its source, which `or` takes once.
    """
    alias = guides_cost(currency)
    chosen = f"{{{', '.join(matchers)}}}" if matchers else ""
    names = (cost_family(currency).name, f"{alias}_total", alias)
    return "\n  or ".join(f"{function}({name}{chosen}[{window}])" for name in names)


def per_second(metric: str, window: str, *matchers: str, by: str = IDENTITY) -> str:
    """How fast a counter rises, in units a second, load tests left out."""
    return f"sum by ({by}) (rate({metric}{{{', '.join((NOT_LOADTEST, *matchers))}}}[{window}]))"


def outcomes(pattern: str, window: str) -> str:
    """How many calls had one of these outcomes."""
    return increase(REQUESTS, window, f'outcome=~"{pattern}"')


def within(seconds: float) -> str:
    """Matches the bucket with that upper bound.

    prometheus_client and Prometheus 3 write a whole bound as `10.0`, Go and Prometheus 2 as `10`. An unescaped dot
    would match any character: `1.0` is in `120` and `180`.
    """
    text = f"{seconds:.9f}".rstrip("0").rstrip(".")
    return f'le=~"{text}|{text}[.]0"' if "." not in text else f'le="{text}"'


def slower(histogram: str, seconds: float, window: str, *matchers: str) -> str:
    """How many of a histogram's calls took longer than a bucket's bound."""
    calls = increase(f"{histogram}_count", window, *matchers)
    return f"{calls}\n  - {increase(f'{histogram}_bucket', window, within(seconds), *matchers)}"


def quantile(share: float, histogram: str, window: str, *matchers: str) -> str:
    """A quantile of a histogram over a window, in seconds."""
    buckets = increase(f"{histogram}_bucket", window, *matchers, by=f"{IDENTITY}, le")
    return f"histogram_quantile({share:g}, {buckets})"


def equals(label: str, value: str) -> str:
    """A matcher for exactly this value, whatever characters it holds."""
    escaped = re.sub(r'(["\\])', r"\\\1", value).replace("\n", r"\n")
    return f'{label}="{escaped}"'
