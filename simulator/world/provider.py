"""The running state of one simulated provider: its profile, its slots, its limits."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from aimon.simulator.model.ratelimit import Limiter
from aimon.simulator.model.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.simulator.model.profile import Profile


class Provider:
    """A running profile. Used from one event loop."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._first = profile
        self._seed = seed
        self.profile = profile
        self.slots = Slots(profile.slots)
        self.limiter = Limiter(profile)
        self.rng = Random(f"{seed}/{profile.name}")

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Changes fields from now on; limits that changed start with full buckets.

        Raises:
            SettingError: An unknown field or a value out of range; nothing has changed then.
        """
        self._become(self.profile.changed(changes))

    def reset(self) -> None:
        """Restores the initial profile, full buckets and the initial random numbers."""
        self._become(self._first)
        self.limiter = Limiter(self.profile)
        self.rng = Random(f"{self._seed}/{self.profile.name}")

    def _become(self, profile: Profile) -> None:
        old, self.profile = self.profile, profile
        if (old.rpm, old.tpm, old.burst) != (profile.rpm, profile.tpm, profile.burst):
            self.limiter = Limiter(profile)
        self.slots.resize(profile.slots)
