"""Mutants of rules: each is one plausible mistake that the cases of alerts and recordings must notice."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLIPPED = {">": "<", "<": ">", ">=": "<", "==": "!="}
_COMPARISON = re.compile(r" (>=|==|>|<) ")
# A threshold or a factor; not the digits of a name, a range or a bucket.
_NUMBER = re.compile(r"(?<=[<>=] )([0-9.]+)|\b([0-9.]+)(?= \*)|(?<=quantile\()([0-9.]+)")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def mutants(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each mutant of an alerting rule, with what was done to it."""
    for what, expr in _expressions(rule["expr"]):
        yield what, {**rule, "expr": expr}
    for name, value in rule["labels"].items():
        changed = copy.deepcopy(rule)
        changed["labels"][name] = "mutant"
        yield f"label {name}={value} changed", changed
    if "for" in rule:
        yield "fires at once", {key: value for key, value in rule.items() if key != "for"}
        yield "waits five times as long", {**rule, "for": f"{5 * int(rule['for'][:-1])}{rule['for'][-1]}"}


def recording_mutants(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each mutant of a recording rule: its samples are compared whole, so it may differ in smaller ways, too."""
    expr = rule["expr"]
    for what, changed in dict.fromkeys((*_expressions(expr), *_smaller(expr))):
        yield what, {**rule, "expr": changed}
    for name, value in rule.get("labels", {}).items():
        yield f"another {name}", {**rule, "labels": {**rule["labels"], name: "mutant"}}
        # What is selected by a label has it anyway: without it the same would be recorded.
        if f'{name}="{value}"' not in expr:
            yield (
                f"without the label {name}",
                {**rule, "labels": {k: v for k, v in rule["labels"].items() if k != name}},
            )


def _smaller(expr: str) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(re.findall(r"[a-z]+:\w+:\w+|ai_\w+", expr)):
        yield f"another metric than {name}", re.sub(rf"{name}(?!\w)", "mutant", expr)
    for label in dict.fromkeys(label for by in re.findall(r"\bby \(([^)]*)\)", expr) for label in by.split(", ")):
        yield f"{label} is added up", re.sub(rf"\b{label}, |, {label}(?=\))", "", expr)
    for before, after in (("sum by", "max by"), ("increase(", "rate("), (" / ", " * "), (" - ", " + ")):
        if before in expr:
            yield f"{after.strip()} instead of {before.strip()}", expr.replace(before, after)
    if " > 0" in expr:
        yield "nothing divided by nothing", expr.replace(" > 0", "")
    for name, operator, value in dict.fromkeys(_MATCHER.findall(expr)):
        written = re.escape(f'{name}{operator}"{value}"')
        yield f"without {name}{operator}{value[:20]}", re.sub(rf"{written}, |(?:, )?{written}", "", expr)


def _expressions(expr: str) -> Iterator[tuple[str, str]]:
    for match in _COMPARISON.finditer(expr):
        yield f"{match[1]} turned round at {match.start()}", _with(expr, match, f" {_FLIPPED[match[1]]} ")
    for match in _NUMBER.finditer(expr):
        value = float(match[0])
        others = (2.0,) if value == 0 else (2 * value, value / 2)
        for other in others:
            if "quantile(" in expr[: match.start()][-20:] and other > 1:
                continue
            yield f"{match[0]} at {match.start()} becomes {other:g}", _with(expr, match, repr(other))
    clauses = re.split(r"\s+and ", expr)
    for left_out in clauses if len(clauses) > 1 else ():
        kept = "\nand ".join(clause for clause in clauses if clause != left_out)
        yield f"without {left_out[:40]!r}", re.sub(r"^(on|ignoring) \([^)]*\) ", "", kept)
    for name, operator, value in dict.fromkeys(_MATCHER.findall(expr)):
        written = f'{name}{operator}"{value}"'
        yield f"{written} matches another", expr.replace(written, f'{name}{operator}"mutant"')
        members = value.split("|")
        for member in members if len(members) > 1 else ():
            rest = "|".join(each for each in members if each != member)
            yield f"{written} without {member}", expr.replace(written, f'{name}{operator}"{rest}"')
    for window in dict.fromkeys(re.findall(r"\[(\w+)\]", expr)):
        yield f"[{window}] three times as long", expr.replace(f"[{window}]", f"[{3 * int(window[:-1])}{window[-1]}]")
        yield f"[{window}] too short", expr.replace(f"[{window}]", "[1m]")
    if ", model" in expr:
        yield "models are added up", expr.replace(", model", "")
    if re.search(r"\bsum \(", expr):
        yield "nothing is added up", re.sub(r"\bsum \(", "(", expr)
    if "absent(" in expr:
        yield "there instead of absent", expr.replace("absent(", "(")


def _with(expr: str, match: re.Match[str], text: str) -> str:
    return expr[: match.start()] + text + expr[match.end() :]
