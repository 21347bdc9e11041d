cdef Py_ssize_t scan(const char *begin, const char *end, bytes before, bytes after, list texts) except -1
