"""What was measured for an objective is shown with its unit, whatever the unit of the threshold."""

from __future__ import annotations

import pytest

from aimon.loadtests import report
from aimon.loadtests.statistics.formatting import format_slo_value
from report_cases import noisy, plan


@pytest.mark.parametrize(
    ("expr", "value", "shown"),
    [
        ("p99<2s", 0.00694, "6.94 ms"),
        ("schedule_p50<1m", 61.0, "61 s"),
        ("ttft_p95<300ms", 2.5, "2.5 s"),
        ("ttft_p95{question}<2s", 0.25, "250 ms"),
        ("itl_p99.9<0.2s", 0.0000855, "85.5 µs"),
        ("error_rate<0.01", 0.00694, "0.7 %"),
        ("rate_limited<0.1%", 0.0004, "0.04 %"),
        ("availability>99.5%", 0.9999, "> 99.9 %"),
        ("goodput>20/s", 19.732, "19.7/s"),
        ("rate>90/m", 1.5, "1.5/s"),
    ],
)
def test_every_kind_of_objective_has_its_unit(expr: str, value: float, shown: str) -> None:
    """Times, shares and rates."""
    assert format_slo_value({"expr": expr, "value": value}) == shown


def test_markdown_has_the_verdict_and_the_value_with_its_unit() -> None:
    """The Markdown row of an objective has its verdict, and its value with a unit."""
    built = report.build(noisy(1, failing=0.0), plan(duration=40.0), "e")
    p99 = built["slo"][0]["value"]
    assert f"| p99<2s | met, {p99:.3g} s |" in report.markdown(built)
    assert "| error_rate<1% | met, 0 % |" in report.markdown(built)
