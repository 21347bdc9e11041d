"""The text of a scrape: what prometheus_client's own parsers read from it is what is in the totals and gauges."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from aimon.call.outcome import Outcome
from aimon.metrics import definitions, exposition, scrape_text
from aimon.metrics.totals import Gauges, Identity, Totals
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from prometheus_client import Metric

HOSTILE = Identity('a"b\\c\nd', "模型 {}=,", "\\", "")


def shown() -> tuple[Totals, Gauges]:
    """Totals and gauges of two endpoints, one with hostile names, and of none."""
    totals, gauges = Totals(), Gauges()
    for identity in (QWEN, HOSTILE):
        totals.declare(identity, currency="EUR", thresholds={definitions.DURATION: [4.0]})
        totals.observe(a_result(identity=identity, currency="EUR", cost=0.1 + 0.2))
        totals.observe(a_result(Outcome.SERVER_ERROR, identity=identity, end=1e6))
        gauges.set(definitions.PROBE_LAST_RUN, 1_700_000_000.123, **identity.labels)
        gauges.set(definitions.ENDPOINT_INFO, 1, **identity.labels, team='"; drop')
    gauges.set(definitions.SCHEDULER_LAG, float("inf"))
    gauges.set(definitions.SCHEDULER_HEARTBEAT, float("nan"))
    return totals, gauges


def samples(families: Iterable[Metric]) -> list[str]:
    """All of them in one order; numbers in `le` are compared as numbers."""
    found = []
    for family in families:
        for sample in family.samples:
            labels = {name: str(float(value)) if name == "le" else value for name, value in sample.labels.items()}
            found.append(f"{sample.name} {sorted(labels.items())} {float(sample.value)}")
    return sorted(found)


def test_both_formats_say_what_prometheus_client_says() -> None:
    """The same samples as prometheus_client writes, hostile labels included; the strict OpenMetrics parser agrees."""
    totals, gauges = shown()
    expected = samples(parser.text_string_to_metric_families(exposition.render(totals, gauges)[0].decode()))
    parts = [scrape_text.parts(totals), scrape_text.parts(None, gauges)]
    plain = scrape_text.document(parts, openmetrics=False).decode()
    strict = scrape_text.document(parts, openmetrics=True).decode()
    assert len(expected) > 200
    assert samples(parser.text_string_to_metric_families(plain)) == expected
    assert samples(openmetrics_parser.text_string_to_metric_families(strict)) == expected  # type: ignore[no-untyped-call]


def test_each_family_stands_once_with_the_samples_of_all_parts() -> None:
    """Parts of several endpoints are put together by family, as both formats ask for."""
    totals, gauges = shown()
    parts = [scrape_text.parts(each) for each in totals.by_identity().values()]
    text = scrape_text.document([*parts, scrape_text.parts(None, gauges)], openmetrics=True).decode()
    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    whole = scrape_text.document([scrape_text.parts(totals), scrape_text.parts(None, gauges)], openmetrics=True)
    assert sorted(text.splitlines()) == sorted(whole.decode().splitlines())


@pytest.mark.requires_binary("promtool")
def test_promtool_accepts_it(require_binary: Callable[[str], Path]) -> None:
    """Prometheus' own linter finds nothing; it does not like `quantile` on gauges, which are not among these."""
    body = scrape_text.document([scrape_text.parts(*shown())], openmetrics=False)
    done = subprocess.run(
        [require_binary("promtool"), "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert b"error while linting" not in done.stderr, done.stderr
