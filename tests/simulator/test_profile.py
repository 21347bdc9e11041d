"""Profiles: what they mean, and what they say about a mistake."""

from __future__ import annotations

from typing import Any

import pytest

from aimon.simulator import Profile, SettingError, profile_from_options
from aimon.simulator.model.profile import profile_from_mapping


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tttf": 1}, "profile: unknown name 'tttf'; did you mean 'ttft'?"),
        ({"ttft": -1}, "ttft: must be at least 0, not -1"),
        ({"ttft": "1s"}, "ttft: must be a number, not '1s'"),
        ({"ttft": float("nan")}, "ttft: must be a number, not nan"),
        ({"itl": True}, "itl: must be a number, not True"),
        ({"tokens": 1.5}, "tokens: must be a whole number, not 1.5"),
        ({"chunk_tokens": 0}, "chunk_tokens: must be at least 1, not 0"),
        ({"rpm": 0}, "rpm: must be more than 0, not 0"),
        ({"cached_share": 2}, "cached_share: must be between 0 and 1, not 2"),
        ({"vendor": "acme"}, "vendor: 'acme' is not one of openai, azure, deepseek, dashscope, openrouter, vllm"),
        ({"name": "a/b"}, "name: 'a/b' is no path segment; use letters, digits, '-', '_' and '.'"),
        ({"name": "_sim"}, "name: '_sim' is no path segment; use letters, digits, '-', '_' and '.'"),
        ({"key": ""}, "key: must be a string with at least one character, or null to accept any key"),
        ({"reasoning_visible": 1}, "reasoning_visible: must be true or false, not 1"),
        ({"models": {"m": {"slots": 2}}}, None),
        ({"models": {"m": {"reasonning": 2}}}, "models.m: unknown name 'reasonning'; did you mean 'reasoning'?"),
        ({"models": {"m": 3}}, "models.m: must be an object of overrides, not 3"),
        ({"models": {"m": {"ttft": -2}}}, "ttft: must be at least 0, not -2"),
    ],
)
def test_mistakes(values: dict[str, Any], message: str | None) -> None:
    """Each mistake has one message that says what is wrong and what to write."""
    with pytest.raises(SettingError) as caught:
        profile_from_mapping(values)
    if message is not None:
        assert str(caught.value) == message


def test_model_overrides() -> None:
    """A model has its own latency; without a list of models every name is known."""
    profile = Profile(ttft=1.0, models={"small": {}, "thinker": {"reasoning": 80}})
    assert profile.for_model("small") is profile
    thinker = profile.for_model("thinker")
    assert thinker is not None
    assert (thinker.reasoning, thinker.ttft) == (80, 1.0)
    assert profile.for_model("other") is None
    assert Profile().for_model("anything") == Profile()


def test_service_time() -> None:
    """The last event is due with the first of its tokens."""
    assert Profile(ttft=0.5, itl=0.1, tokens=11).service_time == pytest.approx(1.5)
    assert Profile(ttft=0.5, itl=0.1, tokens=11, chunk_tokens=4).service_time == pytest.approx(1.3)
    assert Profile(ttft=0.5, itl=0.1, tokens=1, reasoning=5).service_time == pytest.approx(1.0)


def test_options_of_a_command_line() -> None:
    """Durations have units, rps is rpm, and what is not given keeps its default."""
    profile = profile_from_options("a", ttft="200ms", itl="1.5s", rps=2.5, tokens=None, slots=3)
    assert profile == Profile("a", ttft=0.2, itl=1.5, rpm=150.0, slots=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ttft": "fast"}, "ttft: 'fast' is no duration; write 200ms, 1.5s or a number of seconds"),
        ({"rps": 1, "rpm": 60}, "rps, rpm: give one of them; rpm is 60 times rps"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    """A wrong option names itself."""
    with pytest.raises(SettingError) as caught:
        profile_from_options(**options)
    assert str(caught.value) == message


def test_key_is_not_shown() -> None:
    """A profile's key is not in its repr."""
    assert "sk-secret" not in repr(Profile(key="sk-secret"))
