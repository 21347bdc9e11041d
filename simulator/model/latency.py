"""When each event of an answer is due."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from aimon.simulator.model.profile import Profile


def draw(median: float, sigma: float, rng: Random) -> float:
    """A log-normal duration; exactly the median where sigma is 0."""
    return median * math.exp(sigma * rng.gauss(0.0, 1.0)) if sigma else median


class Clock:
    """Computes when successive tokens are due, in seconds after the start of service."""

    def __init__(self, profile: Profile, rng: Random, extra: float = 0.0) -> None:
        self._profile = profile
        self._rng = rng
        self._next = draw(profile.ttft, profile.ttft_sigma, rng) + extra

    def due(self, tokens: int) -> float:
        """When an event with that many tokens is due (with its first token); advances past all of them."""
        due = self._next
        itl, sigma = self._profile.itl, self._profile.itl_sigma
        self._next += sum(draw(itl, sigma, self._rng) for _ in range(tokens)) if sigma else itl * tokens
        return due
