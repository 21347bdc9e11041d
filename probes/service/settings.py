"""How the service runs: what the command line and the configuration say of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimon.probes.probe_all import CONCURRENCY

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.metrics.pushgateway import Gateway
    from aimon.probes.service.web.web_server import Tls

HOST, PORT = "127.0.0.1", 9464


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that hold as long as the process runs.

    Attributes:
        history: the history's file.
        host: address to listen on.
        port: 0 takes a free one.
        token: what clients must know; None lets everybody in.
        tls: to speak TLS.
        concurrency: the most endpoints that are probed at once.
        gateway: where to push, if anywhere.
    """

    history: Path
    host: str = HOST
    port: int = PORT
    token: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    concurrency: int = CONCURRENCY
    gateway: Gateway | None = None
