"""Chats, which people read: group robots in their own forms, and what apprise speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.notifications import robots
from aimon.notifications.robots import Robot, RobotError
from aimon.probes.notify import text
from aimon.probes.notify.posting import Delivery, DeliveryError, RefusedError, Sender, needed

if TYPE_CHECKING:
    from aimon.config.channel import Channel
    from aimon.notifications.robots import ChatMessage


def robot(channel: Channel) -> Sender:
    """Sends to a robot of WeCom, DingTalk or Feishu.

    Raises:
        ValueError: the address is not valid.
    """
    target = Robot.parse(channel.kind, needed(channel.url, "url"), channel.secret)

    def send(delivery: Delivery) -> None:
        try:
            target.send(_message(channel, delivery))
        except robots.RefusedError as error:
            raise RefusedError(str(error)) from None
        except RobotError as error:
            raise DeliveryError(str(error), received=error.received) from None

    return Sender(send)


def apprise(channel: Channel) -> Sender:
    """Sends to one of apprise's services.

    Raises:
        ValueError: apprise is not installed, or does not understand the URL.
    """
    from aimon.probes.notify.senders.apprise_service import service  # noqa: PLC0415 - apprise is an extra, and slow

    deliver = service(needed(channel.url, "url"))
    return Sender(lambda delivery: deliver(_message(channel, delivery)))


def _message(channel: Channel, delivery: Delivery) -> ChatMessage:
    return text.message(
        delivery.notice,
        channel.language,
        maybe_repeated=delivery.maybe_repeated,
        held_back=delivery.held_back,
        per_hour=channel.per_hour,
    )
