"""Programs that report in by themselves: a card each on the page of all endpoints, and a page of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from aimon.probes.heartbeats.state import HeartbeatState, shares, uptime
from aimon.probes.history.queries.uptime import BAR_WINDOWS, segment_starts
from aimon.probes.service.pages.drawing.bars import uptime_bar
from aimon.probes.service.pages.overview import PERIODS, periods
from aimon.probes.service.pages.parts import states
from aimon.probes.service.pages.views import Fact, ProgramView, Report, Row, Tiles
from aimon.probes.service.pages.wording.words import Words, share
from aimon.quantities import duration_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from aimon.probes.heartbeats.beats import Beat
    from aimon.probes.heartbeats.state import Heartbeat
    from aimon.probes.service.pages.views import IncidentView, Notice

_WORDS = {
    HeartbeatState.UP: (states.UP, "well"),
    HeartbeatState.DOWN: (states.DOWN, "it says that it is not well"),
    HeartbeatState.SILENT: (states.DOWN, "no report in time"),
    HeartbeatState.UNKNOWN: (states.UNKNOWN, "not reported yet"),
}
# All of the time, but for what sums of floats miss; more than half of it.
_ALWAYS, _MOSTLY = 1 - 1e-9, 0.5
_LISTED = 20


class Program(NamedTuple):
    """A program, and its reports of the period that is shown, with the one before; in order."""

    heartbeat: Heartbeat
    reports: Sequence[Beat]

    @property
    def is_bad(self) -> bool:
        """Whether it is silent, or says that it is not well."""
        return self.heartbeat.state in (HeartbeatState.SILENT, HeartbeatState.DOWN)

    @property
    def patience(self) -> float:
        """Seconds after a report in which the next one must come."""
        return self.heartbeat.every + self.heartbeat.grace


def row(program: Program, root: str, period: str, words: Words) -> Row:
    """The card of a program."""
    found, t = program.heartbeat, words.t
    key = quote(found.name, safe="")
    well = _uptime(program, period, words.now)
    due = [Fact(t("next report by"), words.at(found.due_at).text)] if found.due_at is not None else []
    last = [Fact(t("last report"), words.ago(found.last_at).text)] if found.last_at is not None else []
    return Row(
        key=key,
        href=f"{root}/endpoint/{key}",
        name=found.name,
        kind=_WORDS[found.state][0],
        state=_state(found, words),
        what=found.title or "",
        availability=share(well),
        availability_note=t("over {period}", period=t(PERIODS[period])) if well is not None else t("not known"),
        problem=found.message or "" if program.is_bad else "",
        bar=_bar(program, key, period, words),
        facts=(*last, *due),
        last=None,
    )


def view(
    program: Program,
    period: str,
    words: Words,
    *,
    notices: tuple[Notice, ...],
    incidents: tuple[IncidentView, ...],
    warnings: tuple[str, ...],
) -> ProgramView:
    """The page of a program, whose reports of the longest period are given."""
    found, t = program.heartbeat, words.t
    uptimes = {name: _uptime(program, name, words.now) for name in PERIODS}
    times = [
        Fact(t(name), moment.text, iso)
        for name, at in (("last report", found.last_at), ("next report by", found.due_at))
        if at is not None
        for moment, iso in ((words.ago(at), words.at(at).text),)
    ]
    rhythm = t(
        "every {every}, {grace} late at the most", every=duration_text(found.every), grace=duration_text(found.grace)
    )
    return ProgramView(
        name=found.name,
        kind=_WORDS[found.state][0],
        state=_state(found, words),
        what=" · ".join(part for part in (found.title, rhythm) if part),
        problem=found.message or "" if program.is_bad else "",
        now=words.at(words.now),
        warnings=warnings,
        notices=notices,
        periods=periods(words, period, lambda name: f"?period={name}"),
        bar=_bar(program, "program", period, words),
        from_text=t("{span} ago", span=t(PERIODS[period])),
        tiles=(
            Tiles(
                t("Availability"),
                tuple(
                    Fact(t(text), share(uptimes[name]), t("of the time since its first report"))
                    for name, text in PERIODS.items()
                ),
            ),
            *([Tiles(t("State"), tuple(times))] if times else []),
        ),
        incidents=incidents,
        reports=tuple(
            Report(
                words.ago(each.at),
                states.UP if each.well else states.DOWN,
                t("well" if each.well else "not well"),
                each.message or "",
            )
            for each in reversed(program.reports[-_LISTED:])
        ),
    )


def _state(found: Heartbeat, words: Words) -> str:
    word = words.t(_WORDS[found.state][1])
    if found.state is not HeartbeatState.SILENT or found.due_at is None:
        return word
    return f"{word} {words.t('for {span}', span=words.span(words.now - found.due_at))}"


def _uptime(program: Program, period: str, now: float) -> float | None:
    begin = now - BAR_WINDOWS[period]
    before = [index for index, each in enumerate(program.reports) if each.at < begin]
    return uptime(program.reports[before[-1] if before else 0 :], program.patience, begin, now)


def _bar(program: Program, key: str, period: str, words: Words) -> Markup:
    starts = segment_starts(period, words.now)
    well = shares(program.reports, program.patience, starts, words.now)
    drawn = [
        (_kind(found) or "", _text(start, start + starts.step, found, words))
        for start, found in zip(starts, well, strict=True)
    ]
    label = words.t(
        "Uptime of {name} over {period}: {share}",
        name=program.heartbeat.name,
        period=words.t(PERIODS[period]),
        share=share(_uptime(program, period, words.now)),
    )
    return uptime_bar(drawn, label, key)


def _kind(well: float | None) -> str | None:
    if well is None:
        return None
    return states.UP if well > _ALWAYS else states.DEGRADED if well > _MOSTLY else states.DOWN


def _text(since: float, until: float, well: float | None, words: Words) -> str:
    said = words.t("before its first report")
    if well is not None:
        said = words.t("{share} of the time well", share=share(well))
    return f"{words.stretch(since, until)}\n{said}"
