"""A worker of a load test: a fault in handling one Result costs that one, and leaves no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chat_wire import completion_counting, counted, read_request, streamed
from peers import Peer

if TYPE_CHECKING:
    import socket

    from command import Command

PROGRAM = Path(__file__).parents[2] / "support" / "processes" / "worker_program.py"
CALLS = 6


def serve(connection: socket.socket) -> None:
    """Good answers, one after the other."""
    while read_request(connection)[0]:
        connection.sendall(streamed("po", "ng"))


def worked(stage: str) -> tuple[dict[str, Any], str]:
    """What the worker reports, and its stderr."""
    with Peer(serve) as peer:
        url = f"http://127.0.0.1:{peer.port}/v1"
        done = subprocess.run(
            [sys.executable, PROGRAM, url, stage], capture_output=True, text=True, timeout=60, check=False,
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("stage", ["priced", "a count of 400 digits", "tallied", "told"])
def test_a_result_that_can_not_be_handled(stage: str) -> None:
    """They are prober errors, all are counted, the log has one line, and the run goes on."""
    report, said = worked(stage)
    failed = 0 if stage == "told" else CALLS // 3
    assert report["outcomes"].get("prober_error", 0) == failed
    assert sum(report["outcomes"].values()) == CALLS
    assert report["problem"] is None
    assert said.count("this is a bug in aimon: e was not") == 1
    assert "Traceback" not in said


def test_a_fault_before_the_call_ends_the_run() -> None:
    """A fault before a call has a Result ends the run with a problem that names it, without a traceback."""
    report, said = worked("taken")
    assert report["problem"] == "a call broke off by a fault of aimon's own: ZeroDivisionError: by zero"
    assert report["started"] < CALLS
    assert "Traceback" not in said


@pytest.mark.e2e
def test_the_whole_command(run_aimon: Command, tmp_path: Path) -> None:
    """A provider that says 400 digits of tokens: a report, and no traceback."""

    def absurd(connection: socket.socket) -> None:
        while read_request(connection)[0]:
            connection.sendall(counted("200 OK", completion_counting("9" * 400)))

    with Peer(absurd) as peer:
        (tmp_path / "aimon.yaml").write_text(
            "canaries: {c: {prompt: hi}}\nendpoints:\n"
            f"- {{name: e, dialect: openai-chat, model: m, base_url: 'http://127.0.0.1:{peer.port}/v1',"
            " stream: false, prices: {input: 2, output: 8, currency: USD}, canaries: [c]}\n"
        )
        done = run_aimon("loadtest", "e", "--concurrency", "2", "--requests", "6", "--out", "out")
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1, 3)
    assert json.loads((tmp_path / "out" / "report.json").read_text())
