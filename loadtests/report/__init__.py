"""The report of a run: report.json for programs, Markdown and HTML for people, CSV for spreadsheets.

run_result     the result of a run, from which a report is built
builder        builds the values of report.json
schema         the structs of report.json, and reading it
text           verdict, figures and tables in words, and as Markdown
chart_data     the points of the charts
page           the HTML page
csv_files      report.csv and seconds.csv
files          writes all of them
comparison     compares two reports

Its functions are imported when they are first used: a run without --out needs no page.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.loadtests.report.builder import build as build
    from aimon.loadtests.report.files import save as save
    from aimon.loadtests.report.text.markdown import markdown as markdown
    from aimon.loadtests.report.text.summary import verdict as verdict

__all__ = ["build", "markdown", "save", "verdict"]

_HOME = {"build": "builder", "markdown": "text.markdown", "save": "files", "verdict": "text.summary"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"aimon.loadtests.report.{_HOME[name]}"), name)
