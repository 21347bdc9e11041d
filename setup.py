"""Compiles the modules through which every call of a load test passes, if AIMON_COMPILE=1 asks for it.

    AIMON_COMPILE=1 pip install --no-build-isolation --no-deps --force-reinstall .

needs what aimon needs, mypy, Cython, setuptools and a C compiler; `make compile` builds such a wheel. Without the
variable the wheel is pure Python, and all else is in pyproject.toml. AIMON_COMPILE=native builds the modules in Cython
alone, which needs no mypy. docs/decisions/0017-compiled-where-asked-for.md and 0018-texts-are-read-in-c.md say why.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

from setuptools import setup

ROOT = Path(__file__).resolve().parent
# Classes defined in Python can't inherit from compiled ones: a module stands here with all that inherit from its own.
COMPILED = (
    "aimon.call.rate_limits",
    "aimon.call.tpot",
    "aimon.dialects.reader",
    "aimon.dialects.usage",
    "aimon.exchange.answer",
    "aimon.exchange.body",
    "aimon.exchange.exchange",
    "aimon.exchange.frame",
    "aimon.exchange.sse",
    "aimon.exchange.sse_fastpath",
    "aimon.exchange.stream_memory",
    "aimon.exchange.verdict",
    "aimon.loadtests.engine.client",
    "aimon.loadtests.engine.connection",
    "aimon.loadtests.engine.loop_turn",
    "aimon.loadtests.engine.network.reader",
    "aimon.loadtests.engine.network.receive_clock",
    "aimon.loadtests.engine.network.tcp",
    "aimon.loadtests.engine.network.writer",
    "aimon.loadtests.engine.response",
    "aimon.loadtests.engine.turn_pause",
    "aimon.loadtests.statistics.call_stats",
    "aimon.loadtests.statistics.concurrency",
    "aimon.loadtests.statistics.histogram",
    "aimon.loadtests.statistics.token_usage",
    "aimon.loadtests.statistics.tpot_coverage",
    "aimon.loadtests.worker.abort_policy",
    "aimon.loadtests.worker.prompt_iterations",
    "aimon.loadtests.worker.worker",
    "aimon.metering.http.exchange",
)
# In Cython; what they do is done by Python where they are not (docs/decisions/0018-texts-are-read-in-c.md).
NATIVE = ("aimon.exchange.frame_scan", "aimon.loadtests.engine.network.frame_reader")


def extensions(choice: str) -> list[Any]:
    """The extension modules, and one that they share; `native`: those in Cython alone, which takes seconds."""
    if choice in ("", "0"):
        return []
    if choice not in ("1", "native"):
        raise SystemExit(f"AIMON_COMPILE={choice}: write 1 for all modules, native for those in Cython, or 0 for none")
    tree = ROOT / "build" / "sources"
    shutil.rmtree(tree, ignore_errors=True)
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders: dict[str, str] = pyproject["tool"]["setuptools"]["package-dir"]
    for package, folder in sorted(folders.items()):
        shutil.copytree(ROOT / folder, tree.joinpath(*package.split(".")), dirs_exist_ok=True)
    return native(tree) + (compiled(tree) if choice == "1" else [])


def native(tree: Path) -> list[Any]:
    """The modules in Cython."""
    from Cython.Build import cythonize  # noqa: PLC0415 - only a compiled wheel needs it

    made: list[Any] = cythonize(
        paths(tree, NATIVE, ".pyx"), include_path=[str(tree)], build_dir="build/cython", quiet=True
    )
    return made


def compiled(tree: Path) -> list[Any]:
    """The modules that are Python, too."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only a compiled wheel needs it

    os.environ["MYPYPATH"] = str(tree)
    # What has no types where it is built counts as Any, so that the wheel does not depend on installed stubs.
    options = ["--config-file=", "--ignore-missing-imports"]
    made: list[Any] = mypycify(
        [*options, *paths(tree, COMPILED, ".py")], opt_level="3", group_name="aimon", target_dir="build/c"
    )
    return made


def paths(tree: Path, names: tuple[str, ...], suffix: str) -> list[str]:
    """Where the sources of modules are, from here."""
    return [str(tree.joinpath(*name.split(".")).with_suffix(suffix).relative_to(ROOT)) for name in names]


if __name__ == "__main__":
    os.chdir(ROOT)
    setup(ext_modules=extensions(os.environ.get("AIMON_COMPILE", "")))
