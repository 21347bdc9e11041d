"""What the kernel knows of a TCP connection and Python has no name for."""

from __future__ import annotations

import socket
import struct
import sys
from enum import Enum

# struct tcp_info of linux/tcp.h: tcpi_bytes_acked, 64 bits, since Linux 4.1. It counts the SYN as one byte.
_BYTES_ACKED_OFFSET = 120
_BYTES_ACKED = struct.Struct("=Q")
# A reset as soon as that after the request is the end of a connection, and none of the request's work.
RESET_RACE_SECONDS = 0.1


def is_silent(sock: socket.socket) -> bool:
    """Whether a connection is open and nothing has come on it: no end, no reset, no byte that nobody asked for."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


class ConnectionEnd(Enum):
    """How a kept connection ended that a request was sent on, before any byte of an answer.

    UNHEARD: it is certain that the server's program has seen nothing of the request, which is sent again: no byte
    had left, or the peer's kernel, whose FIN acknowledges whatever it had received, acknowledged none. RACE: a server
    that closes an idle connection just as a request comes resets it; nobody can tell that from one which read the
    request and gave up on it, but it comes at once, or before anything was acknowledged. That is the client's bad luck,
    counted apart, and not sent again: RFC 9112, section 9.3.1, says why a POST must not be on a guess. FAILED:
    everything else, a failure of the call.
    """

    NOT_RECEIVED = "unheard"
    RESET_RACE = "race"
    FAILED = "failed"


def classify_end(sock: socket.socket, sent: int, sent_before: int, *, reset: bool, seconds: float) -> ConnectionEnd:
    """Which of them it was.

    Args:
        sock: of the connection.
        sent: bytes that were sent on it in all.
        sent_before: those of them before the request.
        reset: it broke, and was not closed in order.
        seconds: from the request to its end.
    """
    if sent == sent_before:
        return ConnectionEnd.NOT_RECEIVED
    acked = acknowledged(sock)
    if not reset:
        return ConnectionEnd.NOT_RECEIVED if acked is not None and acked <= sent_before else ConnectionEnd.FAILED
    return (
        ConnectionEnd.RESET_RACE
        if acked is None or acked <= sent_before or seconds < RESET_RACE_SECONDS
        else ConnectionEnd.FAILED
    )


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
