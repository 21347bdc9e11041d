"""A simulator in a process of its own, so that it shares no interpreter with the client that is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from aimon.simulator.client import Control
from aimon.simulator.model.profile import Profile

if TYPE_CHECKING:
    from types import TracebackType


class SimulatorProcess(Control):
    """A simulator in a child process; a context manager with the interface of `Simulator`.

    Args:
        *profiles: The providers.
        **options: As for `Simulator`: host, port, certfile, keyfile, seed, records.

    Raises:
        RuntimeError: On entry: the child did not start; its message is on stderr.
    """

    def __init__(self, *profiles: Profile, **options: Any) -> None:
        self.profiles = profiles or (Profile(),)
        self._options = options

    def __enter__(self) -> Self:
        settings = {"profiles": [_as_json(profile) for profile in self.profiles], "options": self._options}
        # -P: otherwise the current folder precedes the standard library, and a queue.py there would be imported.
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "aimon.simulator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdin and self._child.stdout  # noqa: S101, PT018 - both were asked for
        # Through a pipe instead of arguments: profiles may contain a key.
        self._child.stdin.write(json.dumps(settings, default=str) + "\n")
        self._child.stdin.flush()
        url = self._child.stdout.readline().strip()
        if not url:
            self.__exit__(None, None, None)
            raise RuntimeError(f"the simulator did not start (exit code {self._child.returncode})")
        super().__init__(url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The child ends when its standard input is closed, so also when this process is killed.
        self._child.communicate()


def _as_json(profile: Profile) -> dict[str, Any]:
    return asdict(profile)
