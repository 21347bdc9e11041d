"""Runs that were made up, and the reports of them."""

from __future__ import annotations

import math
import random
from functools import cache
from typing import Any

import msgspec
import numpy as np

from aimon.call.outcome import Outcome
from aimon.call.result import Arrivals, Pace, Result, Usage
from aimon.loadtests import report
from aimon.loadtests.protocol.plan import Plan
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.report.schema import Block, Report, Series
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.log_histogram import ERROR, UNIT


def result(at: float, latency: float, outcome: Outcome = Outcome.OK, **more: Any) -> Result:
    """A call that began so many seconds after counting did: 4 tokens, of which the first came after two fifths."""
    streamed = {
        "first_token": 0.4 * latency,
        "last_token": latency,
        "arrivals": Arrivals.of([0.2 * latency] * 3),
        "pace": Pace(seconds=0.6 * latency, tokens=3.0, visible=4.0),
        "usage": Usage(10, 4),
    }
    return Result(
        endpoint="e",
        provider="p",
        model="m",
        operation="chat",
        started_at=1000.0 + at,
        end=latency,
        outcome=outcome,
        **{"self_lag": 0.0005, "cost": 0.25, "currency": "CNY", **(streamed if outcome is Outcome.OK else {}), **more},
    )


def run(calls: list[Result], seconds: float, **more: Any) -> RunResult:
    """What comes of such calls, if the run took so long."""
    objectives = [slo.parse("p99<2s"), slo.parse("error_rate<1%")]
    made = RunResult(CallStats(slo.good(objectives)), **{"began": 1000.0, "cpu": 0.1, "objectives": objectives, **more})
    made.window = more.get("window", seconds)
    made.elapsed = max(seconds, *(call.started_at - 1000.0 + call.end for call in calls)) if calls else seconds
    ended: dict[int, CallStats] = {second: CallStats() for second in range(int(made.elapsed) + 1)}
    for call in calls:
        made.stats.observe(call, 1000.0)
        ended[int(call.started_at - 1000.0 + call.end)].observe(call, 1000.0)
    for second, stats in ended.items():
        made.blocks.add(second, stats)
    return made


def few(**more: Any) -> RunResult:
    """Ten calls of half a second in two seconds, one of them refused."""
    calls = [result(k / 5, 0.5, Outcome.RATE_LIMITED if k == 3 else Outcome.OK) for k in range(10)]
    return run(calls, 2.0, **more)


def noisy(seed: int, *, seconds: int = 40, rate: int = 20, slower: float = 1.0, failing: float = 0.02) -> RunResult:
    """Log-normal latencies that go up and down slowly, as those of a shared server do."""
    source = random.Random(seed)
    level, calls = 0.0, []
    for second in range(seconds):
        level = 0.5 * level + source.gauss(0, 0.04)
        for k in range(rate):
            latency = slower * 0.8 * source.lognormvariate(level, 0.3)
            outcome = Outcome.OVERLOADED if source.random() < failing else Outcome.OK
            calls.append(result(second + k / rate, latency, outcome))
    return run(calls, float(seconds))


def plan(**more: Any) -> Plan:
    """Five a second for two seconds."""
    return Plan(**{"endpoint": "e", "rate": 5.0, "duration": 2.0, "slo": ["p99<2s", "error_rate<1%"], **more})


def quick(seed: int, *, seconds: int = 40, rate: int = 20, slower: float = 1.0, failing: float = 0.02) -> Report:
    """A report as that of `noisy`, made at once instead of call by call."""
    source = np.random.default_rng(seed)
    wander = np.zeros(seconds)
    for second in range(1, seconds):
        wander[second] = 0.5 * wander[second - 1] + source.normal(0, 0.04)
    made = msgspec.json.decode(_skeleton(seconds), type=Report)
    made.requests.ok = 0
    for second in range(seconds):
        failed = int(source.binomial(rate, failing))
        latency = slower * 0.8 * np.exp(source.normal(wander[second], 0.3, rate - failed))
        series = {
            "latency_from_schedule": latency,
            "ttft": latency * source.lognormal(-1, 0.1, latency.size),
            "tpot": latency * source.lognormal(-2, 0.1, latency.size),
        }
        block = Block(
            start_s=second,
            seconds=1,
            sent=rate,
            ok=latency.size,
            outcomes={},
            output_tokens=4 * latency.size,
            cost=0.25 * rate,
            series={name: Series(buckets=_buckets(values)) for name, values in series.items()},
        )
        made.blocks.append(block)
        made.seconds[second].sent = rate
        made.requests.ok += latency.size
    made.requests.sent = seconds * rate
    made.rate.achieved = float(rate)
    for name in made.distributions.series:
        made.distributions.series[name].count = made.requests.ok
    return made


@cache
def _skeleton(seconds: int) -> bytes:
    made = report.build(noisy(0, seconds=seconds, rate=1), plan(duration=float(seconds)), "e")
    return msgspec.json.encode(made | {"blocks": []})


def _buckets(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, int]:
    width = math.log((1 + ERROR) / (1 - ERROR))
    places, counts = np.unique(np.ceil(np.log(values / UNIT) / width).astype(int), return_counts=True)
    return dict(zip(map(str, places.tolist()), counts.tolist(), strict=True))


def named(built: dict[str, Any], shares: dict[str, float]) -> dict[str, Any]:
    """The report with its calls divided among request names, as those of a scenario; the times are those of all."""
    left, found = dict(built["requests"]["by_outcome"]), []
    for place, (name, share) in enumerate(shares.items(), start=1):
        last = place == len(shares)
        outcomes = {each: count if last else round(share * count) for each, count in left.items()}
        left = {each: count - outcomes[each] for each, count in left.items()}
        requests = built["requests"] | {
            "sent": sum(outcomes.values()),
            "ok": outcomes["ok"],
            "by_outcome": outcomes,
        }
        found.append(
            {key: value for key, value in built.items() if key.endswith("_s") and key not in {"duration_s", "window_s"}}
            | {"name": name, "requests": requests, "per_s": requests["sent"] / built["window_s"]}
            | {"tpot": built["tpot"], "tokens": built["tokens"], "cost": None, "goodput": None}
        )
    return built | {"by_name": found}


def ladder(built: dict[str, Any], slots: int = 8, service: float = 0.5) -> dict[str, Any]:
    """The report with a ladder of concurrencies against a server with so many slots: its knee is at their number."""
    steps = []
    for concurrency in (1, 2, 4, 8, 16, 32):
        rate = min(concurrency, slots) / service
        latency = max(service, service * concurrency / slots)
        steps.append(
            {
                "concurrency": concurrency,
                "duration_s": 20.0,
                "sent": round(rate * 20),
                "ok": round(rate * 20),
                "iterations_per_s": rate,
                "calls_per_s": rate,
                "output_tokens_per_s": 40 * rate,
                "latency_mean_s": latency,
                "latency_p50_s": latency,
                "latency_p95_s": 1.1 * latency,
                "ttft_p50_s": latency - 0.4 * service,
                "ttft_p95_s": None if concurrency == 1 else latency - 0.3 * service,
                "tpot_p50_s": 0.01,
                "met": concurrency < 32,
                "why": "" if concurrency < 32 else "p99<2s",
                "limited": False,
            }
        )
    return built | {"ladder": {"steps": steps, "knee": slots, "why": ""}}
