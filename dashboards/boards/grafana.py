"""Turns a board into Grafana's dashboard JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from grafana_foundation_sdk.builders import common, dashboard, gauge, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from aimon.dashboards.boards.model import Board, Panel, Query, Row, Text
from aimon.dashboards.rules.promql import ALERTS
from aimon.metrics.definitions import LOADTEST_RUN_INFO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimon.dashboards.boards.model import Kind

_LABELS: Final = {
    "datasource": Text("Data source", "数据源"),
    "job": Text("Job", "Job"),
    "region": Text("Region", "地域"),
    "endpoint": Text("Endpoint", "接口"),
    "model": Text("Model", "模型"),
}
_SOURCE: Final = kinds.DataSourceRef(type_val="prometheus", uid="${datasource}")
# What a load test found stays in the gateway: a run is marked when it is new there.
_LOADTESTS: Final = "\nunless ".join(
    f'max by (job, endpoint, run, profile) ({LOADTEST_RUN_INFO}{{endpoint=~"$endpoint"}}{ago})'
    for ago in ("", " offset 2m")
)
# Alerts on costs and on aimon itself have no endpoint.
_ALERTS: Final = f'ALERTS{{alertstate="firing", alertname=~"{ALERTS}", endpoint=~"($endpoint)|"}}'
_GRID: Final = 24
# Of a figure beside the panel's own, such as the calls that a cost lacks: none is as it should be.
_OTHER: Final = {"mode": "absolute", "steps": [{"value": None, "color": "text"}, {"value": 1, "color": "orange"}]}
_AnyPanel = stat.Panel | gauge.Panel | timeseries.Panel | statetimeline.Panel | table.Panel


def uid(slug: str, language: str) -> str:
    """A dashboard's identity in Grafana: installing it again replaces it, whatever its currency."""
    return f"aimon-{slug}" if language == "en" else f"aimon-{slug}-{language}"


def render(board: Board, titles: dict[str, Text], language: str) -> str:
    """The JSON of a board.

    Args:
        board: what it shows.
        titles: those of all boards, by slug, to link to.
        language: `en` or `zh`.
    """
    built = json.loads(json.dumps(_dashboard(board, titles, language).build(), cls=JSONEncoder))
    for shown in (*built["links"], *built["annotations"]["list"]):
        # The SDK knows but one value of this: in a menu. Without it they are in sight, as everywhere.
        del shown["placement"]
    return json.dumps(built, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _dashboard(board: Board, titles: dict[str, Text], language: str) -> dashboard.Dashboard:
    builder = (
        dashboard.Dashboard(board.title.get(language))
        .uid(uid(board.slug, language))
        .description(board.about.get(language))
        .tags(["aimon"])
        .readonly()
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .annotations(_annotations(language))
        .variables(_variables(board, language))
    )
    for slug, title in titles.items():
        if slug != board.slug:
            builder.link(_link(slug, title, language))
    number = 0
    top = 0
    for row in board.rows:
        number += 1
        builder.with_row(
            dashboard.Row(row.title.get(language)).id(number).grid_pos(models.GridPos(h=1, w=_GRID, x=0, y=top))
        )
        for panel, place in _placed(row, top + 1):
            number += 1
            builder.with_panel(_panel(panel, number, language).grid_pos(place))
            top = max(top, place.y + place.h)
    return builder


def _placed(row: Row, top: int) -> Iterable[tuple[Panel, models.GridPos]]:
    """Each panel with its place: left to right, then down by the highest of the line."""
    x, y, height = 0, top, 0
    for panel in row.panels:
        if x + panel.width > _GRID:
            x, y, height = 0, y + height, 0
        yield panel, models.GridPos(h=panel.height, w=panel.width, x=x, y=y)
        x, height = x + panel.width, max(height, panel.height)


def _link(slug: str, title: Text, language: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(title.get(language))
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{uid(slug, language)}")
        .icon("dashboard")
        .include_vars(True)
        .keep_time(True)
    )


def _variables(board: Board, language: str) -> list[Any]:
    source = dashboard.DatasourceVariable("datasource").label(_LABELS["datasource"].get(language)).type("prometheus")
    variables: list[Any] = [source]
    matchers: list[str] = []
    for name in ("job", "region", "endpoint", "model"):
        chosen = f"{{{', '.join(matchers)}}}" if matchers else ""
        query = f"label_values({board.jobs}{chosen}, {name})"
        variables.append(
            dashboard.QueryVariable(name)
            .label(_LABELS[name].get(language))
            .datasource(_SOURCE)
            .query(query)
            .definition(query)
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(models.VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            # Applications have no region, and their cost no endpoint.
            .all_value(".*" if name in {"region", "endpoint"} else ".+")
            .current(models.VariableOption(selected=True, text="All", value="$__all"))
        )
        matchers.append(f'{name}=~"${name}"')
    return variables


def _annotations(language: str) -> list[Any]:
    return [
        _annotation(Text("Alerts", "告警"), _ALERTS, "red", "{{alertname}}", "{{severity}} {{endpoint}}", language),
        _annotation(Text("Load tests", "压测"), _LOADTESTS, "blue", "{{profile}}", "{{endpoint}}", language),
    ]


def _annotation(name: Text, expr: str, color: str, title: str, text: str, language: str) -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name(name.get(language))
        .datasource(_SOURCE)
        .enable(True)
        .icon_color(color)
        .expr(expr)
        .step("60s")
        .title_format(title)
        .text_format(text)
    )


def _panel(panel: Panel, number: int, language: str) -> _AnyPanel:
    builder = _BUILDERS[panel.kind](panel, language)
    builder.id(number).title(panel.title.get(language)).description(panel.about.get(language))
    builder.datasource(_SOURCE).unit(panel.unit).no_value(panel.nothing.get(language))
    builder.mappings(_mappings(panel, language)).interval(panel.interval)
    if panel.steps:
        steps = [models.Threshold(value=step.value, color=step.color) for step in panel.steps]
        builder.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.since is not None:
        builder.time_from(panel.since)
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.max is not None:
        builder.max(panel.max)
    for index, query in enumerate(panel.queries):
        ref_id = chr(ord("A") + index)
        builder.with_target(_target(query, ref_id, language, as_table=panel.kind == "table"))
        if query.unit is not None:
            own = {"unit": query.unit, "decimals": 0, "thresholds": _OTHER}
            builder.override_by_query(ref_id, [models.DynamicConfigValue(*each) for each in own.items()])
    return builder


def _target(query: Query, ref_id: str, language: str, *, as_table: bool) -> prometheus.Dataquery:
    legend = query.legend.get(language) if isinstance(query.legend, Text) else query.legend
    target = prometheus.Dataquery().expr(query.expr).legend_format(legend).ref_id(ref_id).datasource(_SOURCE)
    if as_table:
        target.format(PromQueryFormat.TABLE)
    return target.instant() if query.instant else target.range()


def _mappings(panel: Panel, language: str) -> list[Any]:
    nothing = models.SpecialValueMap(
        models.DashboardSpecialValueMapOptions(
            models.SpecialValueMatch.NULL_AND_NAN,
            models.ValueMappingResult(text=panel.nothing.get(language), color="text", index=0),
        )
    )
    if not panel.states:
        return [nothing]
    options = {
        str(state.value): models.ValueMappingResult(text=state.text.get(language), color=state.color, index=index)
        for index, state in enumerate(panel.states, start=1)
    }
    return [nothing, models.ValueMap(options)]


def _stat(panel: Panel, _language: str) -> stat.Panel:
    color = kinds.BigValueColorMode.VALUE if panel.steps or panel.states else kinds.BigValueColorMode.NONE
    return (
        stat.Panel()
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .color_mode(color)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )


def _gauge(_panel: Panel, _language: str) -> gauge.Panel:
    return (
        gauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .show_threshold_markers(True)
        .min(0)
    )


def _lines(_panel: Panel, _language: str) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .fill_opacity(8)
        .line_width(2)
        .show_points(kinds.VisibilityMode.AUTO)
        .axis_soft_min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(kinds.LegendDisplayMode.LIST)
            .placement(kinds.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
    )


def _stacked(panel: Panel, language: str) -> timeseries.Panel:
    stacking = common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A")
    return _lines(panel, language).fill_opacity(40).stacking(stacking)


def _bars(panel: Panel, language: str) -> timeseries.Panel:
    return _stacked(panel, language).draw_style(kinds.GraphDrawStyle.BARS).fill_opacity(80)


def _states(_panel: Panel, _language: str) -> statetimeline.Panel:
    return statetimeline.Panel().merge_values(True).show_value(kinds.VisibilityMode.NEVER).row_height(0.8)


def _table(panel: Panel, language: str) -> table.Panel:
    # The time of the query says nothing about what is in the table.
    columns = {"excludeByName": {"Time": True}, "renameByName": {"Value": panel.value.get(language)}}
    return (
        table.Panel().show_header(True).with_transformation(models.DataTransformerConfig("organize", options=columns))
    )


_BUILDERS: Final[dict[Kind, Callable[[Panel, str], _AnyPanel]]] = {
    "stat": _stat,
    "gauge": _gauge,
    "lines": _lines,
    "stacked": _stacked,
    "bars": _bars,
    "states": _states,
    "table": _table,
}
