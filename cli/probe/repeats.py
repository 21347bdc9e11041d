"""Lines of a long run: a failure is reported in full once, then only with its number of repetitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.cli.probe.table import line, short
from aimon.language import pick

if TYPE_CHECKING:
    from aimon.call.result import Result

# Request ids and times differ from call to call, and are ignored in the comparison.
_VARYING = re.compile(r"[\w-]*\d[\w-]*")


class Repeats:
    """Remembers the last outcome of each endpoint's canaries."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str | None], tuple[tuple[object, ...], int]] = {}

    def line(self, result: Result) -> str:
        """The Result on one line; `unauthorized latency 212 ms (17 in a row)` where it failed as before."""
        count = self.count(result)
        if result.outcome is Outcome.OK or count == 1:
            return line(result)
        return f"{short(result)} ({pick(f'{count} in a row', f'连续 {count} 次')})"

    def count(self, result: Result) -> int:
        """Counts one more Result; returns the number of equal ones in a row, including this one."""
        key = (result.endpoint, result.canary)
        kind = (result.outcome, result.status_code, result.error_code, _VARYING.sub("", result.error or ""))
        before, count = self._runs.get(key, ((), 0))
        count = count + 1 if kind == before else 1
        self._runs[key] = kind, count
        return count

    def so_far(self, result: Result) -> int:
        """The last value of `count` for the canary of this Result."""
        return self._runs[result.endpoint, result.canary][1]
