"""Tests that can't run for want of a program are loud about it, and fail in CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TWO_THAT_NEED_PROMETHEUS = """
    import pytest

    pytest_plugins = ["programs"]

    @pytest.mark.requires_binary("promtool")
    def test_marked():
        assert False, "must not run"

    def test_by_fixture(require_binary):
        require_binary("prometheus")
        assert False, "must not get here"

    def test_of_python_alone():
        pass
"""


@pytest.fixture
def run_without_programs(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], pytest.RunResult]:
    """Run the tests above in a process whose PATH is empty, with the given value of CI."""
    here = str(Path(__file__).parent / "support")
    pytester.makepyfile(TWO_THAT_NEED_PROMETHEUS)

    def run(ci: str) -> pytest.RunResult:
        monkeypatch.setenv("CI", ci)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # importing plugins takes longer than the tests
        monkeypatch.setenv("PATH", str(pytester.path))
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-o", f"pythonpath={here}")

    return run


def test_a_missing_program_skips_with_a_count_and_a_command(
    run_without_programs: Callable[[str], pytest.RunResult],
) -> None:
    """The summary counts what was not tested by program, and names the packages once."""
    result = run_without_programs("")

    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*!!! NOT TESTED: 2 !!!*",
            "1 for want of prometheus",
            "1 for want of promtool",
            "To run them: sudo apt-get install -y prometheus",
        ]
    )
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize("ci", ["true", "1"])
def test_in_ci_a_missing_program_is_a_failure(run_without_programs: Callable[[str], pytest.RunResult], ci: str) -> None:
    """With CI set a missing program fails its tests and the run."""
    result = run_without_programs(ci)

    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes.get("failed", 0) + outcomes.get("errors", 0)) == (1, 2)
    result.stdout.fnmatch_lines(["*prometheus is not installed (Debian package prometheus)*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_found_program_is_given_as_a_path(require_binary: Callable[[str], Path]) -> None:
    """What the fixture returns can be started."""
    assert require_binary("promtool").stat().st_mode & 0o100
