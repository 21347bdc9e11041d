"""What a dashboard is made of here: texts in two languages, queries, panels, rows, boards."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["stat", "gauge", "lines", "bars", "stacked", "states", "table"]


class Text(NamedTuple):
    """One text in each language."""

    en: str
    zh: str

    def get(self, language: str) -> str:
        """The text in `en` or `zh`."""
        return self.zh if language == "zh" else self.en


class Query(NamedTuple):
    """PromQL and what its series are called. Instant queries give one value, at the end of the range.

    `unit` is that of its values where they are not the panel's.
    """

    expr: str
    legend: str | Text = "__auto"
    instant: bool = False
    unit: str | None = None


class Step(NamedTuple):
    """The colour from a value on; the first step of a scale has no value."""

    value: float | None
    color: str


class State(NamedTuple):
    """What a value is called and how it is coloured."""

    value: int
    text: Text
    color: str


class Panel(NamedTuple):
    """One panel. `about` says what it shows; the metric it comes from is named in it.

    `interval` is the least time between two points, `since` replaces the dashboard's time range. `nothing` is shown
    where a query gives no value, `value` is what a table calls it.
    """

    kind: Kind
    title: Text
    about: Text
    queries: tuple[Query, ...]
    unit: str
    width: int = 12
    height: int = 8
    steps: tuple[Step, ...] = ()
    states: tuple[State, ...] = ()
    interval: str = "1m"
    since: str | None = None
    decimals: int | None = None
    max: float | None = None
    nothing: Text = Text("No traffic", "无流量")
    value: Text = Text("Value", "数值")


class Row(NamedTuple):
    """A headline and the panels under it."""

    title: Text
    panels: tuple[Panel, ...]


class Board(NamedTuple):
    """One dashboard. `jobs` is the metric whose jobs, regions, endpoints and models it offers."""

    slug: str
    title: Text
    about: Text
    rows: tuple[Row, ...]
    jobs: str
