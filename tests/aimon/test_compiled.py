"""The engine with its modules in C: the tests of what these do pass there, too.

`make test-compiled` runs all tests of compiled modules, with those that mypyc compiles.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from wheel_environment import build

ROOT = Path(__file__).resolve().parents[2]
CAN_COMPILE = shutil.which("cc") is not None and (Path(sysconfig.get_paths()["include"]) / "Python.h").exists()
CHOSEN = (
    "tests/aimon/exchange",
    "tests/loadtests/engine/test_token_by_token.py",
)
WHERE = (
    "import aimon.exchange.frame_scan as scan, aimon.loadtests.engine.network.reader as reader;"
    "print(scan.__file__); print(reader.__file__); print(reader.FrameReader.__module__)"
)
# Without the current folder, which holds the sources.
PYTHON = [sys.executable, "-P"]


@pytest.mark.skipif(not CAN_COMPILE, reason="needs a C compiler and Python's headers")
def test_the_compiled_engine(tmp_path: Path) -> None:
    """They are built, they are what Python imports, and they pass."""
    modules = tmp_path / "modules"
    with zipfile.ZipFile(build(tmp_path, compiled="native")) as wheel:
        wheel.extractall(modules)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environ["PYTHONPATH"] = str(modules)

    where = subprocess.run([*PYTHON, "-c", WHERE], env=environ, capture_output=True, text=True, check=True)
    scan, reader, name = where.stdout.split()
    assert (Path(scan).suffix, Path(reader).suffix) == (".so", ".py")
    assert (Path(scan).is_relative_to(modules), Path(reader).is_relative_to(modules)) == (True, True)
    assert name == "aimon.loadtests.engine.network.frame_reader"

    tests = [*PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHOSEN]
    done = subprocess.run(tests, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
