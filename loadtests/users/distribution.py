"""How many users of each class there are: as Locust's own dispatcher divides them. Imports Locust."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locust import User


def users_of(classes: Sequence[type[User]], users: int, index: int, workers: int) -> dict[str, int]:
    """The users of one worker by the name of their class, of so many at all workers together."""
    if not users:
        return {}
    nodes = [WorkerNode(id=f"{k:06}") for k in range(workers)]
    dispatcher = UsersDispatcher(nodes, list(classes))
    # At this rate all of them start in the first step.
    dispatcher.new_dispatch(target_user_count=users, spawn_rate=users)
    counts: dict[str, int] = next(dispatcher)[f"{index:06}"]
    return {name: count for name, count in counts.items() if count}


class ArrivalClasses:
    """Which class an arrival of an open loop goes to: by weight, at random.

    Args:
        classes: of the scenario.
        seed: of the choice.
    """

    def __init__(self, classes: Sequence[type[User]], seed: str) -> None:
        self._classes = list(classes)
        # A class with a fixed count has a weight, too: 1, unless it says otherwise.
        self._weights = [max(each.weight, 1 if each.fixed_count else 0) for each in classes]
        self._random = random.Random(seed)

    def choose(self, full: set[type[User]]) -> type[User] | None:
        """A class; None if all of them are `full`: as many of their users are at work as `fixed_count` allows."""
        if not full:
            return self._random.choices(self._classes, self._weights)[0]
        pairs = zip(self._classes, self._weights, strict=True)
        left = [(each, weight) for each, weight in pairs if each not in full]
        if not left:
            return None
        return self._random.choices([each for each, _ in left], [weight for _, weight in left])[0]
