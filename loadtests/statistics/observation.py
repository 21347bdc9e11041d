"""What a search looks at of each call: structs that travel between processes."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from aimon.call.outcome import Outcome  # noqa: TC001 - msgspec reads the annotations
from aimon.call.result import Limits  # noqa: TC001


class CallObservation(msgspec.Struct, frozen=True, array_like=True):
    """As much of a call as a search for limits needs; `at` is when it was due, in seconds.

    `tokens` of input and output are None where the provider did not report them.
    """

    at: float
    outcome: Outcome
    tokens: int | None
    limits: Limits | None
    retry_after: float | None


class LatencyPoint(NamedTuple):
    """A success: when it was due, and its latency from then, in seconds."""

    at: float
    latency: float
