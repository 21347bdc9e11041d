"""What to merge into an existing Alertmanager or Prometheus, as YAML: parts of the configuration that is shipped."""

from __future__ import annotations

import textwrap
from typing import Final

from aimon.dashboards.rules.promql import ALERTS
from aimon.dashboards.shipped import alerting_files

_ALERTMANAGER: Final = f"""\
# For an Alertmanager that you have: put the route first into your route.routes, and the inhibitions into your
# inhibit_rules. The receivers are called as in the file that `aimon alerts export` writes: put yours in their place.
route:
  routes:
    - matchers: [alertname =~ "{ALERTS}|Watchdog"]
      receiver: chat-and-mail
      # One notification for all endpoints with the same trouble in a region: an outage is one page, not thirty.
      group_by: [alertname, region]
      routes:
"""
SCRAPE: Final = """\
# For a Prometheus that you have: into its scrape_configs.
scrape_configs:
  # Probes and load tests push here, with job, region and endpoint of their own: honor_labels keeps them.
  # AIPushgatewayDown knows the gateway by this job.
  - job_name: pushgateway
    honor_labels: true
    static_configs:
      - targets: ["pushgateway:9091"]

  # A prober that is scraped: aimon serve --listen 0.0.0.0:9464 (leave this out if all are pushed).
  - job_name: aimon-probe
    static_configs:
      - targets: ["prober:9464"]
"""


def alertmanager() -> str:
    """The routes and inhibitions of the alerts."""
    shipped = alerting_files()["alertmanager.yml"]
    _, _, routes = _section(shipped, "route").partition("\n  routes:\n")
    return f"{_ALERTMANAGER}{textwrap.indent(routes.rstrip(), '    ')}\n\n{_section(shipped, 'inhibit_rules')}"


def _section(text: str, key: str) -> str:
    """A key of the topmost level with all that is under it, comments included."""
    lines = text.splitlines(keepends=True)
    start = lines.index(f"{key}:\n")
    end = next(i for i in range(start + 1, len(lines)) if lines[i].strip() and not lines[i].startswith((" ", "#")))
    return "".join(lines[start:end]).rstrip() + "\n"
