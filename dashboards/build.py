"""Writes Grafana's dashboards: `python -m aimon.dashboards.build` (with --check it only compares)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from aimon.dashboards.boards import endpoint, grafana, loadtest, overview, tokens
from aimon.dashboards.shipped import CURRENCIES, LANGUAGES

FOLDER: Final = Path(__file__).resolve().parent / "grafana"


def dashboards() -> dict[str, str]:
    """The JSON of every dashboard by its path below `grafana/`, such as `en/cny/overview.json`."""
    files = {}
    for currency in CURRENCIES:
        boards = (overview.board(currency), endpoint.board(), tokens.board(currency), loadtest.board(currency))
        titles = {board.slug: board.title for board in boards}
        for language in LANGUAGES:
            for board in boards:
                path = f"{language}/{currency.lower()}/{board.slug}.json"
                files[path] = grafana.render(board, titles, language)
    return files


def main(arguments: list[str]) -> int:
    """Writes the files, or with --check says whether they are what they should be."""
    wanted = dashboards()
    found = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*.json")}
    if "--check" in arguments:
        stale = [
            name
            for name in sorted({*wanted, *found})
            if name not in wanted or name not in found or found[name].read_text(encoding="utf-8") != wanted[name]
        ]
        print(f"dashboards: {'not as generated: ' + ', '.join(stale) if stale else 'as generated'}")
        return 1 if stale else 0
    for name, path in found.items():
        if name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"dashboards: {len(wanted)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
