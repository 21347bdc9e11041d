"""Checks the folder of a report before the load is sent: it is writable, and no other report is overwritten."""

from __future__ import annotations

import tempfile
from itertools import count
from typing import TYPE_CHECKING

from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from pathlib import Path

# Files of a run: its report, its log of calls, the reports of workers that lost their master, and those of --repeat.
_OURS = (
    "report.json",
    "report.md",
    "report.html",
    "report.csv",
    "seconds.csv",
    "*results.jsonl.gz",
    "worker-*/report.json",
    "run-*/report.json",
    "repeat.json",
)


def prepare(folder: Path | None, *, overwrite: bool) -> None:
    """Creates the folder, if one is needed.

    Raises:
        Stop: it is not a folder, is not writable, or contains another run that must not be replaced.
    """
    if folder is None:
        return
    try:
        if folder.exists() and not folder.is_dir():
            raise Stop(USAGE, f"--out {folder}: is a file: name a folder")
        if not overwrite and (found := _other_run(folder)) is not None:
            instead = f"name another folder, such as {_free(folder)}, or replace it with --overwrite"
            raise Stop(USAGE, f"--out {folder}: holds another run ({found}): {instead}")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            # Not empty: a full disk still accepts an empty file.
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        raise Stop(USAGE, f"--out {folder}: {error.strerror}: name a folder that can be written") from error


def _other_run(folder: Path) -> str | None:
    return next((path.name for pattern in _OURS for path in folder.glob(pattern)), None)


def _free(folder: Path) -> Path:
    return next(
        path for number in count(2) if not (path := folder.with_name(f"{folder.name or 'run'}-{number}")).exists()
    )
