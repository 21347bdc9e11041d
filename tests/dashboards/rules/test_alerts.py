"""Every alert fires when it should and stays silent otherwise (promtool's unit tests, on and off the grid)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

import burn_cases
import probing_cases
import traffic_cases
from aimon.dashboards.rules import build
from promtool import needed, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CASES = [*traffic_cases.CASES, *probing_cases.CASES, *burn_cases.CASES]
RULES: dict[str, Any] = yaml.safe_load(build.PATH.read_text(encoding="utf-8"))
ALERTS = {rule["alert"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_fires_and_stays_silent(alert: str, tmp_path: Path, require_binary: Callable[[str], Path]) -> None:
    """Each case of the alert holds, with samples on the grid of the evaluations and off it."""
    cases = [case for case in CASES if case.alert == alert]
    assert {case.fires for case in cases} == ({True} if alert == "Watchdog" else {True, False})
    outcome = run(require_binary("promtool"), tmp_path, needed(RULES, alert), cases)
    assert outcome.passed, outcome.output
