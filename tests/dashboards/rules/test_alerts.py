"""Every alert fires when it should and stays silent otherwise (promtool's unit tests, on and off the grid)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from alert_cases import ALERTS, CASES, cases_of, name_of, recordings_of
from promtool import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_fires_and_stays_silent(rule: dict[str, Any], tmp_path: Path, require_binary: Callable[[str], Path]) -> None:
    """Each case of the rule passes, with samples at evaluation times and between them."""
    cases = cases_of(rule)
    assert {case.fires for case in cases} == ({True} if rule["alert"] == "Watchdog" else {True, False})
    rules = {"groups": [{"name": "needed", "rules": [*recordings_of(rule), rule]}]}
    outcome = run(require_binary("promtool"), tmp_path, rules, cases)
    assert outcome.passed, outcome.output


def test_every_case_has_a_rule() -> None:
    """Every case names an alert and a window of the rules."""
    assert sum(len(cases_of(rule)) for rule in ALERTS) == len(CASES)
