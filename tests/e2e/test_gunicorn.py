"""Workers of gunicorn that come and go: whichever is scraped gives the sum of all."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2
import pytest

from services import free_port, wait_for

if TYPE_CHECKING:
    from pathlib import Path

APP = """
import os
import aimon

def app(environ, start_response):
    if environ["PATH_INFO"] == "/metrics":
        return aimon.wsgi_app(environ, start_response)
    with aimon.observe(model="m") as call:
        call.usage(input=2, output=1)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


def _reached(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/metrics", timeout=10).status_code == 200
    except httpx2.TransportError:
        return False


def _tokens(url: str) -> float:
    text = httpx2.get(f"{url}/metrics", timeout=10).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("ai_token_usage_input_total{"))


@pytest.mark.e2e
def test_workers_that_come_and_go(tmp_path: Path) -> None:
    """Each ends after fifteen requests and another takes its place; every call is counted once."""
    (tmp_path / "application.py").write_text(APP)
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "gunicorn", "-w", "2", "--max-requests", "15", "-b", f"127.0.0.1:{port}"]
    environ = {"PATH": os.environ["PATH"], "AIMON_MULTIPROC_DIR": str(tmp_path / "calls")}
    server = subprocess.Popen(
        [*command, "application:app"], cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: _reached(url), timeout=60, what="gunicorn")
        # A worker that ends may close a connection that has just been made: such a request was not served.
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=5), timeout=60) as client:
            served = [client.get(f"{url}/ask", headers={"connection": "close"}).text for _ in range(50)]
        assert len(set(served)) > 2, "workers were replaced"
        wait_for(lambda: _tokens(url) == 100, timeout=30, what="every call counted")
    finally:
        server.terminate()
        server.communicate()
