"""What a load test looks like while it runs, at several sizes, and as lines."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from aimon.call.outcome import Outcome
from aimon.cli.loadtest.progress.live import choose
from aimon.cli.loadtest.progress.screen import Picture, Screen
from aimon.cli.loadtest.progress.view import Lines, Subject, last_line, line
from aimon.formatting import format_clock, format_rate, format_ratio, format_time
from aimon.loadtests.protocol.progress import RequestProgress, Times
from moments import TOO_SLOW, a_moment, times

SUBJECT = Subject("qwen-prod", "steady", 5.0)
SLO = [
    {"expr": "p99<2s", "value": 1.2, "met": True},
    {"expr": "error_rate<0.1%", "value": 0.002, "met": False},
]
SIZES = [(200, 60), (120, 40), (80, 24), (64, 20), (44, 16), (30, 8), (12, 3), (1, 1)]


def a_request(name: str, **changes: Any) -> RequestProgress:
    """What is known of the calls of one name."""
    fields: dict[str, Any] = {"sent": 1200, "ok": 1198, "latency": times(0.398), "ttft": times(0.0498)}
    return RequestProgress(name=name, **(fields | changes))


def drawn(width: int, height: int, subject: Subject = SUBJECT, *, colour: bool = False, **changes: Any) -> str:
    """A moment as it is drawn on a terminal of that size."""
    console = Console(
        width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="standard" if colour else None
    )
    with console.capture() as capture:
        console.print(Picture(subject, a_moment(**changes)))
    return capture.get()


def test_at_80_by_24_everything_is_there() -> None:
    """A terminal of 80 columns and 24 lines shows the whole view; this is its text."""
    assert [text.rstrip() for text in drawn(80, 24, slo=SLO).splitlines()] == [
        "aimon loadtest  qwen-prod  steady  1 worker",
        "━━━━━━━━━━━━──────────────────  0:50 of 2:00, 1:10 left",
        "",
        "rate           40.1/s of 40.0/s asked    in flight 12",
        "calls          2,000 ended    1,996 ok (99.8%)",
        "               rate_limited 3 (0.1%)    timeout_ttft 1 (0.1%)",
        "tokens         1,604/s out    cost 0.52 CNY of at most 5.00 CNY",
        "objective      p99<2s    met so far",
        "objective      error_rate<0.1%    MISSED so far",
        "",
        "                              last seconds                      whole run",
        "                     p50      p95      p99          p50      p95      p99",
        "latency           412 ms   824 ms   1.17 s       398 ms   876 ms   1.30 s",
        "from schedule     413 ms   826 ms   1.17 s       399 ms   878 ms   1.30 s",
        "TTFT             52.1 ms   104 ms   147 ms      49.8 ms   124 ms   197 ms",
        "ITL              9.98 ms  11.0 ms  11.5 ms      9.97 ms  12.0 ms  13.1 ms",
        "TPOT             10.1 ms  10.6 ms  10.9 ms      10.1 ms  11.1 ms  11.6 ms",
        "",
        "client         keeps up    31% of a core    p99 of its lag 1.20 ms",
    ]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"outcomes": {outcome.value: 3 for outcome in Outcome}, "client": TOO_SLOW, "slo": SLO * 4, "users": 6400},
        {"sent": 0, "ok": 0, "outcomes": {}, "now": {}, "overall": {}, "client": {}, "cost": None, "elapsed": -3.0},
        {"by_name": [a_request("a name that is longer than any terminal of these is wide" * 4), a_request("二〇二六")]},
    ],
)
def test_it_fits(width: int, height: int, changes: dict[str, Any]) -> None:
    """No line fills the last column, one line of the terminal stays free, and what matters most stays longest."""
    lines = drawn(width, height, **changes).splitlines()
    assert len(lines) <= max(height - 1, 1)
    assert max(map(len, lines)) <= max(width - 1, 1)
    if width >= 30 and height >= 8:
        text = "\n".join(lines)
        assert all(word in text for word in ("qwen-prod", "rate  ", "calls  ", "latency  "))
        if changes.get("client") is TOO_SLOW:
            assert "IS THE BOT" in text


def test_requests_of_a_scenario_have_lines_by_name() -> None:
    """Over the whole run; what is not known of a name that no call has ended with is a dash."""
    none = Times(p50=None, p95=None, p99=None, count=0)
    names = [a_request("question"), a_request("summary", sent=0, ok=0, latency=none, ttft=none)]
    text = drawn(80, 24, by_name=names)
    assert [line.rstrip() for line in text.splitlines() if line.startswith(("request", "question", "summary"))] == [
        "request            calls       ok      p50      p99 TTFT p50",
        "question           1,200    99.8%   398 ms   1.13 s  49.8 ms",
        "summary                0        -        -        -        -",
    ]
    # Where there is little room the run as a whole matters more.
    assert "question" not in drawn(80, 12, by_name=names)


def test_narrow_views_have_fewer_percentiles() -> None:
    """First p95 goes, then what the last seconds were like, then the median."""
    heads = {width: re.findall(r"p\d\d", drawn(width, 40, client={})) for width in (74, 73, 56, 55, 34, 33)}
    assert heads == {
        74: ["p50", "p95", "p99"] * 2,
        73: ["p50", "p99"] * 2,
        56: ["p50", "p99"] * 2,
        55: ["p50", "p99"],
        34: ["p50", "p99"],
        33: ["p99"],
    }
    assert "latency           398 ms   1.30 s\n" in drawn(55, 40)


def test_a_client_that_is_the_bottleneck_is_red() -> None:
    """If the client is the bottleneck, the view says so in red, with the reasons."""
    text = drawn(80, 24, colour=True, client=TOO_SLOW)
    assert "\x1b[1;31mIS THE BOTTLENECK: these numbers are suspect\x1b[0m" in text
    assert "\x1b[31mcalls started 34 ms late at the 99th percentile\x1b[0m" in text
    assert "keeps up" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"elapsed": -7.6}, "warm-up, counting starts in 0:08"),
        ({"elapsed": 120.5}, "waiting for 12 calls to end"),
        ({"duration": None, "requests": 5000, "elapsed": 40.0}, "2,000 of 5,000 calls, about 1:00 left"),
        ({"duration": None, "requests": 5000, "sent": 0, "outcomes": {}}, "0 of 5,000 calls"),
        ({"duration": None}, "──  0:50"),
        ({"duration": 7200.0, "elapsed": 3661.0}, "1:01:01 of 2:00:00, 58:59 left"),
    ],
)
def test_how_much_is_done_is_told_as_far_as_it_is_known(changes: dict[str, Any], words: str) -> None:
    """Progress is shown by time or by calls; without a limit it is not shown."""
    assert drawn(80, 24, **changes).splitlines()[1].endswith(words)


def test_a_closed_loop_has_users_and_no_schedule() -> None:
    """Latency from schedule is latency there."""
    text = drawn(80, 24, asked=None, users=6400)
    assert "rate           40.1/s    users 6,400    in flight 12" in text
    assert "from schedule" not in text


def test_phases_of_a_search_are_named() -> None:
    """Once, where the phase says what the profile is."""
    assert "  capacity, step 3  " in drawn(80, 24, Subject("e", "capacity"), phase="capacity, step 3")
    assert "  steady, warm-up  " in drawn(80, 24, phase="warm-up")


def test_ascii_where_there_is_no_more() -> None:
    """A terminal of another encoding gets no character that it hasn't."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(width=30, height=24, file=stream, force_terminal=True, color_system=None)
    console.print(Picture(SUBJECT, a_moment(slo=SLO)))
    stream.flush()
    assert b"objective" in stream.buffer.getvalue()


def test_colour_is_left_out_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR: bold and dim are all that is left, and the bar can still be read."""
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(width=80, height=24, file=io.StringIO(), force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(Picture(SUBJECT, a_moment(client=TOO_SLOW)))
    styles = set(re.findall(r"\x1b\[([0-9;]*)m", capture.get()))
    assert styles <= {"0", "1", "2", "1;2"}
    assert "━─" in re.sub(r"\x1b\[[0-9;]*m", "", capture.get())


def test_lines() -> None:
    """The plain view is one line of labelled figures, which people and grep can read."""
    assert line(SUBJECT, a_moment(elapsed=25.2, slo=SLO)) == (
        "  25 s  asked 40.0/s  started 40.1/s  in flight 12  ok 1996/2000  rate_limited 3  timeout_ttft 1  "
        "p50 412 ms  p99 1.17 s  ttft p50 52.1 ms  ttft p99 147 ms  tokens 1,604/s  cost 0.52 CNY  "
        "p99<2s met  error_rate<0.1% MISSED"
    )
    bare = {"sent": 0, "ok": 0, "outcomes": {}, "now": {}, "cost": None, "tokens_per_s": 0.0, "asked": None}
    assert line(SUBJECT, a_moment(elapsed=-3.0, phase="warm-up", users=8, client=TOO_SLOW, **bare)) == (
        "  -3 s  warm-up  started 40.1/s  users 8  in flight 12  ok 0/0  THE CLIENT IS THE BOTTLENECK"
    )


def test_the_last_line_is_of_the_whole_run() -> None:
    """The last seconds, in which nothing was started any more, say nothing about it."""
    assert last_line(a_moment(elapsed=120.3, client=TOO_SLOW, asked=0.0, achieved=0.0)) == (
        " 120 s  ended  ok 1996/2000  rate_limited 3  timeout_ttft 1  "
        "p50 398 ms  p99 1.30 s  ttft p50 49.8 ms  ttft p99 197 ms  cost 0.52 CNY"
    )


def test_lines_come_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """The first one at once, then as the run passes multiples of five, and one at the end."""
    lines = Lines(SUBJECT)
    for elapsed in (-1.4, -0.4, 0.6, 1.6, 4.9, 5.9, 6.9, 9.999, 10.0, 17.0, 18.0):
        lines.show(a_moment(elapsed=elapsed))
    lines.say("a worker was lost")
    lines.close()
    lines.close()
    printed = capsys.readouterr()
    assert [re.split("  asked|  ok", text)[0].strip() for text in printed.err.splitlines()] == [
        *("-1 s", "1 s", "6 s", "10 s", "17 s", "a worker was lost", "18 s  ended")
    ]
    assert printed.out == ""


@pytest.mark.parametrize(
    ("terminal", "term", "plain", "kind"),
    [
        (True, "xterm", False, Screen),
        (True, "xterm", True, Lines),
        (True, "dumb", False, Lines),
        (True, "", False, Lines),
        (False, "xterm", False, Lines),
    ],
)
def test_a_view_is_drawn_only_where_it_can_be(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str, plain: bool, kind: type
) -> None:
    """No view is drawn in a pipe, on a dumb terminal, or with --plain."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.setenv("TERM", term)
    assert type(choose(SUBJECT, plain=plain)) is kind


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (format_clock(7.6), "0:08"),
        (format_clock(59.7), "1:00"),
        (format_clock(3599), "59:59"),
        (format_clock(86_399), "23:59:59"),
        (format_time(None), "-"),
        (format_time(0.000421), "0.42 ms"),
        (format_time(0.00998), "9.98 ms"),
        (format_time(0.009997), "10.0 ms"),
        (format_time(0.4126), "413 ms"),
        (format_time(0.9996), "1.00 s"),
        (format_time(12.44), "12.4 s"),
        (format_time(599.6), "600 s"),
        (format_rate(0), "0/s"),
        (format_rate(0.25), "0.25/s"),
        (format_rate(40.06), "40.1/s"),
        (format_rate(1604.2), "1,604/s"),
        (format_ratio(0, 10), "0%"),
        (format_ratio(1, 100_000), "<0.1%"),
        (format_ratio(99_999, 100_000), ">99.9%"),
        (format_ratio(1, 3), "33.3%"),
        (format_ratio(10, 10), "100%"),
    ],
)
def test_numbers_are_as_long_as_they_must_be(shown: str, words: str) -> None:
    """Three digits that mean something; nothing rounds to nothing or to all."""
    assert shown == words
