"""Atomic writes with explicit permissions. Imports nothing of aimon."""

from __future__ import annotations

import contextlib
import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OWNER_ALONE = 0o600
EVERYBODY = 0o644


def write(path: Path, content: bytes, *, mode: int = OWNER_ALONE) -> None:
    """Writes a file, or replaces one.

    The temporary file has a random name and is created by this call (O_EXCL): in a folder that others can write to,
    a link under a predictable name would redirect the content into another file.

    Args:
        path: of the file.
        content: of it.
        mode: the permissions, whatever the umask is and an existing file had.

    Raises:
        OSError: it can't be written; an existing file is unchanged. `filename` is `path`.
    """
    from tempfile import mkstemp  # noqa: PLC0415 - costs a one-shot probe 5 ms

    draft = None
    try:
        if path.exists() and not path.is_file():
            # A pipe or a terminal, such as /dev/stdout, is written to, not replaced.
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


def write_all(descriptor: int, content: bytes) -> None:
    """Writes all of it: on a disk that is nearly full, one write may take only a part.

    Raises:
        OSError: not all could be written.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def reserve(folder: Path, size: int) -> IO[bytes]:
    """Reserves space on the folder's disk by an unnamed file; closing it frees the space for what must be written.

    If little space is free, half of it is reserved; on a file system that can't reserve, none is.

    Args:
        folder: on the disk; made if it is not there.
        size: bytes.

    Raises:
        OSError: the folder can't be made or written to; `filename` is its path.
    """
    from tempfile import TemporaryFile  # noqa: PLC0415 - as above

    try:
        folder.mkdir(parents=True, exist_ok=True)
        room = os.statvfs(folder)
        file = TemporaryFile(dir=folder)  # noqa: SIM115 - whoever asked for it closes it
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(folder)) from error
    with contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(1, min(size, room.f_bavail * room.f_frsize // 2)))
    return file


def problem(error: OSError, path: Path | None = None) -> str:
    """What went wrong with a file, in words that begin with its name; the error's own name wins."""
    name = path if error.filename is None else error.filename
    words = error.strerror or str(error)
    return words if name is None else f"{os.fsdecode(name)}: {words}"
