"""Bars and charts of the status page are inert, whatever texts they are given."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from aimon.probes.service.pages.drawing.bars import uptime_bar
from aimon.probes.service.pages.drawing.charts import Part, percentile_chart

HOSTILE = "</title><script>alert(1)</script>\"'&"
printable = st.text("<>&\"' =/-!abcXY中文\u2028", max_size=40)


@given(st.lists(st.tuples(st.sampled_from(["up", "down", ""]), printable), min_size=1, max_size=5), printable)
def test_a_bar_has_a_segment_with_its_text_for_each_part(segments: list[tuple[str, str]], label: str) -> None:
    """Texts come out of the parser as they went in, and nothing else is in the bar."""
    root = ET.fromstring(uptime_bar(segments, label, "x"))  # noqa: S314 - made here
    assert [mark.findtext("title") for mark in root] == [text for _, text in segments]
    assert root.get("aria-label") == label
    assert len(list(root.iter())) == 1 + 2 * len(segments)


def test_a_chart_draws_a_line_with_a_gap_where_nothing_is_known() -> None:
    """Two stretches of a line are two polylines; each part can be pointed at."""
    values = (1.0, 2.0, None, 3.0, 1.0)
    parts = [Part(k, k + 1, (value,), HOSTILE if value else "") for k, value in enumerate(values)]
    chart = percentile_chart(
        HOSTILE, "c", ["P50"], parts, duration=lambda s: f"{s} s", axis=lambda a, b: ((a, HOSTILE), (b, "z")), empty="-"
    )
    root = ET.fromstring(chart)  # noqa: S314 - made here
    assert len(root.findall(".//polyline")) == 2
    assert [mark.findtext("title") for mark in root.findall(".//rect")] == [HOSTILE, HOSTILE, "", HOSTILE, HOSTILE]
    assert root.find(".//script") is None


def test_a_chart_without_values_says_so() -> None:
    """Where no percentile is known there is a sentence, not an empty frame."""
    chart = percentile_chart(
        "t", "c", ["P50"], [Part(0, 1, (None,), "")], duration=str, axis=lambda *_: (), empty="<none>"
    )
    assert "<svg" not in chart
    assert "&lt;none&gt;" in chart
