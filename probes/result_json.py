"""A Result as the JSON object of `aimon probe --json`: version 1, documented in docs/probe.md; keys are only added."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from aimon.call.result import Result


def as_object(result: Result) -> dict[str, Any]:
    """The object; durations in seconds, `started_at` in RFC 3339, null where a thing was not measured."""
    usage = result.usage
    return {
        "endpoint": result.endpoint,
        "provider": result.provider,
        "model": result.model,
        "region": result.region,
        "started_at": datetime.fromtimestamp(result.started_at, UTC).isoformat(timespec="milliseconds"),
        "outcome": result.outcome,
        "fault": result.fault,
        "status_code": result.status_code,
        "latency_s": _seconds(result.latency),
        "ttft_s": _seconds(result.ttft),
        "first_output_s": _seconds(result.first_output),
        "tpot_s": _seconds(result.tpot),
        "tpot_unknown": None if result.pace is None else result.pace.unknown,
        "phases": {name: _seconds(value) for name, value in result.phases.items()},
        "usage": {
            "input": usage.input,
            "output": usage.output,
            "cached_input": usage.cached_input,
            "reasoning": usage.reasoning,
            "source": usage.source,
            "implausible": list(usage.implausible or ()),
        },
        "cost": result.cost,
        "currency": result.currency,
        "price_source": result.price_source,
        "answer_ok": result.answer_ok,
        "finish_reason": result.finish_reason,
        "request_id": result.request_id,
        "error": result.error,
        "error_code": result.error_code,
        "failure_reason": result.failure_reason,
        "self_lag_s": _seconds(result.self_lag),
        "canary": result.canary,
        "operation": result.operation,
        "response_model": result.response_model,
        "limits": None if result.limits is None else msgspec.to_builtins(result.limits),
        "retry_after_s": result.retry_after,
        "certificate_expiry": None if result.connection is None else result.connection.certificate_expiry,
        "kernel_stamped": None if result.connection is None else result.connection.stamped,
    }


def as_line(result: Result) -> bytes:
    """The object on one line, without the line's end."""
    return msgspec.json.encode(as_object(result))


def as_pretty(result: Result) -> str:
    """The object on many lines, for people."""
    return msgspec.json.format(as_line(result), indent=2).decode()


def _seconds(value: float | None) -> float | None:
    # Microseconds: what the clock can tell, without the noise of binary fractions.
    return None if value is None else round(value, 6)
