"""Keys in files that change while probing goes on: what is asked with, what is said, and what stays hidden."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.config import key_files, load, resolve
from aimon.probes.key_files import KeyFiles
from aimon.probes.probe import Prober
from aimon.simulator import Profile, SimulatorProcess

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.config import Config

OLD, NEW = "sk-the-key-before-0123456789", "sk-the-key-after-9876543210"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Two endpoints with a key each, of which one is in a file."""
    (tmp_path / "key").write_text(OLD)
    entry = {"dialect": "openai-chat", "base_url": "http://127.0.0.1:1/v1", "model": "m", "canaries": ["echo"]}
    endpoints = [
        {"name": "filed", "api_key_file": str(tmp_path / "key"), **entry},
        {"name": "other", **entry},
        {"name": "unset", "api_key_file": "${NOWHERE_TO_BE_FOUND}", **entry},
    ]
    (tmp_path / "aimon.yaml").write_text(json.dumps({"region": "r", "endpoints": endpoints}))
    return load(tmp_path / "aimon.yaml")


class Told:
    """Key files of a configuration, and what they said."""

    def __init__(self, config: Config) -> None:
        self.said: list[str] = []
        self.endpoints = resolve(config, lenient=True)
        self.files = KeyFiles(
            self.endpoints, key_files(config), lambda name: resolve(config, [name])[0], self.said.append
        )

    def key(self) -> str | None:
        """What the first endpoint is asked with now."""
        found = self.files.current(self.endpoints[0]).target.api_key
        return None if found is None else found.reveal()


def test_a_key_is_read_again_when_its_file_has_changed(config: Config, tmp_path: Path) -> None:
    """Written in place or replaced, as Kubernetes does; said once, and the interval of the run stays."""
    told = Told(config)
    assert (told.key(), told.said) == (OLD, [])
    (tmp_path / "key").write_text(NEW)
    assert (told.key(), told.key()) == (NEW, NEW)
    assert told.said == [f"filed: its key was read again from {tmp_path / 'key'}"]
    (tmp_path / "next").write_text(OLD)
    (tmp_path / "next").replace(tmp_path / "key")
    assert told.key() == OLD
    assert len(told.said) == 2
    assert told.files.current(told.endpoints[1]) is told.endpoints[1]


@pytest.mark.parametrize("content", ["", "two words", None])
def test_what_can_not_be_a_key_keeps_the_one_before(config: Config, tmp_path: Path, content: str | None) -> None:
    """An empty file in the middle of a rotation, or none: said once, and mended by the next change."""
    told = Told(config)
    path = tmp_path / "key"
    path.unlink() if content is None else path.write_text(content)
    assert (told.key(), told.key()) == (OLD, OLD)
    [said] = told.said
    assert said.startswith(f"filed: {path} has changed and can't be used, the key before is kept: ")
    path.write_text(NEW)
    assert told.key() == NEW


def test_a_key_that_comes_later_is_taken(config: Config, tmp_path: Path) -> None:
    """An endpoint whose file is not there yet is probed once it is."""
    (tmp_path / "key").unlink()
    told = Told(config)
    assert told.files.current(told.endpoints[0]).unready
    (tmp_path / "key").write_text(NEW)
    assert (told.key(), told.files.current(told.endpoints[0]).unready) == (NEW, "")


def test_both_keys_stay_hidden(config: Config, tmp_path: Path) -> None:
    """A provider may echo the key before."""
    told = Told(config)
    (tmp_path / "key").write_text(NEW)
    told.key()
    shown = told.files.redactor.text(f"{OLD} and {NEW}")
    assert OLD not in shown
    assert NEW not in shown


def test_the_next_probe_asks_with_the_new_key(config: Config, tmp_path: Path) -> None:
    """The same prober gets 401 with the old key and ok with the new one."""
    with SimulatorProcess(Profile(ttft=0.0, key=NEW)) as simulator:
        text = (tmp_path / "aimon.yaml").read_text().replace("http://127.0.0.1:1/v1", simulator.base_url())
        (tmp_path / "aimon.yaml").write_text(text)
        told = Told(load(tmp_path / "aimon.yaml"))
        prober = Prober(redactor=told.files.redactor, key_files=told.files)
        endpoint = told.endpoints[0]

        def probe() -> Outcome:
            return asyncio.run(prober.probe(endpoint, endpoint.canaries[0])).outcome

        assert probe() is Outcome.UNAUTHORIZED
        (tmp_path / "key").write_text(f"{NEW}\n")
        assert probe() is Outcome.OK
