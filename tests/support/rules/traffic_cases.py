"""Cases for the alerts on how calls go; near enough to each threshold that half or twice of it would show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.call.outcome import Fault, Outcome
from promtool import Case, at_minutes, both, constant, rising, series

if TYPE_CHECKING:
    from collections.abc import Callable

CRITICAL = {"severity": "critical", "endpoint": "e", "model": "m"}
WARNING = {"severity": "warning", "endpoint": "e", "model": "m"}
CRITICAL_OF_A_MODEL = {"severity": "critical", "model": "m"}
INFO = {"severity": "info", "endpoint": "e", "model": "m"}
DAY = 1440
# Windows of a few minutes need samples that are closer.
SHORT_STEPS = (60, 37)
LOADTEST = "aimon-loadtest"


def calls(outcome: str = "ok", job: str = "aimon-probe", **labels: str) -> str:
    """The counter of one outcome."""
    status = "success" if outcome == "ok" else "error"
    return series("ai_api_requests_total", job, status=status, outcome=outcome, **labels)


def _errors(
    story: str, fires: bool, at: float = 60, *, ok: float = 20, job: str = "aimon-probe", **errors: Any
) -> Case:
    counters = {calls("ok", job): rising(ok), **{calls(outcome, job): curve for outcome, curve in errors.items()}}
    return Case("HighAPIErrorRate", story, counters, fires, CRITICAL, at, SHORT_STEPS)


def app_series(name: str, endpoint: str = "chat", **labels: str) -> str:
    """A series of an application that follows the guide: no outcome, provider or region."""
    shown = {"job": "app", "endpoint": endpoint, "model": "m", **labels}
    inner = ", ".join(f'{key}="{value}"' for key, value in shown.items())
    return f"{name}{{{inner}}}"


def _not_the_providers(outcome: Outcome) -> Case:
    errors: dict[str, Any] = {outcome.value: rising(5)}
    return _errors(f"{outcome} is not the provider's fault", False, 12, ok=5, **errors)


def _of_an_application(story: str, fires: bool, failing: float) -> Case:
    counters = {
        app_series("ai_api_requests_total", status="success"): rising(20),
        app_series("ai_api_requests_total", status="error"): rising(failing),
    }
    return Case("HighAPIErrorRate", story, counters, fires, CRITICAL | {"endpoint": "chat"}, 60, SHORT_STEPS)


ERROR_RATE = [
    _errors("7 % fail", True, server_error=rising(1.6)),
    _errors("7 %, of two kinds", True, server_error=rising(0.8), timeout_total=rising(0.8)),
    _errors("3 % fail", False, server_error=rising(0.7)),
    _errors("two of ten fail", False, ok=1, server_error=at_minutes(56.5, 57.2)),
    _errors("three of ten fail", True, ok=1, server_error=at_minutes(55.7, 56.4, 57.2)),
    *[
        _not_the_providers(outcome)
        for outcome in Outcome
        if outcome.fault in (Fault.ACCOUNT, Fault.CONFIG, Fault.PROBER) or outcome is Outcome.CANCELLED
    ],
    _errors("failures among many calls that were refused", True, ok=1, rate_limited=rising(50), dns=rising(1)),
    _errors("a load test finds the limit", False, job=LOADTEST, overloaded=rising(50)),
    _errors("it was long ago", False, server_error=rising(5, 0, 50)),
    _errors("it has just begun", False, 52, ok=10, server_error=rising(10, 50)),
    _errors("it goes on", True, 54, ok=10, server_error=rising(10, 50)),
    _of_an_application("7 % of an application's calls fail", True, 1.6),
    _of_an_application("3 % of an application's calls fail", False, 0.7),
]


def _cost(alert: str, severity: str, limit: float) -> list[Case]:
    labels = {"severity": severity, "currency": "CNY"}

    def case(story: str, fires: bool, *series_: tuple[str, Callable[[float], float]]) -> Case:
        return Case(alert, story, dict(series_), fires, labels, 50 * 60, (300, 317), 30)

    def spending(per_day: float, job: str = "aimon-probe", begin: float = 0, end: float = 9e9, **labels_: str) -> Any:
        curve = rising(per_day / DAY * 1000, begin, end)
        return series("ai_api_cost_yuan_total", job, **labels_), lambda minute: curve(minute) / 1000

    def application(per_day: float, name: str) -> Any:
        curve = rising(per_day / DAY * 1000)
        return f'{name}{{job="app", model="m"}}', lambda minute: curve(minute) / 1000

    return [
        case("1.4 times the limit", True, spending(1.4 * limit)),
        case("0.8 of the limit", False, spending(0.8 * limit)),
        case("two models together", True, spending(0.7 * limit), spending(0.7 * limit, model="n")),
        case("load tests cost money too", True, spending(0.7 * limit), spending(0.7 * limit, LOADTEST)),
        case("the day before yesterday", False, spending(1.4 * limit, end=25 * 60)),
        case("an application's counter", True, application(1.4 * limit, "ai_api_cost_total_yuan_total")),
        case("another client library's", True, application(1.4 * limit, "ai_api_cost_total_yuan")),
        case(
            "a prober and an application",
            True,
            spending(0.7 * limit),
            application(0.7 * limit, "ai_api_cost_total_yuan_total"),
        ),
    ]


def _at_once(alert: str, severity: str, limit: float) -> list[Case]:
    """It waits for a minute, so that a counter that is born high and gone again wakes nobody."""
    labels = {"severity": severity, "currency": "CNY"}
    jump = {series("ai_api_cost_yuan_total"): lambda minute: 1.4 * limit * (minute >= 10)}
    return [
        Case(alert, "it has just begun", jump, False, labels, 10),
        Case(alert, "it goes on", jump, True, labels, 14),
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


def _slow(
    alert: str, metric: str, bounds: tuple[str, str, str, str], mid: float, window: float, wait: float, **labels: str
) -> list[Case]:
    """`bounds` are half the threshold, the threshold, and two beyond; `mid` is a rate between the first two.

    `window` and `wait` are minutes.
    """
    half, limit, beyond, far = bounds
    steps = SHORT_STEPS if window < 10 else (60, 97)

    def case(story: str, fires: bool, fast: Any, between: Any, slow: Any, at: float = 60, **how: str) -> Case:
        parts = ((half, fast), (limit, between), (beyond, slow), (far, constant(0)))
        return Case(alert, story, histogram(metric, **{**labels, **how})(*parts), fires, WARNING, at, steps)

    none = constant(0)
    few, enough = rising(2 / window, 0.1), rising(4 / window, 0.1)
    return [
        case("a tenth is slow", True, rising(20), none, rising(2)),
        case("a tenth is slow, bounds as Prometheus 3 writes them", True, rising(20), none, rising(2), whole=".0"),
        case("few are slow, the quantile is below", False, rising(1000), rising(10 * mid), rising(4)),
        case("two are slow", False, rising(1), none, few),
        case("four are slow", True, rising(1), none, enough),
        case("a load test", False, rising(20), none, rising(20), job=LOADTEST),
        case("it was long ago", False, rising(20), none, rising(5, 0, 60 - 2 * window)),
        case("it has just begun", False, rising(20), none, rising(20, 50), 50 + wait),
        case("it goes on", True, rising(20), none, rising(20, 50), 52 + 2 * wait),
    ]


SLOW = [
    *_slow("HighAPILatency", "ai_api_request_duration_seconds", ("5", "10", "15", "20"), 4, 5, 5, status="success"),
    *_slow("AISlowFirstToken", "ai_api_time_to_first_token_seconds", ("2", "5", "7.5", "10"), 7, 15, 1),
    Case(
        "HighAPILatency",
        "only failures are slow",
        {
            **histogram("ai_api_request_duration_seconds", status="success")(("10", rising(20))),
            **histogram("ai_api_request_duration_seconds", status="error")(("10", constant(0)), ("60", rising(5))),
        },
        False,
        WARNING,
    ),
    Case(
        "HighAPILatency",
        "only calls that an application broke off are slow",
        {
            **histogram("ai_api_request_duration_seconds", status="success")(("10", rising(20))),
            **histogram("ai_api_request_duration_seconds", status="cancelled")(("10", constant(0)), ("60", rising(5))),
        },
        False,
        WARNING,
    ),
    Case(
        "HighAPILatency",
        "an application, whose histogram has no status",
        histogram("ai_api_request_duration_seconds")(("10", rising(20)), ("15", rising(2)), ("60", constant(0))),
        True,
        WARNING,
    ),
]


def _tokens(
    story: str,
    fires: bool,
    *amounts: tuple[str, str, float],
    at: float = 60,
    begin: float = 0,
    end: float = 9e9,
    job: str = "aimon-probe",
) -> Case:
    counters = {
        series(f"ai_token_usage_{kind}_total", job, endpoint=endpoint): rising(per_minute, begin, end)
        for kind, endpoint, per_minute in amounts
    }
    return Case("TokenSpike", story, counters, fires, CRITICAL_OF_A_MODEL, at, (60, 47))


TOKENS = [
    _tokens("1.3 million a minute", True, ("input", "e", 1.3e6)),
    _tokens("0.7 million a minute", False, ("input", "e", 7e5)),
    _tokens("output does not count", False, ("input", "e", 7e5), ("output", "e", 9e5)),
    _tokens("two endpoints of one model", True, ("input", "e", 6.5e5), ("input", "f", 6.5e5)),
    _tokens("a load test", False, ("input", "e", 1.3e6), job=LOADTEST),
    _tokens("it is over", False, ("input", "e", 5e6), end=56),
    _tokens("it has just begun", False, ("input", "e", 5e6), begin=50, at=51),
    _tokens("it goes on", True, ("input", "e", 5e6), begin=50, at=54),
    Case(
        "TokenSpike",
        "an application",
        {'ai_token_usage_input_total{job="app", model="m"}': rising(1.3e6)},
        True,
        CRITICAL_OF_A_MODEL,
        60,
        (60, 47),
    ),
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
]


def _limited(story: str, fires: bool, refused: Any, at: float = 60, job: str = "aimon-probe", **others: Any) -> Case:
    counters = {calls("rate_limited", job): refused, **{calls(name, job): curve for name, curve in others.items()}}
    return Case("AIRateLimited", story, counters, fires, WARNING, at)


LIMITED = [
    _limited("13 a minute, of many", True, rising(13), ok=rising(200)),
    _limited("7 a minute, of many", False, rising(7), ok=rising(200)),
    _limited("a load test", False, rising(50), job=LOADTEST),
    _limited("many, but over", False, rising(50, 0, 50), 57, ok=rising(200)),
    _limited("all calls of a prober", True, rising(1)),
    _limited("all calls, others were never made", True, rising(1), budget_skipped=rising(2)),
    _limited("all calls, the prober failed else", True, rising(1), prober_error=rising(2)),
    _limited("all calls, the application broke others off", True, rising(1), cancelled=rising(2)),
    _limited("a third", False, rising(0.5), ok=rising(1)),
    _limited("three in a row, then well", False, at_minutes(50, 51, 52), ok=rising(1)),
    _limited("two of two", False, at_minutes(49, 54)),
    _limited("three of three", True, at_minutes(48, 52, 56)),
    _limited("most, long ago", False, rising(1, 0, 40), ok=rising(1, 40)),
    _limited("other errors", False, constant(0), overloaded=rising(50)),
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
    *_events("AIProberError", WARNING, ("prober_error",), 2, 30),
]

CASES = [
    *ERROR_RATE,
    *_cost("HighDailyCost", "warning", 500),
    *_at_once("HighDailyCost", "warning", 500),
    *_cost("AIDailyCostVeryHigh", "critical", 1000),
    *SLOW,
    *TOKENS,
    *RATES,
    *LIMITED,
    *EVENTS,
]
