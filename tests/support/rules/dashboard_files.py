"""The committed dashboards as the tests read them: panels, queries, and what Grafana makes of its variables."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from aimon.dashboards.build import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = sorted(FOLDER.rglob("*.json"))
NAMES = [path.relative_to(FOLDER).as_posix() for path in PATHS]


class Asked(NamedTuple):
    """A query, and what asks it."""

    where: str
    expr: str


def load(name: str) -> dict[str, Any]:
    """A dashboard by its path below `grafana/`."""
    loaded: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels but the rows' headlines."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(name: str) -> Iterator[Asked]:
    """Every query of a dashboard: of panels, annotations and variables (as the PromQL that finds their values)."""
    dashboard = load(name)
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield Asked(f"{name}: {panel['title']} {target['refId']}", target["expr"])
    for annotation in dashboard["annotations"]["list"]:
        yield Asked(f"{name}: annotation {annotation['name']}", annotation["expr"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            assert found, variable["query"]
            yield Asked(f"{name}: variable {variable['name']}", f"group by ({found[2]}) ({found[1]})")


def interpolated(expr: str, **chosen: str) -> str:
    """A query as Grafana sends it, with All chosen except for what is given, on a range of a minute.

    Raises:
        AssertionError: a variable is left that neither Grafana nor the dashboard knows.
    """
    values = {"__rate_interval": "10s", "__range": "1m", "__interval": "5s"}
    values |= {"job": ".+", "region": ".*", "endpoint": ".*", "model": ".+"} | chosen
    for name in sorted(values, key=len, reverse=True):
        expr = expr.replace(f"${name}", values[name])
    assert "$" not in expr, expr
    return expr
