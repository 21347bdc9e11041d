"""The live view on a real terminal: what stays on the screen, and in which state the terminal is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimon.loadtests.protocol import progress_lines
from moments import KEEPING_UP, a_moment
from terminal import Terminal, hidden_cursor, screen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.loadtests.protocol.progress import Progress

PROGRAM = Path(__file__).parents[3] / "support" / "processes" / "follow_program.py"
KEY = "sk-recognisable-key-0123456789"


def follow(size: tuple[int, int] = (80, 24), env: dict[str, str] | None = None, **options: Any) -> Terminal:
    """Follows a load test on a terminal."""
    path = os.environ["PATH"]
    surroundings = {"PATH": path, "PYTHONPATH": str(PROGRAM.parent), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    return Terminal([sys.executable, PROGRAM, json.dumps(options)], size, surroundings | (env or {}))


def tell(terminal: Terminal, records: Iterable[Progress | bytes]) -> None:
    """Has the run tell something."""
    assert terminal.process.stdin is not None
    for record in records:
        terminal.process.stdin.write(record if isinstance(record, bytes) else progress_lines.encode(record))
        terminal.process.stdin.flush()


def end(terminal: Terminal) -> str:
    """Ends what the run tells, and gives what the program said on stdout."""
    out, _ = terminal.process.communicate(timeout=20)
    return str(out.decode())


def test_the_view_comes_and_goes() -> None:
    """The view is redrawn in place below its notes; at the end a line is left, and the cursor is visible."""
    with follow() as terminal:
        for second in range(1, 5):
            notes = ["worker 2 was lost: its share goes to the others"] if second == 3 else []
            tell(
                terminal, [a_moment(elapsed=float(second), sent=40 * second, ok=40 * second, outcomes={}, notes=notes)]
            )
            terminal.wait_for(f"0:0{second} of 2:00")
        drawn = screen(terminal.output)
        assert hidden_cursor(terminal.output)
        assert drawn[0] == "worker 2 was lost: its share goes to the others"
        assert drawn[1].startswith("aimon loadtest  qwen-prod  steady")
        assert [text for text in drawn if "0:0" in text] == ["━" + "─" * 29 + "  0:04 of 2:00, 1:56 left"]
        assert end(terminal) == "followed\nleft\n"
        assert terminal.process.returncode == 0
        terminal.wait_for("ok 160/160")
        assert not hidden_cursor(terminal.output)
        assert terminal.settings_now() == terminal.settings
    left = [text for text in screen(terminal.output) if text]
    assert left[0] == "worker 2 was lost: its share goes to the others"
    assert left[1].startswith("   4 s  ended  ok 160/160  p50 398 ms")
    assert len(left) == 2


def test_ctrl_c_leaves_a_clean_terminal() -> None:
    """Wherever it hits: the cursor is back, the view and the terminal's own ^C are gone."""
    with follow() as terminal:
        tell(terminal, [a_moment(elapsed=1.0)])
        terminal.wait_for("0:01 of 2:00")
        terminal.echo("^C")
        terminal.process.send_signal(signal.SIGINT)
        end(terminal)
        terminal.wait_for("KeyboardInterrupt")
    assert not hidden_cursor(terminal.output)
    left = screen(terminal.output)
    assert left[0].startswith("   1 s  ended  ok 1996/2000")
    assert not any("^C" in text for text in left)
    assert left[1] == "Traceback (most recent call last):"  # of the program, which lets it through


def test_a_small_terminal_has_a_small_view() -> None:
    """40 columns, 10 lines: nothing wraps, nothing scrolls, nothing stays."""
    with follow((40, 10)) as terminal:
        tell(terminal, [a_moment(elapsed=1.0), a_moment(elapsed=2.0)])
        terminal.wait_for("0:02 of 2:00")
        drawn = screen(terminal.output)
        assert len(drawn) <= 9
        assert max(map(len, drawn)) < 40
        end(terminal)


@pytest.mark.parametrize(
    ("options", "env"), [({"plain": True}, {}), ({}, {"TERM": "dumb"}), ({"plain": True}, {"FORCE_COLOR": "1"})]
)
def test_lines_have_no_escape_sequences(options: dict[str, Any], env: dict[str, str]) -> None:
    """Asked for, or on a terminal that can't be drawn on."""
    with follow(env=env, **options) as terminal:
        tell(terminal, [a_moment(elapsed=float(second)) for second in range(1, 8)])
        assert end(terminal) == "followed\nleft\n"
        terminal.wait_for("7 s  ended")
    assert "\x1b" not in terminal.output
    assert [text[:6] for text in screen(terminal.output)] == ["   1 s", "   5 s", "   7 s", ""]


def test_quiet_is_quiet() -> None:
    """With --quiet nothing is written while a run goes on."""
    with follow(quiet=True) as terminal:
        tell(terminal, [a_moment(elapsed=1.0, notes=["something"])])
        assert end(terminal) == "followed\nleft\n"
    assert terminal.output == ""


def test_no_colour() -> None:
    """NO_COLOR is honoured."""
    with follow(env={"NO_COLOR": "1"}) as terminal:
        tell(terminal, [a_moment(elapsed=1.0)])
        terminal.wait_for("0:01 of 2:00")
        end(terminal)
    assert "\x1b[3" not in terminal.output


def test_notes_bring_no_secrets_and_no_escapes() -> None:
    """A note is one line of text, whatever is in it."""
    with follow() as terminal:
        tell(terminal, [a_moment(elapsed=1.0, notes=[f"a\x1b[2Jb\nsaid: key {KEY}"])])
        terminal.wait_for("0:01 of 2:00")
        end(terminal)
    assert KEY not in terminal.output
    assert screen(terminal.output)[0].startswith("ab said: key")


def test_a_view_that_breaks_does_not_end_the_run() -> None:
    """An outcome that nobody knows: that is owned up to, once, the cursor is back, and it is read on to the end."""
    with follow() as terminal:
        good, bad = a_moment(elapsed=1.0), a_moment(elapsed=2.0, outcomes={"ok": 1, "unheard_of": 1})
        tell(terminal, [good, bad, bad, *[good] * 300])
        assert end(terminal) == "followed\nleft\n"
        terminal.wait_for("bug in aimon")
    assert [text for text in screen(terminal.output) if text] == [
        "aimon: this is a bug in aimon: no view any more: ValueError: 'unheard_of' is not a valid Outcome"
    ]
    assert terminal.output.count("bug in aimon") == 1
    assert not hidden_cursor(terminal.output)


def test_a_line_that_cannot_be_read_is_said_once() -> None:
    """An unreadable line of progress is skipped and reported once; a cut last line is not reported."""
    with follow(plain=True) as terminal:
        whole = progress_lines.encode(a_moment(elapsed=1.0, client=KEEPING_UP))
        tell(terminal, [b"{}\n", b"nonsense\n", b"\xff\n", whole, whole[:100]])
        assert end(terminal) == "followed\nleft\n"
        terminal.wait_for("1 s  ended")
    assert terminal.output.count("bug in aimon") == 1
    assert "what the run tells can't be read: Object missing required field" in terminal.output


def test_a_stderr_that_nobody_reads_does_not_end_the_run() -> None:
    """With `aimon loadtest 2>&1 | head` the run goes on, and its pipe is still read."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as broken:
        done = subprocess.run(
            [sys.executable, PROGRAM, "{}"],
            input=progress_lines.encode(a_moment(notes=["something"])) * 500,
            stdout=subprocess.PIPE,
            stderr=broken,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM.parent)},
            timeout=20,
            check=False,
        )
    assert done.stdout == b"followed\nleft\n"
