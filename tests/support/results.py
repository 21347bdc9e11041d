"""Synthetic Results for tests."""

from __future__ import annotations

from typing import Any

from aimon.call.outcome import Outcome
from aimon.call.result import Pace, Result, Usage
from aimon.metrics.totals import Identity

QWEN = Identity("qwen-prod", "qwen-plus", "dashscope", "cn-east")


def a_result(outcome: Outcome = Outcome.OK, identity: Identity = QWEN, **changes: Any) -> Result:
    """A call that took 1.5 s, with its first token after 0.4 s; a failed one got no token."""
    ok = outcome is Outcome.OK
    fields: dict[str, Any] = {
        **identity.labels,
        "operation": "chat",
        "started_at": 1_700_000_000.0,
        "outcome": outcome,
        "headers": 0.3,
        "first_token": 0.4 if ok else None,
        "last_token": 1.3 if ok else None,
        "pace": Pace(seconds=0.9, tokens=9.0) if ok else None,
        "end": 1.5,
        "status_code": 200,
        "usage": Usage(input=20, output=10, cached_input=4, reasoning=0, source="reported") if ok else Usage(),
        "cost": 0.002 if ok else None,
        "currency": "CNY" if ok else None,
    }
    return Result(**(fields | changes))
