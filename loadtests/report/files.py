"""Writes a report as files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from aimon import files
from aimon.loadtests.report.csv_files import report_csv, seconds_csv
from aimon.loadtests.report.page import page
from aimon.loadtests.report.text.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


def save(report: dict[str, Any], folder: Path, *, mode: int = files.OWNER_ALONE) -> tuple[list[Path], list[str]]:
    """Writes each of MAKERS with that mode and atomically, as many as possible.

    Returns:
        The paths written, and messages about the others.
    """
    return write_all({name: partial(make, report) for name, make in MAKERS.items()}, folder, mode=mode)


def write_all(
    texts: Mapping[str, Callable[[], str]], folder: Path, *, mode: int = files.OWNER_ALONE
) -> tuple[list[Path], list[str]]:
    """Writes files by name, each atomically, as many as possible; returns what `save` does."""
    written, problems = [], []
    for name, make in texts.items():
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files.write(path, make().encode(), mode=mode)
        except OSError as error:
            problems.append(files.problem(error, path))
        else:
            written.append(path)
    return written, problems


def _csv(report: dict[str, Any]) -> str:
    return report_csv([report])


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


# What is written, and from what.
MAKERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "report.json": json,
    "report.md": markdown,
    "report.html": page.render,
    "report.csv": _csv,
    "seconds.csv": seconds_csv,
}
