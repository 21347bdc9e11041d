"""Cases for the burn-rate alerts of the default objectives: 99.5 % available, 99 % within 10 s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promtool import Case, at_minutes, both, rising
from traffic_cases import calls, histogram

if TYPE_CHECKING:
    from collections.abc import Callable

Curve = "Callable[[float], float]"

# Factor, long and short window in minutes, label, severity, seconds between samples.
BURNS = (
    (14.4, 60, 5, "1h", "critical", (60, 97)),
    (6, 360, 30, "6h", "critical", (60, 97)),
    (3, 1440, 120, "1d", "warning", (300, 317)),
    (1, 4320, 360, "3d", "warning", (600, 517)),
)
OFTEN = 20.0  # calls a minute


def _available(good: Callable[[float], float], bad: Callable[[float], float], job: str = "aimon-probe") -> Any:
    return {calls("ok", job): good, calls("overloaded", job): bad}


def _quick(good: Callable[[float], float], bad: Callable[[float], float], job: str = "aimon-probe") -> Any:
    made = histogram("ai_api_request_duration_seconds", job, status="success")
    return made(("10", good), ("15", bad))


def _cases(alert: str, budget: float, extra: dict[str, str], made: Any) -> list[Case]:
    cases = []
    for factor, long, short, window, severity, steps in BURNS:
        limit = factor * budget
        labels = {"severity": severity, "endpoint": "e", "model": "m", "window": window, **extra}
        end = 1.25 * long

        def case(story: str, fires: bool, good: Any, bad: Any, **how: str) -> Case:
            return Case(alert, story, made(good, bad, **how), fires, labels, end, steps, long / 12)  # noqa: B023

        def share(part: float, begin: float = 0.0, stop: float = end) -> tuple[Any, Any]:
            failing = rising(part * OFTEN, begin, stop)
            return (lambda minute: rising(OFTEN)(minute) - failing(minute)), failing

        def recovering() -> tuple[Any, Any]:
            """Many failures, and lately 0.7 of the limit."""
            turn = end - 1.6 * short  # noqa: B023
            failing = both(rising(min(1, 2.5 * limit) * OFTEN, 0, turn), rising(0.7 * limit * OFTEN, turn))  # noqa: B023
            return (lambda minute: rising(OFTEN)(minute) - failing(minute)), failing

        def rare(failures: int) -> tuple[Any, Any]:
            """So few calls that the failures, the last ones, are 1.4 times the limit."""
            gap = long * 1.4 * limit / failures  # noqa: B023
            last = max(0.6 * gap, max(steps) / 57)  # noqa: B023 - a sample must follow it
            times = [end - last - gap * i for i in range(int(end / gap) - 1)]  # noqa: B023
            return at_minutes(*times[failures:]), at_minutes(*times[:failures])

        cases += [
            case("1.3 times the limit, all along", True, *share(1.3 * limit)),
            case("0.7 of the limit, all along", False, *share(0.7 * limit)),
            case("it has stopped", False, *share(min(1, 2.5 * limit), 0, end - 1.5 * short)),
            case("it is getting better", False, *recovering()),
            case("it has just begun", False, *share(min(1, 0.7 * limit * long / short), end - short)),
            case("two failures of few calls", False, *rare(2)),
            case("three failures of few calls", True, *rare(3)),
            case("a load test", False, *share(0.9), job="aimon-loadtest"),
        ]
    return cases


CASES = [
    *_cases("AIAvailabilityBurn", 0.005, {}, _available),
    *_cases("AILatencyBurn", 0.01, {"measure": "latency", "quantile": "0.99"}, _quick),
]
