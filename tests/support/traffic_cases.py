"""Cases for the alerts on how calls go; near enough to each threshold that half or twice of it would show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promtool import Case, at_minutes, both, constant, rising, series

if TYPE_CHECKING:
    from collections.abc import Callable

CRITICAL = {"severity": "critical", "endpoint": "e", "model": "m"}
WARNING = {"severity": "warning", "endpoint": "e", "model": "m"}
INFO = {"severity": "info", "endpoint": "e", "model": "m"}
DAY = 1440
LOADTEST = "aimon-loadtest"


def calls(outcome: str = "ok", job: str = "aimon-probe", **labels: str) -> str:
    """The counter of one outcome."""
    status = "success" if outcome == "ok" else "error"
    return series("ai_api_requests_total", job, status=status, outcome=outcome, **labels)


def _errors(
    story: str, fires: bool, at: float = 60, *, ok: float = 20, job: str = "aimon-probe", **errors: Any
) -> Case:
    counters = {calls("ok", job): rising(ok), **{calls(outcome, job): curve for outcome, curve in errors.items()}}
    return Case("AIHighErrorRate", story, counters, fires, CRITICAL, at)


ERROR_RATE = [
    _errors("7 % fail", True, server_error=rising(1.6)),
    _errors("7 %, of two kinds", True, server_error=rising(0.8), rate_limited=rising(0.8)),
    _errors("3 % fail", False, server_error=rising(0.7)),
    _errors("two of ten fail", False, ok=1, server_error=at_minutes(53, 57)),
    _errors("three of ten fail", True, ok=1, server_error=at_minutes(52.5, 54, 57)),
    _errors("the budget is spent", False, ok=5, budget_skipped=rising(5)),
    _errors("the prober has a fault", False, ok=5, prober_error=rising(5)),
    _errors("a load test finds the limit", False, job=LOADTEST, rate_limited=rising(50)),
    _errors("it was long ago", False, server_error=rising(5, 0, 40)),
    _errors("it has just begun", False, 51, ok=10, server_error=rising(10, 50)),
    _errors("it goes on", True, 54, ok=10, server_error=rising(10, 50)),
]


def _cost(alert: str, severity: str, limit: float) -> list[Case]:
    labels = {"severity": severity, "currency": "CNY"}

    def case(story: str, fires: bool, *series_: tuple[str, Callable[[float], float]]) -> Case:
        return Case(alert, story, dict(series_), fires, labels, 50 * 60, (300, 317), 30)

    def spending(per_day: float, job: str = "aimon-probe", begin: float = 0, end: float = 9e9, **labels_: str) -> Any:
        curve = rising(per_day / DAY * 1000, begin, end)
        return series("ai_api_cost_yuan_total", job, **labels_), lambda minute: curve(minute) / 1000

    return [
        case("1.4 times the limit", True, spending(1.4 * limit)),
        case("0.8 of the limit", False, spending(0.8 * limit)),
        case("two models together", True, spending(0.7 * limit), spending(0.7 * limit, model="n")),
        case("load tests cost money too", True, spending(0.7 * limit), spending(0.7 * limit, LOADTEST)),
        case("the day before yesterday", False, spending(1.4 * limit, end=25 * 60)),
    ]


def histogram(name: str, job: str = "aimon-probe", whole: str = "", **labels: str) -> Callable[..., dict[str, Any]]:
    """Makes a histogram of counters: `histogram(name)(bounds, curves)`; `whole` ends bounds that are whole numbers."""

    def made(*parts: tuple[str, Callable[[float], float]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        curves: list[Callable[[float], float]] = []
        for bound, curve in parts:
            curves.append(curve)
            le = bound if "." in bound or bound == "+Inf" else bound + whole
            result[series(f"{name}_bucket", job, le=le, **labels)] = both(*curves)
        result[series(f"{name}_bucket", job, le="+Inf", **labels)] = both(*curves)
        result[series(f"{name}_count", job, **labels)] = both(*curves)
        return result

    return made


def _slow(alert: str, metric: str, bounds: tuple[str, str, str, str], mid: float, **labels: str) -> list[Case]:
    """`bounds` are half the threshold, the threshold, and two beyond; `mid` is a rate between the first two."""
    half, limit, beyond, far = bounds

    def case(story: str, fires: bool, fast: Any, between: Any, slow: Any, at: float = 60, **how: str) -> Case:
        parts = ((half, fast), (limit, between), (beyond, slow), (far, constant(0)))
        return Case(alert, story, histogram(metric, **{**labels, **how})(*parts), fires, WARNING, at)

    none = constant(0)
    return [
        case("a tenth is slow", True, rising(20), none, rising(2)),
        case("a tenth is slow, bounds as Prometheus 3 writes them", True, rising(20), none, rising(2), whole=".0"),
        case("few are slow, the quantile is below", False, rising(100), rising(mid), rising(0.4)),
        case("two are slow", False, rising(1), none, at_minutes(50, 55)),
        case("three are slow", True, rising(1), none, at_minutes(47.5, 51, 56)),
        case("a load test", False, rising(20), none, rising(20), job=LOADTEST),
        case("it was long ago", False, rising(20), none, rising(5, 0, 30)),
        case("it has just begun", False, rising(20), none, rising(20, 50), 51),
        case("it goes on", True, rising(20), none, rising(20, 50), 54),
    ]


SLOW = [
    *_slow("AIHighLatencyP99", "ai_api_request_duration_seconds", ("5", "10", "15", "20"), 4, status="success"),
    *_slow("AISlowFirstToken", "ai_api_time_to_first_token_seconds", ("2", "5", "7.5", "10"), 7),
    Case(
        "AIHighLatencyP99",
        "only failures are slow",
        {
            **histogram("ai_api_request_duration_seconds", status="success")(("10", rising(20))),
            **histogram("ai_api_request_duration_seconds", status="error")(("10", constant(0)), ("60", rising(5))),
        },
        False,
        WARNING,
    ),
]


def _tokens(story: str, fires: bool, *amounts: tuple[str, str, float], at: float = 60, end: float = 9e9) -> Case:
    counters = {
        series(f"ai_token_usage_{kind}_total", endpoint=endpoint): rising(per_minute, 0, end)
        for kind, endpoint, per_minute in amounts
    }
    return Case("AITokenRateHigh", story, counters, fires, {"severity": "warning", "model": "m"}, at)


TOKENS = [
    _tokens("1.3 million a minute", True, ("input", "e", 4e5), ("output", "e", 9e5)),
    _tokens("0.7 million a minute", False, ("input", "e", 4e5), ("output", "e", 3e5)),
    _tokens(
        "two endpoints of one model",
        True,
        ("input", "e", 6.5e5),
        ("input", "f", 6.5e5),
        ("output", "e", 1),
        ("output", "f", 1),
    ),
    _tokens("it is over", False, ("input", "e", 2.6e6), ("output", "e", 1), at=57, end=50),
]


def _rate(alert: str, labels: dict[str, str], outcome: str, limit: float) -> list[Case]:
    """Cases of a rate (per minute) over five minutes."""

    def case(story: str, fires: bool, curve: Callable[[float], float], at: float = 60, **how: str) -> Case:
        return Case(alert, story, {calls(how.pop("outcome", outcome), **how): curve}, fires, labels, at)

    return [
        case("1.3 times the limit", True, rising(1.3 * limit)),
        case("0.7 of the limit", False, rising(0.7 * limit)),
        case("a load test", False, rising(5 * limit), job=LOADTEST),
        case("it is over", False, rising(5 * limit, 0, 50), 57),
    ]


RATES = [
    *_rate("AIHighQPS", INFO, "ok", 6000),
    Case("AIHighQPS", "it has just begun", {calls(): rising(120_000, 50)}, False, INFO, 51),
    Case("AIHighQPS", "it goes on", {calls(): rising(120_000, 50)}, True, INFO, 54),
    *_rate("AIRateLimited", WARNING, "rate_limited", 10),
    Case("AIRateLimited", "other errors", {calls("overloaded"): rising(50)}, False, WARNING),
]


def _events(alert: str, labels: dict[str, str], outcomes: tuple[str, ...], needed: int, window: float) -> list[Case]:
    """Cases of an alert on so many calls of an outcome in a window of minutes."""
    recent = [60 - window * share for share in (0.3, 0.6)][:needed]
    old = [60 - window * share for share in (1.3, 1.8)][:needed]
    ok = {calls(): rising(1)}
    cases = [
        Case(alert, "a load test", {calls(outcomes[0], LOADTEST): at_minutes(*recent)}, False, labels),
        Case(alert, "it was long ago", ok | {calls(outcomes[0]): at_minutes(*old)}, False, labels, 60 + 0.5),
        Case(alert, "another outcome", ok | {calls("server_error"): at_minutes(*recent)}, False, labels),
        *[Case(alert, outcome, ok | {calls(outcome): at_minutes(*recent)}, True, labels) for outcome in outcomes],
    ]
    if needed > 1:
        cases.append(Case(alert, "once", ok | {calls(outcomes[0]): at_minutes(recent[0])}, False, labels))
    return cases


EVENTS = [
    *_events("AIUnauthorized", CRITICAL, ("unauthorized",), 1, 10),
    *_events("AIQuotaExhausted", CRITICAL, ("quota_exhausted",), 1, 10),
    *_events("AIRequestRejected", WARNING, ("forbidden", "model_not_found", "bad_request"), 2, 30),
    *_events("AICanaryWrong", WARNING, ("answer_mismatch",), 2, 30),
]

CASES = [
    *ERROR_RATE,
    *_cost("AIDailyCostHigh", "warning", 500),
    *_cost("AIDailyCostVeryHigh", "critical", 1000),
    *SLOW,
    *TOKENS,
    *RATES,
    *EVENTS,
]
