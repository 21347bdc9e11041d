"""Every command of the README that can run here does, in the order a reader would type it."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

import overlay
from aimon.simulator.client import Control
from services import free_port, wait_for
from sinks import http_sink, mail_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command
    from services import Servers
    from sinks import Posts

README = Path(__file__).resolve().parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def script() -> str:
    """The console blocks as one shell script: prompts gone, here-documents as they are."""
    lines = ["set -e"]
    for block in blocks("console"):
        lines += [line.removeprefix("$ ") for line in block.splitlines()]
    return "\n".join(lines)


@contextmanager
def toured(run_aimon: Command, folder: Path) -> Iterator[tuple[str, str]]:
    """Runs the tour in a folder; gives what it printed, and the simulator's address, which runs until the end."""
    port = free_port()
    # The simulator starts while the shell goes on: a reader types slower than that.
    text = script().replace("8399", str(port)).replace("&\n", "&\nsleep 3\n", 1)
    path = f"{Path(sys.executable).parent}{os.pathsep}{run_aimon.env['PATH']}"
    # A file, not a pipe: the simulator goes on writing after the shell has ended.
    with (
        (folder / "tour.log").open("wb") as said,
        subprocess.Popen(
            ["bash", "-c", text],
            cwd=folder,
            env={**run_aimon.env, "PATH": path},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as shell,
    ):
        try:
            code = shell.wait(timeout=90)
            output = Path(said.name).read_text(encoding="utf-8")
            assert code == 0, output
            yield output, f"http://127.0.0.1:{port}"
        finally:
            os.killpg(shell.pid, signal.SIGTERM)


def test_the_tour_runs(run_aimon: Command, tmp_path: Path) -> None:
    """The commands of the tour succeed, from the simulator to `aimon status`, and write the files that it names."""
    with toured(run_aimon, tmp_path) as (output, _):
        assert "openai-chat-sim-1 ok " in output
        assert "all is well: endpoints: 1" in output
        assert "local ok last run" in output
        assert "ai_probe_success" in (tmp_path / "aimon.prom").read_text()
        assert "testsuite" in (tmp_path / "junit.xml").read_text()


@pytest.mark.e2e
@pytest.mark.requires_binary("prometheus", "prometheus-pushgateway", "prometheus-alertmanager")
def test_from_nothing_to_a_page(run_aimon: Command, servers: Servers, tmp_path: Path) -> None:
    """The files that the tour wrote, in real servers: the test alert and a withdrawn key ring once each.

    Only addresses, the files of secrets and the waits of Alertmanager are other than the README's.
    """
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("pagerduty_routing_key", "smtp_password"):
        (secrets / name).write_text("secret")
    with toured(run_aimon, tmp_path) as (_, simulator), http_sink() as posts, mail_sink() as mailbox:
        addresses = {
            "https://events.pagerduty.com/v2/enqueue": f"{posts.url}/pagerduty",
            "mail.example.com:587": mailbox.address,
            "http://bridge:9465": posts.url,
            "https://heartbeat.example.com/aimon": f"{posts.url}/heartbeat",
        }
        alertmanager = servers.alertmanager(
            overlay.alertmanager(secrets, addresses, tmp_path / "alerting" / "alertmanager.yml")
        )
        gateway = servers.pushgateway()
        [pushed, _scraped] = yaml.safe_load((tmp_path / "scrape.yml").read_text())["scrape_configs"]
        pushed["static_configs"] = [{"targets": [f"127.0.0.1:{gateway.port}"]}]
        rules = [tmp_path / "aimon-rules.yml"]
        prometheus = servers.prometheus([pushed], rule_files=rules, alertmanagers=[alertmanager])

        [command] = re.findall(r"aimon (probe .*)", blocks("cron")[0])
        cron = command.replace("/etc/aimon/aimon.yaml", "aimon.yaml").replace("http://127.0.0.1:9091", gateway.url)
        assert run_aimon(*cron.split()).returncode == 0
        prometheus.wait_until("ai_probe_success == 1")
        assert _pages(posts) == []

        [command] = re.findall(r"aimon (alerts test .*)", "".join(blocks("sh")))
        test = command.replace("http://127.0.0.1:9093", f"http://127.0.0.1:{alertmanager.port}")
        assert run_aimon(*test.split(), "--for", "5s").returncode == 0
        wait_for(lambda: _pages(posts), lambda seen: len(seen) == 1, what="the test alert")

        Control(simulator).set_faults("unauthorized")
        assert run_aimon(*cron.split()).returncode == 1
        seen = wait_for(lambda: _pages(posts), lambda seen: len(seen) > 1, what="the page")
        assert ["AIUnauthorized" in page for page in seen] == [False, True]
        assert "local" in seen[1]


def _pages(posts: Posts) -> list[str]:
    """What PagerDuty was told to ring for."""
    return [str(post["payload"]) for post in posts.at("/pagerduty") if post["event_action"] == "trigger"]


def test_the_other_commands_exist(run_aimon: Command) -> None:
    """Each option that the README names is one that the command has."""
    for block in (*blocks("sh"), *blocks("cron")):
        for command in re.findall(r"aimon [^\n]*", block):
            words = command.split()
            called = itertools.takewhile(lambda word: not word.startswith("-"), words[1:])
            shown = run_aimon(*called, "--help").stdout
            assert [w for w in words if w.startswith("--") and w not in shown] == [], command


def test_the_cron_job_is_a_manifest() -> None:
    """Valid YAML with what a prober needs: one writer, no retries, no root, no token."""
    [job] = [yaml.safe_load(block) for block in blocks("yaml")]
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    spec = job["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    pod = spec["jobTemplate"]["spec"]
    assert (pod["backoffLimit"], pod["activeDeadlineSeconds"]) == (0, 55)
    assert pod["template"]["spec"]["automountServiceAccountToken"] is False


def test_every_page_it_names_is_there() -> None:
    """No link leads nowhere."""
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert [link for link in links if not README.parent.joinpath(link).exists()] == []
    assert len(links) >= 8
