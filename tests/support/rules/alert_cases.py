"""The alerting rules that are shipped, and the cases of each."""

from __future__ import annotations

from typing import Any

import yaml

import burn_cases
import probing_cases
import traffic_cases
from aimon.dashboards.rules import build
from promtool import Case, needed

CASES = [*traffic_cases.CASES, *probing_cases.CASES, *burn_cases.CASES]
RULES: dict[str, Any] = yaml.safe_load(build.PATH.read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]


def name_of(rule: dict[str, Any]) -> str:
    """The alert's name, with its window where it has several."""
    window = rule["labels"].get("window")
    return f"{rule['alert']}-{window}" if window else str(rule["alert"])


def cases_of(rule: dict[str, Any]) -> list[Case]:
    """The cases that ask this rule."""
    window = rule["labels"].get("window")
    return [case for case in CASES if case.alert == rule["alert"] and case.labels.get("window") == window]


def recordings_of(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """The recording rules that an alert reads, directly or through others, in the order of the file."""
    recordings = [each for group in RULES["groups"] for each in group["rules"] if "record" in each]
    rules = {"groups": [{"name": "all", "rules": [*recordings, rule]}]}
    return [each for each in needed(rules, rule["alert"])["groups"][0]["rules"] if "record" in each]
