"""Single probes in full, for the page of an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.probes.service.pages.parts import states
from aimon.probes.service.pages.views import Calls, CallView, Fact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Result
    from aimon.probes.history.queries.results import StoredResult
    from aimon.probes.service.pages.wording.words import Words


def calls(title: str, results: Sequence[StoredResult], empty: str, words: Words) -> Calls:
    """These results under a title; `title` and `empty` are English keys of texts."""
    return Calls(words.t(title), tuple(_call(each, words) for each in results), words.t(empty))


def _call(stored: StoredResult, words: Words) -> CallView:
    full = stored.full
    return CallView(
        key=str(stored.id),
        kind=_kind(stored.outcome),
        outcome=stored.outcome.value,
        at=words.ago(stored.started_at),
        summary=_summary(stored, words),
        pairs=() if full is None else tuple(_pairs(full, words)),
        blocks=() if full is None else tuple(_blocks(full, words)),
    )


def _kind(outcome: Outcome) -> str:
    if outcome is Outcome.OK:
        return states.UP
    return states.DOWN if outcome.counts_for_availability else states.ACCOUNT


def _summary(stored: StoredResult, words: Words) -> str:
    parts = [words.at(stored.started_at).text, words.duration(stored.latency)]
    if stored.full is not None and stored.full.error:
        parts.append(_short(stored.full.error))
    if stored.planned:
        parts.append(words.t("in maintenance"))
    return " · ".join(parts)


def _pairs(result: Result, words: Words) -> list[Fact]:
    t = words.t
    phases = ", ".join(f"{name} {words.duration(value)}" for name, value in result.phases.items() if value is not None)
    usage = result.usage
    tokens = None if usage.input is None and usage.output is None else f"{usage.input or '–'} / {usage.output or '–'}"
    rows: list[tuple[str, object | None]] = [
        ("status code", result.status_code),
        ("latency", words.duration(result.latency)),
        ("time to first token", None if result.ttft is None else words.duration(result.ttft)),
        ("phases", phases or None),
        ("tokens in / out", tokens),
        ("cost", None if result.cost is None else words.money(result.cost, result.currency or "")),
        ("canary", result.canary),
        ("finish reason", result.finish_reason),
        ("error code", result.error_code),
        ("request id", result.request_id),
        ("connected to", None if result.connection is None else result.connection.address),
    ]
    return [Fact(t(name), str(value)) for name, value in rows if value is not None]


def _blocks(result: Result, words: Words) -> list[Fact]:
    found = [("error", result.error), ("answer", result.text)]
    return [Fact(words.t(name), text) for name, text in found if text]


def _short(text: str, most: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
