"""Fault rules: how they are written, and which request they strike."""

from __future__ import annotations

from typing import Any

import pytest

from aimon.simulator import FAULTS, Rule, SettingError, rule_from_text
from aimon.simulator.answer.answers import ANSWERS
from aimon.simulator.answer.script import PLAIN_EDITS, STREAM_EDITS
from aimon.simulator.model.faults import DIALECTS, FaultBook, rule_from_mapping
from aimon.simulator.server.response_faults import SPOILS
from aimon.simulator.wire.errors import anthropic, gemini, proxy_pages, vendors


def test_every_fault_does_something() -> None:
    """Each entry of the catalogue has its behaviour in the table of its stage, and no behaviour is unlisted."""
    behaviours: dict[str, set[str]] = {
        "connection": {"close", "reset", "hang", "slow_headers"},
        "error": {*vendors.OPENAI, *anthropic.ROWS, *gemini.ROWS, *proxy_pages.PROXY_PAGES} - {"not_found"},
        "answer": {*ANSWERS, "header_echo"},  # which repeats the key beside the answer
        "stream": {*STREAM_EDITS, *PLAIN_EDITS, "slow"},
    }
    behaviours["body"] = set(SPOILS) - behaviours["connection"]
    for stage, names in behaviours.items():
        assert {name for name, fault in FAULTS.items() if fault.stage == stage} == names


def test_error_faults_have_words_in_each_dialect() -> None:
    """An HTTP error that a dialect can show has a row in that dialect's own table."""
    rows = {
        "openai-chat": vendors.OPENAI,
        "anthropic-messages": anthropic.ROWS,
        "gemini": gemini.ROWS,
    }
    for name, fault in FAULTS.items():
        for dialect, table in rows.items():
            if fault.stage == "error" and dialect in fault.dialects and name not in proxy_pages.PROXY_PAGES:
                assert name in table, (name, dialect)


def test_rule_from_text() -> None:
    """A rule in the words of a command line, with units and per cent."""
    rule = rule_from_text("rate_limited:share=20%,retry_after=1.5s,count=3,profile=slow,model=gpt-*")
    assert rule == Rule("rate_limited", share=0.2, retry_after=1.5, count=3, profile="slow", model="gpt-*")
    assert rule_from_text("cut:after=2,how=reset") == Rule("cut", after=2, how="reset")
    assert rule_from_text("hang") == Rule("hang")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cutt", "fault: unknown name 'cutt'; did you mean 'cut'?"),
        ("cut:share", "fault 'cut:share': 'share' must be option=value, such as share=0.2"),
        ("cut:chare=1", "fault cut: unknown name 'chare'; did you mean 'share'?"),
        ("cut:share=2", "share: must be above 0 and at most 1, not 2.0"),
        ("cut:share=x", "share: 'x' is no number"),
        ("cut:after=1.5", "after: '1.5' is no whole number"),
        ("cut:how=slowly", "how: 'slowly' is not one of close, reset, clean"),
        ("wrong:after=1", "fault wrong: has no option 'after'; its options: none"),
        ("cut:seconds=1", "fault cut: has no option 'seconds'; its options: after, how"),
        ("cut:count=0", "count: must be a whole number of at least 1, not 0"),
        ("slow:seconds=soon", "seconds: 'soon' is no duration; write 200ms, 1.5s or a number of seconds"),
    ],
)
def test_mistakes_in_text(text: str, message: str) -> None:
    """Each mistake has one message that says what is wrong and what to write."""
    with pytest.raises(SettingError) as caught:
        rule_from_text(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("cut", 'a rule must be an object such as {"fault": "cut", "share": 0.1}, not \'cut\''),
        ({}, "rule: 'fault' is missing; it names what to do, such as 'cut'"),
        ({"fault": "cut", "shares": 1}, "rule: unknown name 'shares'; did you mean 'share'?"),
        ({"fault": "cut", "share": True}, "share: must be above 0 and at most 1, not True"),
        ({"fault": "cut", "model": 5}, "model: must be a name or a pattern such as 'gpt-*'"),
        ({"fault": "slow", "seconds": -1}, "seconds: must be a number from 0 to 1,000,000, not -1"),
    ],
)
def test_mistakes_in_json(values: Any, message: str) -> None:
    """A wrong rule in JSON is refused, and the message says what to write instead."""
    with pytest.raises(SettingError) as caught:
        rule_from_mapping(values)
    assert str(caught.value) == message


def _picks(book: FaultBook, requests: int) -> list[str | None]:
    found = (book.pick("p", "m", "openai-chat", streamed=True) for _ in range(requests))
    return [rule.fault if rule else None for rule in found]


def test_count_and_order() -> None:
    """The first rule that still applies decides; `count` is used up, the next rule takes over."""
    book = FaultBook(seed=1)
    book.replace([Rule("cut", count=2), Rule("hang", profile="other"), Rule("wrong", count=1)])
    assert _picks(book, 4) == ["cut", "cut", "wrong", None]
    assert [rule["struck"] for rule in book.as_dicts()] == [2, 0, 1]


def test_share_is_seeded() -> None:
    """A share strikes about that share of requests, and the same ones in each run."""
    book, again = FaultBook(seed=7), FaultBook(seed=7)
    for each in (book, again):
        each.replace([Rule("cut", share=0.3)])
    picks = _picks(book, 1000)
    assert picks == _picks(again, 1000)
    assert 250 < picks.count("cut") < 350
    book.replace([Rule("cut", share=0.3)])
    assert _picks(book, 1000) == picks


def test_adding_keeps_counts() -> None:
    """Rules that are added come last and do not give the others their counts back."""
    book = FaultBook(seed=1)
    book.replace([Rule("cut", count=1)])
    assert _picks(book, 2) == ["cut", None]
    book.add([Rule("wrong")])
    assert _picks(book, 1) == ["wrong"]


def test_patterns_and_places() -> None:
    """A rule is about the requests that its patterns match and in which its fault can be shown."""
    rule = Rule("cut_at_end", model="gpt-*", dialect="openai-*")
    assert rule.matches("any", "gpt-x", "openai-chat", streamed=True)
    assert not rule.matches("any", "gpt-x", "openai-chat", streamed=False)
    assert not rule.matches("any", "claude", "openai-chat", streamed=True)
    assert not rule.matches("any", "gpt-x", "gemini", streamed=True)
    assert not Rule("refusal").matches("any", "m", "gemini", streamed=True)


def test_catalogue_names_only_known_dialects() -> None:
    """Every fault can be shown somewhere, in some mode, and has an outcome."""
    for name, fault in FAULTS.items():
        assert set(fault.dialects) <= set(DIALECTS), name
        assert fault.dialects, name
        assert fault.streamed or fault.plain, name
        assert fault.outcome, name
