"""Follows a load test in a process of its own: what the run tells comes from stdin, options as JSON in the argument."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).parents[1]))

from aimon.cli.loadtest.progress.live import Live
from moments import ENDPOINT

OPTIONS = {"endpoint": ENDPOINT, "profile": "steady", "quiet": False, "plain": False, "listen": None, "push": None}


def main() -> None:
    """Says on stdout when the terminal is free again, and that the block was left."""
    with Live(**(OPTIONS | json.loads(sys.argv[1]))) as live:
        # In a thread, as the command does: a signal meets the main one.
        follower = Thread(target=live.follow, args=(sys.stdin.buffer,), daemon=True)
        follower.start()
        follower.join()
        print("followed", flush=True)
    print("left", flush=True)


if __name__ == "__main__":
    main()
