"""The state of a running simulator and its operations, the same from Python and over HTTP."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING, Any

from aimon.simulator.model.faults import FaultBook, Rule
from aimon.simulator.model.profile import Profile, SettingError, known
from aimon.simulator.world.provider import Provider
from aimon.simulator.world.truth import Ledger, Record, Truth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class World:
    """The providers, the active faults and the ledger. Used from one event loop.

    Raises:
        SettingError: No profile, or two of one name.
    """

    def __init__(self, profiles: Sequence[Profile], seed: int, records: int) -> None:
        names = [profile.name for profile in profiles]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise SettingError(f"name: two profiles are called {', '.join(sorted(twice))}; each needs its own")
        if not names:
            raise SettingError("profiles: at least one is needed")
        self.providers = {profile.name: Provider(profile, seed) for profile in profiles}
        self.faults = FaultBook(seed)
        self.ledger = Ledger(records)
        # Unique across restarts, since clients keep the ids of earlier runs.
        self._ids = (f"req_{secrets.token_hex(6)}{number:08x}" for number in itertools.count(1))

    def new_id(self) -> str:
        """A request id."""
        return next(self._ids)

    def find(self, path: str) -> tuple[Provider, str]:
        """The provider that a path addresses and the rest of the path; the first also answers at the root."""
        first, _, rest = path.removeprefix("/").partition("/")
        provider = self.providers.get(first)
        if provider:
            return provider, "/" + rest
        return next(iter(self.providers.values())), path

    def set_faults(self, rules: Sequence[Rule], *, add: bool = False) -> None:
        """Replaces the active rules, or appends to them.

        Raises:
            SettingError: A rule names a profile that does not exist; nothing has changed then.
        """
        for rule in rules:
            if not set(rule.profile) & set("*?["):
                known(rule.profile, tuple(self.providers), "rule, profile")
        if add:
            self.faults.add(rules)
        else:
            self.faults.replace(rules)

    def configure(self, name: str, changes: Mapping[str, Any]) -> Profile:
        """Changes a profile from now on and returns it.

        Raises:
            SettingError: An unknown profile or field, or a value out of range; nothing has changed then.
        """
        known(name, tuple(self.providers), "profile")
        self.providers[name].configure(changes)
        return self.providers[name].profile

    def reset(self) -> None:
        """Restores the initial state; requests in flight continue."""
        self.faults.replace([])
        self.ledger.reset()
        for provider in self.providers.values():
            provider.reset()

    async def truth(
        self, *, wait: float = 0.0, reset: bool = False, limit: int | None = None, profile: str | None = None
    ) -> Truth:
        """A snapshot of the records.

        Args:
            wait: Seconds to wait until nothing is in flight (and then answer in any case).
            reset: Start over afterwards.
            limit: The maximum number of records, the latest; None for all.
            profile: Only the records of this one.
        """
        await self.ledger.until(lambda: not self.ledger.in_flight, wait)
        snapshot = self.ledger.snapshot(limit, profile)
        if reset:
            self.ledger.reset()
        return snapshot

    async def record(self, request_id: str, *, wait: float = 0.0) -> Record | None:
        """The record of a request; waits that many seconds for its end."""
        await self.ledger.until(lambda: self.ledger.find(request_id) is not None, wait)
        return self.ledger.find(request_id)
