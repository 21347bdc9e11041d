"""The Results of a run on a terminal and elsewhere: figures are whole and say what they are."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Fault, Outcome
from aimon.call.result import Limits, Usage
from aimon.cli import console
from aimon.cli.format import money
from aimon.cli.probe import table
from aimon.formatting import format_milliseconds
from aimon.metrics.totals import Identity
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Result

LONG = Identity("an-endpoint-with-quite-a-long-name", "a-model-with-a-long-name-too-0528", "p", "r")
WELL = a_result(
    cost=0.0000123,
    limits=Limits(requests_limit=500, requests_remaining=435, tokens_limit=1000, tokens_remaining=990),
)


class _Screen(io.StringIO):
    """What says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def on_a_terminal(results: Sequence[Result], columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that a terminal of this width shows."""
    screen = _Screen()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    assert console.is_terminal()
    table.show(results)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert plain != screen.getvalue()
    return [line.rstrip() for line in plain.splitlines()]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0.0, "0 ms"),
        (0.0001, "<1 ms"),
        (0.0005, "<1 ms"),
        (0.00051, "1 ms"),
        (0.0124, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (61.234, "61.23 s"),
    ],
)
def test_seconds(value: float | None, shown: str) -> None:
    """Milliseconds below a second, never 1000 of them, and never a 0 that is none."""
    assert format_milliseconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0.0, "0.00 CNY"),
        (0.0000123, "0.000012 CNY"),
        (0.0999, "0.100 CNY"),
        (0.1, "0.10 CNY"),
        (1234.567, "1,234.57 CNY"),
    ],
)
def test_money(value: float | None, shown: str) -> None:
    """Two digits that mean something, and no exponent."""
    assert money(value, "CNY") == shown


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        (None, "-"),
        (Limits(), "-"),
        (Limits(requests_limit=500, requests_remaining=435), "87% req"),
        (Limits(requests_limit=500, requests_remaining=435, tokens_limit=1000, tokens_remaining=20), "2% tok"),
        (Limits(requests_limit=0, requests_remaining=0), "-"),
        (Limits(requests_limit=500), "-"),
    ],
)
def test_headroom(limits: Limits | None, shown: str) -> None:
    """The headroom is that of the tighter limit, and a dash where the provider reports none."""
    assert table.headroom(limits) == shown


def test_a_line_each_where_nobody_looks() -> None:
    """A success has its times; a failure whose fault it is, why, and what to do."""
    assert table.line(a_result()) == "qwen-prod ok latency 1.50 s ttft 400 ms"
    failed = a_result(Outcome.RATE_LIMITED, status_code=429, error="slow down.", retry_after=2.5)
    assert table.line(failed) == (
        "qwen-prod rate_limited latency 1.50 s (account) HTTP 429: slow down; retry after 2.5 s. "
        "All calls with this key count: probe less often, or ask the provider for a higher limit."
    )
    silent = a_result(Outcome.EMPTY_ANSWER)
    assert table.line(silent).endswith(" (provider) The model said nothing visible: see finish_reason with --json, and "
                                       "the reasoning setting.")  # fmt: skip


def test_a_count_that_was_not_reported_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing token count is a dash, not 0, also if the other one is known."""
    half = a_result(usage=Usage(input=20, source="reported"))
    assert "20+?" in "\n".join(on_a_terminal([half], 200, monkeypatch))


def test_every_column_of_a_wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each figure in its column; what is not known is a dash."""
    failed = a_result(Outcome.SERVER_ERROR, LONG, error="oops", status_code=500)
    head, _, well, bad, gap, why = on_a_terminal([WELL, failed], 200, monkeypatch)
    assert head.split() == ["ENDPOINT", "MODEL", "OUTCOME", "LATENCY", "TTFT", "TOKENS", "COST", "HEADROOM"]
    assert well.split() == [*QWEN[:2], "ok", *["1.50", "s", "400", "ms", "20+10", "0.000012", "CNY", "87%", "req"]]
    assert bad.split() == [*LONG[:2], "server_error", "1.50", "s", "-", "-", "-", "-"]
    assert (gap, why) == (
        "",
        f"{LONG.endpoint}: HTTP 500: oops. The provider failed: see its status page, and give it the request id.",
    )


def test_a_column_without_anything_to_say_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns without any value are left out, and so is the empty line if all are ok."""
    lines = on_a_terminal([a_result(cost=None, currency=None, usage=Usage())], 100, monkeypatch)
    assert lines[0].split() == ["ENDPOINT", "MODEL", "OUTCOME", "LATENCY", "TTFT"]
    assert len(lines) == 3


@pytest.mark.parametrize("outcome", list(Outcome))
def test_80_columns_cut_no_figure(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are folded, and every outcome is whole beside the widest usual figures."""
    usage = Usage(input=1234, output=567)
    result = a_result(outcome, LONG, end=61.23, usage=usage, cost=0.0000123, currency="CNY", limits=WELL.limits)
    lines = on_a_terminal([result], 80, monkeypatch)
    words = " ".join(lines).split()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    for figure in (outcome.value, "61.23", "1234+567", "0.000012", "87%"):
        assert figure in words


@pytest.mark.parametrize("columns", [20, 40, 60, 70])
def test_a_narrow_terminal_loses_no_figure(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the columns do not fit, plain lines show every figure in full."""
    usage = Usage(input=1234, output=567)
    failed = a_result(
        Outcome.STREAM_TRUNCATED, QWEN, end=61.23, usage=usage, cost=1234.5, currency="CNY", limits=WELL.limits
    )
    lines = on_a_terminal([failed, WELL], columns, monkeypatch)
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    for figure in ("61.23 s", "tokens 1234+567", "cost 1,234.50 CNY", "headroom 87% req", "cost 0.000012 CNY"):
        assert figure in text
    assert "compare with a direct connection." in text


def test_each_fault_has_a_word_and_a_colour() -> None:
    """The line of a failure has a word and a colour for whoever has to act."""
    from aimon.cli.advice import whose

    words = {whose(a_result(outcome)) for outcome in Outcome} - {""}
    assert words == {"network", "provider", "account", "configuration", "prober"}
    assert set(table._COLOURS) == {None, *Fault}
