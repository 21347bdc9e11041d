"""Chinese for people: chosen by --lang or by the locale; what programs read stays as it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from aimon.call.outcome import Outcome
from aimon.cli import advice, advice_zh
from aimon.language import VARIABLE, current, pick
from aimon.loadtests import report
from aimon.loadtests.report.comparison import summary
from aimon.loadtests.report.comparison.comparison import compare
from command import target_flags
from report_cases import few, plan, quick
from results import a_result
from services import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from command import Command

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "", "LC_ALL": "", VARIABLE: "zh"}, "zh"),
        ({"LC_ALL": "zh_CN.GBK", VARIABLE: "en"}, "en"),
    ],
)
def test_the_language_is_chosen_or_the_locales(environ: dict[str, str], language: str) -> None:
    """--lang decides, then the variables that POSIX has for messages, in its order."""
    assert current(environ) == language


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome.fault is not None])
def test_every_advice_is_there_in_both(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece of advice exists in both languages, with the same options, variables and files."""
    result = a_result(outcome, error="no", retry_after=2.5, request_id="req-1")
    english, whose = advice.explained(result), advice.whose(result)
    monkeypatch.setenv(VARIABLE, "zh")
    chinese = advice.explained(result)
    assert CHINESE.search(chinese)
    assert CHINESE.search(advice.whose(result))
    assert not CHINESE.search(english + whose)
    for name in re.findall(r"[a-z]+_[a-z_]+|timeout\.[a-z]+|--json|/v1|req-1", english):
        assert name in chinese


def test_the_special_cases_are_there_in_both() -> None:
    """Special cases exist in both languages, with the same addresses and variables."""
    chinese = advice.Texts(*advice_zh.TEXTS)
    english = advice.ENGLISH
    assert english.whose.keys() == chinese.whose.keys()
    assert english.by_reason.keys() == chinese.by_reason.keys()
    pairs = [(text, chinese.by_reason[reason]) for reason, text in english.by_reason.items()]
    pairs += [(getattr(english, name), getattr(chinese, name)) for name in ("no_such_method", "request_id", "moved")]
    for mine, theirs in pairs:
        names = re.findall(r"[A-Z_]{5,}|https?://\S+:|ca_file|base_url|%xx|/v1|dialect|[{]request_id[}]", mine)
        assert [name for name in names if name not in theirs] == []


def test_status_and_probe_speak_it(run_aimon: Command) -> None:
    """`status` and `probe` speak Chinese by --lang or the locale; outcomes and JSON stay the same."""
    target = target_flags(f"http://127.0.0.1:{free_port()}/v1")
    done = run_aimon("probe", *target, "--lang", "zh")
    assert done.returncode == 1
    assert re.search(r"^openai-chat-m connect 延迟 .* \(网络\) .*请检查 base_url", done.stdout)
    done = run_aimon("status", env={"LANG": "zh_CN.UTF-8", "LC_ALL": ""})
    assert "可用率 0.00%，共 1 次" in done.stdout
    assert "可用率" not in run_aimon("status", "--lang", "en", env={"LANG": "zh_CN.UTF-8", "LC_ALL": ""}).stdout
    found = json.loads(run_aimon("status", "--json", "--lang", "zh").stdout)
    assert (found["state"], found["well"]) == ("connect", False)


def test_a_language_that_there_is_not(run_aimon: Command) -> None:
    """An unknown language is exit code 2, and the message lists the known ones."""
    done = run_aimon("status", "--lang", "fr")
    assert (done.returncode, done.stderr) == (2, "--lang fr: write en or zh\n")


def test_reports_speak_it(run_aimon: Command, tmp_path: Path) -> None:
    """Every label; the numbers are the same, and so is JSON."""
    built = report.build(few(), plan(), "e")
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(built))
    english = run_aimon("report", str(tmp_path)).stdout
    done = run_aimon("report", str(tmp_path), "--lang", "zh")
    assert done.returncode == 0
    labels = [line.split(" | ")[0].removeprefix("| ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert {"端点", "请求", "速率", "费用", "延迟", "首 token 时间"} <= set(labels)
    bare = [label for label in labels if not CHINESE.search(label)]
    assert set(bare) <= {"", "---", "ms", "token", "p99<2s", "error_rate<1%"}
    assert sorted(re.findall(r"\d+\.\d+", done.stdout)) == sorted(re.findall(r"\d+\.\d+", english))
    page = run_aimon("report", str(tmp_path), "--format", "html", "--lang", "zh").stdout
    assert '<html lang="zh">' in page
    heads = re.findall(r"<(?:h1|h2|h3|dt|th[^>]*)>([^<]+)<", page.split("配置</h2>")[0])
    plain = {text for text in map(str.strip, heads) if text and not CHINESE.search(text)}
    assert {text for text in plain if not re.match(r"P\d|TTFT|TPOT|ok$|rate_limited$", text)} == set()
    formats = [run_aimon("report", str(tmp_path), "--format", "json", "--lang", lang).stdout for lang in ("en", "zh")]
    assert formats[0] == formats[1]


def test_comparisons_speak_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every head, measure and verdict; what is only a number is the same."""
    found = compare(quick(1), quick(2, slower=1.5), names=("A", "B"), resamples=200)
    english = summary.markdown(found)
    monkeypatch.setenv(VARIABLE, "zh")
    chinese = summary.markdown(found)
    cells = [cell.strip() for line in chinese.splitlines() if line.startswith("| ") for cell in line.split("|")]
    assert [cell for cell in cells if re.search(r"[a-z]{3,}", cell) and not CHINESE.search(cell)] == []
    assert "更差" in chinese
    assert "WORSE" in english
    assert sorted(re.findall(r"\d+\.\d+", chinese)) == sorted(re.findall(r"\d+\.\d+", english))


def test_pick(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pick` returns the text of the language in use."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("LC_ALL", "C")
    assert pick("a", "甲") == "a"
    monkeypatch.setenv(VARIABLE, "zh")
    assert pick("a", "甲") == "甲"
