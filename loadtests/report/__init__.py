"""The report of a run: report.json for programs, Markdown for a pull request, HTML for people.

run_result     the result of a run, from which a report is built
builder        builds the values of report.json
schema         the structs of report.json, and reading it
summary        the verdict, figures and notes in words; token_figures and steady_state are parts of it
markdown       the summary as Markdown
chart_data     the points of the charts
page           the HTML page
files          writes all three
comparison     compares two reports
"""

from __future__ import annotations

from aimon.loadtests.report.builder import build
from aimon.loadtests.report.files import save
from aimon.loadtests.report.markdown import markdown
from aimon.loadtests.report.summary import verdict

__all__ = ["build", "markdown", "save", "verdict"]
