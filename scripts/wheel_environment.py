"""Builds the wheel and installs it into a new environment, with the dependencies of uv.lock.

    python scripts/wheel_environment.py FOLDER [EXTRA]

Needs pip and setuptools, which the test environment has. All bytecode is compiled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from bootstrap import constraints, read_toml

ROOT = Path(__file__).resolve().parent.parent


def build(folder: Path, *, compiled: str = "") -> Path:
    """Builds the wheel in a folder, from a copy of the sources, so that no build files remain in the checkout.

    Args:
        folder: becomes its parent and that of the copy.
        compiled: which modules of setup.py are compiled, as AIMON_COMPILE says there.
    """
    source, out = folder / "source", folder / "wheel"
    source.mkdir(parents=True)
    project: dict[str, Any] = read_toml("pyproject.toml")
    for name in ("pyproject.toml", "README.md", "LICENSE", *(["setup.py"] if compiled else [])):
        shutil.copy(ROOT / name, source)
    for name in project["tool"]["setuptools"]["package-dir"].values():
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    environ = {**os.environ, "AIMON_COMPILE": compiled}
    subprocess.run([*pip, "--wheel-dir", out, source], env=environ, check=True)
    (built,) = out.iterdir()
    return built


def install(wheel: Path, environment: Path, extra: str | None = None) -> None:
    """Installs it into a new environment, with what an extra brings."""
    venv.create(environment, symlinks=True)
    held = environment / "constraints.txt"
    held.write_text("\n".join(constraints(read_toml("uv.lock"))))
    python = str(environment / "bin" / "python")
    uv = shutil.which("uv")  # faster if uv also created the test environment, through its cache
    pip = (
        [uv, "pip", "install", "--compile-bytecode", "--python", python]
        if uv
        else [sys.executable, "-m", "pip", "--python", python, "install"]
    )
    what = str(wheel) if extra is None else f"{wheel}[{extra}]"
    subprocess.run([*pip, "--quiet", "--constraint", held, what], check=True)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    install(build(folder), folder / "environment", *sys.argv[2:3])
