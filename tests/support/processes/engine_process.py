"""The engine, run in a process of its own (`engine_program.py`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from engine_report import Report

PROGRAM = Path(__file__).with_name("engine_program.py")
PATIENCE = 60.0


def perform(base_url: str, *, environ: dict[str, str] | None = None, **plan: Any) -> Report:
    """Has the engine carry out a plan; anything that it prints beside its report is a failure."""
    surroundings = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, PROGRAM],
        input=msgspec.json.encode({"base_url": base_url, **plan}),
        env=surroundings | (environ or {}),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return msgspec.json.decode(done.stdout, type=Report)
