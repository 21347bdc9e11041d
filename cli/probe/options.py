"""The options of one `aimon probe`, parsed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """The options of a run, other than the selection of endpoints."""

    as_json: bool
    junit: Path | None
    push: str | None
    textfile: Path | None
    state: str
    history: Path | None
    set_aside_damaged: bool
    concurrency: int
    every: float | None
    listen: tuple[str, int] | None
    token: str | None = field(default=None, repr=False)
