"""`aimon probe --every` on a terminal: a table that is redrawn with every Result, with changes printed above it."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from aimon.call.outcome import Outcome
from aimon.cli import console
from aimon.cli.probe.table import short, table, why
from aimon.language import pick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType

    from aimon.call.result import Result
    from aimon.cli.probe.repeats import Repeats

# Lines of the header, of its border, and of the cursor.
_AROUND = 3
_EXPLAINED = 3
# The columns to omit, for decreasing widths of the terminal.
_LEFT_OUT: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"TOKENS"}),
    frozenset({"TOKENS", "HEADROOM"}),
    frozenset({"TOKENS", "HEADROOM", "COST"}),
    frozenset({"TOKENS", "HEADROOM", "COST", "MODEL"}),
)


class LiveTable:
    """The latest Result of each endpoint's canaries, in the order of `names`.

    It is drawn with every Result, without a thread of its own.
    """

    def __init__(self, names: Iterable[str], repeats: Repeats, out: Console | None = None) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._repeats = repeats
        self._out = out or console.tables()
        self._latest: dict[tuple[str, str | None], Result] = {}
        self._live = Live(
            console=self._out,
            auto_refresh=False,
            redirect_stdout=False,
            # Output to a file must not appear on the terminal.
            redirect_stderr=sys.stderr.isatty(),
            vertical_overflow="crop",
        )

    def show(self, result: Result) -> None:
        """Draws the table with one more Result in it.

        Raises:
            OSError: the terminal is closed.
        """
        key = (result.endpoint, result.canary)
        known = key in self._latest
        self._latest[key] = result
        changed = self._repeats.count(result) == 1
        if not self._live.is_started:
            self._live.start()
        if changed and (known or result.outcome is not Outcome.OK):
            self._out.print(Text(f"{_clock(result)} {short(result)}"))
        self._live.update(self._picture(), refresh=True)

    def close(self) -> None:
        """Leaves the last table in place, and restores the terminal."""
        with suppress(OSError):  # the terminal may be closed
            self._live.stop()

    def _picture(self) -> RenderableType:
        shown = sorted(self._latest.values(), key=lambda result: self._places[result.endpoint])
        failed = [result for result in shown if result.outcome is not Outcome.OK]
        explained = [why(result) for result in failed[:_EXPLAINED]]
        lines = sum(-(-text.cell_len // self._out.width) for text in explained)
        room = max(self._out.height - _AROUND - lines - 1, 1)
        if len(shown) > room:
            # Failures first.
            shown = [*failed, *(result for result in shown if result.outcome is Outcome.OK)][: room - 1]
        rest = len(self._latest) - len(shown)
        parts: list[RenderableType] = [self._drawn(shown)]
        if rest:
            hidden = max(len(failed) - len(shown), 0)
            failing = pick(", {} of them failing", "，其中 {} 个失败").format(hidden)
            said = pick("and {} more", "另有 {} 个").format(rest)
            parts.append(Text(said + (failing if hidden else pick(", all of them ok", "，全部 ok"))))
        return Group(*parts, *([Text(), *explained] if explained else []))

    def _drawn(self, shown: list[Result]) -> RenderableType:
        also = {
            "IN A ROW": [f"{self._repeats.so_far(result):,}" for result in shown],
            "AT": [_clock(result) for result in shown],
        }
        for fewer in _LEFT_OUT:
            if console.fits(drawn := table(shown, also, without=fewer), self._out):
                return drawn
        rows = zip(also["AT"], shown, also["IN A ROW"], strict=True)
        in_a_row = pick("{} in a row", "连续 {} 次")
        return Text("\n".join(f"{at} {short(result)} ({in_a_row.format(count)})" for at, result, count in rows))


def _clock(result: Result) -> str:
    return time.strftime("%H:%M:%S", time.localtime(result.started_at))
