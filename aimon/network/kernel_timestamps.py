"""Kernel receive timestamps of a socket: enabling and reading them.

An event loop reads late whenever it is busy, so the time after a read is the loop's, not the network's. Linux
can tell with each read when the last of its bytes arrived; what the loop adds is then known, not measured.
"""

from __future__ import annotations

import atexit
import socket
import struct
import sys
from functools import cache

# The socket module of 3.11 has no name for it; 35 on every architecture that Linux wheels of Python exist for.
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@qq")
"""Seconds and nanoseconds of CLOCK_REALTIME."""
ANCILLARY_BYTES = socket.CMSG_SPACE(TIMESPEC.size)


def enable_stamps(sock: socket.socket) -> bool:
    """Asks the kernel to stamp what arrives on a socket; says whether it will."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:  # a sandbox may refuse the option; then the time after the read is used
        return False
    return True


@cache
def keep_stamping() -> None:
    """Keeps kernel timestamps enabled for as long as this process lives.

    Linux begins a moment after the first socket asks and stops with the last, so what arrives within a
    millisecond of the first connection, and of each that comes after a pause, would go without a stamp. One more
    socket, which nothing is ever sent to, keeps stamps going between the calls.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    enable_stamps(sock)
    atexit.register(sock.close)
