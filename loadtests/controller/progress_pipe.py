"""The pipe to the process that shows the progress of a run. Needs gevent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

import gevent.os

from aimon.loadtests.protocol import progress_lines

if TYPE_CHECKING:
    from aimon.loadtests.protocol.progress import Progress
    from aimon.loadtests.protocol.progress_lines import FinalReport


class ProgressPipe:
    """Sends progress records; a slow reader misses some of them, and never delays the run.

    Args:
        descriptor: the end of the pipe to write to; closed with the block.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        # The reader reads until every copy of this end is closed, so worker processes must not inherit one.
        os.set_inheritable(descriptor, False)
        gevent.os.make_nonblocking(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def send(self, progress: Progress) -> None:
        """Sends a record, or the rest of the one before."""
        data = self._rest or progress_lines.encode(progress)
        try:
            self._rest = data[os.write(self._descriptor, data) :]
        except BlockingIOError:
            self._rest = data
        except BrokenPipeError:
            self._rest = b""

    def finish(self, found: FinalReport) -> None:
        """Sends the last record, and waits until it is written."""
        data = self._rest + progress_lines.encode(found)
        try:
            while data:
                data = data[gevent.os.nb_write(self._descriptor, data) :]
        except BrokenPipeError:
            pass  # the reader has gone
