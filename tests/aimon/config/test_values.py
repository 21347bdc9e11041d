"""The small languages of the file: durations, money, shares, variables."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon import quantities
from aimon.config.model import rules
from aimon.config.resolution import reasoning_models
from aimon.config.yaml import variables
from aimon.config.yaml.issues import place, shown, suggestion
from aimon.quantities import Amount


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500ms", 0.5), ("60s", 60), ("1.5s", 1.5), ("5m", 300), ("1h30m", 5400), ("1d", 86400), ("1m500ms", 60.5)],
)
def test_durations(text: str, expected: float) -> None:
    """Durations are read in seconds, from milliseconds to days and their sums."""
    assert quantities.seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "value",
    ["", "60", "s", "-5s", "5 s", "5S", "1e3s", "5s ", "\N{ARABIC-INDIC DIGIT FIVE}s", None, True, ["5s"], "367d"],
)
def test_no_durations(value: object) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="duration"):
        quantities.seconds(value)


@given(st.floats(0.001, 300 * 86400))
def test_durations_are_written_as_they_are_read(value: float) -> None:
    """A duration that is written and read again is the same, to a microsecond."""
    assert quantities.seconds(quantities.duration_text(value)) == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("value", "text"), [(60, "1m"), (90, "90s"), (0.0015, "1.5ms"), (86400, "1d"), (2.5, "2.5s")])
def test_durations_are_written_in_fitting_units(value: float, text: str) -> None:
    """The largest unit that divides a duration is chosen."""
    assert quantities.duration_text(value) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.00/day", Amount(5.0)),
        ("5 USD/day", Amount(5.0, "USD")),
        ("70CNY/week", Amount(10.0, "CNY")),
        ("60/month", Amount(2.0)),
        ("none", Amount(math.inf)),
    ],
)
def test_budgets(text: str, expected: Amount) -> None:
    """Budgets are amounts per day, whatever the period they are given for."""
    assert quantities.daily_money(text) == expected
    assert quantities.daily_money(quantities.daily_money_text(expected)) == expected


@pytest.mark.parametrize("value", ["5", 5, 5.0, "5/hour", "-5/day", "0/day", "5 usd/day", "5/day/day", None, "5 €/day"])
def test_no_budgets(value: object) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r"budget|amount"):
        quantities.daily_money(value)


@pytest.mark.parametrize(("value", "expected"), [("99.5%", 0.995), (0.995, 0.995), ("0.1%", 0.001)])
def test_shares(value: object, expected: float) -> None:
    """Shares are read between 0 and 1, from percentages or as they are, and written as percentages."""
    assert quantities.ratio(value) == pytest.approx(expected)
    assert quantities.ratio(quantities.ratio_text(expected)) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0, 1, 99.5, "100%", "0%", "101%", "99,5%", "0.995", -0.5, True, None, math.nan])
def test_no_shares(value: object) -> None:
    """Anything else is refused, all and nothing too."""
    with pytest.raises(ValueError, match=r"share|write|objective"):
        quantities.ratio(value)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("${A}", "a"),
        ("${A}-${B:-b}-$C", "a-b-$C"),
        ("${EMPTY:-x}", "x"),
        ("${B:-}", ""),
        ("${B:-http://h:1/${A}", "http://h:1/${A"),
        ("$${A}", "${A}"),
        ("$$", "$$"),
    ],
)
def test_variables(template: str, expected: str) -> None:
    """Variables, defaults and the escape are expanded once: what a variable holds is not expanded again."""
    assert variables.expand(template, {"A": "a", "EMPTY": ""}) == expected
    assert variables.expand("${X}", {"X": template}) == template


@given(st.text(alphabet="${}:-AB "))
def test_variables_of_any_text(template: str) -> None:
    """A text whose `${` all open variables expands if every one of them is set; any other is refused."""
    opens = re.sub(r"\$\$\{|\$\{[A-Z]+(:-[^}]*)?\}", "", template).count("${")
    if opens:
        with pytest.raises(ValueError, match="opens a variable"):
            variables.check(template)
    else:
        variables.check(template)
        environ = dict.fromkeys(variables.names(template), "v")
        assert variables.literal(template) == variables.expand(template, environ).replace("v", "") or "$${" in template


@pytest.mark.parametrize(
    "model",
    [
        *("o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5-nano", "gpt-5.4-mini", "openai/gpt-oss-120b", "gpt-6-sol"),
        *("deepseek-reasoner", "Pro/deepseek-ai/DeepSeek-R1", "deepseek-v4-flash", "deepseek-r1:8b"),
        *("qwq-32b", "qwen3:8b", "Qwen/Qwen3-235B-A22B-Thinking-2507", "qwen3.5-plus", "qwen-plus-thinking"),
        *("gemini-2.5-flash", "gemini-3-pro-preview", "glm-4.5", "glm-5.3-flash", "kimi-k2-thinking", "kimi-k2.6"),
        *(
            "grok-4-fast-reasoning",
            "grok-3-mini",
            "grok-4",
            "MiniMax-M2",
            "magistral-small",
            "claude-3.7-sonnet:thinking",
        ),
        *("doubao-seed-1-6-flash-250828", "accounts/fireworks/models/deepseek-r1", "llama-3.1-405b-reasoning"),
    ],
)
def test_models_that_think(model: str) -> None:
    """Models that are known to think get room for it."""
    assert reasoning_models.floor(model, None) == 2048


@pytest.mark.parametrize(
    "model",
    [
        *("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5-chat-latest", "omni-moderation", "llama-3.3-70b", "mistral-small"),
        *("deepseek-chat", "qwen-plus", "qwen-max", "qwen3-coder-plus", "Qwen/Qwen3-30B-A3B-Instruct-2507"),
        *("gemini-2.0-flash", "glm-4-air", "kimi-k2-0905-preview", "moonshot-v1-8k", "grok-4-1-fast-non-reasoning"),
        *("claude-sonnet-4-5", "claude-3-5-haiku-latest", "text-embedding-3-small", "qwen3-embedding-8b", ""),
    ],
)
def test_models_that_answer_at_once(model: str) -> None:
    """Other models keep the limit of their canary, unless they are told to think."""
    assert reasoning_models.floor(model, None) == 0
    assert reasoning_models.floor(model, "off") == 0
    assert reasoning_models.floor(model, "medium") == 8192


@pytest.mark.parametrize(
    ("model", "floor"),
    [
        ("gpt-5.1", 0),
        ("qwen3-8b", 0),
        ("glm-4.6", 0),
        ("gpt-5-mini", 2048),
        ("deepseek-r1", 2048),
        ("gemini-2.5-pro", 2048),
    ],
)
def test_models_told_not_to_think(model: str, floor: int) -> None:
    """`off` takes the room away only where a model can be off."""
    assert reasoning_models.floor(model, "off") == floor


@pytest.mark.parametrize(
    "name", ["Authorization", "X-Api-Key", "x-goog-api-key", "Cookie", "X-Token", "apikey", "sig", "key"]
)
def test_sensitive_names(name: str) -> None:
    """Headers and parameters that carry secrets are known by their names."""
    assert rules.is_sensitive(name)


@pytest.mark.parametrize(
    "name", ["X-Team", "User-Agent", "anthropic-version", "api-version", "X-Monkey", "signal", "tokens"]
)
def test_harmless_names(name: str) -> None:
    """Others are not taken for secrets."""
    assert not rules.is_sensitive(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("two\nlines\x1b[31m", "two?lines?[31m"),
        ("x" * 31 + " " + "y" * 20, "x" * 31 + " " + "y" * 7 + "…"),
        ("sk-live-0123456789", "****"),
        ("Bearer abc", "****"),
        ("AIzaSyA1234567890", "****"),
        ("0123456789abcdef0123456789abcdef", "****"),
    ],
)
def test_shown(text: str, expected: str) -> None:
    """Text of the file is shown on one line, bounded, and not at all if it looks like a key."""
    assert shown(text) == expected


def test_words_of_messages() -> None:
    """Paths and suggestions read as people write them."""
    assert place(("endpoints", 0, "timeout", "ttft")) == "endpoints[0].timeout.ttft"
    assert place(()) == ""
    assert suggestion("modle", ["model", "name"]) == "did you mean 'model'?"
    assert suggestion("MODEL", ["model", "name"]) == "did you mean 'model'?"
    assert suggestion("xyz", ["model", "name"]) == "known are model, name"
    assert suggestion("xyz", []) == "none is configured"
