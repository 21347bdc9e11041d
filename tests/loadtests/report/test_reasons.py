"""Reasons in Chinese: every one that the code can give, found in the code itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimon.loadtests.report.reasons import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = Path(__file__).parents[3] / "loadtests"
# Names that reasons are given to, and functions whose results are reasons.
NAMES = {"why", "reason", "GROWTH", "_NOT_STARTED", "_LOST", "_SHUT", "_COARSE", "_ONE_WAY", "_FAILED"} | {
    "LAGGED",
    "_NOTHING",
}
FUNCTIONS = {"objection", "observe", "_reached", "_why_unpriced", "limit", "why", "_undecided"}
# What is put in where the code says `what`.
WORDS = ("calls", "iterations", "calls started", "the client's event loop was")
MODULES = (
    "controller/controller.py",
    "controller/searches.py",
    "locust_plugin/collector.py",
    "report/steady_state.py",
    "runner.py",
    "search/capacity.py",
    "search/ladder.py",
    "search/ladder_step.py",
    "search/limits.py",
    "search/step_verdict.py",
    "statistics/self_check.py",
    "statistics/slo.py",
    "worker/abort_policy.py",
)


def test_every_reason_has_chinese_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reason, with any number and word in it, has Chinese words; no English is left but names."""
    monkeypatch.setenv("AIMON_LANG", "zh")
    found = {text for module in MODULES for text in _reasons(ast.parse((CODE / module).read_text()))}
    assert len(found) > 40
    untold = [text for text in found if not any(_is_told(text.replace("WHAT", what)) for what in WORDS)]
    assert untold == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("it was stopped after 5 of 60 s", "运行 5 秒（计划 60 秒）后被停止"),
        (
            "118 of 120 calls were served (429 2); p99<2s was 2.31 s",
            "120 次调用中 118 次得到服务 (429 2); p99<2s 实为 2.31 s",
        ),
        ("ttft_p95{first turn}<2s was not measured", "ttft_p95{first turn}<2s 实为 not measured"),
        (
            "server_error (HTTP 500): it was here, and p was gone",
            "server_error (HTTP 500): it was here, and p was gone",
        ),
        (
            "the client used 98% of its core; 3 calls failed in the client itself",
            "客户端用了其核心的 98%; 3 次调用在客户端自身失败",
        ),
    ],
)
def test_what_is_no_phrase_stays(monkeypatch: pytest.MonkeyPatch, english: str, chinese: str) -> None:
    """Several reasons, with numbers and objectives in them; what a provider said is not touched."""
    assert reason(english) == english
    monkeypatch.setenv("AIMON_LANG", "zh")
    assert reason(english) == chinese


def _is_told(text: str) -> bool:
    """Whether some phrase was replaced, and no two English words in a row are left."""
    told = reason(text)
    return told != text and re.search(r"[a-z']{2,} [a-z']{2,}", told) is None


def _reasons(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[target], value=value) if _name(target) in NAMES:
                yield from _texts(value)
            case ast.keyword(arg="why", value=value):
                yield from _texts(value)
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                for key, value in pairs:
                    if isinstance(key, ast.Constant) and key.value == "why":
                        yield from _texts(value)
            case ast.Call(func=ast.Attribute(attr="append" | "stop" | "on_stop", value=owner), args=args):
                if getattr(owner, "id", getattr(owner, "attr", "")) in {"why", "reasons", "self", "controller"}:
                    for argument in args:
                        yield from _texts(argument)
            case ast.FunctionDef(name=name) if name in FUNCTIONS:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from _texts(inner.value)


def _sample(part: ast.expr) -> str:
    """What could be put into a sentence: a word, a percentile, a share or a number."""
    written = ast.unparse(part)
    samples = {"{what}": "WHAT", "{name}": "median", "_name(": "P7", "%}": "7%"}
    return next((sample for sign, sample in samples.items() if sign in written), "7")


def _name(target: ast.expr) -> str:
    return str(getattr(target, "id", getattr(target, "attr", "")))


def _texts(value: ast.expr) -> Iterator[str]:
    """The sentences of an expression, with 7 where something is put in."""
    match value:
        case ast.Constant(value=str(text)) if " " in text.strip():
            yield text
        case ast.JoinedStr(values=parts):
            whole = "".join(str(part.value) if isinstance(part, ast.Constant) else _sample(part) for part in parts)
            if " " in whole.strip("7 ;:"):
                yield whole
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body)
            yield from _texts(orelse)
        case ast.BoolOp(values=values) | ast.Tuple(elts=values):
            for each in values:
                yield from _texts(each)
