"""Alert cases, and promtool which runs them: series in, which alert fires at which minute out.

Each case runs twice, with series on the grid of the evaluations and off it: on the grid alone, a rate window that is
too short for its scrape interval goes unnoticed.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

Curve = "Callable[[float], float | None]"
IDENTITY = {"region": "local", "provider": "p", "endpoint": "e", "model": "m"}
# What tells one firing alert from another.
TELLING = ("alertname", "severity", "endpoint", "model", "window", "currency", "measure", "quantile")

# A third of promtool's time goes into collecting garbage, which it can do without below this much memory.
ENVIRONMENT = {**os.environ, "GOGC": "off", "GOMEMLIMIT": "256MiB"}


@dataclass(frozen=True, slots=True)
class Case:
    """What happens, and whether the alert fires at minute `at`.

    `series` are functions of the minute; None is a missing sample. `labels` are those of the firing alert.
    `steps` are seconds between samples, `evaluate` minutes between evaluations.
    """

    alert: str
    story: str
    series: Mapping[str, Callable[[float], float | None]]
    fires: bool
    labels: Mapping[str, str]
    at: float = 60
    steps: Sequence[int] = (60, 97)
    evaluate: float = 1


@dataclass
class Outcome:
    """What promtool said."""

    passed: bool
    output: str = field(repr=False)


def series(name: str, job: str = "aimon-probe", **labels: str) -> str:
    """A series in promtool's notation, with the identity of an endpoint."""
    inner = ", ".join(f'{key}="{value}"' for key, value in {"job": job, **IDENTITY, **labels}.items())
    return f"{name}{{{inner}}}"


def rising(per_minute: float, begin: float = 0, end: float = math.inf) -> Callable[[float], float]:
    """A counter of whole events that rises between two minutes."""
    return lambda minute: math.floor(per_minute * max(0.0, min(minute, end) - begin) + 1e-6)


def at_minutes(*minutes: float) -> Callable[[float], float]:
    """A counter with one event at each of these minutes."""
    return lambda minute: sum(minute >= each for each in minutes)


def constant(value: float) -> Callable[[float], float]:
    """A gauge that does not move."""
    return lambda _: value


def both(*curves: Callable[[float], float]) -> Callable[[float], float]:
    """The sum of counters."""
    return lambda minute: sum(curve(minute) for curve in curves)


def needed(rules: dict[str, Any], alert: str) -> dict[str, Any]:
    """The rules of one alert and the recordings that it reads, directly or through others."""
    all_rules = [rule for group in rules["groups"] for rule in group["rules"]]
    chosen = [rule for rule in all_rules if rule.get("alert") == alert]
    for rule in reversed(all_rules):  # what a rule reads stands before it
        if "record" in rule and any(rule["record"] in _names(each["expr"]) for each in chosen):
            chosen.insert(0, rule)
    return {"groups": [{"name": "needed", "rules": chosen}]}


def _names(expr: str) -> set[str]:
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", expr))


def run(
    promtool: Path, folder: Path, rules: dict[str, Any], cases: Sequence[Case], names: Sequence[str] = ()
) -> Outcome:
    """Runs cases against a rules file, as `promtool test rules`.

    With `names`, each case is asked of the alerts of these names in place of its own.
    """
    (folder / "rules.yml").write_text(json.dumps(rules))
    order = [group["name"] for group in rules["groups"]]
    paths = []
    # The interval of evaluations belongs to the file, not to a test: one file for each.
    for minutes in sorted({case.evaluate for case in cases}):
        tests = [
            _test(case, step, names or (case.alert,))
            for case in cases
            if case.evaluate == minutes
            for step in case.steps
        ]
        document = {
            "rule_files": ["rules.yml"],
            "evaluation_interval": f"{minutes:g}m",
            "group_eval_order": order,
            "tests": tests,
        }
        paths.append(folder / f"test-{minutes:g}.yml")
        paths[-1].write_text(json.dumps(document))
    done = subprocess.run(
        [promtool, "test", "rules", *paths], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    return Outcome(done.returncode == 0, done.stdout + done.stderr)


def survivors(
    promtool: Path,
    folder: Path,
    recordings: Sequence[dict[str, Any]],
    mutants: Mapping[str, dict[str, Any]],
    cases: Sequence[Case],
) -> set[str]:
    """The mutants of an alert, by names of their own, in which no case finds a mistake.

    All of them stand in one rules file: a process of promtool for each would take twenty times as long.
    """
    left = dict(mutants)
    while left:
        # Expanding annotations takes most of the time, and no case looks at them.
        alerts = [{**rule, "alert": name, "annotations": {}} for name, rule in left.items()]
        rules = {"groups": [{"name": "needed", "rules": [*recordings, *alerts]}]}
        outcome = run(promtool, folder, rules, cases, list(left))
        # An expression that can't be evaluated ends the test before the others have been asked.
        broken = set(re.findall(r"rule: (\w+), time: .*err: ", outcome.output)) & left.keys()
        wrong = broken or set(re.findall(r'ALERTS\{alertname=\\?"(\w+)', outcome.output)) & left.keys()
        assert outcome.passed or wrong, outcome.output
        left = {name: rule for name, rule in left.items() if name not in wrong}
        if not broken:
            break
    return set(left)


def _test(case: Case, step: int, names: Sequence[str]) -> dict[str, Any]:
    samples = int(case.at * 60 // step) + 1
    return {
        "name": f"{case.alert}: {case.story} ({step} s)",
        "interval": f"{step}s",
        "input_series": [
            {"series": name, "values": " ".join(_number(curve(i * step / 60)) for i in range(samples))}
            for name, curve in case.series.items()
        ],
        "promql_expr_test": [_question(case, name) for name in names],
    }


def _question(case: Case, name: str) -> dict[str, Any]:
    """Whether the alert of that name fires at the end of the case."""
    sought = f'ALERTS{{alertname="{name}", alertstate="firing"{_matching(case.labels)}}}'
    expected = [{"labels": _notation({"alertname": name, **case.labels}), "value": 1}] if case.fires else []
    return {
        "expr": f"sum by ({', '.join(TELLING)}) ({sought})",
        "eval_time": _duration(case.at),
        "exp_samples": expected,
    }


def _matching(labels: Mapping[str, str]) -> str:
    """Selects one window of an alert that has several; severity is compared, not selected."""
    return "".join(f', {name}="{labels[name]}"' for name in ("window",) if name in labels)


def _notation(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items() if name in TELLING) + "}"


def _number(value: float | None) -> str:
    return "_" if value is None else re.sub(r"\.0$", "", repr(float(value)))


def _duration(minutes: float) -> str:
    return f"{round(minutes * 60)}s"
