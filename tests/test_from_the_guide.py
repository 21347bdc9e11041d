"""The page on the guide names metrics, alerts and panels that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aimon.dashboards.rules import ruleset
from aimon.dashboards.rules.document import Alert, Recording
from aimon.metrics.definitions import find
from dashboard_files import load, panels

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "from-the-guide.md").read_text("utf-8")
RULES = [rule for group in ruleset.default() for rule in group.rules]
BOARDS = {"Overview": "overview", "Endpoint": "endpoint", "Tokens and cost": "tokens", "Load test": "loadtest"}
# Names that the page gives as those of the guide, or as what a library would have made of them.
FOREIGN = {"ai_api_cost_total_yuan_total"}


def _rows(section: str) -> list[list[str]]:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:2] == "| "]
    return rows[2:]


def test_every_metric_exists() -> None:
    """As a family, or recorded; the alias of the guide's own name for the cost is one of these."""
    recorded = {rule.record for rule in RULES if isinstance(rule, Recording)}
    named = set(re.findall(r"(?<!:)\b(?:ai_[a-z_]+|endpoint:ai_[a-z_]+:[a-z]+\d\w)", PAGE)) - FOREIGN
    missing = [name for name in named - recorded if find(re.sub("_(bucket|sum|count)$", "", name)) is None]
    assert missing == []
    assert "ai_api_cost_total_yuan" in recorded & named


def test_every_alert_exists() -> None:
    """Each row of the alerts names one at least, but that on the receivers."""
    alerts = {rule.name for rule in RULES if isinstance(rule, Alert)}
    rows = _rows("Alerts")
    named = [set(re.findall(r"`(AI\w+)`", row[1])) for row in rows]
    assert set().union(*named) <= alerts
    assert [bool(names) for names in named] == [True] * (len(rows) - 1) + [False]


@pytest.mark.parametrize("row", _rows("Panels"), ids=lambda row: row[0])
def test_every_panel_exists(row: list[str]) -> None:
    """On one of its boards at least; the first of a row on all of them."""
    boards = [load(f"en/cny/{BOARDS[board]}.json") for board in row[1].split(", ")]
    titles = [{panel["title"] for panel in panels(board)} for board in boards]
    first, *others = row[2].split("; ")
    assert all(first in each for each in titles)
    assert set(others) <= set().union(*titles)
