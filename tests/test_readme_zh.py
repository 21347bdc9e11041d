"""The Chinese README says what the English one does: its commands are there, and those that are not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from aimon import providers
from aimon.metrics.definitions import find

if TYPE_CHECKING:
    from command import Command

ROOT = Path(__file__).resolve().parent.parent
CHINESE = (ROOT / "README.zh.md").read_text(encoding="utf-8")
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_its_tour_is_the_tested_one() -> None:
    """Each command of the tour is in the English README too, in the same order; the test of that one runs it."""
    tour = "".join(blocks(ENGLISH, "console")).splitlines()
    places = [tour.index(line) for line in "".join(blocks(CHINESE, "console")).splitlines()]
    assert len(places) >= 7
    assert places == sorted(places)
    assert blocks(CHINESE, "cron") == blocks(ENGLISH, "cron")


def test_its_configuration_is_the_tested_one() -> None:
    """The configuration of the tour and the CronJob are those of the English README, without comments."""
    shown, job, *_ = blocks(CHINESE, "yaml")
    assert [job] == blocks(ENGLISH, "yaml")
    [written] = re.findall(r"<<'YAML'\n(.*?)^YAML$", ENGLISH, re.MULTILINE | re.DOTALL)
    assert yaml.safe_load(shown) == yaml.safe_load(written)


@pytest.mark.parametrize("command", "".join(blocks(CHINESE, "sh")).splitlines())
def test_its_other_commands_exist(command: str, run_aimon: Command) -> None:
    """Each option is one that the command has, and each preset one that there is."""
    words = command.partition("#")[0].split()
    names = words[1:3] if words[1] in ("alerts", "dashboards") else words[1:2]
    shown = run_aimon(*names, "--help")
    assert shown.returncode == 0
    assert [word for word in words if word.startswith("--") and word not in shown.stdout] == []
    if "--preset" in words:
        assert words[words.index("--preset") + 1] in providers.PRESETS


def test_its_metrics_are_there() -> None:
    """Each metric that the page names is defined."""
    named = re.findall(r"`(ai_[a-z_]+)`", CHINESE)
    assert len(named) >= 8
    assert [name for name in named if find(name) is None] == []


def test_it_names_the_pages_that_the_english_one_names() -> None:
    """It links to the pages that the English README links to, and each exists."""
    links = set(re.findall(r"\]\(([^)#:]+)\)", CHINESE)) - {"README.md"}
    assert links == set(re.findall(r"\]\(([^)#:]+)\)", ENGLISH)) - {"README.zh.md"}
    assert [link for link in links if not ROOT.joinpath(link).exists()] == []


def test_it_addresses_readers_in_one_way() -> None:
    """The page addresses readers as 您 and calls an outcome 结果."""
    assert "你" not in CHINESE
    assert "结局" not in CHINESE
