"""Writes several runs of one load test: repeat.json, repeat.md, repeat.html and repeat.csv."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import msgspec

from aimon import files
from aimon.loadtests.report.files import write_all
from aimon.loadtests.report.repeats import page, words

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.loadtests.report.repeats.spread import Spread

NAME = "repeat.json"
HEADER = ("endpoint", "model", "metric", "statistic", "value")


def save(found: Spread, folder: Path, *, mode: int = files.OWNER_ALONE) -> tuple[list[Path], list[str]]:
    """Writes the four files; returns the paths written, and messages about the others."""
    texts = {
        NAME: lambda: json(found) + "\n",
        "repeat.md": lambda: words.markdown(found),
        "repeat.html": lambda: page.render(found),
        "repeat.csv": lambda: repeat_csv(found),
    }
    return write_all(texts, folder, mode=mode)


def json(found: Spread) -> str:
    """repeat.json, on one line."""
    return msgspec.json.encode(found).decode()


def repeat_csv(found: Spread) -> str:
    """A row for each measure and run (`run=1`), and for each of the statistics over the runs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for each in found.measures:
        low, high = each.interval or (None, None)
        statistics = {
            **{f"run={number}": one for number, one in enumerate(each.values, start=1)},
            "median": each.median,
            "min": each.min,
            "max": each.max,
            "mean": each.mean,
            "variation": each.variation,
            "mean_low": low,
            "mean_high": high,
        }
        for name, number in statistics.items():
            written = "" if number is None else f"{number:.10g}"
            writer.writerow((found.endpoint, found.model or "", each.name, name, written))
    return text.getvalue()
