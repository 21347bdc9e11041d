"""Code that lies in the current folder is never run: no process of aimon looks for modules there."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags

if TYPE_CHECKING:
    from command import Command

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
# Ours, too: on an editable install these are found last, behind every folder of the search path.
NAMES = sorted({*sys.stdlib_module_names, *packages_distributions(), "aimon", "sitecustomize", "usercustomize"})


@pytest.fixture
def imported(run_aimon: Command) -> Path:
    """A current folder with a hostile module of every name; each writes its name into this file when it is run."""
    marks = run_aimon.cwd / "imported"
    for name in NAMES:
        (run_aimon.cwd / f"{name}.py").write_text(
            f"open({str(marks)!r}, 'a').write({name!r} + ' as ' + __name__ + '\\n')\nraise SystemExit(99)\n"
        )
    return marks


def test_the_modules_of_this_test_would_be_run(run_aimon: Command, imported: Path) -> None:
    """An interpreter that looks into the current folder, as `-m` does by itself, runs them."""
    assert subprocess.run([sys.executable, "-m", "token"], cwd=run_aimon.cwd, check=False).returncode == 99
    assert "token as __main__" in imported.read_text()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_load_test_runs_nothing_of_the_current_folder(run_aimon: Command, imported: Path, processes: str) -> None:
    """No process of a load test imports code of the current folder."""
    with SimulatorProcess(Profile(ttft=0.0, key="sk-in-the-environment")) as sim:
        run_aimon.env["SIM_KEY"] = "sk-in-the-environment"
        where = [*target_flags(sim.base_url()), "--api-key-env", "SIM_KEY"]
        load = [
            "--concurrency",
            "2",
            "--requests",
            "8",
            "--processes",
            processes,
            "--out",
            "out",
            "--results",
            "--out-mode",
            "640",
        ]
        done = run_aimon("loadtest", *where, *load)
    assert not imported.exists(), imported.read_text()
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_mode & 0o777 for path in (run_aimon.cwd / "out").glob("*")} == {0o640}


def test_probes_run_nothing_of_the_current_folder(run_aimon: Command, imported: Path) -> None:
    """Neither probes nor the commands that read their results import code of the current folder."""
    with SimulatorProcess(Profile(ttft=0.0)) as sim:
        where = target_flags(sim.base_url())
        for command in (["probe", *where, "--junit", "junit.xml"], ["status"], ["--help"], ["rules", "--default"]):
            done = run_aimon(*command)
            assert not imported.exists(), imported.read_text()
            assert done.returncode == 0, done.stderr


def test_the_demo_runs_nothing_of_the_current_folder(run_aimon: Command, imported: Path) -> None:
    """Neither the demo nor its simulator, another process, imports code of the current folder."""
    done = run_aimon("demo", "--once")
    assert not imported.exists(), imported.read_text()
    assert done.returncode == 0, done.stderr


def test_every_interpreter_that_is_started_says_so() -> None:
    """Each place in what is installed where Python starts Python."""
    for folder in ("aimon", "cli", "dashboards", "loadtests", "probes", "simulator"):
        for path in (ROOT / folder).rglob("*.py"):
            for started in re.findall(r"\[sys\.executable,[^\]]*\]", path.read_text("utf-8")):
                assert '"-P"' in started, f"{path}: {started}"
