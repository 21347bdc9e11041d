"""`aimon alerts test --notify NAME`: sends a test message to a configured channel, bypassing the queue."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from aimon.cli.exits import UNABLE, USAGE, Stop

if TYPE_CHECKING:
    from pathlib import Path


def try_channel(name: str, path: Path | None) -> None:
    """Sends the message and reports that it was accepted.

    Raises:
        Stop: the configuration is wrong, there is no such channel, or it was not accepted.
    """
    from aimon.config import ConfigError, load
    from aimon.config.yaml.issues import suggestion
    from aimon.probes.notify.channels import sender, usable
    from aimon.probes.notify.notice import Action, Notice
    from aimon.probes.notify.posting import Delivery, DeliveryError

    try:
        channels = {channel.name: channel for channel in usable(load(path))}
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from error
    if not channels:
        raise Stop(USAGE, "aimon alerts test: the configuration has no channel: add one under notify")
    if name not in channels:
        raise Stop(USAGE, f"--notify {name}: no such channel; {suggestion(name, channels)}")
    notice = Notice(
        uid=f"aimon-test-{os.urandom(8).hex()}",
        action=Action.TEST,
        kind="test",
        severity="info",
        scope="aimon",
        opened_at=time.time(),
    )
    try:
        sender(channels[name]).send(Delivery(notice))
    except DeliveryError as error:
        raise Stop(UNABLE, f"{name}: {error}") from error
    print(f"{name}: delivered; look for a message that begins with [TEST] or [测试]")
