"""Writes a finished run: report files, the last progress record, stdout, messages, exit code."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aimon import exit_codes
from aimon.load_terms import ABORTED, COMPLETE, INCOMPLETE, INTERRUPTED
from aimon.loadtests.console import say
from aimon.loadtests.protocol.progress_lines import FinalReport
from aimon.loadtests.report import build, markdown, verdict

if TYPE_CHECKING:
    from aimon.loadtests.controller.progress_pipe import ProgressPipe
    from aimon.loadtests.load import Load
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.report.run_result import RunResult


def prepare(plan: Plan) -> None:
    """Imports what `deliver` writes files with, before the run: aimon may be upgraded while that lasts."""
    if plan.out is not None:
        from aimon.loadtests.report import save  # noqa: F401, PLC0415 - only --out needs it


def deliver(run: RunResult, plan: Plan, load: Load, pipe: ProgressPipe | None) -> int:
    """Writes all outputs and returns the exit code; reports on stderr what can't be written."""
    built = build(run, plan, load.name, model=load.model)
    code = exit_code(built)
    # Files first: the process that started this one may have ended, and closed stdout.
    if plan.out is not None:
        from aimon.loadtests.report import save  # noqa: PLC0415 - as above

        written, problems = save(built, Path(plan.out), mode=plan.out_mode)
        for path in written:
            say(f"written: {path}")
        run.unwritten += problems
    for problem in run.unwritten:
        say(f"aimon loadtest: {problem}")
    if run.unwritten and code != exit_codes.INTERRUPTED:
        code = exit_codes.UNABLE
    if pipe is not None:
        pipe.finish(FinalReport(report=built, totals=run.totals))
    with suppress(OSError):
        text = msgspec.json.encode(built).decode() if plan.as_json else markdown(built)
        # Not sys.stdout, which is stderr for the code of a scenario.
        assert sys.__stdout__ is not None  # noqa: S101 - a pipe, or a terminal
        sys.__stdout__.buffer.write(f"{text}\n".encode("utf-8", "backslashreplace"))
        sys.__stdout__.flush()
    if built["client"]["bottleneck"]:
        say(f"aimon loadtest: the client was the bottleneck: {'; '.join(built['client']['reasons'])}")
    if code == exit_codes.FAILED or built["ended"]["how"] == INCOMPLETE:
        say(f"aimon loadtest: {verdict(built)}")
    return code


def exit_code(built: dict[str, Any]) -> int:
    """0 good; 1 an objective was not met, nothing succeeded, it was aborted; 3 calls were lost; 130 interrupted."""
    ended = built["ended"]["how"]
    if ended == INTERRUPTED:
        return exit_codes.INTERRUPTED
    if ended == INCOMPLETE:
        return exit_codes.UNABLE
    missed = any(not row["met"] for row in built["slo"])
    if (capacity := built["capacity"]) is not None and ended == COMPLETE:
        # The search exceeds the objectives on purpose.
        return exit_codes.FAILED if capacity["rate"] is None else exit_codes.GOOD
    if (ladder := built["ladder"]) is not None and ended == COMPLETE:
        # It goes beyond what meets the objectives, too.
        met = any(step["met"] and step["ok"] for step in ladder["steps"])
        return exit_codes.GOOD if met else exit_codes.FAILED
    if (limits := built["limits"]) is not None and ended == COMPLETE:
        # Not finding a limit is a result; calls that failed for other reasons are a failure.
        failed = "failed_at_per_s" in limits["evidence"] or not built["requests"]["ok"]
        return exit_codes.FAILED if failed else exit_codes.GOOD
    failed = ended == ABORTED or missed or not built["requests"]["ok"]
    return exit_codes.FAILED if failed else exit_codes.GOOD
