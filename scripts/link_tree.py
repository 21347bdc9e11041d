"""Link the folders in the layout of the packages: `.types/aimon/probes -> ../../probes`, and so on.

setuptools maps folders to packages (`package-dir`); type checkers and import-linter do not support that, but follow
links.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / ".types"


def main() -> None:
    """Rebuild the tree, so that no stale link remains."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders: dict[str, str] = pyproject["tool"]["setuptools"]["package-dir"]
    shutil.rmtree(TREE, ignore_errors=True)
    for package, folder in sorted(folders.items()):
        place = TREE.joinpath(*package.split("."))
        if "." in package:
            link(place, ROOT / folder)
            continue
        # The outermost package is a real folder, since the others are linked into it.
        place.mkdir(parents=True)
        for entry in (ROOT / folder).iterdir():
            link(place / entry.name, entry)


def link(place: Path, target: Path) -> None:
    """Make `place` a relative link, so that a moved checkout keeps working."""
    place.symlink_to(os.path.relpath(target, place.parent))


if __name__ == "__main__":
    main()
