"""`aimon demo`: the first thing that anybody runs."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command import AIMON

if TYPE_CHECKING:
    from command import Command

DEADLINE = 30.0


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo puts what it needs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_it_ends_by_itself_and_leaves_nothing(run_aimon: Command, temporary: Path) -> None:
    """Without a terminal the demo ends within 30 s with exit code 0, its counts agree, and nothing is left."""
    started = time.monotonic()
    done = run_aimon("demo", env={"TMPDIR": str(temporary)})
    took = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert took < DEADLINE
    assert done.stderr == "flaky failed on purpose, so the demo's exit code is 0\n"
    assert "\x1b" not in done.stdout
    assert list(temporary.iterdir()) == []
    assert not Path(run_aimon.env["HOME"], ".local").exists()
    rounds = re.findall(r"^  round +\d+/20  healthy (.+?)  +slow (.+?)  +flaky (.+)$", done.stdout, re.MULTILINE)
    assert len(rounds) == 20
    flaky = [cells[2] for cells in rounds]
    for outcome, count in (("rate_limited", 4), ("stream_truncated", 2)):
        assert flaky.count(outcome) == count
        assert f'endpoint="flaky",model="sim-1",outcome="{outcome}",' in done.stdout
    assert 'outcome="ok",provider="custom",region="demo",status="success"} 14.0' in done.stdout
    # 14 of the 16 that count: a 429 is not the provider's failure.
    assert "uptime 87.50% of 16," in done.stdout
    assert re.search(r'ai_probe_availability_ratio\{endpoint="flaky",.*window="1h"\} 0\.875\n', done.stdout)
    assert re.search(r"^slow ok latency \d", done.stdout, re.MULTILINE)
    assert re.search(r"^healthy ok last run \d s ago today 0\.00060 CNY \[\.{20}\]", done.stdout, re.MULTILINE)
    for what_next in ("aimon init", "aimon config check", "aimon serve", "* * * * *"):
        assert what_next in done.stdout


def test_on_a_terminal_it_goes_on_until_ctrl_c(run_aimon: Command, temporary: Path) -> None:
    """The status page and metrics are served meanwhile; Ctrl-C ends it well, also in the simulator's process."""
    ours, theirs = pty.openpty()
    environment = {**run_aimon.env, "TMPDIR": str(temporary), "COLUMNS": "200", "TERM": "dumb"}
    with subprocess.Popen(
        [AIMON, "demo"], env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        text = ""
        page = ""
        while select.select([ours], [], [], DEADLINE)[0]:
            try:
                text += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # Linux's way of saying that the last process has closed the terminal
                break
            going_on = re.search(r"until Ctrl-C:\r\n  status page: (http://127\.0\.0\.1:\d+)/, metrics: .*\r", text)
            if going_on and not page:
                for path in ("/", "/metrics"):
                    with urllib.request.urlopen(f"{going_on[1]}{path}", timeout=20) as answer:  # noqa: S310 - our own
                        page += answer.read().decode()
                # As a terminal does it: to the whole foreground group, the simulator included.
                os.killpg(process.pid, signal.SIGINT)
    os.close(ours)
    assert process.returncode == 0, text
    assert 'ai_probe_success{endpoint="healthy"' in page
    assert "<html" in page
    assert "Traceback" not in text
    assert text.rstrip().endswith("flaky failed on purpose, so the demo's exit code is 0")
    assert re.search(r"ENDPOINT OVER +UPTIME +OF +429 +401 +P50 +P95 +P99", text)
    assert list(temporary.iterdir()) == []
