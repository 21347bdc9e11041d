"""Writes the static default set: `python -m aimon.dashboards.rules.build` (with --check it only compares)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from aimon.dashboards.rules import ruleset
from aimon.dashboards.rules.document import render

NOTE: Final = """\
The default rules of aimon, in CNY; `aimon rules --config aimon.yaml` makes a set with your currency and objectives.
Generated: change dashboards/rules and run `python -m aimon.dashboards.rules.build`.\
"""
PATH: Final = Path(__file__).resolve().parent.parent / "prometheus" / "rules" / "aimon.yml"


def main(arguments: list[str]) -> int:
    """Writes the file, or with --check says whether it is what it should be."""
    text = render(ruleset.default(), note=NOTE)
    if "--check" in arguments:
        same = PATH.is_file() and PATH.read_text(encoding="utf-8") == text
        print(f"{PATH.name}: {'as generated' if same else 'not as generated'}")
        return 0 if same else 1
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(text, encoding="utf-8")
    print(f"{PATH.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
