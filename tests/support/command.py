"""aimon's own command, run as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

AIMON = str(Path(sys.executable).with_name("aimon"))
"""The installed command."""


@dataclass(frozen=True, slots=True)
class Command:
    """Runs the installed `aimon` in a folder and an environment of its own: the fixture `run_aimon`."""

    env: dict[str, str]
    cwd: Path

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str = "", timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `aimon` to its end, with `env` added, and return its exit code and output.

        Raises:
            subprocess.TimeoutExpired: It was still running after `timeout` seconds, and is killed.
        """
        return subprocess.run(
            [AIMON, *arguments],
            env={**self.env, **(env or {})},
            cwd=self.cwd,
            input=stdin,
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `aimon`, with `env` added, its stdout and stderr as pipes of text; the caller ends it."""
        return subprocess.Popen(
            [AIMON, *arguments],
            env={**self.env, **(env or {})},
            cwd=self.cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def target_flags(url: str) -> list[str]:
    """The options that name a chat model at a base URL."""
    return ["--dialect", "openai-chat", "--base-url", url, "--model", "m"]


def printed(program: str) -> str:
    """What a Python program prints in a process of its own.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    ).stdout
