"""What a process needs before it can hold a thousand streams and time them."""

from __future__ import annotations

import gc
import sys


def raise_open_file_limit(count: int) -> int:
    """Raises this process's limit of open files as far as the system lets it.

    Args:
        count: connections wanted.

    Returns:
        How many connections there is room for.
    """
    if sys.platform == "win32":
        return count
    import resource  # noqa: PLC0415 - Unix only

    spare = 64  # files, pipes, and sockets that are no connections of calls
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + spare
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return count if soft == resource.RLIM_INFINITY else min(count, soft - spare)


def freeze_garbage_collector() -> None:
    """Takes what has been loaded by now out of the garbage collector's rounds; call it after the warm-up.

    A full collection walks every object of Locust, gevent and the clients: tens of milliseconds in which no
    arrival is read. The records of a call hold no cycles, so little garbage is left for the collector to find.
    """
    gc.collect()
    gc.freeze()
