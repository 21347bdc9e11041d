"""The alerts' cases notice each plausible mistake in a rule."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import burn_cases
import probing_cases
import traffic_cases
from aimon.dashboards.rules import build
from mutants import mutants
from promtool import Case, needed, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CASES = [*traffic_cases.CASES, *probing_cases.CASES, *burn_cases.CASES]
RULES: dict[str, Any] = yaml.safe_load(build.PATH.read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
AT_ONCE = 2


def _name(rule: dict[str, Any]) -> str:
    window = rule["labels"].get("window")
    return f"{rule['alert']}-{window}" if window else str(rule["alert"])


def _cases(rule: dict[str, Any]) -> list[Case]:
    window = rule["labels"].get("window")
    return [c for c in CASES if c.alert == rule["alert"] and c.labels.get("window") == window]


@pytest.mark.requires_binary("promtool")
@pytest.mark.parametrize("rule", ALERTS, ids=_name)
def test_no_mutant_survives(rule: dict[str, Any], tmp_path: Path, require_binary: Callable[[str], Path]) -> None:
    """Change a comparison, a threshold, a matcher, a window, a clause, a label or the wait: a case fails."""
    promtool = require_binary("promtool")
    recordings = [each for each in needed(RULES, rule["alert"])["groups"][0]["rules"] if "record" in each]
    cases = _cases(rule)
    # Most die on the grid already, and half the cases take half the time.
    quick = [replace(case, steps=case.steps[:1]) for case in cases]

    def survives(number: int, mutant: dict[str, Any]) -> bool:
        folder = tmp_path / str(number)
        folder.mkdir()
        rules = {"groups": [{"name": "needed", "rules": [*_read_by(mutant, recordings), mutant]}]}
        return all(run(promtool, folder, rules, chosen).passed for chosen in (quick, cases))

    tried = list(mutants(rule))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = list(pool.map(survives, range(len(tried)), [mutant for _, mutant in tried]))
    assert [what for (what, _), survived in zip(tried, verdicts, strict=True) if survived] == []
    assert tried


def _read_by(rule: dict[str, Any], recordings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rules = {"groups": [{"name": "all", "rules": [*recordings, rule]}]}
    return [each for each in needed(rules, rule["alert"])["groups"][0]["rules"] if "record" in each]
