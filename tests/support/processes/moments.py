"""Progresss of load tests as their processes tell them, made up."""

from __future__ import annotations

from typing import Any

from aimon.call.call import Message, Target
from aimon.call.outcome import Outcome
from aimon.config.endpoint import Canary, Endpoint
from aimon.loadtests.protocol import totals_codec
from aimon.loadtests.protocol.progress import Progress, Times
from aimon.metrics.totals import Totals
from results import QWEN, a_result

ENDPOINT = Endpoint(
    Target(QWEN.endpoint, QWEN.provider, "openai-chat", "http://127.0.0.1:1/v1", QWEN.model),
    (Canary("echo", (Message("user", "hi"),)),),
    region=QWEN.region,
)
KEEPING_UP = {"bottleneck": False, "reasons": [], "lag_p99_s": 0.0012, "start_lateness_p99_s": 0.0004, "cpu": 0.31}
TOO_SLOW = {
    "bottleneck": True,
    "reasons": ["the client used 98% of its core", "calls started 34 ms late at the 99th percentile"],
    "lag_p99_s": 0.034,
    "start_lateness_p99_s": 0.034,
    "cpu": 0.98,
}


def times(p50: float, spread: float = 2.0, count: int = 400) -> Times:
    """Percentiles that lie apart by a factor."""
    return Times(p50=p50, p95=p50 * spread, p99=p50 * spread**1.5, count=count)


def a_moment(**changes: Any) -> Progress:
    """Fifty seconds into two minutes of 40 calls a second, of which a few were refused."""
    fields: dict[str, Any] = {
        "elapsed": 50.0,
        "duration": 120.0,
        "phase": "steady",
        "asked": 40.0,
        "achieved": 40.1,
        "in_flight": 12,
        "users": None,
        "requests": None,
        "sent": 2000,
        "ok": 1996,
        "outcomes": {"ok": 1996, "rate_limited": 3, "timeout_ttft": 1},
        "now": {
            "latency": times(0.412),
            "latency_from_schedule": times(0.4131),
            "ttft": times(0.0521),
            "itl": times(0.00998, 1.1),
            "tpot": times(0.01012, 1.05),
        },
        "overall": {
            "latency": times(0.398, 2.2, 1996),
            "latency_from_schedule": times(0.399, 2.2, 1996),
            "ttft": times(0.0498, 2.5, 1996),
            "itl": times(0.00997, 1.2, 38_000),
            "tpot": times(0.01008, 1.1, 1996),
        },
        "tokens_per_s": 1604.2,
        "cost": 0.5213,
        "currency": "CNY",
        "client": KEEPING_UP,
        "workers": 1,
    }
    return Progress(**(fields | changes))


def totals(ok: int, refused: int = 0) -> dict[str, Any]:
    """The cumulative metrics of so many calls, as a moment carries them."""
    counted = Totals()
    counted.declare(QWEN, currency="CNY")
    for _ in range(ok):
        counted.observe(a_result())
    for _ in range(refused):
        counted.observe(a_result(Outcome.RATE_LIMITED))
    return totals_codec.dump(counted)


def a_report(**changes: Any) -> dict[str, Any]:
    """What of report.json becomes metrics."""
    fields: dict[str, Any] = {
        "profile": "steady",
        "started_at": 1_795_513_309.8,
        "rate": {"asked": 40.0, "achieved": 39.9},
        "client": KEEPING_UP,
        "capacity": None,
        "limits": None,
        "slo": [
            {"expr": "p99<2s", "value": 1.2, "met": True},
            {"expr": "error_rate<0.1%", "value": 0.002, "met": False},
        ],
        "config": {"concurrency": None},
    }
    return fields | changes
