# cython: language_level=3
"""`Frame.take` in C: the texts of the events in one frame, a pass over the bytes and an object for each text.

As there, a text is what needs no JSON decoder: it is not empty, every character of it is printable, and none is a quote
or a backslash.
"""

from libc.string cimport memcmp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE


def split(bytes stream, bytes before, bytes after):
    """The texts of the events in a frame with which a piece of a stream begins.

    Args:
        stream: begins where an event does.
        before: the bytes of the frame up to the quote that opens the text.
        after: from the quote that closes it.

    Returns:
        The texts, and how many bytes their events take.
    """
    cdef const char *begin = PyBytes_AS_STRING(stream)
    cdef list texts = []
    size = scan(begin, begin + PyBytes_GET_SIZE(stream), before, after, texts)
    return texts, size


cdef Py_ssize_t scan(const char *begin, const char *end, bytes before, bytes after, list texts) except -1:
    """Appends the texts; returns how many bytes their events take."""
    cdef const char *head = PyBytes_AS_STRING(before)
    cdef const char *tail = PyBytes_AS_STRING(after)
    cdef Py_ssize_t head_size = PyBytes_GET_SIZE(before)
    cdef Py_ssize_t tail_size = PyBytes_GET_SIZE(after)
    cdef const char *event = begin
    cdef const char *first
    cdef const char *last
    cdef bint ascii
    while end - event > head_size + tail_size and not memcmp(event, head, head_size):
        first = event + head_size
        last = _end_of_text(first, end, &ascii)
        if last == first or end - last < tail_size or memcmp(last, tail, tail_size):
            break
        try:
            text = first[:last - first].decode("utf-8")
        except UnicodeDecodeError:  # the dialect decides how that is reported
            break
        if not ascii and not text.isprintable():
            break
        texts.append(text)
        event = last + tail_size
    return event - begin


cdef inline const char *_end_of_text(const char *at, const char *end, bint *ascii) noexcept:
    """Where a quote, a backslash or a control character stands, or the end."""
    cdef unsigned char byte
    ascii[0] = True
    while at < end:
        byte = at[0]
        if byte < 0x20 or byte == 0x22 or byte == 0x5C or byte == 0x7F:
            break
        if byte >= 0x80:
            ascii[0] = False
        at += 1
    return at
