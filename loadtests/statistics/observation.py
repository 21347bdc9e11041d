"""What searches need of each call, as structs that are sent between processes."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from aimon.call.outcome import Outcome  # noqa: TC001 - msgspec reads the annotations
from aimon.call.result import Limits  # noqa: TC001


class CallObservation(msgspec.Struct, frozen=True, array_like=True):
    """A call as the search for limits needs it; `at` is when it was due, in seconds.

    `tokens` (input and output) is None where the provider did not report them.
    """

    at: float
    outcome: Outcome
    tokens: int | None
    limits: Limits | None
    retry_after: float | None


class LatencyPoint(NamedTuple):
    """A successful call: when it was due, and its latency from schedule, in seconds."""

    at: float
    latency: float
