"""Process settings for thousands of streams: the limit of open files and the garbage collector."""

from __future__ import annotations

import gc
import sys


def raise_open_file_limit(count: int) -> int:
    """Raises this process's limit of open files as far as the system allows.

    Args:
        count: the number of connections wanted.

    Returns:
        The number of connections that fit.
    """
    if sys.platform == "win32":
        return count
    import resource  # noqa: PLC0415 - Unix only

    spare = 64  # files, pipes, and sockets of other kinds
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + spare
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return count if soft == resource.RLIM_INFINITY else min(count, soft - spare)


def freeze_garbage_collector() -> None:
    """Excludes all current objects from garbage collection (`gc.freeze`), which it switches on; call it when warm.

    A full collection visits every object of Locust, gevent and the clients, which blocks the loop for tens of
    milliseconds. Imports leave hardly any garbage behind, and calls no reference cycles: there is little to find.
    """
    gc.freeze()
    gc.enable()
