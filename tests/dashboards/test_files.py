"""The committed dashboards: as generated, whole, and by the rules of Grafana's dashboard-linter."""

from __future__ import annotations

import json
import re

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from aimon.dashboards import build
from aimon.metrics import definitions
from dashboard_files import NAMES, interpolated, load, panels, queries

ENGLISH = [name for name in NAMES if name.startswith("en/")]
# Results of a load test are compared with production, which has another job.
_ANY_JOB = re.compile(r"ai_loadtest_(capacity|limit)_\w+")
_GUIDES_COSTS = ("ai_api_cost_total_yuan", "ai_api_cost_total_usd")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_the_committed_files_are_those_that_the_code_makes() -> None:
    """Regenerating the dashboards changes nothing."""
    assert {name: (build.FOLDER / name).read_text(encoding="utf-8") for name in NAMES} == build.dashboards()


def test_check_tells_of_a_stale_file(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` fails while a file is missing and passes once all are written."""
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    assert build.main(["--check"]) == 1
    assert "en/cny/overview.json" in capsys.readouterr().out
    assert build.main([]) == 0
    assert build.main(["--check"]) == 0


def test_there_are_four_boards_in_two_languages_and_two_currencies() -> None:
    """There is a file for each of four boards, two languages and two currencies."""
    boards = ("endpoint", "loadtest", "overview", "tokens")
    expected = [f"{lang}/{money}/{board}.json" for lang in ("en", "zh") for money in ("cny", "usd") for board in boards]
    assert expected == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_sdk_reads_what_it_wrote(name: str) -> None:
    """Decoding and encoding gives the same document, so it has no keys outside the schema."""
    register_default_plugins()
    again = json.loads(json.dumps(Dashboard.from_json(load(name)), cls=JSONEncoder))
    for shown in (*again["links"], *again["annotations"]["list"]):
        # The SDK always writes its only value of this key.
        assert shown.pop("placement") == "inControlsMenu"
    assert again == load(name)


@pytest.mark.parametrize("name", NAMES)
def test_identities(name: str) -> None:
    """Boards have fixed uids, unique panel ids, and links to all other boards of their language."""
    dashboard = load(name)
    language, _, file = name.split("/")
    suffix = "" if language == "en" else "-zh"
    assert dashboard["uid"] == f"aimon-{file.removesuffix('.json')}{suffix}"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    linked = {link["url"] for link in dashboard["links"]}
    all_boards = {f"/d/aimon-{board}{suffix}" for board in ("overview", "endpoint", "tokens", "loadtest")}
    assert linked == all_boards - {f"/d/{dashboard['uid']}"}
    assert all(link["includeVars"] and link["keepTime"] for link in dashboard["links"])


@pytest.mark.parametrize("name", NAMES)
def test_panels_lie_side_by_side(name: str) -> None:
    """No panel leaves the grid or covers another."""
    taken: set[tuple[int, int]] = set()
    for panel in load(name)["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", NAMES)
def test_linter_variables(name: str) -> None:
    """template-datasource, template-job, template-on-time-change-reload, template-label-promql."""
    dashboard = load(name)
    source, *others = dashboard["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert [variable["name"] for variable in others] == ["job", "region", "endpoint", "model"]
    for variable in others:
        assert variable["datasource"]["uid"] == "${datasource}"
        assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (
            True,
            True,
            ".*" if variable["name"] in {"region", "endpoint"} else ".+",  # applications have none
        )
        assert variable["refresh"] == 2, "on change of the time range"


@pytest.mark.parametrize("name", NAMES)
def test_linter_panels(name: str) -> None:
    """panel-title-description, panel-datasource, panel-units, panel-no-targets, uneditable; a metric is named."""
    dashboard = load(name)
    assert dashboard["editable"] is False
    for panel in panels(dashboard):
        title = panel["title"]
        assert title
        assert re.search(r"ai_[a-z_]+", panel["description"]), title
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, title
        assert panel["fieldConfig"]["defaults"]["unit"], title
        references = [target["refId"] for target in panel["targets"]]
        assert references, title
        assert len(references) == len(set(references)), title
        nothing = panel["fieldConfig"]["defaults"]["mappings"][0]
        assert nothing["options"]["match"] == "null+nan", title


@pytest.mark.parametrize("name", ENGLISH)
def test_linter_targets(name: str) -> None:
    """target-promql, target-job, target-rate-interval, target-counter-agg."""
    for panel in panels(load(name)):
        for target in panel["targets"]:
            expr = target["expr"]
            promql_parser.parse(interpolated(expr))
            windows = set(re.findall(r"rate\([^\[]*\[([^\]]+)\]", expr))
            assert windows <= {"$__rate_interval", "$__range"}, panel["title"]
            for metric, matchers in re.findall(r"(\bai_\w+)\{([^}]*)\}", expr):
                assert 'job=~"$job"' in matchers or _ANY_JOB.fullmatch(metric), (panel["title"], metric)
            if panel["title"] == "Tokens (cumulative)":
                continue  # the guide's panel shows the counters themselves
            for counter in re.finditer(r"\bai_\w+_(?:total|count|sum|bucket)\{", expr):
                assert re.search(r"(rate|increase)\($", expr[: counter.start()]), (panel["title"], counter[0])


@pytest.mark.parametrize("name", ENGLISH)
def test_metrics_exist(name: str) -> None:
    """Every metric of a query is one that aimon exposes, with the labels that the query matches."""
    for asked in queries(name):
        for metric, matchers in re.findall(r"(\bai_\w+)(?:\{([^}]*)\})", asked.expr):
            if metric.removesuffix("_total") in _GUIDES_COSTS:
                continue  # an application's
            family = definitions.find(re.sub("_(bucket|count|sum)$", "", metric))
            assert family is not None, (asked.where, metric)
            labels = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers))
            assert labels <= {*family.labels, "job"}, (asked.where, metric)


def test_currencies() -> None:
    """Boards in CNY count yuan, boards in USD count dollars."""
    for name in NAMES:
        text = (build.FOLDER / name).read_text(encoding="utf-8")
        wrong = "ai_api_cost_usd_total" if "/cny/" in name else "ai_api_cost_yuan_total"
        assert wrong not in text


@pytest.mark.parametrize("name", ENGLISH)
def test_languages(name: str) -> None:
    """A Chinese board has the queries of the English one, and Chinese descriptions of all panels."""
    english, chinese = load(name), load(name.replace("en/", "zh/", 1))
    assert [query.expr for query in queries(name)] == [query.expr for query in queries(name.replace("en/", "zh/", 1))]
    assert not any(_CHINESE.search(panel["title"] + panel["description"]) for panel in panels(english))
    without = [panel["title"] for panel in panels(chinese) if not _CHINESE.search(panel["description"])]
    # Two are only lists of metrics.
    assert all("token" in title for title in without), without


# The guide's panels: title in English and Chinese, kind, unit, and the thresholds of its colours.
_GUIDE = (
    ("AI API requests", "AI API 请求量", "timeseries", "reqps", None),
    ("Tokens (cumulative)", "Token 消耗(累计)", "timeseries", "short", None),
    ("API latency P99", "API 延迟 P99", "gauge", "s", [(None, "green"), (5, "yellow"), (10, "red")]),
    (
        "Daily cost estimate (¥)",
        "日费用估算(¥)",
        "stat",
        "currency:¥",
        [(None, "green"), (100, "yellow"), (500, "red")],
    ),
)


@pytest.mark.parametrize("panel", _GUIDE, ids=lambda panel: panel[0])
def test_the_guides_panels(panel: tuple[str, str, str, str, list[tuple[float | None, str]] | None]) -> None:
    """The overview has the guide's panels with its titles, kinds, units and thresholds."""
    *titles, kind, unit, steps = panel
    for language, title in zip(("en", "zh"), titles, strict=True):
        found = next(each for each in panels(load(f"{language}/cny/overview.json")) if each["title"] == title)
        defaults = found["fieldConfig"]["defaults"]
        assert (found["type"], defaults["unit"]) == (kind, unit)
        if steps is not None:
            assert [(step["value"], step["color"]) for step in defaults["thresholds"]["steps"]] == steps
    legends = {target["legendFormat"] for target in found["targets"]}
    if kind == "timeseries":
        assert legends in ({"{{model}} {{status}}"}, {"输入 Token {{model}}", "输出 Token {{model}}"})


@pytest.mark.parametrize("name", NAMES)
def test_costs_say_what_they_lack(name: str) -> None:
    """Each total has the number of calls without a price beside it, and an unknown cost is not shown as 0."""
    costs = [
        panel for panel in panels(load(name)) if panel["type"] == "stat" and "ai_api_cost" in str(panel["targets"])
    ]
    assert bool(costs) == (not name.endswith("endpoint.json"))
    for panel in costs:
        money, lacking = panel["targets"]
        assert "vector(0)" not in money["expr"]
        assert "ai_api_unpriced_calls_total" in lacking["expr"]
        (override,) = panel["fieldConfig"]["overrides"]
        assert override["matcher"] == {"id": "byFrameRefID", "options": lacking["refId"]}
        assert {"id": "unit", "value": "short"} in override["properties"]
        assert panel["fieldConfig"]["defaults"]["noValue"] in {"Unknown", "未知"}


def test_the_board_of_load_tests_shows_no_unix_time() -> None:
    """The start of a run is shown as a date, and the outcomes add up to the line of all calls."""
    shown = {panel["title"]: panel for panel in panels(load("en/cny/loadtest.json"))}
    runs = shown["Runs"]
    assert runs["fieldConfig"]["defaults"]["unit"] == "dateTimeAsIso"
    assert "run" not in re.findall(r"by \(([^)]*)\)", runs["targets"][0]["expr"])[0].split(", ")
    whole = shown["Calls asked, started and ended"]["targets"][2]["expr"]
    parts = shown["Outcomes"]["targets"][0]["expr"]
    assert parts == whole.replace("region, endpoint, model)", "outcome)", 1) + " > 0"
