"""A log of every Result, one line of JSON each, compressed and written on a thread so that no arrival waits."""

from __future__ import annotations

import gzip
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from gevent.threadpool import ThreadPool

from aimon import files

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.call.result import Result

NAME = "results.jsonl.gz"
_BLOCK = 1 << 16


class CallLog:
    """Writes Results to a gzip file, without the text of the answers.

    A full disk ends the log, not the run: the file then holds whole lines, the calls up to that moment.

    Args:
        path: of the file, which is replaced.
        mode: who may read it.

    Raises:
        OSError: it can't be opened.
    """

    def __init__(self, path: Path, *, mode: int = files.OWNER_ALONE) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = open(path, "wb", buffering=0, opener=partial(os.open, mode=files.OWNER_ALONE))  # noqa: SIM115 - see close
        os.fchmod(self._file.fileno(), mode)
        self._pool = ThreadPool(1)
        self._encoder = msgspec.json.Encoder()
        self._block = bytearray()
        self._count = self._size = self._written = self._total = 0
        self._problem: OSError | None = None

    def add(self, result: Result) -> None:
        """Adds a Result; errors of the disk are returned by `close`."""
        self._block += self._encoder.encode(msgspec.structs.replace(result, text=None))
        self._block += b"\n"
        self._count += 1
        if len(self._block) >= _BLOCK:
            self._write()

    def close(self) -> str | None:
        """Waits until all is written; returns what could not be written, for the user, or None."""
        self._write()
        self._pool.join()
        try:
            self._file.close()
        except OSError as error:
            self._problem = self._problem or error
        if self._problem is None:
            return None
        return f"{files.problem(self._problem, self._path)}: it holds {self._written:,} of {self._total:,} calls"

    def _write(self) -> None:
        block, self._block = bytes(self._block), bytearray()
        count, self._count = self._count, 0
        self._total += count
        self._pool.spawn(self._append, block, count)

    def _append(self, block: bytes, count: int) -> None:
        """Writes a block as a gzip member of its own, so that the file can be cut after any block."""
        if self._problem is not None or not count:
            return
        try:
            # Level 1: a tenth of the CPU time of gzip's default, for a third more bytes.
            files.write_all(self._file.fileno(), gzip.compress(block, compresslevel=1))
        except OSError as error:
            self._problem = error
            with suppress(OSError):  # the first error is the one to report
                os.ftruncate(self._file.fileno(), self._size)
        else:
            self._size = os.fstat(self._file.fileno()).st_size
            self._written += count
