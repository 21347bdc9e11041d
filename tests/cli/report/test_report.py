"""`aimon report`: what it prints, and the exit codes that a pipeline goes by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from aimon.loadtests import report
from report_cases import few, plan, quick

if TYPE_CHECKING:
    from pathlib import Path

    from command import Command


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with the reports base, same, slower and short; `short` has the other files of a run, too."""
    for name, made in {"base": quick(1), "same": quick(2), "slower": quick(3, slower=1.5)}.items():
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode(made))
    report.save(report.build(few(), plan(), "e"), tmp_path / "short")
    return tmp_path


def test_a_report_is_shown_again(run_aimon: Command, runs: Path) -> None:
    """`aimon report` shows a file or its folder as the run did, in every format."""
    shown = run_aimon("report", str(runs / "short"))
    assert (shown.returncode, shown.stdout) == (0, (runs / "short" / "report.md").read_text())
    page = run_aimon("report", str(runs / "short" / "report.json"), "--format", "html", "--out", str(runs / "a.html"))
    assert (page.returncode, page.stdout) == (0, "")
    assert (runs / "a.html").read_text() == (runs / "short" / "report.html").read_text()
    both = run_aimon("report", str(runs / "short"), str(runs / "base.json"), "--format", "json")
    first, second = map(json.loads, both.stdout.splitlines())
    assert first == json.loads((runs / "short" / "report.json").read_text())
    assert second["requests"]["sent"] == 800


def test_the_same_passes_and_worse_fails(run_aimon: Command, runs: Path) -> None:
    """Equal runs are exit code 0; if one of the later runs is worse, it is 1."""
    base, same, slower = (str(runs / f"{name}.json") for name in ("base", "same", "slower"))
    passed = run_aimon("report", "--compare", base, same)
    assert passed.returncode == 0, passed.stderr
    assert "**No difference shown**" in passed.stdout
    failed = run_aimon("report", "--compare", base, same, slower, "--format", "json")
    assert failed.returncode == 1
    one, other = map(json.loads, failed.stdout.splitlines())
    assert (one["verdict"], other["verdict"]) == ("no difference shown", "worse")
    assert other["new"] == slower
    (row,) = (row for row in other["rows"] if row["name"] == "ttft_p50_s")
    assert row["low"] <= 0.5 <= row["high"]
    tolerant = run_aimon("report", "--compare", base, slower, "--tolerance", "80%")
    assert tolerant.returncode == 0
    assert "within tolerance" in tolerant.stdout


def test_runs_under_different_loads_are_refused_unless_told(run_aimon: Command, runs: Path) -> None:
    """Different loads are exit code 2, with what differs and what to do; --different-load leaves out throughput."""
    other = msgspec.json.decode((runs / "same.json").read_bytes())
    other["config"]["rate"] = 2.5
    (runs / "half.json").write_bytes(msgspec.json.encode(other))
    names = (str(runs / "base.json"), str(runs / "half.json"))
    refused = run_aimon("report", "--compare", *names)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "not under the same load (--rate: 5 in the base, 2.5 in the new run)" in refused.stderr
    assert "add --different-load" in refused.stderr
    told = run_aimon("report", "--compare", "--different-load", *names)
    assert (told.returncode, told.stderr) == (0, "")
    assert "**No difference shown, with reservations**" in told.stdout
    assert "too little data: not the same load was asked of both" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: No such file or directory: give a report.json, or a folder that holds one"),
        (["."], "report.json: No such file or directory"),
        (["text.json"], "text.json: no report of aimon loadtest --out or --json: JSON is malformed"),
        (["old.json"], "old.json: version 0, and this aimon reads version 1"),
        (
            ["part.json"],
            "--json: Object missing required field `aimon`",
        ),
        (["base.json", "--compare"], "--compare needs two runs or more: aimon report --compare base.json NEW"),
        (["base.json", "base.json", "--format", "html"], "--format html is a page for one run"),
        (["base.json", "--format", "pdf"], "--format pdf: there are md, json, html, csv"),
        (["base.json", "base.json", "--compare", "--tolerance", "5"], "--tolerance 5: expected a share such as 5%"),
    ],
)
def test_what_is_no_report_is_refused(run_aimon: Command, runs: Path, arguments: list[str], message: str) -> None:
    """A file that is no report is exit code 2; the message has the file, its fault, and what to give instead."""
    for name in ("base", "same"):
        (run_aimon.cwd / f"{name}.json").write_bytes((runs / f"{name}.json").read_bytes())
    (run_aimon.cwd / "text.json").write_text("no JSON")
    (run_aimon.cwd / "old.json").write_text('{"version": 0}')
    (run_aimon.cwd / "part.json").write_text('{"version": 1}')
    done = run_aimon("report", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_file_that_can_not_be_written_is_said(run_aimon: Command, runs: Path) -> None:
    """The command ends with exit code 3 and says what to choose instead."""
    done = run_aimon("report", str(runs / "short"), "--out", str(runs / "no" / "such"))
    assert done.returncode == 3
    assert "No such file or directory: choose a file that can be written" in done.stderr
