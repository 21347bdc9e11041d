"""Prints the JSON Schema of report.json: `python -m aimon.loadtests.report > docs/report.schema.json`."""

from __future__ import annotations

from aimon.loadtests.report.schema import json_schema

print(json_schema(), end="")
