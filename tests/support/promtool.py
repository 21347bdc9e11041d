"""Alert cases, and promtool which runs them: series in, which alert fires at which minute out.

Each case runs twice, with series on the grid of the evaluations and off it: on the grid alone, a rate window that is
too short for its scrape interval goes unnoticed.
"""

from __future__ import annotations

import json
import math
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


def run(promtool: Path, folder: Path, rules: dict[str, Any], cases: Sequence[Case]) -> Outcome:
    """Runs cases against a rules file, as `promtool test rules`."""
    (folder / "rules.yml").write_text(json.dumps(rules))
    order = [group["name"] for group in rules["groups"]]
    paths = []
    # The interval of evaluations belongs to the file, not to a test: one file for each.
    for minutes in sorted({case.evaluate for case in cases}):
        tests = [_test(case, step) for case in cases if case.evaluate == minutes for step in case.steps]
        document = {
            "rule_files": ["rules.yml"],
            "evaluation_interval": f"{minutes:g}m",
            "group_eval_order": order,
            "tests": tests,
        }
        paths.append(folder / f"test-{minutes:g}.yml")
        paths[-1].write_text(json.dumps(document))
    done = subprocess.run([promtool, "test", "rules", *paths], capture_output=True, text=True, check=False)
    return Outcome(done.returncode == 0, done.stdout + done.stderr)


def _test(case: Case, step: int) -> dict[str, Any]:
    samples = int(case.at * 60 // step) + 1
    sought = f'ALERTS{{alertname="{case.alert}", alertstate="firing"{_matching(case.labels)}}}'
    query = f"sum by ({', '.join(TELLING)}) ({sought})"
    shown = {"alertname": case.alert, **case.labels}
    expected = [{"labels": _notation(shown), "value": 1}] if case.fires else []
    return {
        "name": f"{case.alert}: {case.story} ({step} s)",
        "interval": f"{step}s",
        "input_series": [
            {"series": name, "values": " ".join(_number(curve(i * step / 60)) for i in range(samples))}
            for name, curve in case.series.items()
        ],
        "promql_expr_test": [{"expr": query, "eval_time": _duration(case.at), "exp_samples": expected}],
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
