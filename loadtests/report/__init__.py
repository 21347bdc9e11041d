"""The report of a run: report.json for programs, Markdown for a pull request, HTML for people.

run_result     the result of a run, from which a report is built
builder        builds the values of report.json
schema         the structs of report.json, and reading it
summary        the verdict, and the summary as Markdown; token_figures and steady_state are parts of it
chart_data     the points of the charts
page           the HTML page
files          writes all three
comparison     compares two reports
"""

from __future__ import annotations

from aimon.loadtests.report.builder import build
from aimon.loadtests.report.files import save
from aimon.loadtests.report.summary import markdown, verdict

__all__ = ["build", "markdown", "save", "verdict"]
