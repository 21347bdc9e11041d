"""Files that are written whole or not at all, and for whom they are meant."""

from __future__ import annotations

import errno
import os
import resource
import threading
from typing import TYPE_CHECKING

import pytest

from aimon import files
from aimon.cli.probe import junit
from aimon.metrics import exposition
from aimon.metrics.totals import Totals

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    """Its permissions."""
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("wanted", [0o600, 0o640, 0o644])
def test_the_mode_is_what_was_asked_for(tmp_path: Path, umask: int, wanted: int) -> None:
    """The mode is the requested one, whatever the umask and the mode of the replaced file."""
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o666)
    before = os.umask(umask)
    try:
        files.write(path, b"new", mode=wanted)
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode(path)) == (b"new", wanted)
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    "write",
    [lambda path: exposition.textfile(path, Totals()), lambda path: junit.write(path, [])],
    ids=["textfile", "JUnit"],
)
def test_a_link_that_lies_in_wait_is_not_followed(tmp_path: Path, write: object) -> None:
    """In a folder that others can write to, links at a draft's or the file's name are not followed."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "folder" / "aimon.prom"
    path.parent.mkdir()
    for name in (f".{path.name}.{os.getpid()}", f"{path.name}.tmp", path.name):
        (path.parent / name).symlink_to(victim)
    assert callable(write)
    write(path)
    assert victim.read_text() == "precious"
    assert not path.is_symlink()
    assert mode(path) == 0o644


def test_names_of_drafts_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two drafts in one process have different names."""
    seen = []
    replace = os.replace

    def spy(draft: str, path: Path) -> None:
        seen.append(draft)
        replace(draft, path)

    monkeypatch.setattr(os, "replace", spy)
    for _ in range(20):
        files.write(tmp_path / "x.prom", b"1")
    assert len(set(seen)) == 20


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file, and no draft stays."""
    path = tmp_path / "x.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        files.write(path, b"new")
    assert caught.value.filename == str(path)
    assert ([each.name for each in tmp_path.iterdir()], path.read_text()) == (["x.json"], "old")


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """A pipe, such as /dev/stdout, is written to and not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    files.write(pipe, b"x")
    reader.join(10)
    assert (read, pipe.is_fifo()) == ([b"x"], True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/dev/full", "No space left on device"),
        ("file/below", "Not a directory"),
        ("absent/below", "No such file or directory"),
        ("folder", "Is a directory"),
    ],
)
def test_errors_name_the_file(tmp_path: Path, name: str, words: str) -> None:
    """Whichever of the steps fails."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=words) as error:
        files.write(tmp_path / name, b"x")
    assert files.problem(error.value) == f"{tmp_path / name}: {words}"


def test_what_does_not_fit_leaves_what_was_there(tmp_path: Path) -> None:
    """If a file can't be written in full, the old one stays and no draft is left."""
    path = tmp_path / "report.json"
    path.write_bytes(b"baseline")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(OSError, match=r"report\.json") as error:
            files.write(path, b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert error.value.errno == errno.EFBIG
    assert path.read_bytes() == b"baseline"
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_room_is_reserved(tmp_path: Path) -> None:
    """On the disk of a folder that is made, in a file that nobody sees, until it is closed."""
    with files.reserve(tmp_path / "a" / "b", 1 << 20) as reserved:
        assert os.fstat(reserved.fileno()).st_blocks * 512 >= 1 << 20
        assert [*(tmp_path / "a" / "b").iterdir()] == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory") as error:
        files.reserve(tmp_path / "file" / "below", 1)
    assert files.problem(error.value) == f"{tmp_path / 'file' / 'below'}: Not a directory"
