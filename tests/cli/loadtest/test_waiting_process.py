"""The measuring process that is started before there is a job."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from aimon.cli.loadtest.options import DistributionOptions, EndpointOptions, LoadOptions, RunOptions
from aimon.cli.loadtest.waiting_process import WaitingProcess, started_ahead
from aimon.exit_codes import UNABLE
from aimon.loadtests.protocol.spawn import LOCUST, PROMPTS

GROUPS = (EndpointOptions, LoadOptions, RunOptions, DistributionOptions)


def ahead(**given: Any) -> WaitingProcess | None:
    """What is started for these options."""
    names = [{name: given[name] for name in given if name in group.__dataclass_fields__} for group in GROUPS]
    endpoint, load, run, among = (group(**each) for group, each in zip(GROUPS, names, strict=True))
    with started_ahead(endpoint, load, run, among) as process:
        return process


def test_it_is_ended_where_no_job_comes() -> None:
    """So that a mistake in the options is told at once."""
    process = ahead(model="m")
    assert process is not None
    assert process.program == PROMPTS
    assert process.child.returncode < 0
    process.close()


@pytest.mark.parametrize(
    "given",
    [
        {"names": ["shop.py:Buyer"]},
        {"scenario": "chat"},
        {"processes": "2"},
        {"web": "127.0.0.1:8089"},
        {"master": True},
    ],
    ids=lambda given: next(iter(given)),
)
def test_it_is_the_one_with_locust_where_that_is_needed(given: dict[str, Any]) -> None:
    """The process that waits is the one with Locust if the job will need it."""
    process = ahead(**given)
    assert process is not None
    assert process.program == LOCUST


@pytest.mark.parametrize("given", [{"repeat": 3}, {"dry_run": True}], ids=lambda given: next(iter(given)))
def test_none_is_started_where_none_or_several_are_needed(given: dict[str, Any]) -> None:
    """A dry run sends nothing."""
    assert ahead(**given) is None


def test_it_ends_with_the_command() -> None:
    """The waiting process ends with the command, also if that is killed: its stdin then ends without a job."""
    done = subprocess.run([sys.executable, "-m", PROMPTS], input=b"", capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (UNABLE, b"", b"")


def test_it_imports_no_more_than_most_runs_use() -> None:
    """Each of these would cost milliseconds before the first request."""
    program = f"import json, sys, {PROMPTS}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    loaded = json.loads(done.stdout)
    others = ("locust", "yaml", "csv", "gzip", "secrets", "rich", "typer", "pydantic", "httpx2", "jsonschema",
              "aimon.loadtests.report.page", "aimon.loadtests.search.capacity", "aimon.loadtests.distributed",
              "aimon.loadtests.workload.trace", "aimon.loadtests.workload.dataset")  # fmt: skip
    assert [name for name in others if name in loaded] == []
