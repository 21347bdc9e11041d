"""HTTP requests that leave this process whole or not at all.

http.client hands headers and body to the kernel one after the other. A process that is killed in between leaves a
request without its body, and a Pushgateway (1.5 does) may take what ends at the beginning of a line, nothing included,
for all there is: a PUT of nothing, which empties the group.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Base = http.client.HTTPConnection
else:
    _Base = object


class _Wholly(_Base):
    """Holds what a request consists of until it is complete, and sends it by one call."""

    _held: list[bytes] | None = None

    def request(self, *arguments: Any, **options: Any) -> None:
        """As HTTPConnection's, for a body of bytes."""
        held = self._held = []
        try:
            super().request(*arguments, **options)
        finally:
            self._held = None
        super().send(b"".join(held))

    def send(self, data: Any) -> None:
        """As HTTPConnection's, but within a request, where it waits for the rest."""
        if self._held is None:
            super().send(data)
        else:
            self._held.append(bytes(data))


class HTTPConnection(_Wholly, http.client.HTTPConnection):
    """Over TCP."""


class HTTPSConnection(_Wholly, http.client.HTTPSConnection):
    """Over TLS, which cuts it into records of 16 KiB."""
