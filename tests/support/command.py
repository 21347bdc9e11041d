"""aimon's own command, run as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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
            [Path(sys.executable).with_name("aimon"), *arguments],
            env={**self.env, **(env or {})},
            cwd=self.cwd,
            input=stdin,
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )
