"""Stages of load: how fast the users of a closed loop start."""

from __future__ import annotations

import pytest

from aimon.loadtests.protocol.stage import Stage


@pytest.mark.parametrize(
    ("users", "warmup", "duration", "seconds"),
    [
        (1, 0.0, 60.0, 0.1),  # never all at once: they would stay synchronised
        (800, 0.0, 60.0, 1.6),  # 2 ms apart, so that opening connections does not queue in the client
        (800, 0.0, 8.0, 0.8),  # over no more than a tenth of the run
        (800, 0.0, None, 1.6),  # a run of so many requests has no length
        (800, 3.0, 60.0, 3.0),  # over the whole of a warm-up
        (10_000, 60.0, 600.0, 5.0),  # and never longer than 5 s
    ],
)
def test_users_start_apart(users: int, warmup: float, duration: float | None, seconds: float) -> None:
    """The client's own work of connecting must not be measured as the endpoint's."""
    assert Stage(number=1, warmup=warmup, duration=duration).ramp(users) == pytest.approx(seconds)
