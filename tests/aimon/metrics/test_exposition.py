"""What a scrape, a textfile and a push show."""

from __future__ import annotations

import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from aimon.call.outcome import Outcome
from aimon.metrics import definitions
from aimon.metrics.exposition import CONTENT_TYPE, Exposition, push_bodies, render, textfile
from aimon.metrics.totals import Gauges, Identity, Totals
from command import printed
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of an exposition, by name and labels in alphabetical order."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The key of a sample of QWEN in `samples`."""
    return name, tuple(sorted({**QWEN.labels, **labels}.items()))


def some_metrics() -> tuple[Totals, Gauges]:
    """Three calls, one of which failed, and a few gauges."""
    totals = Totals()
    totals.declare(QWEN, currency="CNY", thresholds={definitions.DURATION: (4.0,)})
    for result in (a_result(end=1.5), a_result(end=3.5), a_result(Outcome.OVERLOADED, end=0.2)):
        totals.observe(result)
    gauges = Gauges()
    gauges.set(definitions.PROBE_SUCCESS, 1, **QWEN.labels)
    gauges.set(definitions.ENDPOINT_INFO, 1, **QWEN.labels, team="search")
    gauges.set(definitions.BUILD_INFO, 1, version="1.2.3")
    return totals, gauges


def test_a_scrape_shows_the_values() -> None:
    """Counters, cumulative buckets, sums and gauges, under the names of the design."""
    text, content_type = render(*some_metrics())
    assert content_type == CONTENT_TYPE
    shown = samples(text)
    assert shown[key("ai_api_requests_total", status="success", outcome="ok")] == 2
    assert shown[key("ai_api_requests_total", status="error", outcome="overloaded")] == 1
    assert shown[key("ai_api_requests_total", status="error", outcome="dns")] == 0
    assert shown[key("ai_api_cost_yuan_total")] == 0.004
    bucket = "ai_api_request_duration_seconds_bucket"
    by_bound = {bound: shown[key(bucket, status="success", le=bound)] for bound in ("1", "2", "3", "4", "600", "+Inf")}
    assert by_bound == {"1": 0, "2": 1, "3": 1, "4": 2, "600": 2, "+Inf": 2}
    assert shown[key("ai_api_request_duration_seconds_sum", status="success")] == 5.0
    assert shown[key("ai_api_request_duration_seconds_count", status="error")] == 1
    assert shown[key("aimon_endpoint_info", team="search")] == 1
    assert shown["aimon_build_info", (("version", "1.2.3"),)] == 1


def test_no_series_tells_when_it_was_created() -> None:
    """`_created` series would double the number of counters and are wrong after a restart."""
    assert b"_created" not in render(*some_metrics())[0]


def test_the_collector_serves_a_registry_of_an_application() -> None:
    """Registered, it shows the values as they are at each scrape."""
    totals = Totals()
    registry = CollectorRegistry()
    registry.register(Exposition(totals))
    labels = {**QWEN.labels, "status": "success", "outcome": "ok"}
    assert registry.get_sample_value("ai_api_requests_total", labels) is None
    totals.observe(a_result())
    assert registry.get_sample_value("ai_api_requests_total", labels) == 1


@pytest.mark.requires_binary("promtool")
def test_prometheus_own_linter_accepts_every_family(require_binary: Callable[[str], Path]) -> None:
    """Names, types, units and help texts; `quantile` on a gauge is this project's choice."""
    totals, gauges = some_metrics()
    for family in definitions.FAMILIES.values():
        if family.kind == "gauge":
            gauges.set(family.name, 1, **dict.fromkeys(family.labels, "x"))
    done = subprocess.run(
        [require_binary("promtool"), "check", "metrics"],
        input=render(totals, gauges)[0],
        capture_output=True,
        check=False,
    )
    complaint = 'non-summary metrics should not have "quantile" label'
    assert done.stderr.decode().splitlines() == [
        f"ai_probe_latency_quantile_seconds {complaint}",
        f"ai_probe_ttft_quantile_seconds {complaint}",
    ]


def test_a_textfile_is_complete_and_readable_by_all(tmp_path: Path) -> None:
    """A textfile replaces the older one, is readable by all, and leaves no draft."""
    path = tmp_path / "aimon.prom"
    path.write_text("old")
    textfile(path, *some_metrics())
    assert path.read_bytes() == render(*some_metrics())[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_textfile_that_cannot_be_put_in_place_leaves_no_draft(tmp_path: Path) -> None:
    """A folder of that name is in the way."""
    (tmp_path / "aimon.prom").mkdir()
    with pytest.raises(IsADirectoryError):
        textfile(tmp_path / "aimon.prom", *some_metrics())
    assert [path.name for path in tmp_path.iterdir()] == ["aimon.prom"]


def test_a_textfile_that_nobody_would_read_is_refused(tmp_path: Path) -> None:
    """node_exporter takes only files that end in .prom."""
    with pytest.raises(ValueError, match=r"aimon\.txt: node_exporter reads only .* write aimon\.prom"):
        textfile(tmp_path / "aimon.txt", *some_metrics())


def test_each_endpoint_has_a_body_of_its_own() -> None:
    """Bodies carry their group's labels and nobody else's series; the rest goes with the region."""
    totals, gauges = some_metrics()
    other = Identity("a/b", "m", "openai", "eu-west")
    totals.declare(other)
    bodies = push_bodies(totals, gauges, job="aimon-probe", region="cn-east")
    qwen = (("job", "aimon-probe"), ("region", "cn-east"), ("endpoint", "qwen-prod"))
    assert set(bodies) == {
        qwen,
        (("job", "aimon-probe"), ("region", "eu-west"), ("endpoint", "a/b")),
        (("job", "aimon-probe"), ("region", "cn-east")),
    }
    assert {dict(labels)["endpoint"] for _, labels in samples(bodies[qwen])} == {"qwen-prod"}
    assert samples(bodies[qwen])[key("ai_api_request_duration_seconds_bucket", status="success", le="4")] == 2
    assert samples(bodies[qwen[:2]]) == {("aimon_build_info", (("version", "1.2.3"),)): 1}


def test_importing_the_metrics_does_not_import_prometheus_client() -> None:
    """A probe that exposes nothing does not pay for it."""
    script = (
        "import sys, aimon.metrics.exposition, aimon.metrics.pushgateway, aimon.probes.publish.publish; "
        "print('prometheus_client' in sys.modules)"
    )
    assert printed(script) == "False\n"
