"""A recognisable key is nowhere: not in any output, file or metric, in success or in any failure."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from aimon.simulator import Profile, SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command import Command
    from services import Pushgateway

KEY = "sk-RECOGNISABLE0123456789abcdefXYZ"
PROXY_PASSWORD = "recognisable-proxy-password"
# What may never be seen: the key, and any long part of it.
NEVER = (KEY, KEY[3:], KEY[:20], KEY[-16:], PROXY_PASSWORD)

CONFIG = """\
endpoints:
{faulty}
  - {{name: by-env, dialect: {dialect}, base_url: "{url}", model: sim-1, api_key: "${{SIM_KEY}}"}}
  - {{name: by-file, dialect: {dialect}, base_url: "{url}", model: sim-1, api_key_file: {file}}}
  - {{name: no-host, dialect: {dialect}, base_url: "http://no.such.host.invalid/v1", model: m, api_key: "${{SIM_KEY}}"}}
  - {{name: no-tls, dialect: {dialect}, base_url: "{tls}", model: m, api_key: "${{SIM_KEY}}"}}
  - name: proxied
    dialect: {dialect}
    base_url: http://example.invalid/v1
    model: m
    api_key: ${{SIM_KEY}}
    proxy: http://user:${{PROXY_PASSWORD}}@127.0.0.1:1
defaults: {{timeout: {{connect: 1s, ttft: 1s, total: 2s}}}}
"""
FAULTY = '  - {{name: {name}, dialect: {dialect}, base_url: "{url}", model: sim-1, api_key: "${{SIM_KEY}}"}}'
ECHOES = ["unauthorized_echo", "answer_echo", "event_echo", "header_echo"]
FAULTS = [*ECHOES, "unauthorized", "server_error", "html", "cut", "error_event", "reset", "redirect"]


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """Providers that ask for the key: a well one, and one for each fault, named after it."""
    with SimulatorProcess(*(Profile(name, ttft=0.01, itl=0.001, key=KEY) for name in ("sim", *FAULTS))) as running:
        yield running


def seen(folder: Path, *outputs: str | bytes) -> list[str]:
    """Where a secret shows: which output, or which file below the folder."""
    found = []
    for i, output in enumerate(outputs):
        data = output if isinstance(output, bytes) else output.encode()
        found += [f"output {i}: {secret}" for secret in NEVER if secret.encode() in data]
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "key.txt":
            data = path.read_bytes()
            found += [f"{path.name}: {secret}" for secret in NEVER if secret.encode() in data]
    return found


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages", "gemini"])
def test_the_key_shows_nowhere(
    dialect: str, run_aimon: Command, pushgateway: Pushgateway, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """Every command and every kind of failure, with all outputs on."""
    simulator.set_faults(*({"fault": name, "profile": name} for name in FAULTS))
    family = "gemini" if dialect == "gemini" else "openai"
    url = simulator.base_url("sim", family)
    tmp_path.joinpath("key.txt").write_text(f"{KEY}\n")
    config = tmp_path / "aimon.yaml"
    tls = url.replace("http:", "https:")
    faulty = [FAULTY.format(name=name, dialect=dialect, url=simulator.base_url(name, family)) for name in FAULTS]
    config.write_text(
        CONFIG.format(faulty="\n".join(faulty), dialect=dialect, url=url, tls=tls, file=tmp_path / "key.txt")
    )
    env = {"SIM_KEY": KEY, "PROXY_PASSWORD": PROXY_PASSWORD, "AIMON_DEBUG": "1"}
    outputs: list[str | bytes] = []
    files = ["--junit", "j.xml", "--push", pushgateway.url, "--textfile", "t.prom"]
    for how in (["--json", *files], files):
        done = run_aimon("probe", "-c", str(config), *how, env=env)
        assert done.returncode == 1, done.stderr
        outputs += [done.stdout, done.stderr]
    results = [json.loads(line) for line in str(outputs[0]).splitlines()]
    outcomes = {result["endpoint"]: result["outcome"] for result in results}
    assert outcomes["by-env"] == outcomes["by-file"] == "ok"
    assert len(outcomes) == len(FAULTS) + 5
    for command in (["status"], ["status", "--json"], ["config", "show"], ["config", "check"]):
        done = run_aimon(*command, *(["-c", str(config)] if command[0] == "config" else []), env=env)
        outputs += [done.stdout, done.stderr]
    outputs.append(pushgateway.get("/metrics"))
    assert seen(tmp_path, *outputs) == []


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages"])
def test_the_key_is_in_no_report(dialect: str, run_aimon: Command, simulator: SimulatorProcess, tmp_path: Path) -> None:
    """A load test whose every call comes back with the key, one way or another: page, JSON, Markdown, each call."""
    faults = [{"fault": fault, "count": 8} for fault in ECHOES[1:]]
    simulator.set_faults(*faults)
    simulator.truth(reset=True)
    config = tmp_path / "aimon.yaml"
    url = simulator.base_url("sim")
    config.write_text(
        f"endpoints:\n- {{name: e, dialect: {dialect}, base_url: '{url}', model: sim-1, api_key: '${{SIM_KEY}}'}}\n"
    )
    how = ["--concurrency", "2", "--requests", "24", "--out", "report", "--results", "--json"]
    done = run_aimon("loadtest", "e", "-c", str(config), *how, env={"SIM_KEY": KEY})
    assert simulator.truth(wait=5).by_fault == dict.fromkeys(ECHOES[1:], 8), done.stderr
    calls = gzip.decompress((tmp_path / "report" / "results.jsonl.gz").read_bytes())
    assert calls.count(b"****") > 8
    assert seen(tmp_path, done.stdout, done.stderr, calls) == []


@pytest.mark.parametrize(
    "text", ["api_key: {key}", "headers: {{Authorization: 'Bearer {key}'}}", "proxy: 'http://u:{key}@127.0.0.1:1'"]
)
def test_a_literal_key_is_refused_without_being_repeated(text: str, run_aimon: Command, tmp_path: Path) -> None:
    """The message says what to write instead, and does not show what was written."""
    config = tmp_path / "aimon.yaml"
    config.write_text(f"endpoints:\n  - name: a\n    preset: openai\n    model: m\n    {text.format(key=KEY)}\n")
    done = run_aimon("config", "check", "-c", str(config), env={"OPENAI_API_KEY": "unused-0123456789"})
    assert done.returncode == 2
    assert f"{config}:5:" in done.stderr
    assert "${" in done.stderr
    assert [secret for secret in NEVER if secret in done.stdout + done.stderr] == []
