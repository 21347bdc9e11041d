"""Which of several services probes an endpoint: the same one whenever it is asked, without any of them being asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

MOST = 1000


@dataclass(frozen=True, slots=True)
class Shard:
    """The share `index` of `count`, counted from 0 as Kubernetes counts the pods of a StatefulSet.

    When another one is added, an endpoint stays where it is or moves to the new one (rendezvous hashing: Thaler and
    Ravishankar, 1998).
    """

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Reads I/N.

        Raises:
            ValueError: not one; the message says what to write.
        """
        match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
        if match is None:
            raise ValueError("expected I/N, such as 0/3, 1/3 and 2/3 for three of them")
        index, count = int(match[1]), int(match[2])
        if not 1 <= count <= MOST:
            raise ValueError(f"the second number is how many there are: from 1 to {MOST}")
        if index >= count:
            raise ValueError(f"the first number counts from 0: from 0 to {count - 1}")
        return cls(index, count)

    def has(self, name: str) -> bool:
        """Whether an endpoint of that name is in this share."""
        return max(range(self.count), key=lambda index: _weight(name, index)) == self.index


def _weight(name: str, index: int) -> bytes:
    return blake2b(f"{index}/{name}".encode(), digest_size=8).digest()
