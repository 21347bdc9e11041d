"""State of a TCP connection that Python has no function for, and how a kept-alive connection ended."""

from __future__ import annotations

import socket
import struct
import sys
from enum import Enum

# struct tcp_info of linux/tcp.h: tcpi_bytes_acked, 64 bits, since Linux 4.1. It counts the SYN as one byte.
_BYTES_ACKED_OFFSET = 120
_BYTES_ACKED = struct.Struct("=Q")
# A reset this soon after the request closes an idle connection; it is no answer to the request.
RESET_RACE_SECONDS = 0.1


def is_silent(sock: socket.socket) -> bool:
    """Whether a connection is open and has nothing to read: no end of file, no reset, no unsolicited bytes."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass  # a broken connection is closed, too
    return False


class StaleConnectionError(Exception):
    """The server closed a kept-alive connection before it read any of the request."""


class ConnectionEnd(Enum):
    """How a kept-alive connection ended after a request was sent on it and before any byte of an answer.

    NOT_SENT: it was closed before the request was sent. NOT_RECEIVED: the server certainly read nothing of the
    request, which is sent again: no byte was sent, or the peer's kernel, whose FIN acknowledges everything it had
    received, acknowledged none. RESET_RACE: a server that closes an idle connection just as a request arrives resets
    it. This looks like a server that read the request and gave up, but comes at once or before anything was
    acknowledged. It is counted apart and not sent again (RFC 9112, section 9.3.1: a POST must not be repeated on a
    guess). FAILED: everything else, a failure of the call.
    """

    NOT_SENT = "unsent"
    NOT_RECEIVED = "unheard"
    RESET_RACE = "race"
    FAILED = "failed"


def classify_end(sock: socket.socket, sent: int, sent_before: int, *, reset: bool, seconds: float) -> ConnectionEnd:
    """Tells the kinds of ConnectionEnd apart.

    Args:
        sock: the connection.
        sent: bytes sent on it in all.
        sent_before: bytes sent on it before the request.
        reset: it broke instead of being closed in order.
        seconds: from the request to the end.
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
    """How many bytes the peer's kernel has acknowledged; None where the system does not tell.

    Acknowledgements may lag behind, but a FIN acknowledges everything that arrived before it.
    """
    if not sys.platform.startswith("linux"):
        return None
    size = _BYTES_ACKED_OFFSET + _BYTES_ACKED.size
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    if len(info) < size:
        return None
    acked: int = _BYTES_ACKED.unpack_from(info, _BYTES_ACKED_OFFSET)[0]
    return max(0, acked - 1)
