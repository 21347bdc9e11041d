"""A folder of bad files, each with the exact lines that it is answered with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aimon.config import ConfigError, load, resolve

FOLDER = Path(__file__).parent / "bad"
FILES = sorted(FOLDER.glob("*.yaml"))
SECRETS = ("sk-live", "hunter2", "0123456789abcdef")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_message(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bad file gives exactly the lines beside it, from loading or from resolving."""
    monkeypatch.chdir(FOLDER)
    with pytest.raises(ConfigError) as caught:
        resolve(load(file.name, environ={}), environ={})
    assert f"{caught.value}\n" == file.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_message_names_a_place_and_shows_no_secret() -> None:
    """Each line begins with file:line:column, and nothing secret in the files is repeated."""
    assert len(FILES) >= 100
    for file in FILES:
        expected = file.with_suffix(".txt").read_text(encoding="utf-8")
        for line in expected.splitlines():
            assert re.match(rf"{re.escape(file.name)}:\d+:\d+: \S", line), line
        assert not [secret for secret in SECRETS if secret in expected]


def test_no_message_is_left_over() -> None:
    """Every expected message belongs to a file."""
    assert {file.stem for file in FOLDER.glob("*.txt")} == {file.stem for file in FILES}
