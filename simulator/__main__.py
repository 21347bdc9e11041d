"""The child of `SimulatorProcess`: one line of settings in, the URL out, and it runs until its input ends."""

from __future__ import annotations

import gc
import json
import signal
import sys

from aimon.simulator.model.profile import profile_from_mapping
from aimon.simulator.server.server import Simulator, allow_many_connections


def main() -> None:
    """Runs a simulator as the first line of standard input says."""
    # A Ctrl-C reaches the whole foreground group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_many_connections()
    settings = json.loads(sys.stdin.readline())
    profiles = [profile_from_mapping(values) for values in settings["profiles"]]
    with Simulator(*profiles, **settings["options"]) as simulator:
        # What is loaded now stays: without it each full collection delays the writes that are due.
        gc.freeze()
        print(simulator.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
