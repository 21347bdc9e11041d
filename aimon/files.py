"""Files that are written whole or not at all, and that nobody else reads who should not. Imports nothing of aimon."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OWNER_ALONE = 0o600
EVERYBODY = 0o644


def write(path: Path, content: bytes, *, mode: int = OWNER_ALONE) -> None:
    """Writes a file, or replaces one.

    The draft has a name that nobody can foresee and is made by this call (O_EXCL): a link that somebody put there,
    in a folder where others write too, would send what is written into a file of his choice.

    Args:
        path: of the file.
        content: of it.
        mode: who may read it, whatever the umask says and a file there had.

    Raises:
        OSError: it can't be written, and what was there is still there; `filename` is `path`.
    """
    from tempfile import mkstemp  # noqa: PLC0415 - costs a one-shot probe 5 ms

    draft = None
    try:
        if path.exists() and not path.is_file():
            # A pipe or a terminal, such as /dev/stdout, has nothing to be replaced.
            path.write_bytes(content)
            return
        # In the same folder, since a rename is atomic only within a file system; hidden from readers of *.prom.
        handle, draft = mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        os.replace(draft, path)  # noqa: PTH105 - mkstemp's name is text
    except OSError as error:
        if draft is not None:
            with contextlib.suppress(OSError):  # the first error is the one to report
                os.unlink(draft)  # noqa: PTH108 - likewise
        raise type(error)(error.errno, error.strerror, str(path)) from error
