"""Runs a load test once, or several times in a row (`--repeat`) with a report of the spread between the runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.cli import console
from aimon.cli.exits import INTERRUPTED, UNABLE, USAGE, Stop
from aimon.cli.loadtest.process import run_once
from aimon.load_terms import ABORTED
from aimon.load_terms import INTERRUPTED as CUT_SHORT
from aimon.loadtests.protocol.job import MASTER

if TYPE_CHECKING:
    from aimon.cli.loadtest.options import RunOptions
    from aimon.cli.loadtest.waiting_process import WaitingProcess
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.job import Job
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.report.repeats.spread import Spread

_STOPPED = "it was stopped by a signal"
_FOLDER = re.compile(r"run-([0-9]+)")


def start(
    job: Job, endpoint: Endpoint, options: RunOptions, *, token: str | None, waiting: WaitingProcess | None
) -> int:
    """Runs a job that has a plan as often as the options say; returns the exit code.

    Raises:
        Stop: as `run_once`; or the options do not fit a repetition.
    """
    if options.repeat is None:
        return run_once(job, endpoint, options, token=token, waiting=waiting).code
    _refuse(job, options)
    series = _Series(job, options.repeat)
    try:
        for number in range(1, options.repeat + 1):
            if (plan := series.plan(number)) is None:
                break
            if not options.quiet:
                console.note(f"run {number} of {options.repeat}")
            todo = msgspec.structs.replace(job, plan=plan)
            found = run_once(todo, endpoint, options, token=token, show=False)
            series.add(number, found.code, found.report)
            if series.why is not None:
                break
    except KeyboardInterrupt:
        # Between two runs; during one its process takes the signal.
        series.codes.append(INTERRUPTED)
        series.why = _STOPPED
    return series.deliver()


def folder(number: int, planned: int) -> str:
    """The folder of a run below --out; names sort as the runs did."""
    return f"run-{number:0{len(str(planned))}}"


def _refuse(job: Job, options: RunOptions) -> None:
    assert options.repeat is not None  # noqa: S101 - asked before
    if job.role == MASTER and not job.processes:
        raise Stop(
            USAGE,
            "--repeat: workers on other machines end with the run: leave out --master, or start master and workers "
            "again for each run",
        )
    if options.out is None or not options.out.is_dir():
        return
    for path in sorted(options.out.iterdir()):
        number = _FOLDER.fullmatch(path.name)
        if number is not None and path.name not in {folder(k, options.repeat) for k in range(1, options.repeat + 1)}:
            raise Stop(
                USAGE,
                f"--out {options.out}: {path.name} is of another series of runs: remove it, or name another folder",
            )


class _Series:
    """The runs so far. `why` is the reason not to start another run; None if one may start."""

    def __init__(self, job: Job, planned: int) -> None:
        assert job.plan is not None  # noqa: S101 - only workers have none
        self._plan: Plan = job.plan
        self._planned = planned
        self._reports: list[dict[str, Any]] = []
        self._folders: list[str | None] = []
        self._spent = 0.0
        self.codes: list[int] = []
        self.why: str | None = None

    def plan(self, number: int) -> Plan | None:
        """The plan of a run: its own folder and seed, and the rest of the cost limit; None if nothing is left."""
        plan = self._plan
        left = None if plan.max_cost is None else plan.max_cost - self._spent
        if left is not None and left <= 0:
            self.why = "--max-cost is spent"
            return None
        out = None if plan.out is None else str(Path(plan.out) / folder(number, self._planned))
        # Another seed: the same prompts again could be answered from a cache.
        return msgspec.structs.replace(plan, out=out, max_cost=left, seed=plan.seed + number - 1)

    def add(self, number: int, code: int, report: dict[str, Any] | None) -> None:
        """Adds the result of a run."""
        self.codes.append(code)
        if report is None:
            self.why = _STOPPED if code == INTERRUPTED else "a run ended without a report"
            return
        self._spent += (report["cost"] or {}).get("amount", 0.0)
        self._reports.append(report)
        self._folders.append(None if self._plan.out is None else folder(number, self._planned))
        if report["ended"]["how"] in (ABORTED, CUT_SHORT):
            self.why = report["ended"]["why"]

    def deliver(self) -> int:
        """Writes and prints the report of the runs; returns their worst exit code."""
        code = INTERRUPTED if INTERRUPTED in self.codes else max(self.codes, default=UNABLE)
        whole = [k for k, report in enumerate(self._reports) if report["ended"]["how"] not in (ABORTED, CUT_SHORT)]
        if not whole:
            console.note("aimon loadtest: no run was complete: there is no spread to report")
            return code or UNABLE
        from aimon.loadtests.report.repeats.spread import spread

        found = spread(
            [self._reports[k] for k in whole],
            planned=self._planned,
            why=self.why,
            folders=[self._folders[k] for k in whole],
        )
        return self._write(found, code)

    def _write(self, found: Spread, code: int) -> int:
        from aimon.loadtests.report.repeats import files, words

        if self._plan.out is not None:
            written, problems = files.save(found, Path(self._plan.out), mode=self._plan.out_mode)
            for path in written:
                console.note(f"written: {path}")
            for problem in problems:
                console.note(f"aimon loadtest: {problem}")
            code = code if not problems or code == INTERRUPTED else UNABLE
        if self._plan.as_json:
            console.write_data(files.json(found) + "\n")
        elif console.is_terminal():
            from aimon.cli.report import repeated

            repeated.draw(found)
        else:
            console.write_data(words.markdown(found))
        return code
