"""The result of a load test on a terminal: verdict, objectives, times, and the other figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.cli import console
from aimon.cli.report.drawing import COLOURS, fitting, pairs, table
from aimon.formatting import format_duration, format_number
from aimon.language import pick
from aimon.loadtests.report.reasons import reason
from aimon.loadtests.report.text import by_name, ladder
from aimon.loadtests.report.text.summary import doubts, kind, load_title, summary_rows, verdict
from aimon.loadtests.report.text.times import COLUMN_TITLES, columns, measured, time_notes, values
from aimon.loadtests.statistics.formatting import format_percentile, format_slo_value, slo_verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

_VERDICTS = {"met": "good", "missed": "bad", "not judged": "warn"}
# The columns of times to drop on a narrow terminal, in this order.
_DISPENSABLE = ("P90", "mean", "max", "P99.9")
_IN_THE_TITLE = frozenset({"Endpoint", "Scenario", "Profile", "端点", "场景", "负载类型"})


def draw(report: dict[str, Any]) -> None:
    """Prints a report to a terminal."""
    out = console.tables()
    for part in _parts(report, out):
        out.print(part)


def _parts(report: dict[str, Any], out: Console) -> Iterator[RenderableType]:
    from rich.text import Text

    yield Text()
    model = f" {report['model']}" if report["model"] else ""
    title = " · ".join(
        filter(None, (report["scenario"], report["profile"], load_title(report), format_duration(report["duration_s"])))
    )
    yield Text.assemble((report["endpoint"], "bold"), f"{model}  {title}")
    yield Text(verdict(report), COLOURS[kind(report)])
    for doubt in doubts(report):
        yield Text(doubt, "yellow")
    for rows in (_objectives(report), _capacity(report)):
        if len(rows) > 1:
            yield Text()
            yield table(rows, words=(3,))
    if steps := ladder.rows(report):
        yield Text()
        yield table(steps, words=(len(steps[0]) - 1,))
    if len(times := _times(report)) > 1:
        yield Text()
        yield _fitted(times, out)
    if named := by_name.rows(report):
        yield Text()
        yield _fitted(named, out)
        yield Text(by_name.explained(report), "dim")
    yield Text()
    yield pairs([row for row in summary_rows(report) if row[0] not in _IN_THE_TITLE])
    for note in [*(note.replace("`", "") for note in time_notes(report)), *report["notes"]]:
        yield Text(note, "dim")


def _fitted(rows: Sequence[Sequence[str]], out: Console) -> RenderableType:
    """A table; if even its essential columns are too wide, a line for each value."""
    from rich.text import Text

    header = rows[0]
    dispensable = [header.index(name) for name in _DISPENSABLE if name in header]
    if (drawn := fitting(rows, out, dispensable=dispensable)) is not None:
        return drawn
    return Text(
        "\n".join(f"{row[0]}: " + ", ".join(map(" ".join, zip(header[1:], row[1:], strict=True))) for row in rows[1:])
    )


def _objectives(report: dict[str, Any]) -> list[list[Any]]:
    from rich.text import Text

    rows: list[list[Any]] = [[pick("objective", "目标"), pick("measured", "测得"), pick("verdict", "判定"), ""]]
    words = {
        "met": pick("met", "达到"),
        "missed": pick("MISSED", "未达到"),
        "not judged": pick("NOT JUDGED", "无法判定"),
    }
    for row in report["slo"]:
        said = slo_verdict(row)
        rows.append(
            [
                row["expr"],
                format_slo_value(row),
                Text(words[said], COLOURS[_VERDICTS[said]]),
                reason(row.get("why") or ""),
            ]
        )
    return rows


def _times(report: dict[str, Any]) -> list[list[str]]:
    shown = columns(report)
    rows = [["", *(COLUMN_TITLES[column] for column in shown), pick("values", "个数")]]
    for title, times in measured(report):
        cells = (format_percentile(times, column, format_duration) for column in shown)
        rows.append([title, *cells, values(times)])
    return rows


def _capacity(report: dict[str, Any]) -> list[list[Any]]:
    from rich.text import Text

    rows: list[list[Any]] = [
        [pick("asked/s", "要求/秒"), pick("ok/s", "成功/秒"), pick("held", "保持住"), pick("why not", "原因")]
    ]
    for step in (report["capacity"] or {"steps": ()})["steps"]:
        held = Text(pick("yes", "是"), "green") if step["held"] else Text(pick("no", "否"), "yellow")
        rows.append([format_number(step["rate"], 4), format_number(step["served"], 4), held, reason(step["why"])])
    return rows
