"""One call as it happens, without I/O: bytes and clock readings in, one Result out."""
