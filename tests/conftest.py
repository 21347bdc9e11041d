"""Fixtures for tests against the real thing: aimon's own command, Prometheus, Pushgateway, Alertmanager."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import hypothesis
import pytest

from command import Command
from services import Pushgateway, Servers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

pytest_plugins = ["browser", "programs", "pytester"]
# They are for the container engine that `make stack-test` makes, and would run in the machine's own.
collect_ignore = [] if "AIMON_STACK_RUN" in os.environ else ["stack"]
# On a busy machine an example may be slow without being wrong.
hypothesis.settings.register_profile("without deadlines", deadline=None)
hypothesis.settings.load_profile("without deadlines")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what `make fuzz` says."""
    parser.addoption(
        "--fuzz", type=int, default=1, metavar="N", help="make N times as many hostile answers (1: always the same)"
    )


def pytest_configure() -> None:
    """Keeps what tests look up in this process out of the user's cache."""
    folder = tempfile.mkdtemp(prefix="aimon-tests-")
    os.environ["XDG_CACHE_HOME"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def pytest_collection_finish() -> None:
    """Takes the objects of 8,000 collected tests out of all later garbage collections."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def servers(tmp_path: Path, require_binary: Callable[[str], Path]) -> Iterator[Servers]:
    """Start real Prometheus, Pushgateway and Alertmanager servers that end with the test."""
    started = Servers(tmp_path, require_binary)
    yield started
    started.stop()


@pytest.fixture
def pushgateway(servers: Servers) -> Pushgateway:
    """Run a real Pushgateway that keeps its metrics in memory."""
    return servers.pushgateway()


@pytest.fixture
def clean_env(tmp_path: Path) -> dict[str, str]:
    """Return an environment without the user's configuration, keys or proxies; home is in `tmp_path`."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        # Root keeps its history in /var/lib, which no XDG variable moves.
        "AIMON_STATE_DIR": str(home / ".local" / "state" / "aimon"),
    }


@pytest.fixture
def run_aimon(clean_env: dict[str, str], tmp_path: Path) -> Command:
    """Run the installed `aimon` from `tmp_path` in a clean environment: `run_aimon("probe", "--json")`."""
    return Command(clean_env, tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the servers' logs to a failing test."""
    report = yield
    servers = getattr(item, "funcargs", {}).get("servers")
    if report.failed and isinstance(servers, Servers):
        report.sections += [(f"log of {server.program.name}", server.log()) for server in servers.started]
    return report
