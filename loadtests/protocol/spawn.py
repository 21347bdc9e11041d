"""Starts the process of a load test, which waits for its Job on stdin."""

from __future__ import annotations

import os
import subprocess
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PROMPTS, LOCUST = "aimon.loadtests.prompts_runner", "aimon.loadtests.locust_runner"
"""The programs: for the prompts of an endpoint from one process, and for all that needs Locust."""


def spawn(program: str, env: Mapping[str, str] = MappingProxyType({}), **options: Any) -> subprocess.Popen[bytes]:
    """Starts a program, with `env` added to its environment; `options` are those of Popen.

    `-P` keeps the current folder off the module search path: `-m` alone puts it first, so that a file there called
    `token.py` would run in place of the standard library's, with the keys in its environment. An interpreter that
    was isolated (`-I`) stays so.
    """
    environment = {**os.environ, **env}
    if program == PROMPTS:
        # numpy's algebra, which is not used here, would start a thread for each core, which spins before it sleeps.
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", program]
    # This program itself.
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, env=environment, **options)  # noqa: S603
