"""Hides the credentials of a client's requests in what its provider says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aimon.security import provider_text
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable

    Headers = Iterable[tuple[bytes, bytes]]

# Names of models that answered: few, and the same in every call.
_MAX_NAMES: Final = 256
_CREDENTIALS: Final = frozenset(
    (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"proxy-authorization", b"cookie")
)


class Secrets:
    """The credentials of one client, as its requests carry them: the same ones, as a rule, in all of them."""

    def __init__(self) -> None:
        self._known: tuple[tuple[bytes, ...], Redactor] = ((), Redactor())
        self._harmless: set[str] = set()

    def redactor(self, headers: Headers) -> Redactor:
        """What hides the credentials among these headers."""
        sent = tuple(value for name, value in headers if name.lower() in _CREDENTIALS)
        known, redactor = self._known
        if known != sent:
            # `Bearer KEY`, and KEY.
            words = (word for value in sent for word in (value.decode("latin-1"), *value.decode("latin-1").split()[1:]))
            redactor = Redactor([word for word in words if word])
            self._known = (sent, redactor)
        return redactor

    def name(self, value: str, headers: Headers) -> str:
        """A name that the provider chose, without the credentials among these headers."""
        if value in self._harmless:
            return value
        shown = provider_text.name(value, self.redactor(headers))
        if shown == value:
            if len(self._harmless) >= _MAX_NAMES:
                self._harmless.clear()
            self._harmless.add(value)
        return shown
