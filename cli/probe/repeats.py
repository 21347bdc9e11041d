"""Lines of a long run: a failure is reported in full once, then only with how often it was the same in a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.cli.probe.table import line, short
from aimon.language import pick

if TYPE_CHECKING:
    from aimon.call.result import Result

# Request ids and times differ from call to call, and make no other failure of it.
_VARYING = re.compile(r"[\w-]*\d[\w-]*")


class Repeats:
    """Remembers how each endpoint's canaries went the last time."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str | None], tuple[tuple[object, ...], int]] = {}

    def line(self, result: Result) -> str:
        """The Result on one line; `unauthorized latency 212 ms (17 in a row)` where it failed as before."""
        count = self.count(result)
        if result.outcome is Outcome.OK or count == 1:
            return line(result)
        return f"{short(result)} ({pick(f'{count} in a row', f'连续 {count} 次')})"

    def count(self, result: Result) -> int:
        """Takes one more Result into account; returns how many in a row have gone like it, itself included."""
        key = (result.endpoint, result.canary)
        kind = (result.outcome, result.status_code, result.error_code, _VARYING.sub("", result.error or ""))
        before, count = self._runs.get(key, ((), 0))
        count = count + 1 if kind == before else 1
        self._runs[key] = kind, count
        return count

    def so_far(self, result: Result) -> int:
        """What `count` returned for the latest Result of this one's canary."""
        return self._runs[result.endpoint, result.canary][1]
