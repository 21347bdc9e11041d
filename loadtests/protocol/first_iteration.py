"""The first iteration of a run, which goes alone: what it found decides whether the run begins."""

from __future__ import annotations

import msgspec


class FirstIteration(msgspec.Struct, kw_only=True):
    """What became of it.

    Attributes:
        why: why the run must not begin; None if it may.
        seconds: it took.
        calls: in it.
        cost: of its calls, in `currency`; None where that is not known.
        culprit: outcome, HTTP status and failure reason of the call for which the run must not begin.
    """

    why: str | None
    seconds: float
    calls: int = 1
    cost: float | None = None
    currency: str | None = None
    culprit: tuple[str, int | None, str | None] | None = None
