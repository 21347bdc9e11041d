"""Draws previews of the dashboards: `python scripts/preview_dashboards.py FOLDER` (needs prometheus and chromium).

Without Grafana: a real Prometheus with six hours of generated aimon metrics runs the panels' queries, and the results
are drawn in a simple form. Grafana draws the same figures in another style.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support" / "rules"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support" / "servers"))

from aimon.call.outcome import Outcome
from aimon.metrics import definitions
from aimon.metrics.exposition import render
from aimon.metrics.totals import Totals
from board_data import CURRENCY, DEAD, DOLLARS, YUAN, a_call, loaded, probed
from board_drawing import page
from dashboard_files import load, panels
from services import Prometheus

HOURS = 6
STEP = 60
# The selected variables of each board; others are All.
BOARDS: dict[str, dict[str, str]] = {
    "en/cny/overview.json": {},
    "en/cny/endpoint.json": {"endpoint": YUAN.endpoint},
    "en/cny/tokens.json": {},
    "en/cny/loadtest.json": {"job": "aimon-loadtest"},
}
_FAILURES = (Outcome.RATE_LIMITED, Outcome.SERVER_ERROR, Outcome.TIMEOUT_TTFT, Outcome.UNAUTHORIZED)


class Series(NamedTuple):
    """A series of a panel's query: its name, labels, points (Unix time and value), and overrides."""

    name: str
    labels: dict[str, str]
    points: list[tuple[float, float]]
    overrides: dict[str, Any]


def history(end: float) -> str:
    """Six hours of three endpoints and a load test as OpenMetrics; one prober dies an hour before the end."""
    chance = random.Random(7)
    totals = {identity: Totals() for identity in (YUAN, DOLLARS, DEAD)}
    tested = Totals()
    tested.declare(YUAN, currency="CNY")
    lines: list[str] = []
    for identity, own in totals.items():
        own.declare(identity, currency=CURRENCY[identity])
    number = 0
    for minute in range(HOURS * 60 + 1):
        at = end - HOURS * 3600 + minute * STEP
        for identity, own in totals.items():
            number += 1
            outage = identity == DOLLARS and 150 <= minute < 170
            fails = outage or chance.random() < 0.03
            outcome = (Outcome.OVERLOADED if outage else chance.choice(_FAILURES)) if fails else Outcome.OK
            alive = identity != DEAD or minute < (HOURS - 1) * 60
            died = end - 3600
            last = a_call(identity, outcome if alive else Outcome.OK, number)
            if alive:
                own.observe(last)
            gauges = probed(identity, last, ended=at if alive else died)
            lines += _sampled(render(own, gauges)[0], "aimon-probe", at)
        if minute >= (HOURS - 2) * 60:
            for _ in range(round(19.6 * STEP)):  # as its gauges say
                number += 1
                limited = chance.random() < 0.02
                tested.observe(a_call(YUAN, Outcome.RATE_LIMITED if limited else Outcome.OK, number))
            gauges = loaded(YUAN)
            gauges.set(definitions.IN_FLIGHT, chance.randint(20, 32), **YUAN.labels)
            lines += _sampled(render(tested, gauges)[0], "aimon-loadtest", at)
    return "\n".join([*lines, "# EOF\n"])


def _sampled(exposition: bytes, job: str, at: float) -> list[str]:
    """The samples of an exposition with a job and a time."""
    samples = [line for line in exposition.decode().splitlines() if line and not line.startswith("#")]
    return [f"{line.replace('{', '{' + f'job={chr(34)}{job}{chr(34)},', 1)} {at:.0f}" for line in samples]


def asked(prometheus: Prometheus, panel: dict[str, Any], end: float, chosen: dict[str, str]) -> list[Series]:
    """The results of a panel's queries."""
    series: list[Series] = []
    for target in panel["targets"]:
        expr = target["expr"].replace("$__rate_interval", "5m").replace("$__range", f"{HOURS}h")
        for name in ("job", "region", "endpoint", "model"):
            expr = expr.replace(f"${name}", chosen.get(name, ".+" if name == "job" else ".*"))
        legend = target["legendFormat"]
        overrides = {
            each["id"]: each["value"]
            for override in panel["fieldConfig"].get("overrides", ())
            if override["matcher"]["options"] == target["refId"]
            for each in override["properties"]
        }
        if target.get("instant"):
            found = [[sample] for sample in prometheus.query(expr, end)]
        else:
            found = prometheus.query_range(expr, end - HOURS * 3600, end, STEP * 2)
        for samples in found:
            labels = samples[0].labels
            name = legend
            for label, value in labels.items():
                name = name.replace("{{" + label + "}}", value)
            series.append(Series(name, labels, [(sample.at, sample.value) for sample in samples], overrides))
    return series


def main(folder: Path) -> None:
    """Writes a page and a picture of each board."""
    folder.mkdir(parents=True, exist_ok=True)
    prometheus_program, promtool = shutil.which("prometheus"), shutil.which("promtool")
    assert prometheus_program and promtool, "apt-get install prometheus"  # noqa: S101, PT018 - a script's own check
    end = time.time() // STEP * STEP
    home = folder / "prometheus"
    shutil.rmtree(home, ignore_errors=True)
    server = Prometheus(Path(prometheus_program), home, {"scrape_configs": []})
    (home / "history.txt").write_text(history(end))
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", home / "history.txt", home / "data"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    server.start()
    try:
        for name, chosen in BOARDS.items():
            dashboard = load(name)
            drawn = {panel["id"]: asked(server, panel, end, chosen) for panel in panels(dashboard)}
            target = folder / f"{Path(name).stem}.html"
            target.write_text(page(dashboard, drawn, end - HOURS * 3600, end), encoding="utf-8")
            photograph(target, max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]))
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def photograph(html: Path, rows: int) -> None:
    """Writes a PNG of a page next to it."""
    size = f"--window-size=1224,{rows * 30 + 70}"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size]
    picture = f"--screenshot={html.with_suffix('.png').resolve()}"
    subprocess.run(["chromium", *options, picture, html.resolve().as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
