"""What aimon is installed as: another product has its import name, and the two can't share an environment."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimon.distribution import NAME, how_to_add, intruder

if TYPE_CHECKING:
    from command import Command

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OURS = "[console_scripts]\naimon = aimon.cli.main:run\n"


def install(folder: Path, name: str, commands: str | None) -> None:
    """Metadata as pip leaves it."""
    place = folder / f"{name}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.partition('-')[0]}\n")
    if commands is not None:
        (place / "entry_points.txt").write_text(commands)


def test_the_name_is_that_of_the_project() -> None:
    """One constant, and the extra of all extras names it."""
    assert PROJECT["name"] == NAME != "aimon"
    assert PROJECT["optional-dependencies"]["all"] == [f"{NAME}[sim,serve,notify,otel,http2,loadtest]"]
    assert list(PROJECT["scripts"]) == ["aimon"]


@pytest.mark.parametrize("extra", ["sim", "http2", "loadtest"])
def test_a_hint_names_what_the_extra_brings(extra: str) -> None:
    """The hint names packages, not an extra of a distribution that an index may not have."""
    hint = how_to_add(extra)
    assert hint.startswith("pip install '")
    for requirement in PROJECT["optional-dependencies"][extra]:
        assert f"'{requirement.partition('>')[0]}" in hint
    assert "aimon" not in hint


@pytest.mark.parametrize(
    ("name", "commands", "clash"),
    [
        ("aimon-0.12.3", "[console_scripts]\naimon = aimon.main:cli\n", True),
        ("aimon-0.12.3", None, True),
        ("aimon-1.0", "[console_scripts]\nother = aimon.cli.main:run\n", True),
        ("aimon-0.1.0", OURS, False),  # this project's former name
        ("aimon_probes-0.1.0", OURS, False),
        ("aimon_tools-3.0", None, False),
    ],
)
def test_another_product_of_that_name_is_told(tmp_path: Path, name: str, commands: str | None, clash: bool) -> None:
    """Another product called aimon is found by its metadata, and the message says what to do."""
    install(tmp_path, name, commands)
    said = intruder([str(tmp_path / "absent"), str(tmp_path)])
    assert (said is not None) == clash
    if said is not None:
        assert said.startswith(f"{tmp_path} also has aimon {name.partition('-')[2]}, another product")
        assert "python3 -m venv" in said


def test_every_command_refuses_a_mixed_environment(run_aimon: Command, tmp_path: Path) -> None:
    """Every command ends with exit code 3 before anything is sent."""
    install(tmp_path / "site", "aimon-0.12.3", None)
    done = run_aimon("probe", env={"PYTHONPATH": str(tmp_path / "site")})
    assert (done.returncode, done.stdout) == (3, "")
    assert "also has aimon 0.12.3, another product with the same import name" in done.stderr


def test_nothing_tells_people_to_install_the_other_product() -> None:
    """No code or document, English or Chinese, proposes `pip install aimon`, but for the warning."""
    texts = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("README*.md"), ROOT / "deploy" / "Dockerfile"]
    for folder in ("aimon", "cli", "dashboards", "loadtests", "probes", "simulator"):
        texts += (ROOT / folder).rglob("*.py")
    for path in texts:
        text = path.read_text("utf-8").replace("`pip install aimon` ", "")
        for wrong in ("aimon[", "install aimon ", "install aimon\n", "install aimon`", "install 'aimon'"):
            assert wrong not in text, f"{path}: {wrong}"
