"""Writes the JSON Schemas of a load test's files into a folder: `python -m aimon.loadtests.report docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from aimon.loadtests.report.repeats.spread import Spread
from aimon.loadtests.report.schema import json_schema

SCHEMAS = {
    "report.schema.json": json_schema(),
    "repeat.schema.json": json_schema(Spread, "Runs of aimon loadtest --repeat"),
}

if __name__ == "__main__":
    for name, text in SCHEMAS.items():
        (Path(sys.argv[1]) / name).write_text(text, encoding="utf-8")
