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
"""

from __future__ import annotations

from aimon.loadtests.report.builder import build
from aimon.loadtests.report.files import save
from aimon.loadtests.report.text.markdown import markdown
from aimon.loadtests.report.text.summary import verdict

__all__ = ["build", "markdown", "save", "verdict"]
