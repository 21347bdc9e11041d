"""The alerts' cases detect each plausible mistake in a rule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from alert_cases import ALERTS, cases_of, name_of, recordings_of
from mutants import mutants
from promtool import Case, survivors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BATCH = 4


@pytest.mark.requires_binary("promtool")
@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_no_mutant_survives(rule: dict[str, Any], tmp_path: Path, require_binary: Callable[[str], Path]) -> None:
    """Change a comparison, a threshold, a matcher, a window, a clause, a label or the wait: a case fails."""
    promtool = require_binary("promtool")
    recordings, cases = recordings_of(rule), cases_of(rule)
    tried = list(mutants(rule))
    assert tried
    named = {f"mutant{number}": mutant for number, (_, mutant) in enumerate(tried)}
    for chosen in _batches(cases):
        left = survivors(promtool, tmp_path, recordings, named, chosen)
        named = {name: mutant for name, mutant in named.items() if name in left}
    assert [tried[int(name.removeprefix("mutant"))][0] for name in named] == []


def _batches(cases: list[Case]) -> Iterator[list[Case]]:
    """All cases in batches: a mutant found by one batch is not run in later ones."""
    first = [next(case for case in cases if case.fires), *[case for case in cases if not case.fires][:1]]
    on_grid = [replace(case, steps=case.steps[:1]) for case in (*first, *(each for each in cases if each not in first))]
    for start in range(0, len(cases), BATCH):
        yield on_grid[start : start + BATCH]
    yield [replace(case, steps=case.steps[1:]) for case in cases]
