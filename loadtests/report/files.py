"""A report as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.files import OWNER_ALONE, write
from aimon.loadtests.report import page
from aimon.loadtests.report.text import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def save(report: dict[str, Any], folder: Path, *, mode: int = OWNER_ALONE) -> list[Path]:
    """Writes report.json, report.md and report.html, each whole or not at all, with that mode.

    Raises:
        OSError: the folder can't be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {"report.json": json(report), "report.md": markdown(report), "report.html": page.render(report)}
    for name, text in files.items():
        write(folder / name, text.encode(), mode=mode)
    return [folder / name for name in files]


def json(report: dict[str, Any]) -> str:
    """report.json: a line for each key and each entry of a list, which people can read and `diff` can compare."""
    return "{\n" + ",\n".join(_lines(report)) + "\n}\n"


def _lines(report: dict[str, Any]) -> Iterator[str]:
    for key, value in report.items():
        if isinstance(value, list) and value:
            entries = ",\n".join(f"    {_compact(entry)}" for entry in value)
            yield f"  {_compact(key)}: [\n{entries}\n  ]"
        else:
            yield f"  {_compact(key)}: {_compact(value)}"


def _compact(value: Any) -> str:
    return msgspec.json.encode(value).decode()
