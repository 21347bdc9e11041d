"""Every command of the README that can run here does, in the order a reader would type it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from services import free_port

if TYPE_CHECKING:
    from command import Command

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


def test_the_tour_runs(run_aimon: Command, tmp_path: Path) -> None:
    """From the simulator to aimon status, with the files that it speaks of."""
    port = free_port()
    # The simulator starts while the shell goes on: a reader types slower than that.
    text = script().replace("8399", str(port)).replace("&\n", "&\nsleep 3\n", 1)
    path = f"{Path(sys.executable).parent}{os.pathsep}{run_aimon.env['PATH']}"
    with subprocess.Popen(
        ["bash", "-c", text],
        cwd=tmp_path,
        env={**run_aimon.env, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        assert shell.stdout is not None
        try:
            code = shell.wait(timeout=60)
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
        output = shell.stdout.read()
    assert code == 0, output
    assert "openai-chat-sim-1 ok " in output
    assert "all is well: endpoints: 1" in output
    assert "local ok last run" in output
    assert "ai_probe_success" in (tmp_path / "aimon.prom").read_text()
    assert "testsuite" in (tmp_path / "junit.xml").read_text()


def test_the_other_commands_exist(run_aimon: Command) -> None:
    """Each option that the README names is one that the command has."""
    for block in (*blocks("sh"), *blocks("cron")):
        for command in re.findall(r"aimon [^\n]*", block):
            words = command.split()
            shown = run_aimon(words[1], "--help").stdout
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
