"""Runs a command and writes what it took, as JSON: wall and processor seconds, exit code, and peak memory in MB.

    spent.py FILE [--all] COMMAND...

In a process of its own, since a process knows only the sum of all its children so far. `largest_mb` is the peak of the
command's largest process. With --all, `all_mb` is the sum of the peaks of all its processes, which have to be looked at
for it every 20 ms: not beside a measurement of time. Memory that processes share is in it once for each.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_EVERY = 0.02


def main() -> None:
    """Runs it; the exit code is the command's."""
    out, *command = sys.argv[1:]
    look_at_all = command[0] == "--all"
    command = command[look_at_all:]
    began = time.monotonic()
    process = subprocess.Popen(command)
    peaks: dict[int, int] = {}
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, peaks, ended))
    if look_at_all:
        watch.start()
    code = process.wait()
    seconds, usage = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    ended.set()
    if look_at_all:
        watch.join()
    found = {
        "code": code,
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "largest_mb": usage.ru_maxrss / 1024,
        # What a process took since it was looked at last is not in the sum.
        "all_mb": max(sum(peaks.values()), usage.ru_maxrss) / 1024 if look_at_all else None,
    }
    Path(out).write_text(json.dumps(found), encoding="ascii")
    sys.exit(code)


def _watch(pid: int, peaks: dict[int, int], ended: threading.Event) -> None:
    """Keeps the peak of every process of a command, in KB, until it has ended."""
    while not ended.wait(_EVERY):
        for process in _family(pid):
            try:
                found = _PEAK.search(Path(f"/proc/{process}/status").read_text(encoding="ascii"))
            except OSError:
                continue  # it has just ended
            if found is not None:
                peaks[process] = int(found[1])


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    family = [pid]
    for member in family:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                family += [int(child) for child in children.read_text(encoding="ascii").split()]
            except OSError:
                continue  # the thread has just ended
    return family


if __name__ == "__main__":
    main()
