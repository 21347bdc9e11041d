"""Kernel receive timestamps of a socket: enabling and reading them.

A busy event loop reads late, so the time after a read includes the delay of the loop. Linux can report with each read
when its last byte arrived, so that this delay is not measured as latency.
"""

from __future__ import annotations

import atexit
import socket
import struct
import sys
from functools import cache

# Python 3.11's socket module lacks this constant; it is 35 on every architecture that has Linux wheels of Python.
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@qq")
"""Seconds and nanoseconds of CLOCK_REALTIME."""
ANCILLARY_BYTES = socket.CMSG_SPACE(TIMESPEC.size)


def enable_stamps(sock: socket.socket) -> bool:
    """Enables receive timestamps on a socket; returns whether the kernel supports them."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:  # a sandbox may refuse the option; the time after the read is used then
        return False
    return True


@cache
def keep_stamping() -> None:
    """Keeps kernel timestamps enabled for as long as this process lives.

    Linux starts timestamping shortly after the first socket enables it and stops when the last one is closed, so data
    within a millisecond of the first connection, or of one after a pause, would have no timestamp. An additional,
    unused socket keeps timestamps enabled between calls.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    enable_stamps(sock)
    atexit.register(sock.close)
