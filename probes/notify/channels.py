"""The kinds of channel, in one table: each a function that makes a Sender of a Channel.

A Sender raises DeliveryError where a retry may help, and RefusedError where none does; the messages hold no address and
no key.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from aimon.config import channels
from aimon.probes.notify.senders.alertmanager import alertmanager
from aimon.probes.notify.senders.chat import apprise, robot
from aimon.probes.notify.senders.pagerduty import pagerduty
from aimon.probes.notify.senders.webhook import webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.config import Config
    from aimon.config.channel import Channel
    from aimon.probes.notify.posting import Sender

KINDS: Final[dict[str, Callable[[Channel], Sender]]] = {
    "pagerduty": pagerduty,
    "alertmanager": alertmanager,
    "webhook": webhook,
    "wecom": robot,
    "dingtalk": robot,
    "feishu": robot,
    "apprise": apprise,
}


def sender(channel: Channel) -> Sender:
    """What sends to a channel.

    Raises:
        ValueError: it can't be used: its address is not valid, or something that it needs is not installed.
    """
    return KINDS[channel.kind](channel)


def usable(config: Config, environ: Mapping[str, str] = os.environ) -> tuple[Channel, ...]:
    """The channels of a configuration.

    Raises:
        ConfigError: one can't be used; all problems at once.
    """
    return channels(config, environ, sender)
