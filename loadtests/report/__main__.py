"""Prints the JSON Schema of report.json: `python -m aimon.loadtests.report > docs/report.schema.json`."""

from __future__ import annotations

import sys

from aimon.loadtests.report.schema import json_schema

sys.stdout.buffer.write(json_schema().encode())
