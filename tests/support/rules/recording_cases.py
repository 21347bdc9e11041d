"""Cases for the recording rules: counters in, the samples that are recorded out, with every label."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimon.call.outcome import Fault, Outcome
from promtool import ENVIRONMENT, IDENTITY, at_minutes, constant, series
from traffic_cases import LOADTEST, calls, histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    Curve = Callable[[float], float]
    # What happens in words and as counters, and the value that is recorded.
    Story = tuple[str, Mapping[str, Curve], float | None]

# Windows of the rules, in minutes.
WINDOWS = {"5m": 5, "30m": 30, "1h": 60, "2h": 120, "6h": 360, "1d": 1440, "3d": 4320, "7d": 10080, "30d": 43200}
PROBE = {"job": "aimon-probe", **IDENTITY}
OBJECTIVE = {"measure": "latency", "quantile": "0.99"}
_COUNTED = [
    outcome
    for outcome in Outcome
    if outcome is not Outcome.CANCELLED and outcome.fault in (None, Fault.NETWORK, Fault.PROVIDER)
]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What happens, and the value that is recorded at minute `at`; None: nothing is. `step` as that of `Case`."""

    story: str
    series: Mapping[str, Curve]
    value: float | None
    labels: Mapping[str, str]
    at: float
    step: int


def cases(record: str) -> list[Recorded]:
    """The cases of a recording, by its name: on the grid of the evaluations and off it."""
    base, _, window = record.partition(":increase" if ":increase" in record else ":ratio")
    length = WINDOWS[window] if window else 10
    at, step = 4 * length, max(60, 5 * length)  # twelve samples in a window
    stories = _STORIES[base](length, ":ratio" in record)
    labels = {**PROBE, **OBJECTIVE} if base.endswith(("timed_calls", "slow_calls")) else PROBE
    steps = (step, step * 97 // 60 if length > 5 else 73)
    return [Recorded(story, happens, value, labels, at, s) for story, happens, value in stories for s in steps]


def lately(per_minute: float, length: float) -> Curve:
    """A counter that rises so fast in the last one and a half of four windows, and five times as fast before."""
    turn = 2.5 * length
    return lambda minute: 5 * per_minute * min(minute, turn) + per_minute * max(0.0, minute - turn)


def _availability(counted: Sequence[Outcome]) -> Callable[[float, bool], Iterable[Story]]:
    def made(length: float, ratio: bool) -> Iterable[Story]:
        everything = {calls(outcome): lately(1, length) for outcome in Outcome}
        loadtest = {calls(outcome, LOADTEST): lately(7, length) for outcome in Outcome}
        value = (len(_COUNTED) - 1) / len(_COUNTED) if ratio else len(counted) * length
        yield "each outcome once a minute", everything | loadtest, value
        if ratio:
            yield "no calls", {calls(): constant(5), calls("dns"): constant(5)}, None
            yield "one call", {calls(): constant(5), calls("dns"): at_minutes(3.5 * length)}, 1

    return made


# Calls a minute up to 5, 10 and 15 s: of two scrapes of one endpoint, and two kinds that do not count.
_TIMED = (
    ({"status": "success", "instance": "a"}, (1, 1, 1)),
    ({"status": "success", "instance": "b"}, (0, 1, 3)),
    ({"status": "error"}, (0, 0, 9)),
    ({"status": "success", "job": LOADTEST}, (0, 0, 9)),
)


def _latency(slow: bool) -> Callable[[float, bool], Iterable[Story]]:
    def made(length: float, ratio: bool) -> Iterable[Story]:
        for whole in ("", ".0"):
            happens: dict[str, Curve] = {}
            for how, rates in _TIMED:
                parts = [(bound, lately(rate, length)) for bound, rate in zip(("5", "10", "15"), rates, strict=True)]
                happens |= histogram("ai_api_request_duration_seconds", whole=whole, **how)(*parts)
            if ratio:
                happens |= _other_objectives(length)
            value = 4 / 7 if ratio else (4 if slow else 7) * length
            yield f"four of seven are slow, bounds end in {whole!r}", happens, value
        if ratio:
            bounds = histogram("ai_api_request_duration_seconds", status="success")
            yield "no calls", bounds(("10", constant(5)), ("15", constant(5))), None
            yield "one call", bounds(("10", constant(5)), ("15", at_minutes(3.5 * length))), 1

    return made


def _other_objectives(length: float) -> dict[str, Curve]:
    """What is recorded of other endpoints' objectives, each of which differs in one label."""
    window = next(name for name, minutes in WINDOWS.items() if minutes == length)
    names = [f"endpoint:ai_{kind}_calls:increase{window}" for kind in ("timed", "slow")]
    others = [{**OBJECTIVE, "measure": "ttft"}, {**OBJECTIVE, "quantile": "0.5"}]
    return {series(name, other=str(n), **labels): constant(6) for name in names for n, labels in enumerate(others)}


def _cost(length: float, _: bool) -> Iterable[Story]:
    counter = "ai_api_cost_yuan_total"
    two = {series(counter, instance=name): lately(rate, length) for name, rate in (("a", 0.25), ("b", 0.5))}
    # An application's counters have names of their own, and the alias of one that is counted already is left out.
    others = {
        series("ai_api_cost_total_yuan_total", instance="c"): lately(1, length),
        series("ai_api_cost_total_yuan", instance="d"): lately(2, length),
        series("ai_api_cost_total_yuan", instance="a"): lately(0.25, length),
    }
    yield "two scrapes of one endpoint, and applications", two | others, 3.75 * length


def _alias(length: float, _: bool) -> Iterable[Story]:
    yield "the counter", {series("ai_api_cost_yuan_total"): constant(12.5)}, 12.5
    yield "an application's counter", {series("ai_api_cost_total_yuan_total"): constant(2.5)}, 2.5


_STORIES: dict[str, Callable[[float, bool], Iterable[Any]]] = {
    "endpoint:ai_calls": _availability(_COUNTED),
    "endpoint:ai_failures": _availability([outcome for outcome in _COUNTED if outcome is not Outcome.OK]),
    "endpoint:ai_timed_calls": _latency(slow=False),
    "endpoint:ai_slow_calls": _latency(slow=True),
    "endpoint:ai_api_cost_yuan": _cost,
    "ai_api_cost_total_yuan": _alias,
}


def failing(
    promtool: Path, folder: Path, rules: Sequence[dict[str, Any]], names: Sequence[str], chosen: Sequence[Recorded]
) -> set[str]:
    """Those of the recorded names that some case finds wrong, in one run of promtool.

    Raises:
        AssertionError: promtool found something else wrong than values.
    """
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "all", "rules": list(rules)}]}))
    (at,) = {case.at for case in chosen}
    document = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{round(at * 15)}s",
        "tests": [_test(case, names) for case in chosen],
    }
    (folder / "test.yml").write_text(json.dumps(document))
    command: list[str | Path] = [promtool, "test", "rules", folder / "test.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    output = done.stdout + done.stderr
    found = set(re.findall(r'expr: "round\((\S+), 0\.001\)"', output))
    assert bool(found) == (done.returncode != 0), output
    assert "err:" not in output, output
    return found


def _test(case: Recorded, names: Sequence[str]) -> dict[str, Any]:
    samples = int(case.at * 60 // case.step) + 1
    labels = "{" + ", ".join(f'{name}="{value}"' for name, value in case.labels.items()) + "}"
    expected = [] if case.value is None else [{"labels": labels, "value": round(case.value, 3)}]
    return {
        "name": case.story,
        "interval": f"{case.step}s",
        "input_series": [
            {"series": name, "values": " ".join(repr(float(curve(i * case.step / 60))) for i in range(samples))}
            for name, curve in case.series.items()
        ],
        "promql_expr_test": [
            {"expr": f"round({name}, 0.001)", "eval_time": f"{round(case.at * 60)}s", "exp_samples": expected}
            for name in names
        ],
    }
