"""The folder of a report, before a load test begins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadtest import output_folder

if TYPE_CHECKING:
    from pathlib import Path


def refusal(folder: Path, *, overwrite: bool = False) -> str:
    """Why it can't be used."""
    with pytest.raises(Stop) as stopped:
        output_folder.prepare(folder, overwrite=overwrite)
    assert stopped.value.code == USAGE
    return stopped.value.message


def test_a_folder_is_made(tmp_path: Path) -> None:
    """The folder and its parents are made; the check leaves no file, and other files do not matter."""
    output_folder.prepare(tmp_path / "a" / "b", overwrite=False)
    (tmp_path / "a" / "b" / "notes.txt").touch()
    output_folder.prepare(tmp_path / "a" / "b", overwrite=False)
    output_folder.prepare(None, overwrite=False)
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "name",
    [
        "report.json",
        "report.md",
        "report.html",
        "results.jsonl.gz",
        "worker-2-results.jsonl.gz",
        "worker-1/report.json",
    ],
)
def test_another_run_is_kept(tmp_path: Path, name: str) -> None:
    """Any file of an earlier run is kept; the message proposes a free folder, and --overwrite replaces the run."""
    folder = tmp_path / "run"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("baseline")
    (tmp_path / "run-2").mkdir()
    said = refusal(folder)
    assert said == (
        f"--out {folder}: holds another run ({name.rpartition('/')[2]}): name another folder, such as {folder}-3, "
        "or replace it with --overwrite"
    )
    output_folder.prepare(folder, overwrite=True)
    assert (folder / name).read_text() == "baseline"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Neither a file nor a path below a file is accepted as a folder."""
    file = tmp_path / "file"
    file.touch()
    assert refusal(file, overwrite=True) == f"--out {file}: is a file: name a folder"
    assert refusal(file / "run") == f"--out {file / 'run'}: Not a directory: name a folder that can be written"


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    """Known by trying, since who runs this may be root."""
    assert "name a folder that can be written" in refusal(tmp_path / "x" / ("n" * 300))
    if os.access("/proc/self", os.F_OK):
        assert "/proc/self/run" in refusal(type(tmp_path)("/proc/self/run"))
