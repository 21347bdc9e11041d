"""The stack that `deploy/` ships, on loopback: its configuration in real servers, under the overlay of `overlay.py`."""

from __future__ import annotations

import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import overlay
from command import AIMON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services import Prometheus, Pushgateway, Servers
    from sinks import Mailbox, Posts


def start(servers: Servers, posts: Posts, mailbox: Mailbox, folder: Path) -> tuple[Prometheus, Pushgateway]:
    """Starts Prometheus, Pushgateway and Alertmanager; Prometheus takes its configuration at its next reload."""
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "pagerduty_routing_key").write_text("R0UTINGKEY")
    (secrets / "smtp_password").write_text("mail-password")
    alertmanager = servers.alertmanager(
        overlay.alertmanager(
            secrets,
            {
                "https://events.pagerduty.com/v2/enqueue": f"{posts.url}/pagerduty",
                "mail.example.com:587": mailbox.address,
                "http://bridge:9465": posts.url,
                "https://heartbeat.example.com/aimon": f"{posts.url}/heartbeat",
            },
        )
    )
    gateway = servers.pushgateway(persistent=True)
    prometheus = servers.prometheus()
    overlay.local_prometheus(overlay.rules(folder), (alertmanager, gateway, prometheus))
    return prometheus, gateway


@contextmanager
def program(
    *arguments: str, env: dict[str, str], cwd: Path | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `aimon` until the block ends, if it has not ended by then; `log` takes what it says on stderr."""
    with (log or Path("/dev/null")).open("ab") as said:
        process = subprocess.Popen([AIMON, *arguments], cwd=cwd, env=env, stderr=said, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
