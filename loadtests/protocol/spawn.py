"""Starts the process of a load test, which waits for its Job on stdin."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

PROMPTS, LOCUST = "aimon.loadtests.runner", "aimon.loadtests.locust_runner"
"""The programs: for the prompts of an endpoint from one process, and for all that needs Locust."""


def spawn(program: str, **options: Any) -> subprocess.Popen[bytes]:
    """Starts a program; `options` are those of Popen.

    `-P` keeps the current folder off the module search path: `-m` alone puts it first, so that a file there called
    `token.py` would run in place of the standard library's, with the keys in its environment. An interpreter that
    was isolated (`-I`) stays so.
    """
    arguments = [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", program]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, **options)  # noqa: S603 - this program itself
