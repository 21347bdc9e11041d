"""Every kind of check passes what it should, fails what it should, and says why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.call import checks
from aimon.call.checks import Answer, CheckError
from command import printed

SCHEMA = {"type": "object", "properties": {"n": {"const": "{nonce}"}}, "required": ["n"]}


def reasons(expect: dict[str, Any], answer: Answer | str, **variables: str) -> list[str | None]:
    """What each check says of an answer; a text stands for an answer that took one second."""
    answer = Answer(answer, latency=1.0) if isinstance(answer, str) else answer
    return [check(answer) for check in checks.compile(expect, variables)]


@pytest.mark.parametrize(
    ("expect", "text"),
    [
        ({"contains": "7f3a"}, "Here it is: '7f3a'."),
        ({"contains": ["a", "b"]}, "b and a"),
        ({"contains": "7F3A", "ignore_case": True}, "7f3a"),
        ({"not_contains": "sorry"}, "Sorry"),
        ({"equals": "OK"}, "OK"),
        ({"equals": "OK"}, '  "OK"\n'),
        ({"equals": "OK"}, "`OK`"),
        ({"equals": "OK"}, "\u201cOK\u201d"),
        ({"equals": " 'OK' "}, "OK"),
        ({"equals": "ok", "ignore_case": True}, "OK"),
        ({"regex": r"^\d{4}$"}, "2026"),
        ({"regex": "ok", "ignore_case": True}, "It is OK."),
        ({"json_path": "$.items[0].name"}, '{"items": [{"name": null}]}'),
        ({"json_path": ["$.a", "b"]}, '{"a": 1, "b": 2}'),
        ({"json_path": {"$.items[*].id": 2}}, '{"items": [{"id": 1}, {"id": 2}]}'),
        ({"json_path": {"$.a": {"b": [1]}}}, '{"a": {"b": [1]}}'),
        ({"json_path": {"$.a": "YES"}, "ignore_case": True}, '{"a": "yes"}'),
        ({"json_path": "$[?(@.n > 1)]"}, '[{"n": 1}, {"n": 2}]'),
        ({"json_path": "$.a"}, 'Sure!\n```json\n{"a": 1}\n```\nAnything else?'),
        ({"json_path": "$.a"}, '```\n{"a": 1}\n```'),
        (
            {"json_schema": {"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}},
            "[1]",
        ),
        ({"min_length": 3, "max_length": 3}, " abc "),
        ({"latency_max": 1}, "x"),
        ({"latency_max": "1s"}, "x"),
        ({"latency_max": "1500ms"}, "x"),
        ({}, "anything"),
    ],
)
def test_a_right_answer_passes(expect: dict[str, Any], text: str) -> None:
    """A right answer passes every check."""
    assert [reason for reason in reasons(expect, text) if reason] == []


@pytest.mark.parametrize(
    ("expect", "text", "reason"),
    [
        ({"contains": "7f3a"}, "7F3A", 'the answer does not contain "7f3a": "7F3A"'),
        ({"contains": ["a", "b"]}, "a", 'the answer does not contain "b": "a"'),
        ({"contains": "a"}, " \n", 'the answer does not contain "a": nothing'),
        ({"not_contains": ["I cannot", "sorry"]}, "so sorry", 'the answer contains "sorry": "so sorry"'),
        ({"equals": "OK"}, "OK.", 'the answer is not "OK": "OK."'),
        ({"equals": "OK"}, "\"OK'", 'the answer is not "OK": ""OK\'"'),
        ({"regex": "^b"}, "ab", 'the answer does not match "^b": "ab"'),
        ({"json_path": "$.b"}, '{"a": 1}', 'the answer has nothing at "$.b": "{"a": 1}"'),
        ({"json_path": {"$.a": 1}}, '{"a": true}', '"$.a" is true, not 1'),
        ({"json_path": {"$.a": "x"}}, '{"a": "é"}', '"$.a" is "é", not "x"'),
        ({"json_path": "$.a"}, "{'a': 1}", "the answer is not JSON: \"{'a': 1}\""),
        ({"json_path": "$.a"}, "```json\n{a}\n```", 'the answer is not JSON: "```json {a} ```"'),
        (
            {"json_schema": {"type": "object", "required": ["x"]}},
            "{}",
            "the answer breaks the schema at $: 'x' is a required property",
        ),
        (
            {"json_schema": {"properties": {"a": {"items": {"type": "integer"}}}}},
            '{"a": [1, "b"]}',
            "the answer breaks the schema at $.a[1]: 'b' is not of type 'integer'",
        ),
        ({"min_length": 4}, " abc ", "the answer has 3 characters, fewer than 4"),
        ({"max_length": 2}, "abc", "the answer has 3 characters, more than 2"),
        ({"latency_max": "999ms"}, "x", "the answer took 1 s, more than 0.999"),
        ({"ttft_max": 1}, "x", "the answer was not streamed, so ttft_max cannot be checked"),
        (
            {"max_output_tokens": 5},
            "x",
            "the provider did not report output tokens, so max_output_tokens cannot be checked",
        ),
    ],
)
def test_a_wrong_answer_gets_its_reason(expect: dict[str, Any], text: str, reason: str) -> None:
    """The exact words, since people read them at night."""
    assert reasons(expect, text) == [reason]


def test_times_and_tokens_are_compared_with_their_limits() -> None:
    """A limit that is just met passes."""
    answer = Answer("x", latency=2.0, ttft=0.5, output_tokens=10)
    assert reasons({"ttft_max": 0.5, "max_output_tokens": 10}, answer) == [None, None]
    assert reasons({"ttft_max": "400ms", "max_output_tokens": 9}, answer) == [
        "the first token took 0.5 s, more than 0.4",
        "the answer took 10 output tokens, more than 9",
    ]


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"contain": "x"}, "contain: unknown kind of check; did you mean 'contains'?"),
        (
            {"zzz": "x"},
            f"zzz: unknown kind of check; known are {', '.join(checks.KINDS)}",
        ),
        ({"contains": 5}, "contains: write text in quotes, or a list of texts, not 5"),
        ({"contains": ["a", 5]}, "contains: write text in quotes, or a list of texts, not ['a', 5]"),
        ({"contains": " "}, "contains: an empty text says nothing; write what to look for"),
        ({"equals": ["a"]}, "equals: write one text in quotes, not ['a']"),
        ({"regex": "("}, "regex: not a regular expression: missing ), unterminated subpattern at position 0"),
        ({"json_path": {}}, "json_path: write a path, such as $.status, or a path and its value, {$.status: ok}"),
        ({"json_path": "$["}, 'json_path: "$[" is not a JSON path: Parse error near the end of string!'),
        ({"json_schema": "x"}, "json_schema: write a JSON schema, such as {type: object, required: [status]}"),
        ({"json_schema": {"pattern": "("}}, "json_schema: not a JSON schema: $.pattern: '(' is not a 'regex'"),
        ({"min_length": True}, "min_length: write a whole number, 0 or more, not True"),
        ({"max_length": -1}, "max_length: write a whole number, 0 or more, not -1"),
        (
            {"latency_max": "5"},
            "latency_max: write seconds, such as 2.5, or a duration, such as 2500ms, not '5'",
        ),
        ({"ttft_max": 0}, "ttft_max: write seconds, such as 2.5, or a duration, such as 2500ms, not 0"),
        ({"contains": "x", "ignore_case": "yes"}, "ignore_case: write true or false"),
    ],
)
def test_a_bad_expectation_says_what_to_write(expect: dict[str, Any], message: str) -> None:
    """Each mistake has its one message, and is found before any call is made."""
    with pytest.raises(CheckError) as caught:
        checks.template(expect)
    assert str(caught.value) == message
    assert caught.value.key == message.partition(":")[0]


def test_variables_are_filled_in_everywhere_and_nothing_else_is() -> None:
    """Variables are replaced in texts, lists, schemas and paths; other words in braces are left as they are."""
    assert reasons({"contains": '{"n": "{nonce}"}'}, '{"n": "7f"}', nonce="7f") == [None]
    assert reasons({"contains": ["{nonce}", "{other}"]}, "7f {other}", nonce="7f") == [None]
    assert reasons({"json_schema": SCHEMA}, '{"n": "7f"}', nonce="7f") == [None]
    assert reasons({"json_path": {"$.{nonce}": "{nonce}"}}, '{"x7": "x7"}', nonce="x7") == [None]
    assert reasons({"json_schema": SCHEMA}, '{"n": "7e"}', nonce="7f") == [
        "the answer breaks the schema at $.n: '7f' was expected"
    ]


def test_a_variable_is_data_in_a_pattern_and_is_not_filled_in_twice() -> None:
    """A dot of a nonce matches a dot; a value that looks like a variable stays as it is."""
    assert reasons({"regex": "^a{2}{nonce}$"}, "aa.", nonce=".") == [None]
    assert reasons({"regex": "^a{2}{nonce}$"}, "aab", nonce=".") != [None]
    assert reasons({"contains": "{a}"}, "{b}", a="{b}", b="x") == [None]


def test_a_template_serves_every_call() -> None:
    """Compiled once, filled in with a fresh nonce each time; what holds no variable stays the same function."""
    fill = checks.template({"contains": "{nonce}", "json_schema": {"type": "object"}})
    one, two = fill({"nonce": "a"}), fill({"nonce": "b"})
    assert one[0](Answer("a", 1.0)) is None
    assert two[0](Answer("a", 1.0)) == 'the answer does not contain "b": "a"'
    assert one[1] is two[1]


def test_a_reason_is_one_bounded_line() -> None:
    """An answer full of line breaks and terminal escapes cannot spoil a log."""
    [reason] = reasons({"contains": "x"}, "\x1b[31mred\x1b[0m\nline\r\n" + "y" * 1000)
    assert reason is not None
    assert reason == 'the answer does not contain "x": "red line ' + "y" * 70 + '…"'


def test_a_long_answer_is_matched_up_to_a_limit() -> None:
    """What a pattern costs is bounded by the text it is given; the reason says so."""
    text = "a" * checks.MAX_REGEX_CHARS + "b"
    [reason] = reasons({"regex": "b"}, text)
    assert reason is not None
    assert reason.startswith('the answer does not match "b" in its first 8192 characters: "aaa')
    assert reasons({"regex": "ab$"}, text[1:]) == [None]


@pytest.mark.parametrize(
    ("expect", "text", "reason"),
    [
        ({"json_path": "$.a"}, '"' + "a" * checks.MAX_JSON_CHARS + '"', "the answer is longer than 1048576 characters"),
        ({"json_path": "$.a"}, "[" * 100_000, "the answer is not JSON"),
        ({"json_schema": {"items": {"$ref": "#"}}}, "[" * 900 + "]" * 900, "the answer is nested too deeply"),
        ({"json_path": "$.a"}, "\ud800", "the answer is not JSON"),
    ],
    ids=["long", "deep and broken", "deep", "not unicode"],
)
def test_hostile_json_is_a_reason_not_a_crash(expect: dict[str, Any], text: str, reason: str) -> None:
    """An answer comes from outside: no shape of it may break the prober."""
    [said] = reasons(expect, text)
    assert said is not None
    assert said.startswith(reason)


def test_a_schema_never_fetches_what_it_refers_to() -> None:
    """A $ref to an address is not followed: the check fails and names it."""
    [reason] = reasons({"json_schema": {"$ref": "http://127.0.0.1:9/schema.json"}}, "{}")
    assert reason == 'the schema refers to "http://127.0.0.1:9/schema.json", which it does not hold'


@given(st.text(), st.text(min_size=1).filter(str.strip))
def test_contains_is_what_python_says(text: str, wanted: str) -> None:
    """For any two texts without variables `contains` is Python's `in`, and `not_contains` its opposite."""
    expect = {"contains": wanted}
    assert (reasons(expect, text) == [None]) is (wanted in text)
    assert (reasons({"not_contains": wanted}, text) == [None]) is (wanted not in text)


@given(st.text())
def test_no_check_raises_and_every_reason_is_printable(text: str) -> None:
    """No answer makes a check raise, and every reason is printable."""
    expect = {
        "equals": "a",
        "regex": "^b",
        "json_path": {"$..a": 1},
        "json_schema": {"type": "object"},
        "min_length": 1000,
    }
    for reason in reasons(expect, text):
        assert reason is None or (reason.isprintable() and len(reason) < 300)


@pytest.mark.parametrize("module", ["call.rate_limits", "call.checks", "pricing", "security.redact"])
def test_the_core_is_cheap_to_import(module: str) -> None:
    """Modules that only some configurations need are not imported with the core."""
    heavy = "genai_prices jsonschema jsonpath_ng pydantic httpx yaml email.utils logging asyncio"
    program = f"import sys, aimon.{module}; print([name for name in '{heavy}'.split() if name in sys.modules])"
    assert printed(program) == "[]\n"


def test_every_kind_is_documented() -> None:
    """docs/checks.md has a row for each."""
    page = (Path(__file__).parents[3] / "docs" / "checks.md").read_text()
    rows = " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) == {*checks.KINDS, "ignore_case"}
