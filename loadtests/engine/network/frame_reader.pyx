# cython: language_level=3
"""Reads the texts of streams in C, as long as they come as expected.

Most reads of a load test are one HTTP chunk with one event that differs from the one before in its text alone. These
are read, stamped and kept here, without an object for the bytes, the timestamp or the event. Whatever else comes is
handed on as `socket.recvmsg` returns it, to code that knows HTTP, TLS and the dialect.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, errno
from libc.string cimport memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from aimon.exchange.frame_scan cimport scan

import os

cdef extern from "<sys/socket.h>" nogil:
    enum: SOL_SOCKET
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    ssize_t recvmsg(int sock, msghdr *message, int flags)
    cmsghdr *CMSG_FIRSTHDR(msghdr *message)
    unsigned char *CMSG_DATA(cmsghdr *header)
    size_t CMSG_LEN(size_t length)

cdef enum:
    READ_BYTES = 1 << 16
    # What is kept before the Exchange counts it, so that no answer grows without its limits.
    MOST_TEXTS = 1024
    MOST_BYTES = 1 << 20
    # More hexadecimal digits than the size of a chunk has that fits a read.
    MOST_DIGITS = 5

# An older timestamp means a loop that is far behind or a wall clock that was set (`receive_clock`).
cdef double UNUSUAL = 0.1

# Filled and read without giving up the interpreter's lock.
cdef char _data[READ_BYTES]

cdef struct Stamp:
    long long seconds
    long long nanoseconds


cdef class FrameReader:
    """Reads the socket of one connection.

    Args:
        fd: of the non-blocking socket.
        on_read: called with what was read: the bytes, the ancillary data, and `time.monotonic()` after the read.
        on_error: called with the OSError of a read.

    Attributes:
        size: bytes of the bodies of what is kept.
        latest: when the last bytes arrived, of those that are kept or came before them.
        lag: the longest time that bytes which are kept waited in the socket, in seconds.
    """

    cdef readonly Py_ssize_t size
    cdef readonly double lag
    cdef readonly double latest
    cdef int _fd
    cdef object _on_read
    cdef object _on_error
    cdef list _texts
    cdef list _times
    cdef bytes _before
    cdef bytes _after
    cdef double _limit
    cdef long long _second
    cdef double _second_at
    cdef double _fresh_until

    def __init__(self, int fd, on_read, on_error):
        self._fd = fd
        self._on_read = on_read
        self._on_error = on_error
        self._texts = []
        self._times = []
        self._before = None

    def expect(self, bytes before, bytes after, double latest, double limit, tuple calibration):
        """Keeps the texts of the next reads while these consist of HTTP chunks of events in a frame.

        Args:
            before: the bytes of the frame before a text.
            after: those after it.
            latest: when the last bytes arrived, by `time.monotonic()`.
            limit: when the call has timed out.
            calibration: of the `ReceiveClock`.
        """
        self._second, self._second_at, self._fresh_until = calibration
        self.latest = latest
        self._limit = limit
        self._after = after
        self._before = before

    def take(self):
        """The texts that are kept and when each arrived; nothing is expected or kept any more."""
        kept = self._texts, self._times
        self._before = None
        self._texts = []
        self._times = []
        self.size = 0
        self.lag = 0.0
        return kept

    def close(self):
        """Breaks the reference cycle with the connection."""
        self._on_read = self._on_error = None

    def on_readable(self):
        """Reads once."""
        cdef char control[64]
        cdef iovec into
        cdef msghdr message
        cdef Stamp stamp
        cdef double now
        into.iov_base = _data
        into.iov_len = READ_BYTES
        message.msg_name = NULL
        message.msg_namelen = 0
        message.msg_iov = &into
        message.msg_iovlen = 1
        message.msg_control = <void *>control
        message.msg_controllen = sizeof(control)
        cdef ssize_t count = recvmsg(self._fd, &message, 0)
        if count < 0:
            if errno not in (EAGAIN, EINTR):
                self._on_error(OSError(errno, os.strerror(errno)))
            return
        now = _monotonic()
        cdef cmsghdr *header = CMSG_FIRSTHDR(&message)
        cdef bint stamped = (
            header != NULL and header.cmsg_level == SOL_SOCKET and header.cmsg_len == CMSG_LEN(sizeof(Stamp))
        )
        if stamped:
            memcpy(&stamp, CMSG_DATA(header), sizeof(Stamp))
            # No bytes are the end of the file, which is never as expected.
            if count and self._before is not None and self._keep(count, now, stamp):
                return
        self._before = None
        data = PyBytes_FromStringAndSize(_data, count)
        payload = PyBytes_FromStringAndSize(<char *>&stamp, sizeof(Stamp)) if stamped else None
        self._on_read(data, [(header.cmsg_level, header.cmsg_type, payload)] if stamped else [], now)

    cdef bint _keep(self, ssize_t count, double now, Stamp stamp) except -1:
        """Whether all that was read is as expected."""
        cdef double arrived = (stamp.seconds - self._second) + stamp.nanoseconds * 1e-9 + self._second_at
        if not (now - UNUSUAL < arrived <= now < self._fresh_until and self.latest <= arrived < self._limit):
            return False
        cdef Py_ssize_t known = len(self._texts)
        cdef Py_ssize_t size = 0
        if known >= MOST_TEXTS or self.size >= MOST_BYTES or not self._scan_chunks(_data, _data + count, &size):
            del self._texts[known:]
            return False
        at = arrived
        for _ in range(len(self._texts) - known):
            self._times.append(at)
        self.size += size
        self.latest = arrived
        if now - arrived > self.lag:
            self.lag = now - arrived
        return True

    cdef bint _scan_chunks(self, const char *at, const char *end, Py_ssize_t *total) except -1:
        """Whether these are whole HTTP chunks of whole events in the frame, without extensions or an end."""
        cdef Py_ssize_t size
        cdef int digits
        while at < end:
            size = digits = 0
            while at < end and digits < MOST_DIGITS and _hexadecimal(at[0]) >= 0:
                size = size * 16 + _hexadecimal(at[0])
                digits += 1
                at += 1
            if not size or end - at < size + 4 or at[0] != c"\r" or at[1] != c"\n":
                return False
            at += 2
            if at[size] != c"\r" or at[size + 1] != c"\n":
                return False
            if scan(at, at + size, self._before, self._after, self._texts) != size:
                return False
            at += size + 2
            total[0] += size
        return True


cdef inline int _hexadecimal(char digit) noexcept:
    """The value of a digit; -1 of what is none."""
    if c"0" <= digit <= c"9":
        return digit - c"0"
    digit |= 0x20
    return digit - c"a" + 10 if c"a" <= digit <= c"f" else -1


cdef inline double _monotonic() noexcept:
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return t.tv_sec + t.tv_nsec * 1e-9
