"""Why two runs may not be comparable: what was asked differs, or what was measured can't be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.loadtests.statistics.run_result import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.loadtests.report.schema import Report

# What says where the endpoint is found, or where the answer goes, and not what was asked.
_IRRELEVANT = frozenset(
    {"endpoint", "profile", "config", "out", "results", "as_json", "seed", "slo", "max_cost", "metered", "listen"}
)


def reservations(base: Report, new: Report, names: tuple[str, str]) -> list[str]:
    """Each as a sentence; none if the runs differ in nothing but what came of them."""
    return [*_asked(base, new), *_trust(base, names[0]), *_trust(new, names[1])]


def _asked(base: Report, new: Report) -> Iterator[str]:
    pairs: dict[str, tuple[Any, Any]] = {
        name: (getattr(base, name), getattr(new, name)) for name in ("endpoint", "model", "profile", "workers")
    }
    before, after = _flat(base.config), _flat(new.config)
    for name in (*before, *(name for name in after if name not in before)):
        if name.split(".")[0] not in _IRRELEVANT and name != "flags.model":
            pairs[name] = (before.get(name), after.get(name))
    for name, (one, other) in pairs.items():
        if one != other:
            yield f"{name}: {_told(one)} in the base, {_told(other)} in the new run"


def _trust(report: Report, name: str) -> Iterator[str]:
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


def _told(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
