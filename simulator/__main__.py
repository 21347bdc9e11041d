"""The child of `SimulatorProcess`: reads one line of settings, prints the URL, and runs until its input ends."""

from __future__ import annotations

import gc
import json
import signal
import sys

from aimon.simulator.model.profile import profile_from_mapping
from aimon.simulator.server.server import Simulator, allow_many_connections


def main() -> None:
    """Runs a simulator with the settings in the first line of standard input."""
    # Ctrl-C signals the whole foreground group; only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_many_connections()
    settings = json.loads(sys.stdin.readline())
    profiles = [profile_from_mapping(values) for values in settings["profiles"]]
    with Simulator(*profiles, **settings["options"]) as simulator:
        # Exempts loaded objects from garbage collection, whose full passes would delay the writes that are due.
        gc.freeze()
        print(simulator.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
