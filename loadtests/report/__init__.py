"""The report of a run: for programs (report.json), for a pull request (Markdown), and for people (HTML).

schema      what report.json holds, and reading it
contents    from a Run to that
text        the verdict, and the summary as Markdown
page        the HTML page; `charts`, `svg` and `style` are its parts, `chart_data` what the charts show
comparison  two reports: what differs beyond doubt
"""

from __future__ import annotations

from aimon.loadtests.report.builder import build
from aimon.loadtests.report.files import save
from aimon.loadtests.report.summary import markdown, verdict

__all__ = ["build", "markdown", "save", "verdict"]
