"""The text of a scrape, composed of parts that are cached until their values change.

`aimon serve` has some 160 series an endpoint. prometheus_client takes more than a second for a thousand endpoints, and
would take it again for each scraper. Here the samples of an endpoint are formatted after each probe, and a scrape
joins them. Both formats are written: Prometheus' own (0.0.4) and OpenMetrics 1.0
(https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md). They differ in their first and last
lines only: the bounds of buckets are the floats that OpenMetrics asks for (`le="1.0"`) in both, so that a series
has the same name in both.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from aimon.metrics.definitions import FAMILIES, IDENTITY, Family, family

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aimon.metrics.totals import Gauge, Totals

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# Above this, floats can't represent every integer.
_WHOLE = 1e15

Parts = dict[str, bytes]
"""The lines of samples, by family."""

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def parts(totals: Totals | None, gauges: Iterable[Gauge] = ()) -> Parts:
    """The samples of these totals and gauges."""
    lines: dict[str, list[str]] = {}
    if totals is not None:
        for name, counters in totals.counters.items():
            labels = family(name).labels
            lines[name] = [
                f"{name}{_braces(_inside(labels, values))} {_number(value)}\n" for values, value in counters.items()
            ]
        for name in totals.histograms:
            lines[name] = list(_histogram(family(name), totals))
    for name, pairs, value in gauges:
        inside = _inside(*zip(*pairs, strict=True)) if pairs else ""
        lines.setdefault(name, []).append(f"{name}{_braces(inside)} {_number(value)}\n")
    return {name: "".join(written).encode() for name, written in lines.items()}


def document(all_parts: Sequence[Mapping[str, bytes]], *, openmetrics: bool) -> bytes:
    """A whole scrape: the families in the order of their table, each with its samples from all parts."""
    found = {name for part in all_parts for name in part}
    order = [name for name in FAMILIES if name in found]
    order += sorted(found - FAMILIES.keys())
    written: list[bytes] = []
    for name in order:
        written.append(_head(family(name), openmetrics=openmetrics).encode())
        written += [part[name] for part in all_parts if name in part]
    if openmetrics:
        written.append(b"# EOF\n")
    return b"".join(written)


def _head(described: Family, *, openmetrics: bool) -> str:
    name = described.name
    if openmetrics and described.kind == "counter":
        name = name.removesuffix("_total")
    text = described.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        text = text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {described.kind}\n"


def _histogram(described: Family, totals: Totals) -> Iterator[str]:
    name = described.name
    for values, histogram in totals.histograms[name].items():
        labels = _inside(described.labels, values)
        before = f"{name}_bucket{{{labels}," if labels else f"{name}_bucket{{"
        bounds = totals.bounds(name, values[0] if values else "")
        count = 0.0
        for (_, count), end in zip(histogram.cumulative(bounds), _ends(bounds), strict=True):
            yield f"{before}{end}{_number(count)}\n"
        braces = _braces(labels)
        yield f"{name}_count{braces} {_number(count)}\n{name}_sum{braces} {_number(histogram.sum)}\n"


@lru_cache(maxsize=1000)
def _ends(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """The `le` label and closing brace of each bucket."""
    return tuple(f'le="{"+Inf" if bound == math.inf else repr(bound)}"}} ' for bound in (*bounds, math.inf))


_IDENTITY = len(IDENTITY)


def _inside(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Labels in braces; the endpoint's labels, with which nearly all series begin, are formatted once."""
    if len(names) <= _IDENTITY:
        return _written(names, values)
    return f"{_written(names[:_IDENTITY], values[:_IDENTITY])},{_written(names[_IDENTITY:], values[_IDENTITY:])}"


def _braces(inside: str) -> str:
    return f"{{{inside}}}" if inside else ""


@lru_cache(maxsize=10_000)
def _written(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True))


def _number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    if value == -math.inf:
        return "-Inf"
    if value != value:  # noqa: PLR0124 - only NaN
        return "NaN"
    return f"{value:.0f}" if value % 1 == 0 and abs(value) < _WHOLE else repr(float(value))
