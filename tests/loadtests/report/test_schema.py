"""docs/report.schema.json says what report.json is: exactly, and for reports of every profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest

from aimon.loadtests import report
from aimon.loadtests.report.__main__ import SCHEMAS
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.report.schema import Report, ReportError, read
from aimon.loadtests.search.capacity import Capacity, CapacityStep
from aimon.loadtests.search.latency_trend import Trend
from aimon.loadtests.search.limits import AccountLimits
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags
from report_cases import few, noisy, plan

if TYPE_CHECKING:
    from command import Command

SCHEMA = Path(__file__).parents[3] / "docs" / "report.schema.json"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """Of the file in docs/."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_files_are_made_from_the_code(name: str) -> None:
    """Write them anew with: python -m aimon.loadtests.report docs."""
    assert SCHEMA.with_name(name).read_text(encoding="utf-8") == SCHEMAS[name]


@pytest.mark.parametrize(
    "run",
    [
        few(),
        noisy(1),
        RunResult(CallStats()),
        few(capacity=Capacity(low=5.0, steps=[CapacityStep(5.0, 4.9, met=True, trend=Trend(0.0, 0.01))])),
        few(limits=AccountLimits(4.0, None, {"why": "", "limited": 3})),
    ],
    ids=["few", "noisy", "none", "capacity", "limits"],
)
def test_reports_fit(validator: jsonschema.Draft202012Validator, run: RunResult, tmp_path: Path) -> None:
    """Reports validate against the schema, and reading their file gives the same values."""
    built = report.build(run, plan(), "e")
    validator.validate(built)
    report.save(built, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text()) == built
    assert read(tmp_path) == msgspec.convert(built, Report)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"more": 1},
        {"latency_s": {"p50": 1.0}},
        {"workers": -1},
        {"ended": {"how": "well", "why": None, "uncounted": 0, "lost": 0}},
        {"blocks": [{"start_s": 0}]},
    ],
)
def test_what_is_no_report_does_not_fit(
    validator: jsonschema.Draft202012Validator, change: dict[str, Any], tmp_path: Path
) -> None:
    """A strict schema: no key more, none less, and reading says where it is wrong."""
    built = report.build(few(), plan(), "e") | change
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(built)
    (tmp_path / "report.json").write_text(json.dumps(built))
    with pytest.raises(ReportError, match=r"report\.json: "):
        read(tmp_path)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("profile", "arguments"),
    [
        (Profile(ttft=0.02), ["--profile", "smoke", "--slo", "ttft_p95<2s"]),
        (Profile(ttft=0.02), ["--rate", "30/s", "--duration", "3s", "--warmup", "1s"]),
        (Profile(ttft=0.02, reasoning=5), ["--concurrency", "4", "--duration", "2s"]),
        (Profile(slots=2, ttft=0.05, itl=0.01, tokens=6), ["--profile", "capacity", "--duration", "12s"]),
        (Profile(rpm=1200, ttft=0.02), ["--profile", "limits", "--rate", "30/s", "--duration", "12s"]),
    ],
    ids=["smoke", "steady", "closed", "capacity", "limits"],
)
def test_reports_of_real_runs_fit(
    validator: jsonschema.Draft202012Validator,
    run_aimon: Command,
    tmp_path: Path,
    profile: Profile,
    arguments: list[str],
) -> None:
    """Blocks and seconds of a real run add up to what was counted."""
    with SimulatorProcess(profile) as sim:
        where = target_flags(sim.base_url())
        done = run_aimon("loadtest", *where, *arguments, "--output-tokens", "6", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    built = json.loads((tmp_path / "out" / "report.json").read_text())
    validator.validate(built)
    assert read(tmp_path / "out").requests.sent > 0
    assert sum(block["sent"] for block in built["blocks"]) == built["requests"]["sent"]
    assert sum(second["sent"] for second in built["seconds"]) == built["requests"]["sent"]
