"""What `engine_program.py` reports to the test that runs it."""

from __future__ import annotations

import msgspec

from aimon.call.result import Result  # noqa: TC001 - msgspec looks the annotation up at run time


class Report(msgspec.Struct, kw_only=True):
    """What came of a plan; `users` of it that were killed have no Result."""

    results: list[Result]
    gaps: list[list[float]]
    dialled: int
    resent: int
    retried: int
    in_flight: int

    @property
    def only(self) -> Result:
        """The one Result that there is."""
        (result,) = self.results
        return result

    @property
    def outcomes(self) -> list[str]:
        """The outcomes in order."""
        return [str(result.outcome) for result in self.results]
