"""`aimon probe --every` on a terminal: one table of what is, and above it what has changed."""

from __future__ import annotations

import io
import os
import signal
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from aimon.call.outcome import Outcome
from aimon.call.result import Limits
from aimon.cli.probe.live import LiveTable
from aimon.cli.probe.repeats import Repeats
from aimon.metrics.totals import Identity
from command import AIMON, target_flags
from results import a_result
from services import free_port
from terminal import Terminal, hidden_cursor, screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimon.call.result import Result
    from command import Command

NAMES = tuple(f"e{number:02}" for number in range(40))
LIMITS = Limits(requests_limit=500, requests_remaining=435)


def one(name: str, outcome: Outcome = Outcome.OK, **more: object) -> Result:
    """A call to the endpoint of this name."""
    return a_result(outcome, Identity(name, "m", "p", "r"), limits=LIMITS, **more)


def shown(results: Sequence[Result], columns: int = 120, lines: int = 24) -> list[str]:
    """What stays on a terminal of this size."""
    written = io.StringIO()
    out = Console(file=written, force_terminal=True, width=columns, height=lines, color_system=None)
    table = LiveTable(NAMES, Repeats(), out)
    for result in results:
        table.show(result)
    table.close()
    assert not hidden_cursor(written.getvalue())
    # As a terminal's driver does.
    return [text for text in screen(written.getvalue().replace("\n", "\r\n")) if text]


def test_the_table_holds_the_latest_of_each_and_how_often_it_was_so() -> None:
    """Rows are in the order of the configuration, with the number of equal results; advice is below."""
    calls = [one("e02"), one("e01", Outcome.UNAUTHORIZED, status_code=401, error="no"), one("e02")]
    event, head, _, first, second, why = shown([*calls, calls[1], calls[1]], 200)
    assert event.endswith(" e01 unauthorized latency 1.50 s")
    assert head.split()[-4:] == ["IN", "A", "ROW", "AT"]
    assert first.split()[:3] == ["e01", "m", "unauthorized"]
    assert (first.split()[-2], second.split()[-2]) == ("3", "2")
    assert why.startswith("e01: HTTP 401: no. Check the key:")


def test_what_changes_is_said_above_once() -> None:
    """A first success is no change; a failure, another failure and the recovery are."""
    fails = one("e00", Outcome.SERVER_ERROR, error="oops")
    calls = [one("e00"), one("e00"), fails, fails, fails, one("e00", Outcome.TIMEOUT_TTFT), one("e00"), one("e00")]
    events = [text.split(" ", 1)[1] for text in shown(calls) if " latency " in text]
    assert events == [
        "e00 server_error latency 1.50 s",
        "e00 timeout_ttft latency 1.50 s",
        "e00 ok latency 1.50 s",
    ]


@pytest.mark.parametrize("columns", [120, 80, 60, 40, 30])
def test_no_figure_is_cut(columns: int) -> None:
    """Columns are left out one after the other, and at last there is a line each."""
    lines = shown([one("e00", Outcome.CONTENT_FILTERED, cost=1234.5, currency="CNY"), one("e01")], columns)
    assert max(map(len, lines)) <= columns
    assert not any("…" in text for text in lines)
    text = " ".join(" ".join(lines).split())
    assert "1.50 s" in text
    assert ("1,234.50 CNY" in text) == (columns >= 120)
    assert ("HEADROOM" in text) == (columns >= 120)


def test_more_endpoints_than_lines() -> None:
    """If there are more endpoints than lines, the failing ones are shown, and the number of hidden ones."""
    bad = one("e39", Outcome.CONNECT, error="refused")
    lines = shown([*(one(name) for name in NAMES[:39]), bad], lines=20)
    drawn = lines[1:]
    assert len(drawn) <= 20
    assert drawn[2].split()[0] == "e39"
    rows = sum(text.startswith("e") for text in drawn[2:-1])
    assert f"and {40 - rows} more, all of them ok" in drawn


def test_on_a_real_terminal(run_aimon: Command) -> None:
    """It is drawn in place, notes stay above it, and Ctrl-C leaves the terminal as it was."""
    path = AIMON
    target = target_flags(f"http://127.0.0.1:{free_port()}/v1")
    env = {**run_aimon.env, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
    command: list[str | Path] = [path, "probe", *target, "--every", "1s", "--state", "none"]
    with Terminal(command, (100, 24), env, whole=True) as terminal:
        terminal.wait_for("  3  ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(20) == 130
        terminal.wait_for("stopping")
        assert not hidden_cursor(terminal.output)
        assert terminal.settings_now() == terminal.settings
    lines = [text for text in screen(terminal.output) if text]
    assert lines[0].endswith("openai-chat-m connect latency 1 ms") or " connect latency " in lines[0]
    assert lines[1].startswith("stopping: running probes finish first")
    assert sum("OUTCOME" in text for text in lines) == 1
