"""Why two runs may not be comparable: different loads or settings, or unreliable measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.load_terms import COMPLETE, SEARCHES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.loadtests.report.schema import Report

# Settings of where the endpoint is and where results go, which do not change the load.
_IRRELEVANT = frozenset(
    {"endpoint", "profile", "config", "out", "out_mode", "results", "as_json", "seed", "slo", "max_cost", "metered"}
    | {"listen"}
)
# Settings that decide the load and the calls.
_LOAD = frozenset({"rate", "arrivals", "variation", "concurrency", "workload", "cold", "retry_after"})
# Command line options whose names differ from their keys.
_OPTIONS = {"retry_after": "--honour-retry-after"}


def reservations(base: Report, new: Report, names: tuple[str, str]) -> list[str]:
    """Each reservation as a sentence; none if the runs differ in their results only."""
    return [
        *different_load(base, new),
        *_differences(_others(base, new)),
        *_reliability(base, names[0]),
        *_reliability(new, names[1]),
    ]


def different_load(base: Report, new: Report) -> list[str]:
    """The differences between the loads of two runs, each as a sentence; none for the same load.

    A longer run at the same rate has the same load; a search chooses its own rates.
    """
    differing = list(_differences(_load(base, new)))
    if not differing and _rates(base) != _rates(new):
        one, other = (f"{_shown(report.rate.asked)}/s in the mean" for report in (base, new))
        differing.append(f"rate over time: {one} in the base, {other} in the new run")
    return differing


def _rates(report: Report) -> list[float]:
    """The sequence of scheduled rates without their times; a single rate for a constant load."""
    rates = [float(f"{point.rate:.6g}") for point in report.rate.schedule]
    return [rate for k, rate in enumerate(rates) if k == 0 or rate != rates[k - 1]]


def _load(base: Report, new: Report) -> dict[str, tuple[Any, Any]]:
    pairs = {name: pair for name, pair in _settings(base, new).items() if _is_load(name, base, new)}
    # Two open loops are compared by their rates.
    return pairs if base.rate.schedule and new.rate.schedule else {"profile": (base.profile, new.profile)} | pairs


def _others(base: Report, new: Report) -> dict[str, tuple[Any, Any]]:
    names = ("endpoint", "model", "profile", "workers")
    pairs = {name: (getattr(base, name), getattr(new, name)) for name in names}
    pairs |= {name: pair for name, pair in _settings(base, new).items() if not _is_load(name, base, new)}
    return {name: pair for name, pair in pairs.items() if name not in _load(base, new)}


def _is_load(name: str, base: Report, new: Report) -> bool:
    # A key that only one report has is from another version of aimon.
    known = all(name in _flat(report.config) for report in (base, new))
    chosen = {"rate", "arrivals", "variation", "concurrency"} if base.profile in SEARCHES else set()
    return known and name.split(".", maxsplit=1)[0] in _LOAD - chosen


def _settings(base: Report, new: Report) -> dict[str, tuple[Any, Any]]:
    before, after = _flat(base.config), _flat(new.config)
    return {
        name: (before.get(name), after.get(name))
        for name in (*before, *(name for name in after if name not in before))
        if name.split(".", maxsplit=1)[0] not in _IRRELEVANT and name != "flags.model"
    }


def _differences(pairs: dict[str, tuple[Any, Any]]) -> Iterator[str]:
    for name, (one, other) in pairs.items():
        if one != other:
            yield f"{_option(name)}: {_shown(one)} in the base, {_shown(other)} in the new run"


def _option(name: str) -> str:
    """A setting as a command line option; other names stay unchanged."""
    if name in {"profile", "endpoint", "model", "workers"}:
        return name
    return _OPTIONS.get(name) or f"--{name.rpartition('.')[2].replace('_', '-')}"


def _reliability(report: Report, name: str) -> Iterator[str]:
    if report.ended.how != COMPLETE:
        yield f"{name} is partial: it was {report.ended.how} ({report.ended.why})"
    if report.client.bottleneck:
        yield f"{name}: the client was the bottleneck ({'; '.join(report.client.reasons)})"
    if report.ended.lost:
        yield f"{name}: what came of {report.ended.lost} calls is not known"
    if report.tokens.without_usage:
        yield f"{name}: {report.tokens.without_usage} calls had no usage: their tokens are not compared"
    if report.cost is not None and report.cost.estimated:
        yield f"{name}: the cost of {report.cost.estimated} calls is from estimated tokens"
    if report.cost is not None and report.cost.unpriced:
        yield f"{name}: the cost of {report.cost.unpriced} calls is not known"


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
