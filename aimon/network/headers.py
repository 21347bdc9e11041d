"""Headers of an HTTP answer as the core reads them: text, by lower-case name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def by_lower_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as received, by lower-case name; repeated ones are joined by commas."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
