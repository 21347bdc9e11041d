"""Writes a report as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon import files
from aimon.loadtests.report.markdown import markdown
from aimon.loadtests.report.page import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def save(report: dict[str, Any], folder: Path, *, mode: int = files.OWNER_ALONE) -> tuple[list[Path], list[str]]:
    """Writes report.json, report.md and report.html with that mode, each atomically, as many as possible.

    Returns:
        The paths written, and messages about the others.
    """
    written, problems = [], []
    makers = {"report.json": json, "report.md": markdown, "report.html": page.render}
    for name, make in makers.items():
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files.write(path, make(report).encode(), mode=mode)
        except OSError as error:
            problems.append(files.problem(error, path))
        else:
            written.append(path)
    return written, problems


def json(report: dict[str, Any]) -> str:
    """report.json: a line for each key and each entry of a list, readable and fit for `diff`."""
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
