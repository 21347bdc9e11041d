"""The shipped Alertmanager configuration checked by amtool, and the commands for Alertmanager and chat robots."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from aimon.dashboards.bridge import message, server
from aimon.dashboards.rules import promql, ruleset
from aimon.dashboards.rules.document import Alert
from aimon.dashboards.rules.probing import GATEWAY_JOB
from aimon.notifications.robots import KINDS, LONGEST_BYTES, ChatMessage, Kind, Robot, RobotError, Tone
from aimon.security.secret import Secret
from overlay import ALERTMANAGER, PROMETHEUS
from services import free_port, wait_for
from sinks import http_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command
    from services import Servers

ALERTS = [rule for group in ruleset.default() for rule in group.rules if isinstance(rule, Alert)]
RECEIVERS = {"critical": "pagerduty,chat-and-mail", "warning": "chat-and-mail", "info": "chat", "none": "heartbeat"}


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs amtool."""
    return subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.requires_binary("amtool")
def test_amtool_accepts_the_configuration() -> None:
    """The configuration is valid and has four receivers."""
    checked = amtool("check-config", str(ALERTMANAGER))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "4 receivers" in checked.stdout


@pytest.mark.requires_binary("amtool")
@pytest.mark.parametrize("severity", sorted(RECEIVERS))
def test_severities_go_to_their_receivers(severity: str) -> None:
    """Every severity of an alert is routed by the label `severity`."""
    alert = next(alert for alert in ALERTS if alert.severity == severity)
    labels = (f"severity={severity}", f"alertname={alert.name}", "region=local")
    expected = f"--verify.receivers={RECEIVERS[severity]}"
    tested = amtool("config", "routes", "test", f"--config.file={ALERTMANAGER}", expected, *labels)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert {alert.severity for alert in ALERTS} == set(RECEIVERS)


def test_inhibitions_name_alerts_that_exist() -> None:
    """A renamed alert would silently inhibit nothing."""
    text = ALERTMANAGER.read_text(encoding="utf-8").partition("inhibit_rules:")[2].partition("receivers:")[0]
    named = {name for chosen in re.findall(r'alertname =~? "?([\w|]+)', text) for name in chosen.split("|")}
    assert named <= {alert.name for alert in ALERTS}
    assert len(named) >= 10


def test_one_pattern_finds_all_alerts() -> None:
    """Routes and the boards' annotations match all alert names by one pattern, which excludes the Watchdog."""
    assert {alert.name for alert in ALERTS if not re.fullmatch(promql.ALERTS, alert.name)} == {"Watchdog"}
    assert not re.fullmatch(promql.ALERTS, "HighCPU")


@pytest.mark.requires_binary("amtool")
def test_routes_and_inhibitions_for_an_existing_alertmanager(tmp_path: Path, run_aimon: Command) -> None:
    """Merged as the output says, the routes match only our alerts and lead to the receivers of their severity."""
    done = run_aimon("rules", "--alertmanager")
    assert (done.returncode, done.stderr) == (0, "")
    printed = yaml.safe_load(done.stdout)
    names = ("pagerduty", "chat-and-mail", "chat", "heartbeat", "theirs")
    existing: dict[str, Any] = {"route": {"receiver": "theirs"}, "receivers": [{"name": name} for name in names]}
    existing["route"] |= printed["route"]
    existing["inhibit_rules"] = printed["inhibit_rules"]
    assert existing["inhibit_rules"] == yaml.safe_load(ALERTMANAGER.read_text("utf-8"))["inhibit_rules"]
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(existing))
    assert amtool("check-config", str(path)).returncode == 0
    cases = {alert.name: (alert.severity, RECEIVERS[alert.severity]) for alert in ALERTS if "Burn" not in alert.name}
    for name, (severity, receivers) in {**cases, "HighCPU": ("critical", "theirs")}.items():
        tested = amtool(
            "config", "routes", "test", f"--config.file={path}", f"--verify.receivers={receivers}",
            f"severity={severity}", f"alertname={name}",
        )  # fmt: skip
        assert tested.returncode == 0, (name, tested.stdout, tested.stderr)


@pytest.mark.requires_binary("promtool")
def test_what_to_scrape_for_an_existing_prometheus(tmp_path: Path, run_aimon: Command) -> None:
    """The scrape configuration is valid; the gateway has honor_labels and the job name that the alerts use."""
    done = run_aimon("rules", "--scrape")
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "prometheus.yml").write_text(done.stdout)
    checked = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    shipped = yaml.safe_load(PROMETHEUS.read_text("utf-8"))["scrape_configs"]
    gateway, prober = yaml.safe_load(done.stdout)["scrape_configs"]
    assert gateway in shipped
    assert (gateway["job_name"], prober["job_name"]) == (GATEWAY_JOB, "aimon-probe")


def test_what_is_printed_instead_of_rules_stands_alone(run_aimon: Command) -> None:
    """Options that print something else exclude other options: exit code 2 and nothing on stdout."""
    for others in (("--scrape",), ("--default",), ("--runbook-url", "https://example.com")):
        done = run_aimon("rules", "--alertmanager", *others)
        assert (done.returncode, done.stdout) == (2, "")
        assert "give nothing beside them" in done.stderr


@pytest.mark.requires_binary("amtool")
def test_the_configuration_is_exported(tmp_path: Path, run_aimon: Command) -> None:
    """The configuration is exported with its templates; a changed file is only replaced with --overwrite."""
    folder = tmp_path / "am"
    done = run_aimon("alerts", "export", str(folder))
    assert done.returncode == 0
    names = ("alertmanager.yml", "templates/aimon.tmpl", "assets/runbook.html")
    assert done.stdout.splitlines() == [f"{folder}/{name}" for name in names]
    checked = amtool("check-config", str(folder / "alertmanager.yml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 templates" in checked.stdout
    assert run_aimon("alerts", "export", str(folder)).returncode == 0
    (folder / "alertmanager.yml").write_text("route: {receiver: mine}\n")
    refused = run_aimon("alerts", "export", str(folder))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--overwrite" in refused.stderr
    assert (folder / "alertmanager.yml").read_text() == "route: {receiver: mine}\n"
    assert run_aimon("alerts", "export", str(folder), "--overwrite").returncode == 0
    assert "pagerduty" in (folder / "alertmanager.yml").read_text()
    (tmp_path / "file").touch()
    assert run_aimon("alerts", "export", str(tmp_path / "file")).returncode == 3


def test_alerts_test_fires_and_resolves(servers: Servers, run_aimon: Command) -> None:
    """The command names the receiver, which gets an alert marked as a test, and the alert is resolved at the end."""
    with http_sink() as posts:
        hook = {"name": "hook", "webhook_configs": [{"url": f"{posts.url}/hook"}]}
        route = {"receiver": "hook", "group_wait": "100ms", "group_interval": "1s", "repeat_interval": "1h"}
        alertmanager = servers.alertmanager({"route": route, "receivers": [hook]})
        done = run_aimon("alerts", "test", "--alertmanager", alertmanager.url, "--severity", "critical", "--for", "1s")
        assert (done.returncode, done.stdout) == (0, "active: severity critical goes to: hook\nresolved\n"), done.stderr
        told = wait_for(lambda: [post["status"] for post in posts.at("/hook")], lambda found: "resolved" in found)
        assert told == ["firing", "resolved"]
        assert posts.at("/hook")[0]["alerts"][0]["annotations"]["summary"].startswith("TEST:")


def test_alerts_test_without_an_alertmanager(run_aimon: Command) -> None:
    """Without an Alertmanager the exit code is 3, with a reason; a wrong address is a usage error."""
    url = f"http://127.0.0.1:{free_port()}"
    done = run_aimon("alerts", "test", "--alertmanager", url)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"the Alertmanager at {url} does not answer (Connection refused)\n"
    assert run_aimon("alerts", "test", "--alertmanager", "localhost").returncode == 2


def test_a_refusal_does_not_show_the_robots_key() -> None:
    """Robots answer 200 and an error code; the key in the URL stays out of the message."""
    with http_sink() as posts:
        posts.refuse = 45009
        with pytest.raises(RobotError, match="refuses the message: code 45009") as caught:
            Robot.parse("wecom", Secret(f"{posts.url}/robot?key=very-secret")).send(ChatMessage("title", "text"))
        assert "very-secret" not in repr(caught.value)
        assert posts.queries == ["key=very-secret"]
    with pytest.raises(RobotError, match="does not answer"):
        Robot.parse("wecom", Secret(f"http://127.0.0.1:{free_port()}/robot?key=very-secret")).send(
            ChatMessage("title", "text")
        )


def strings(made: Any) -> Iterator[str]:
    """All strings in a JSON value."""
    for part in made.values() if isinstance(made, dict) else made:
        yield from (part,) if isinstance(part, str) else strings(part)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_messages_are_cut_where_a_character_ends(kind: str) -> None:
    """A long text in Chinese is cut to WeCom's limit between characters, with a note."""
    made = KINDS[kind].message(ChatMessage("标题", "告警" * 3000))
    text = next(value for value in strings(made) if "告" in value)
    assert len(text.encode()) in range(LONGEST_BYTES - 3, LONGEST_BYTES + 1)
    assert text.endswith("…")


def test_a_fault_in_one_notification(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A failure is reported in one line and to Alertmanager, and the next notification is delivered."""
    said: list[str] = []

    def broken(message: ChatMessage) -> dict[str, Any]:  # a robot's signature
        raise OverflowError("too much")

    notification = {
        "status": "firing", "groupLabels": {"alertname": "A"}, "commonLabels": {},
        "alerts": [{"status": "firing", "annotations": {"summary": "s"}}],
    }  # fmt: skip
    with http_sink() as posts:
        bridge = server(Robot.parse("feishu", Secret(f"{posts.url}/robot")), "127.0.0.1", 0, said.append)
        thread = Thread(target=bridge.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        url = f"http://127.0.0.1:{bridge.server_address[1]}/alerts"
        with monkeypatch.context() as patch:
            patch.setitem(KINDS, "feishu", Kind(broken, None, frozenset()))
            first = _status("POST", url, json.dumps(notification).encode())
        _status("POST", url, json.dumps(notification).encode())
        bridge.shutdown()
        bridge.server_close()
        thread.join()
    assert (first, len(posts.at("/robot"))) == (500, 1)
    assert said[0] == "the notification is not passed on: OverflowError: too much"
    assert "Traceback" not in capfd.readouterr().err


def test_the_bridge_refuses_what_is_no_notification() -> None:
    """400 for other JSON, 404 elsewhere, 200 for its health; nothing reaches the robot."""
    said: list[str] = []
    with http_sink() as posts:
        bridge = server(Robot.parse("feishu", Secret(f"{posts.url}/robot")), "127.0.0.1", 0, said.append)
        thread = Thread(target=bridge.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        base = f"http://127.0.0.1:{bridge.server_address[1]}"
        statuses = [
            _status("POST", f"{base}/alerts"),
            _status("POST", f"{base}/x"),
            _status("GET", f"{base}/-/healthy"),
        ]
        bridge.shutdown()
        bridge.server_close()
        thread.join()
    assert statuses == [400, 404, 200]
    assert said == ["not a notification of an Alertmanager: KeyError('alerts')"]
    assert posts.at("/robot") == []


def test_a_notification_is_told_in_both_languages() -> None:
    """The event comes first; its meaning and what to do are given once, and only while the alert fires."""
    texts = {"summary": "s", "summary_zh": "摘要", "description": "d", "description_zh": "说明", "runbook_url": "r"}
    texts |= {"action": "a", "action_zh": "处理"}
    alerts = [{"status": status, "annotations": texts} for status in ("firing", "firing", "resolved")]
    notification = {"status": "firing", "groupLabels": {"alertname": "AIX"}, "commonLabels": {}, "alerts": alerts}
    happened = "FIRING: s\n摘要\nFIRING: s\n摘要\nRESOLVED: s\n摘要"
    told = f"{happened}\n\nd\n说明\nDo: a\n处理\uff1a处理\nRunbook: r"
    assert message(notification) == ChatMessage("[FIRING:2] AIX", told, Tone.WARNING)
    over = {**notification, "status": "resolved", "alerts": alerts[2:]}
    assert message(over) == ChatMessage("[RESOLVED:1] AIX", "RESOLVED: s\n摘要", Tone.GOOD)


def _status(method: str, url: str, body: bytes = b"{}") -> int:
    import http.client
    from contextlib import closing
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    with closing(http.client.HTTPConnection("127.0.0.1", parts.port, timeout=10)) as connection:
        connection.request(method, parts.path, body)
        return connection.getresponse().status


def test_the_configuration_holds_no_secret() -> None:
    """Every key, password and token is a file."""
    lines = Path(ALERTMANAGER).read_text(encoding="utf-8").splitlines()
    secret = [line.strip() for line in lines if any(word in line for word in ("_key", "password")) and "#" not in line]
    assert [line.split(": ")[1].startswith("/run/secrets/") for line in secret] == [True, True]
