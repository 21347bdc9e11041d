"""Recorded values and labels are exact, and a mistake in any recording rule would be detected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from aimon.dashboards.rules import build
from mutants import recording_mutants
from recording_cases import cases, failing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULES: dict[str, Any] = yaml.safe_load(build.PATH.read_text(encoding="utf-8"))
RECORDINGS = [rule for group in RULES["groups"] for rule in group["rules"] if "record" in rule]


def _read_by(rule: dict[str, Any]) -> list[dict[str, Any]]:
    names = re.findall(r"[a-z]+:\w+:\w+", rule["expr"])
    return [each for each in RECORDINGS if each["record"] in names]


@pytest.mark.requires_binary("promtool")
@pytest.mark.parametrize("rule", RECORDINGS, ids=lambda rule: rule["record"])
def test_values_hold_and_no_mutant_survives(
    rule: dict[str, Any], tmp_path: Path, require_binary: Callable[[str], Path]
) -> None:
    """The rule records its cases' values; change a metric, matcher, window, label or operator: a case fails."""
    tried = list(recording_mutants(rule))
    assert len(tried) >= (1 if rule["record"] == "ai_api_cost_total_yuan" else 6)
    mutants = [{**mutant, "record": f"mutant:{number}"} for number, (_, mutant) in enumerate(tried)]
    names = [rule["record"], *(mutant["record"] for mutant in mutants)]
    wrong = failing(
        require_binary("promtool"), tmp_path, [*_read_by(rule), rule, *mutants], names, cases(rule["record"])
    )
    assert rule["record"] not in wrong
    assert [what for (what, _), name in zip(tried, names[1:], strict=True) if name not in wrong] == []
