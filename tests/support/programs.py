"""pytest plugin: tests that need programs from outside Python say so, and their skipping is loud.

`@pytest.mark.requires_binary("promtool", …)` marks a test; the fixture `require_binary` gives a program's
path. Where it is missing the test is skipped, and the run ends with a section that counts such tests and
tells how to install what they need. In CI (`CI=true`) they fail instead: there a skip would be a hole that
nobody sees.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE_OF = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-pushgateway": "prometheus-pushgateway",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "faketime": "faketime",
    "chromium": "chromium",
    "mkfs.ext4": "e2fsprogs",
    "e2fsck": "e2fsprogs",
}
MISSED = pytest.StashKey[Counter[str]]()


@pytest.fixture(name="require_binary")
def require_binary_fixture(pytestconfig: pytest.Config) -> Callable[[str], Path]:
    """Return a function from a program's name to its path; without it the test skips, or fails in CI."""
    return lambda name: require_binary(name, pytestconfig)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and start counting."""
    config.stash[MISSED] = Counter()
    config.addinivalue_line("markers", "requires_binary(*names): needs these programs; skips loudly, fails in CI")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the marker's programs before any fixture does its work."""
    for marker in item.iter_markers("requires_binary"):
        for name in marker.args:
            require_binary(name, item.config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was not tested, and how to change that."""
    missed = config.stash[MISSED]
    if not missed:
        return
    packages = sorted({PACKAGE_OF[name] for name in missed})
    terminalreporter.section(f"NOT TESTED: {missed.total()}", sep="!", red=True, bold=True)
    for name, count in sorted(missed.items()):
        terminalreporter.line(f"{count} for want of {name}")
    terminalreporter.line(f"To run them: sudo apt-get install -y {' '.join(packages)}")


def require_binary(name: str, config: pytest.Config) -> Path:
    """Return the path of a program of `PACKAGE_OF`; without it skip the running test, or fail it in CI."""
    unpacked_by_make = config.rootpath / ".services" / "bin"
    found = shutil.which(name) or shutil.which(name, path=str(unpacked_by_make))
    if found:
        return Path(found)
    config.stash[MISSED][name] += 1
    reason = f"{name} is not installed (Debian package {PACKAGE_OF[name]})"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
