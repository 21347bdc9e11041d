"""Checks of an answer: each expectation of a canary becomes a function that returns what is wrong, or None.

    expect: {contains: "{nonce}", latency_max: 5s}

Each key is a kind of check, a row of the table `KINDS`. All of them must hold. `ignore_case: true` beside them
makes every comparison of text case-insensitive. Variables such as `{nonce}` are replaced literally wherever they
occur in a string; braces around anything else stay, so that JSON needs no escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from operator import attrgetter, ge, le
from types import MappingProxyType
from typing import Any

import msgspec

from aimon.quantities import seconds
from aimon.security.redact import bounded

QUOTE_CHARS = 80
MAX_REGEX_CHARS = 8 << 10
MAX_JSON_CHARS = 1 << 20

_VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")  # no number: a{3} is a pattern
_FENCED = re.compile(r"```(?:json)?[ \t]*\r?\n(.*?)```", re.DOTALL | re.IGNORECASE)
_QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("\u2018", "\u2019"), ("«", "»"), ("「", "」"))
_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the checks look at. Times are seconds; None where there was nothing to measure."""

    text: str
    latency: float
    ttft: float | None = None
    output_tokens: int | None = None


Match = re.Match[str]
Check = Callable[[Answer], "str | None"]
"""None where the answer passes, else the reason in one line, which quotes at most `QUOTE_CHARS` of it."""

Build = Callable[[str, object, bool], Check]
"""From a key, its value and `ignore_case` to the check; raises CheckError where the value is not one to check by."""


class CheckError(ValueError):
    """An expectation that cannot be checked: `key` names it, `problem` says what to write instead."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(f"{key}: {problem}")


def compile(  # noqa: A001 - as in re.compile: always used with the module's name before it
    expect: Mapping[str, Any], variables: Mapping[str, str] = _NO_VARIABLES
) -> tuple[Check, ...]:
    """The checks that an answer must pass.

    Args:
        expect: kinds and what they expect, as in the configuration.
        variables: what stands for `{name}` in strings.

    Raises:
        CheckError: an unknown kind, or a value that its kind does not take.
    """
    return template(expect)(variables)


def template(expect: Mapping[str, Any]) -> Callable[[Mapping[str, str]], tuple[Check, ...]]:
    """What `compile` does, in two steps: validates once, then fills in the variables of each call.

    Only what holds a variable is compiled again, so a schema or an expression costs its time once.

    Raises:
        CheckError: as `compile`.
    """
    ignore_case = expect.get("ignore_case", False)
    if not isinstance(ignore_case, bool):
        raise CheckError("ignore_case", "write true or false")
    binders = [_binder(key, value, ignore_case) for key, value in expect.items() if key != "ignore_case"]

    def fill(variables: Mapping[str, str]) -> tuple[Check, ...]:
        return tuple([bind(variables) for bind in binders])

    return fill


def _binder(key: str, value: object, ignore_case: bool) -> Callable[[Mapping[str, str]], Check]:
    try:
        build = KINDS[key]
    except KeyError:
        raise CheckError(key, f"unknown kind of check; {_suggestion(key)}") from None
    if not _has_variables(value):
        check = build(key, value, ignore_case)
        return lambda _: check
    # Compiled once with arbitrary values, so that mistakes are found before the first call.
    build(key, _fill(value, lambda variable: variable[1]), ignore_case)
    # The value of a variable is literal text, in a regular expression too.
    escape = re.escape if key == "regex" else str

    def bind(variables: Mapping[str, str]) -> Check:
        def replace(match: Match) -> str:
            return escape(variables[match[1]]) if match[1] in variables else match[0]

        return build(key, _fill(value, replace), ignore_case)

    return bind


def _suggestion(key: str) -> str:
    get_close_matches = import_module("difflib").get_close_matches
    near = get_close_matches(str(key), [*KINDS, "ignore_case"], n=1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(KINDS)}"


def _has_variables(value: object) -> bool:
    if isinstance(value, str):
        return _VARIABLE.search(value) is not None
    if isinstance(value, Mapping):
        return any(_has_variables(part) for pair in value.items() for part in pair)
    return isinstance(value, (list, tuple)) and any(map(_has_variables, value))


def _fill(value: Any, replace: Callable[[Match], str]) -> Any:
    """A copy of a value of the configuration, with the variables in its strings replaced."""
    if isinstance(value, str):
        return _VARIABLE.sub(replace, value)
    if isinstance(value, Mapping):
        return {_fill(k, replace): _fill(v, replace) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_fill(part, replace) for part in value]
    return value


def _quote(text: str) -> str:
    return f'"{bounded(text, QUOTE_CHARS)}"' if text.strip() else "nothing"


# What the configuration may hold


def _strings(key: str, value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    texts = [text for text in values if isinstance(text, str)]
    if not texts or len(texts) < len(values):
        raise CheckError(key, f"write text in quotes, or a list of texts, not {bounded(repr(value), 40)}")
    if not all(text.strip() for text in texts):
        raise CheckError(key, "an empty text says nothing; write what to look for")
    return texts


def _string(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise CheckError(key, f"write one text in quotes, not {bounded(repr(value), 40)}")
    return value


def _whole(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CheckError(key, f"write a whole number, 0 or more, not {bounded(repr(value), 40)}")
    return value


def _duration(key: str, value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf"):
        return float(value)
    try:
        return seconds(value)
    except ValueError:
        raise CheckError(
            key, f"write seconds, such as 2.5, or a duration, such as 2500ms, not {bounded(repr(value), 40)}"
        ) from None


# The kinds


def _containment(wanted: bool) -> Build:
    """`contains` and `not_contains`: each of the texts is, or none of them is, in the answer."""

    def build(key: str, value: object, ignore_case: bool) -> Check:
        fold = str.casefold if ignore_case else str
        texts = [(text, fold(text)) for text in _strings(key, value)]

        def check(answer: Answer) -> str | None:
            haystack = fold(answer.text)
            for text, folded in texts:
                if (folded in haystack) is not wanted:
                    verb = "does not contain" if wanted else "contains"
                    return f"the answer {verb} {_quote(text)}: {_quote(answer.text)}"
            return None

        return check

    return build


def _bare(text: str) -> str:
    """The text without white space around it, nor the pair of quotes that models like to put there."""
    text = text.strip()
    for opening, closing in _QUOTES:
        if len(text) > 1 and text.startswith(opening) and text.endswith(closing):
            return text[1:-1].strip()
    return text


def _equals(key: str, value: object, ignore_case: bool) -> Check:
    fold = str.casefold if ignore_case else str
    wanted = _string(key, value)
    folded = fold(_bare(wanted))

    def check(answer: Answer) -> str | None:
        if fold(_bare(answer.text)) == folded:
            return None
        return f"the answer is not {_quote(wanted)}: {_quote(answer.text)}"

    return check


def _regex(key: str, value: object, ignore_case: bool) -> Check:
    source = _string(key, value)
    try:
        pattern = re.compile(source, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise CheckError(key, f"not a regular expression: {error}") from None

    def check(answer: Answer) -> str | None:
        # Python's matching cannot be interrupted, so the length of the text bounds its cost.
        if pattern.search(answer.text, 0, MAX_REGEX_CHARS):
            return None
        within = f" in its first {MAX_REGEX_CHARS} characters" if len(answer.text) > MAX_REGEX_CHARS else ""
        return f"the answer does not match {_quote(source)}{within}: {_quote(answer.text)}"

    return check


def _parsed(answer: Answer) -> Any:
    """The JSON of an answer: the whole of it, or else its first fenced block.

    Raises:
        ValueError: there is none; says why.
    """
    text = answer.text.strip()
    if len(text) > MAX_JSON_CHARS:
        raise ValueError(f"the answer is longer than {MAX_JSON_CHARS} characters, too long to be read as JSON")
    fenced = _FENCED.search(text)
    for candidate in (text, fenced[1] if fenced else None):
        if candidate is not None:
            try:
                return msgspec.json.decode(candidate)
            except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
                continue
    raise ValueError(f"the answer is not JSON: {_quote(answer.text)}")


def _json_path(key: str, value: object, ignore_case: bool) -> Check:
    paths = value if isinstance(value, Mapping) else dict.fromkeys(_strings(key, value), _ANYTHING)
    if not paths:
        raise CheckError(key, "write a path, such as $.status, or a path and its value, {$.status: ok}")
    parse: Callable[[str], Any] = import_module("jsonpath_ng.ext").parse
    wanted = []
    for path, expected in paths.items():
        text = _string(key, path)
        try:
            wanted.append((text, parse(text), expected))
        except Exception as error:  # noqa: BLE001 - the parser raises bare Exceptions
            raise CheckError(key, f"{_quote(path)} is not a JSON path: {bounded(str(error), 120)}") from None

    def check(answer: Answer) -> str | None:
        try:
            data = _parsed(answer)
        except ValueError as error:
            return str(error)
        for path, expression, expected in wanted:
            try:
                found = [match.value for match in expression.find(data)]
            except Exception as error:  # noqa: BLE001 - whatever the library makes of data it did not foresee
                return f"{_quote(path)} fails on the answer ({type(error).__name__}): {_quote(answer.text)}"
            if not found:
                return f"the answer has nothing at {_quote(path)}: {_quote(answer.text)}"
            if expected is not _ANYTHING and not any(_same(one, expected, ignore_case) for one in found):
                return f"{_quote(path)} is {_json(found[0])}, not {_json(expected)}"
        return None

    return check


_ANYTHING = object()


def _json(value: object) -> str:
    return bounded(json.dumps(value, ensure_ascii=False, default=str), QUOTE_CHARS)


def _same(found: object, expected: object, ignore_case: bool) -> bool:
    if ignore_case and isinstance(found, str) and isinstance(expected, str):
        return found.casefold() == expected.casefold()
    # In Python True equals 1; in JSON it does not.
    return found == expected and isinstance(found, bool) is isinstance(expected, bool)


def _json_schema(key: str, value: object, ignore_case: bool) -> Check:  # noqa: ARG001 - a schema has its own patterns
    if not isinstance(value, Mapping) or not value:
        raise CheckError(key, "write a JSON schema, such as {type: object, required: [status]}")
    schema = _fill(value, lambda variable: variable[0])
    jsonschema = import_module("jsonschema")
    best_match = import_module("jsonschema.exceptions").best_match
    referencing = import_module("referencing")
    validator_class = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        validator_class.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise CheckError(key, f"not a JSON schema: {error.json_path}: {bounded(error.message, 120)}") from None
    # An empty registry, because the default one fetches what a $ref names.
    validator = validator_class(schema, registry=referencing.Registry())

    def check(answer: Answer) -> str | None:
        try:
            error = best_match(validator.iter_errors(_parsed(answer)))
        except ValueError as problem:
            return str(problem)
        except referencing.exceptions.Unresolvable as problem:
            return f"the schema refers to {_quote(str(problem.ref))}, which it does not hold"
        except RecursionError:
            return "the answer is nested too deeply to be held against the schema"
        if error is None:
            return None
        return f"the answer breaks the schema at {bounded(error.json_path, 40)}: {bounded(error.message, 120)}"

    return check


def _limited(
    read: Callable[[str, object], float],
    measure: Callable[[Answer], float | None],
    within: Callable[[float, float], bool],
    message: str,
    unmeasured: str = "",
) -> Build:
    """A check of one number. `message` shows it and its limit; `unmeasured` says why there may be none."""

    def build(key: str, value: object, ignore_case: bool) -> Check:  # noqa: ARG001 - a number has no case
        limit = read(key, value)

        def check(answer: Answer) -> str | None:
            measured = measure(answer)
            if measured is None:
                return f"{unmeasured}, so {key} cannot be checked"
            return None if within(measured, limit) else message.format(measured, limit)

        return check

    return build


def _length(answer: Answer) -> int:
    return len(answer.text.strip())


KINDS: Mapping[str, Build] = MappingProxyType(
    {
        "contains": _containment(wanted=True),
        "not_contains": _containment(wanted=False),
        "equals": _equals,
        "regex": _regex,
        "json_path": _json_path,
        "json_schema": _json_schema,
        "min_length": _limited(_whole, _length, ge, "the answer has {} characters, fewer than {}"),
        "max_length": _limited(_whole, _length, le, "the answer has {} characters, more than {}"),
        "max_output_tokens": _limited(
            _whole,
            attrgetter("output_tokens"),
            le,
            "the answer took {} output tokens, more than {}",
            "the provider did not report output tokens",
        ),
        "latency_max": _limited(_duration, attrgetter("latency"), le, "the answer took {:.3g} s, more than {:g}"),
        "ttft_max": _limited(
            _duration,
            attrgetter("ttft"),
            le,
            "the first token took {:.3g} s, more than {:g}",
            "the answer was not streamed",
        ),
    }
)
"""Every kind of check."""
