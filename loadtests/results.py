"""Every Result of a run, one line of JSON each, compressed while it runs; on threads, so that no arrival waits."""

from __future__ import annotations

import gzip
import os
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from gevent.threadpool import ThreadPool

from aimon.files import OWNER_ALONE

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.result import Result

NAME = "results.jsonl.gz"
_BLOCK = 1 << 16


class ResultLog:
    """Writes Results to a gzip file; what was answered is left out.

    Args:
        path: of the file, which is replaced.
        mode: who may read it.

    Raises:
        OSError: it can't be written.
    """

    def __init__(self, path: Path, *, mode: int = OWNER_ALONE) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb", opener=partial(os.open, mode=OWNER_ALONE)) as file:
            os.fchmod(file.fileno(), mode)
        # Fast rather than small: a tenth of the level that gzip takes by itself, for a third more bytes.
        self._file = gzip.open(path, "wb", compresslevel=1)  # noqa: SIM115 - closed by close
        self._pool = ThreadPool(1)
        self._encoder = msgspec.json.Encoder()
        self._block = bytearray()

    def add(self, result: Result) -> None:
        """Writes one; errors of the disk come up in `close`."""
        self._block += self._encoder.encode(msgspec.structs.replace(result, text=None))
        self._block += b"\n"
        if len(self._block) >= _BLOCK:
            self._write()

    def close(self) -> None:
        """Waits until all is written.

        Raises:
            OSError: not all could be.
        """
        self._write()
        self._pool.join()
        problem = self._problem
        self._file.close()
        if problem is not None:
            raise problem

    def _write(self) -> None:
        block, self._block = bytes(self._block), bytearray()
        self._pool.spawn(self._append, block)

    _problem: OSError | None = None

    def _append(self, block: bytes) -> None:
        try:
            self._file.write(block)
        except OSError as error:
            self._problem = error
