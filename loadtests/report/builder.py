"""Builds the values of report.json (`schema`) from a RunResult."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from aimon import __version__
from aimon.language import pick
from aimon.loadtests.report import steady_state
from aimon.loadtests.report.schema import FORMULA, VERSION
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.censoring import summary
from aimon.loadtests.statistics.self_check import check, distorted
from aimon.log_histogram import ERROR, UNIT

if TYPE_CHECKING:
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.report.run_result import RunResult
    from aimon.loadtests.statistics.call_stats import CallStats
    from aimon.loadtests.statistics.iteration_stats import IterationStats

TIMES = {
    "latency_s": "latency",
    "latency_from_schedule_s": "latency_from_schedule",
    "connection_s": "set_up",
    "ttft_s": "ttft",
    "first_output_s": "first_output",
    "ttft_reasoning_s": "first_reasoning",
    "itl_s": "itl",
    "tpot_s": "tpot",
}
# Options of output and not of load; a push address may hold a password.
_OMITTED = frozenset({"push"})


def build(run: RunResult, plan: Plan, endpoint: str, *, model: str | None = None) -> dict[str, Any]:
    """The report as JSON values; missing values are None.

    Args:
        run: the result of the run.
        plan: its plan.
        endpoint: name of the endpoint.
        model: its model; by default that of the plan's flags.
    """
    stats, elapsed, window = run.stats, run.elapsed, run.window
    client = check(stats, run.cpu)
    config = {key: value for key, value in msgspec.to_builtins(plan).items() if key not in _OMITTED}
    return {
        "version": VERSION,
        "aimon": __version__,
        "endpoint": endpoint,
        "model": model or plan.flags.get("model"),
        "profile": plan.profile,
        "started_at": run.began or time.time(),
        "duration_s": elapsed,
        "window_s": window,
        "ended": {
            "how": run.ended,
            "why": run.why or None,
            "outcome": run.culprit and run.culprit[0],
            "status_code": run.culprit and run.culprit[1],
            "failure_reason": run.culprit and run.culprit[2],
            "uncounted": run.uncounted,
            "lost": run.lost,
        },
        "requests": _requests(stats),
        "rate": {
            "asked": _asked(plan),
            "achieved": _per_second((stats if run.iterations is None else run.iterations).served["sent"], window),
            "schedule": _schedule(plan),
            "of": "calls" if run.iterations is None else "iterations",
        },
        **_all_times(stats, run.lost, bottleneck=client["bottleneck"]),
        "tpot": stats.tpot_coverage.summary(),
        "tokens": stats.usage.summary(window),
        "cost": _cost(run),
        "goodput": _per_second(stats.served["good"], window),
        "slo": slo.judge(
            run.objectives, stats, window, by_name=run.by_name, lost=run.lost, bottleneck=client["bottleneck"]
        ),
        "client": client,
        "capacity": None if run.capacity is None else run.capacity.as_dict(),
        "limits": None if run.limits is None else asdict(run.limits),
        "workers": run.workers,
        "notes": [*run.notes, *_short_answers(stats), *_thought_out(stats)],
        "config": config,
        "steady": steady_state.summarize(run, plan),
        "seconds": [{"second": second, **counts} for second, counts in sorted(stats.seconds.items())],
        "blocks": run.blocks.dump(),
        "distributions": _distributions(stats),
        "scenario": plan.scenario and plan.scenario.title,
        "iterations": None if run.iterations is None else _iterations(run.iterations, window, run.lost),
        "by_name": [_named(name, stats, window, client) for name, stats in sorted(run.by_name.items())],
        "ladder": None if run.ladder is None else run.ladder.as_dict(),
    }


def _requests(stats: CallStats) -> dict[str, Any]:
    return {
        "sent": stats.sent,
        "ok": stats.ok,
        "by_outcome": dict(stats.outcomes.most_common()),
        **{name: stats.counts[name] for name in ("not_started", "interrupted", "resent", "stale")},
    }


def _per_second(count: float, window: float) -> float | None:
    return count / window if window > 0 else None


def _all_times(stats: CallStats, lost: int = 0, *, bottleneck: bool) -> dict[str, dict[str, Any] | None]:
    return {key: _times(stats, name, lost, bottleneck=bottleneck) for key, name in TIMES.items()}


def _iterations(stats: IterationStats, window: float, lost: int) -> dict[str, Any]:
    return {
        "ended": stats.ended,
        "ok": stats.ok,
        "by_outcome": dict(stats.outcomes.most_common()),
        "not_started": stats.not_started,
        "per_s": _per_second(stats.served["ok"], window),
        "duration_s": summary(stats.sample("duration", lost=lost)),
        "latency_from_schedule_s": summary(stats.sample("latency_from_schedule", lost=lost)),
        "errors": dict(stats.errors.most_common()),
    }


def _named(name: str, stats: CallStats, window: float, client: dict[str, Any]) -> dict[str, Any]:
    """The calls of one request name. Calls of a lost worker could be of any name, and are in none."""
    return {
        "name": name,
        "requests": _requests(stats),
        "per_s": _per_second(stats.served["sent"], window),
        **_all_times(stats, bottleneck=client["bottleneck"]),
        "tpot": stats.tpot_coverage.summary(),
        "tokens": stats.usage.summary(window),
        "cost": None if stats.currency is None else stats.cost,
        "goodput": _per_second(stats.served["good"], window),
    }


def _asked(plan: Plan) -> float | None:
    """Calls per second planned after the warm-up."""
    if (schedule := plan.schedule) is None:
        return None
    warm = plan.warmup * (plan.rate or 0.0) * (0.1 if plan.profile == "ramp" else 1.0)
    return (schedule.total - warm) / plan.duration


def _schedule(plan: Plan) -> list[dict[str, float]]:
    if (schedule := plan.schedule) is None:
        return []
    points, at = [], -plan.warmup
    for phase in schedule.phases:
        points.append({"at_s": at, "rate": phase.rate(0.0)})
        at += phase.duration
        points.append({"at_s": at, "rate": phase.rate(phase.duration)})
    # The warm-up is the first phase; counting begins after it.
    return [point for point in points if point["at_s"] >= 0][1 if plan.warmup else 0 :]


def _times(stats: CallStats, name: str, lost: int, *, bottleneck: bool) -> dict[str, Any] | None:
    return summary(stats.sample(name, lost=lost), partial(distorted, stats, name) if bottleneck else None)


def _thought_out(stats: CallStats) -> list[str]:
    """A note where calls ended without visible text since the model thought until its limit."""
    count, tokens = stats.counts["thought_out"], stats.counts["thought_out_tokens"]
    if not count:
        return []
    spent = f" ({tokens / count:,.0f} tokens each)" if tokens else ""
    chinese = f"（每个 {tokens / count:,.0f} token）" if tokens else ""
    return [
        pick(
            f"{count:,} of {stats.sent:,} calls spent their whole limit on reasoning{spent} and showed no text: raise "
            "--output-tokens, or set reasoning: off or low at the endpoint",
            f"{stats.sent:,} 个调用中有 {count:,} 个把全部限额用于推理{chinese}，没有可见文本：提高 --output-tokens，"
            "或在端点上设置 reasoning: off 或 low",
        )
    ]


def _short_answers(stats: CallStats) -> list[str]:
    """A note where answers are shorter than they were to be."""
    short = stats.counts["shorter"]
    if not short:
        return []
    total = short + stats.counts["exact"]
    return [
        pick(
            f"{short:,} of {total:,} answers were shorter than --exact-output asked for: the server stopped before",
            f"{total:,} 个回答中有 {short:,} 个短于 --exact-output 要求的长度：服务器提前停止",
        )
    ]


def _cost(run: RunResult) -> dict[str, Any] | None:
    stats = run.stats
    currency = stats.currency or run.currency
    if currency is None:
        return None
    estimated = round(stats.usage.amounts["priced_by_estimate"])
    return {
        # A RunResult without `spent`, as of Locust's report, has no cost beyond that of its calls.
        "amount": max(run.spent, stats.cost),
        "counted": stats.cost,
        "currency": currency,
        "unpriced": stats.counts["unpriced"],
        "estimated": estimated,
    }


def _distributions(stats: CallStats) -> dict[str, Any]:
    found = {}
    for name, histogram in stats.series.items():
        if count := histogram.count:
            dumped = histogram.dump()
            found[name] = {
                "count": count,
                "sum_s": dumped["sum"],
                "min_s": dumped["min"],
                "max_s": dumped["max"],
                "buckets": {str(i): number for i, number in dumped["buckets"].items()},
                "censored": stats.sample(name).open.count,
            }
    return {"unit_s": UNIT, "gamma": (1 + ERROR) / (1 - ERROR), "formula": FORMULA, "series": found}
