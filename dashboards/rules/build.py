"""Writes the default rules, plain and for the Prometheus Operator, and the page with the runbook.

Run as `python -m aimon.dashboards.rules.build`.

With --check it only compares.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Final

from aimon.dashboards.rules import ruleset
from aimon.dashboards.rules.document import render
from aimon.dashboards.rules.runbook_page import page

NOTE: Final = """\
The default rules of aimon, in CNY; `aimon rules --config aimon.yaml` makes a set with your currency and objectives.
Generated: change dashboards/rules and run `python -m aimon.dashboards.rules.build`.\
"""
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
PATH: Final = _ROOT / "dashboards" / "prometheus" / "rules" / "aimon.yml"
RUNBOOK_PATH: Final = _ROOT / "dashboards" / "prometheus" / "assets" / "runbook.html"
OPERATOR_PATH: Final = _ROOT / "deploy" / "kubernetes" / "base" / "prometheusrule.yaml"
_RESOURCE: Final = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: aimon
  labels: {release: prometheus}
spec:
"""


def files() -> dict[Path, str]:
    """What is written where."""
    groups = ruleset.default()
    comment = "".join(f"# {line}\n" for line in NOTE.splitlines())
    return {
        PATH: render(groups, note=NOTE),
        RUNBOOK_PATH: page((_ROOT / "docs" / "runbook.md").read_text("utf-8")),
        OPERATOR_PATH: comment + _RESOURCE + textwrap.indent(render(groups), "  "),
    }


def main(arguments: list[str]) -> int:
    """Writes the files, or with --check says whether they are what they should be."""
    different = [path for path, text in files().items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in different:
        print(f"{path.name}: {'not as generated' if '--check' in arguments else 'written'}")
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path], encoding="utf-8")
    return 1 if different and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
