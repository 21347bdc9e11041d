"""The Pushgateway with the arguments that `deploy/` gives it: totals don't go back when it is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from aimon.metrics.pushgateway import Gateway, push
from overlay import ROOT
from services import scrape, wait_for

if TYPE_CHECKING:
    from services import Pushgateway, Servers

PLACES = {
    "compose": (ROOT / "deploy" / "compose" / "compose.yaml", "command"),
    "kubernetes": (ROOT / "deploy" / "kubernetes" / "base" / "pushgateway.yaml", "args"),
}


def shipped(place: str) -> list[str]:
    """The arguments, but for the file."""
    path, key = PLACES[place]
    documents = list(yaml.safe_load_all(path.read_text("utf-8")))
    if place == "compose":
        given = documents[0]["services"]["pushgateway"][key]
    else:
        (deployment,) = (each for each in documents if each["kind"] == "Deployment")
        given = deployment["spec"]["template"]["spec"]["containers"][0][key]
    return [argument for argument in given if not argument.startswith("--persistence.file=")]


@pytest.mark.e2e
@pytest.mark.requires_binary("prometheus", "prometheus-pushgateway")
@pytest.mark.parametrize("place", PLACES)
def test_a_total_is_on_disk_before_it_can_be_counted_twice(servers: Servers, place: str) -> None:
    """A total that went back after it was scraped would be a reset, and all of it counted again."""
    gateway = servers.pushgateway(persistent=True, options=shipped(place))
    prometheus = servers.prometheus([scrape("gateway", gateway.url, honor_labels=True)])
    for total in (100, 105):
        before = saved_at(gateway)
        body = f"# TYPE calls_total counter\ncalls_total {total}\n".encode()
        push(Gateway.parse(gateway.url), {(("job", "aimon-probe"),): body})
        prometheus.wait_until(f"calls_total == {total}")
        wait_for(lambda: saved_at(gateway), before.__ne__, timeout=10, what="saved")
    gateway.kill()
    gateway.start()
    prometheus.wait_for_scrape()
    assert prometheus.value("calls_total") == 105
    assert prometheus.value("resets(calls_total[5m])") == 0


def saved_at(gateway: Pushgateway) -> float:
    """When it wrote its file last (unix time)."""
    assert gateway.file is not None
    return gateway.file.stat().st_mtime if gateway.file.exists() else 0.0
