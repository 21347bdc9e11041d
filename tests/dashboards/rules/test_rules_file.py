"""The rules as a whole: generated, drift-free, documented in two languages, loaded by a real Prometheus."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import burn_cases
from aimon.call.outcome import Fault, Outcome
from aimon.config.loader import parse
from aimon.dashboards.rules import build, recording, ruleset
from aimon.dashboards.rules.actions import ACTIONS
from aimon.dashboards.rules.document import Alert, Recording, render
from aimon.dashboards.rules.promql import within
from aimon.metrics.definitions import DURATION_BUCKETS, TPOT_BUCKETS, TTFT_BUCKETS, find
from promtool import Case, needed, rising, run, series
from services import wait_for
from traffic_cases import calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from command import Command
    from services import Servers

ROOT = Path(__file__).resolve().parent.parent.parent.parent
GROUPS = ruleset.default()
RULES = [rule for group in GROUPS for rule in group.rules]
ALERTS = [rule for rule in RULES if isinstance(rule, Alert)]
WITH_OBJECTIVES = """
currency: USD
defaults: {interval: 60s}
endpoints:
  - {name: qwen-prod, preset: dashscope, model: qwen-plus, api_key: "${NOT_SET}", interval: 5m,
     slo: {availability: 99.9%, ttft_p95: 2s, latency_p50: 3s}}
  - {name: plain, preset: openai, model: gpt-4o, api_key: "${NOT_SET}"}
  - {name: fast, preset: openai, model: gpt-4o, api_key: "${NOT_SET}", slo: {latency_p99: 10s, availability: 99%}}
"""


def test_the_committed_set_is_what_the_code_generates() -> None:
    """The committed rules are identical to the generated ones."""
    assert build.PATH.read_text(encoding="utf-8") == render(GROUPS, note=build.NOTE)
    assert build.main(["--check"]) == 0


@pytest.mark.requires_binary("promtool")
def test_promtool_accepts_both_sets(tmp_path: Path, run_aimon: Command) -> None:
    """Both sets of rules pass promtool without an error or lint, and `aimon rules` prints them without any key."""
    (tmp_path / "aimon.yaml").write_text(WITH_OBJECTIVES)
    for arguments in (("rules", "--default"), ("rules", "--config", "aimon.yaml")):
        done = run_aimon(*arguments, "--runbook-url", "https://wiki.example.com/aimon")
        assert (done.returncode, done.stderr) == (0, "")
        assert "runbook_url: https://wiki.example.com/aimon#aiendpointdown\n" in done.stdout
        (tmp_path / "out.yml").write_text(done.stdout)
        checked = subprocess.run(
            ["promtool", "check", "rules", "--lint=all", "--lint-fatal", "out.yml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_to_write_where_there_is_no_file(run_aimon: Command) -> None:
    """Without a file: exit code 2, nothing on stdout, and a message with both alternatives."""
    done = run_aimon("rules")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "no aimon.yaml: --config names one, and --default makes the set that needs none\n"
    assert run_aimon("rules", "--default", "--config", "aimon.yaml").returncode == 2


def test_links_to_the_runbook_are_addresses(run_aimon: Command) -> None:
    """An invalid link is refused; without one, links lead to Prometheus, and the output says how it serves the page."""
    refused = run_aimon("rules", "--default", "--runbook-url", "wiki.example.com/aimon")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "such as https://" in refused.stderr
    without = run_aimon("rules", "--default")
    assert without.returncode == 0
    assert without.stderr.startswith("alerts link to the runbook in Prometheus: start it with --web.user-assets=")
    assert "runbook_url: '{{ externalURL }}/user/runbook.html#aiendpointdown'\n" in without.stdout


def test_what_to_do_is_in_the_alert() -> None:
    """Each alert has its first step in both languages, which mail and PagerDuty show."""
    assert set(ACTIONS) == {alert.name for alert in ALERTS}
    for action in ACTIONS.values():
        assert re.search("[\u4e00-\u9fff]", action.zh)
        assert not re.search("[\u4e00-\u9fff]", action.en)
        assert len(action.en) < 250
    template = (build.PATH.parents[2] / "alertmanager" / "templates" / "aimon.tmpl").read_text("utf-8")
    assert {"action", "action_zh"} <= set(re.findall(r"\.Annotations\.(\w+)", template))


def test_objectives_become_alerts_of_their_endpoint() -> None:
    """Limits, short windows that hold three probes, and no alert that could never fire."""
    groups = ruleset.for_config(parse(WITH_OBJECTIVES))
    burns = [rule for group in groups for rule in group.rules if isinstance(rule, Alert) and "Burn" in rule.name]
    qwen = [burn for burn in burns if burn.labels["endpoint"] == "qwen-prod"]
    assert {burn.labels["endpoint"] for burn in burns} == {"qwen-prod", "fast"}
    first = next(burn for burn in qwen if burn.name == "AIAvailabilityBurn" and burn.labels["window"] == "1h")
    # Five minutes between probes: the short window of 5 m would hold one of them.
    assert first.expr == (
        'endpoint:ai_failures:ratio1h{endpoint="qwen-prod"} > 0.0144\n'
        'and endpoint:ai_failures:ratio30m{endpoint="qwen-prod"} > 0.0144\n'
        'and endpoint:ai_failures:increase1h{endpoint="qwen-prod"} >= 2.5'
    )
    # Half of all calls may be slower than the median: six times as many can't be.
    medians = [burn.labels["window"] for burn in qwen if burn.labels.get("quantile") == "0.5"]
    assert medians == ["3d"]
    assert "endpoint:ai_api_cost_usd:increase1d" in {
        r.record for g in groups for r in g.rules if isinstance(r, Recording)
    }


def test_texts_are_complete_in_both_languages() -> None:
    """Each alert has a summary and a description in English and in Chinese."""
    for alert in ALERTS:
        assert all((*alert.en, *alert.zh)), alert.name
        assert all(re.search("[\u4e00-\u9fff]", text) for text in alert.zh), alert.name
        assert not any(re.search("[\u4e00-\u9fff]", text) for text in alert.en), alert.name


def test_every_alert_is_in_the_runbook() -> None:
    """The anchor of each runbook_url is a heading of docs/runbook.md, and each heading has its alert."""
    headings = set(re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert headings == {alert.name for alert in ALERTS}


def test_every_alert_is_in_the_overview() -> None:
    """docs/alerting.md lists exactly the existing alerts, with their severities."""
    rows = [line for line in (ROOT / "docs" / "alerting.md").read_text("utf-8").splitlines() if line[:3] == "| `"]
    named = {name: row.split("|")[3] for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert set(named) == {alert.name for alert in ALERTS}
    assert all(alert.severity in named[alert.name] for alert in ALERTS)


@pytest.mark.parametrize("buckets", [DURATION_BUCKETS, TTFT_BUCKETS, TPOT_BUCKETS], ids=["latency", "ttft", "tpot"])
def test_a_bound_is_matched_alone(buckets: tuple[float, ...]) -> None:
    """A bound matches in Go's and in Python's format; 1 s does not match 120 s."""
    written = {text: bound for bound in buckets for text in (f"{bound:g}", str(bound))}
    for bound in buckets:
        _, _, pattern = within(bound).partition("=")
        matched = [text for text in written if re.fullmatch(pattern.strip('~"'), text)]
        assert {written[text] for text in matched} == {bound}
        assert matched == [text for text, value in written.items() if value == bound]


def test_every_metric_exists() -> None:
    """Every metric in the rules is one of aimon's, a recorded one, or one of Prometheus or the Pushgateway."""
    recorded = {rule.record for rule in RULES if isinstance(rule, Recording)}
    # The last is the name that Python's client library makes from the guide's name for the cost.
    foreign = {"up", "push_time_seconds", "push_failure_time_seconds", "ai_api_cost_total_yuan_total"}
    for rule in RULES:
        for name in re.findall(r"\b((?:ai|aimon|push)_[a-z_]+|endpoint:[a-z_]+:[a-z0-9]+)\b(?![=!])", rule.expr):
            base = re.sub("_(bucket|count)$", "", name)
            assert name in recorded | foreign or find(base) is not None, f"{name} in {rule.expr}"


def test_the_sli_counts_faults_of_network_and_provider(tmp_path: Path, require_binary: Callable[[str], Path]) -> None:
    """Faults of network and provider are failures; those of account, configuration and prober are left out."""
    failures = [outcome for outcome in Outcome if outcome.fault in (Fault.NETWORK, Fault.PROVIDER)]
    counters = {calls(outcome): rising(1) for outcome in Outcome}
    loadtests = {calls(outcome, "aimon-loadtest"): rising(7) for outcome in Outcome}
    probe = {
        "alert": "Sli",
        "labels": {"severity": "none"},
        "expr": f"endpoint:ai_calls:increase1h == {60 * (len(failures) + 1)}\n"
        f"and endpoint:ai_failures:increase1h == {60 * len(failures)}\n"
        f"and endpoint:ai_failures:ratio1h == {len(failures)} / {len(failures) + 1}",
    }
    document: dict[str, Any] = yaml.safe_load(render([recording.sli()]))
    document["groups"][0]["rules"].append(probe)
    case = Case(
        "Sli",
        "all outcomes",
        counters | loadtests,
        True,
        {"severity": "none", "endpoint": "e", "model": "m"},
        90,
        (60,),
    )
    outcome = run(require_binary("promtool"), tmp_path, needed(document, "Sli"), [case])
    assert outcome.passed, outcome.output


@pytest.mark.parametrize("window", [("1d", 1), ("7d", 7), ("30d", 30)])
def test_cost_by_day_week_and_month(
    window: tuple[str, int], tmp_path: Path, require_binary: Callable[[str], Path]
) -> None:
    """One yuan an hour is 24 a day, 168 a week and 720 a month; the guide's name is an alias."""
    name, days = window
    document: dict[str, Any] = yaml.safe_load(render([recording.cost("CNY"), recording.aliases("CNY")]))
    alias = "ai_api_cost_total_yuan"
    expr = f"round(endpoint:ai_api_cost_yuan:increase{name}, 0.1) == {24 * days} and {alias} == {24 * 31}"
    document["groups"].append({"name": "t", "rules": [{"alert": "Cost", "labels": {"severity": "none"}, "expr": expr}]})
    spent = {series("ai_api_cost_yuan_total"): lambda minute: minute / 60}
    labels = {"severity": "none", "endpoint": "e", "model": "m"}
    case = Case("Cost", name, spent, True, labels, 31 * 1440, (3600,), 1440)
    outcome = run(require_binary("promtool"), tmp_path, needed(document, "Cost"), [case])
    assert outcome.passed, outcome.output


def test_a_real_prometheus_loads_all_and_finds_them_healthy(servers: Servers) -> None:
    """Prometheus loads all rules of the file, and evaluates each without an error."""
    prometheus = servers.prometheus(rule_files=[build.PATH])

    def rules() -> list[dict[str, Any]]:
        return [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]

    loaded = wait_for(rules, lambda found: all(rule["health"] != "unknown" for rule in found), what="rules")
    assert len(loaded) == len(RULES)
    assert {rule["health"] for rule in loaded} == {"ok"}
    watchdog = prometheus.wait_until('ALERTS{alertname="Watchdog", alertstate="firing"}')
    assert [sample.labels["severity"] for sample in watchdog] == ["none"]
    # The link is absolute, and leads to the entry on a page that this Prometheus serves.
    (link,) = {
        alert["annotations"]["runbook_url"] for alert in prometheus.api("alerts")["alerts"] if "Watchdog" in str(alert)
    }
    assert re.fullmatch(rf"http://[^/]+:{prometheus.port}/user/runbook\.html#watchdog", link)
    page = prometheus.get("/user/runbook.html")
    assert set(re.findall(r'<h2 id="(\w+)">', page)) == {alert.name.lower() for alert in ALERTS}


def test_objectives_of_a_configuration_fire_as_the_default_ones(
    tmp_path: Path, require_binary: Callable[[str], Path]
) -> None:
    """Endpoint e with the default objectives passes the default cases, beside an endpoint with stricter ones."""
    config = parse(
        """
endpoints:
  - {name: e, preset: openai, model: m, api_key: "${NOT_SET}", slo: {availability: 99.5%, latency_p99: 10s}}
  - {name: f, preset: openai, model: m, api_key: "${NOT_SET}", slo: {availability: 99.99%, latency_p99: 1s}}
"""
    )
    document: dict[str, Any] = yaml.safe_load(render(ruleset.for_config(config)))
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    chosen = [rule for rule in rules if "record" in rule or "Burn" in rule["alert"]]
    outcome = run(require_binary("promtool"), tmp_path, {"groups": [{"name": "all", "rules": chosen}]}, _quick_cases())
    assert outcome.passed, outcome.output


def _quick_cases() -> list[Case]:
    return [replace(case, steps=case.steps[:1]) for case in burn_cases.CASES if case.labels["window"] in {"1h", "6h"}]


@pytest.mark.requires_binary("promtool")
def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    """prometheus.yml is valid with the rules where it looks for them, and the glob matches (an empty one passes)."""
    text = (build.PATH.parent.parent / "prometheus.yml").read_text(encoding="utf-8")
    path = tmp_path / "prometheus.yml"
    path.write_text(text.replace("/etc/prometheus/rules", str(build.PATH.parent)))
    checked = subprocess.run(["promtool", "check", "config", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert f"{len(RULES)} rules found" in checked.stdout + checked.stderr
