"""Pages say times, shares and amounts so that no reader is misled."""

from __future__ import annotations

import ast
import re
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.probes.service.pages.wording.texts import ZH
from aimon.probes.service.pages.wording.words import Words, share

PAGES = Path(str(resources.files("aimon.probes.service.pages")))
NOON = 1_764_331_200.0  # 2025-11-28 12:00 UTC


def test_every_text_has_a_chinese_one_with_the_same_fields() -> None:
    """What templates and views say exists in Chinese, and fills in the same names."""
    said = _texts_of_templates() | _texts_of_code()
    assert len(said) > 60
    assert said - ZH.keys() == set()
    assert [key for key, text in ZH.items() if _fields(key) != _fields(text)] == []


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (59.9, "59 s", "59 秒"),
        (61, "1 min", "1 分钟"),
        (3600, "1 h", "1 小时"),
        (3661, "1 h 1 min", "1 小时 1 分钟"),
        (90_000, "1 d 1 h", "1 天 1 小时"),
        (86_460, "1 d", "1 天"),
    ],
)
def test_a_span_has_two_units_at_the_most(seconds: float, english: str, chinese: str) -> None:
    """A duration is said in its largest units, cut and not rounded."""
    assert Words("en", NOON).span(seconds) == english
    assert Words("zh", NOON).span(seconds) == chinese


@given(st.integers(1, 10**7), st.integers(0, 10**7))
def test_a_share_is_never_better_than_it_is(n: int, missing: int) -> None:
    """100 % is said of what is whole alone, and no share is rounded up."""
    ok = max(0, n - missing)
    text = share(ok / n)
    assert (text == "100 %") == (ok == n)
    if not text.startswith(">"):
        assert float(text.removesuffix(" %")) <= 100 * ok / n + 1e-6


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0.0, "CNY", "¥0.00"),
        (0.00004, "USD", "$0.000040"),
        (0.0042, "USD", "$0.0042"),
        (12.3, "CNY", "¥12.30"),
        (1234.5, "JPY", "1,234.50 JPY"),
    ],
)
def test_what_is_more_than_nothing_is_not_shown_as_nothing(amount: float, currency: str, text: str) -> None:
    """Small amounts get the digits that they need."""
    assert Words("en", NOON).money(amount, currency) == text


@pytest.mark.parametrize("days", [1, 7, 30, 90])
def test_a_time_axis_has_a_few_labels_at_round_times(days: int) -> None:
    """Labels lie within the axis, apart from each other, and there are not too many of them."""
    since = NOON - days * 86_400
    labels = Words("en", NOON).axis(since, NOON)
    assert 3 <= len(labels) <= 8
    assert all(since <= when < NOON for when, _ in labels)
    assert all(after - before >= 5 * 3600 for (before, _), (after, _) in pairwise(labels))


def _fields(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def _texts_of_templates() -> set[str]:
    found = set()
    for file in PAGES.joinpath("templates").iterdir():
        for single, double in re.findall(r"""\bt\((?:'([^']*)'|"([^"]*)")""", file.read_text(encoding="utf-8")):
            found.add(single or double)
    return found


def _texts_of_code() -> set[str]:
    """The constants that are given to `t`, and those of the tables whose texts are."""
    found = set()
    for file in PAGES.rglob("*.py"):
        if file.name == "texts.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "t" and node.args:
                found |= _constants(node.args[0])
    return found


def _constants(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return _constants(node.body) | _constants(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
