"""What the kernel knows of a TCP connection and Python has no name for."""

from __future__ import annotations

import socket
import struct
import sys

# struct tcp_info of linux/tcp.h: tcpi_bytes_acked, 64 bits, since Linux 4.1. It counts the SYN as one byte.
_BYTES_ACKED_OFFSET = 120
_BYTES_ACKED = struct.Struct("=Q")


def acknowledged(sock: socket.socket) -> int | None:
    """How many of the bytes written so far the peer's kernel has acknowledged; None where nobody can say.

    It may know of fewer than have arrived, but once its FIN is here it knows of all that arrived before that.
    """
    if not sys.platform.startswith("linux"):
        return None
    size = _BYTES_ACKED_OFFSET + _BYTES_ACKED.size
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    if len(info) < size:
        return None
    acked: int = _BYTES_ACKED.unpack_from(info, _BYTES_ACKED_OFFSET)[0]
    return max(0, acked - 1)
