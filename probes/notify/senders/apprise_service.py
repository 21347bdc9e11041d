"""Sends through apprise, which speaks to more than a hundred services; it is in the extra `notify`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aimon.distribution import NAME
from aimon.notifications.robots import Tone
from aimon.probes.notify.posting import DeliveryError
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import LogRecord

    from aimon.notifications.robots import ChatMessage
    from aimon.security.secret import Secret


class _Said(logging.Handler):
    """Keeps what apprise logs while it sends: it returns no reasons."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._redactor = redactor

    def emit(self, record: LogRecord) -> None:
        self.lines.append(self._redactor.line(record.getMessage(), 200))


def service(url: Secret) -> Callable[[ChatMessage], None]:
    """What sends to the service of an apprise URL.

    Raises:
        ValueError: apprise is not installed, or does not understand the URL. The message does not repeat it.
    """
    try:
        import apprise  # noqa: PLC0415 - an extra, and slow
    except ModuleNotFoundError:
        raise ValueError(f"a channel of kind apprise needs apprise: pip install '{NAME}[notify]'") from None
    log = logging.getLogger("apprise")
    log.propagate = False  # it would write parts of the URL to stderr
    log.addHandler(logging.NullHandler())
    target = apprise.Apprise()
    if not target.add(url.reveal()):
        raise ValueError(
            "apprise does not understand the URL (an unknown service, or a part is missing): "
            "see https://github.com/caronc/apprise/wiki"
        )
    kinds = {
        Tone.ALARM: apprise.NotifyType.FAILURE,
        Tone.WARNING: apprise.NotifyType.WARNING,
        Tone.GOOD: apprise.NotifyType.SUCCESS,
        Tone.NEUTRAL: apprise.NotifyType.INFO,
    }
    redactor = Redactor([url, *_parts(url.reveal())])

    def send(message: ChatMessage) -> None:
        said = _Said(redactor)
        log.addHandler(said)
        try:
            arrived = target.notify(title=message.title, body=message.text, notify_type=kinds[message.tone])
        except Exception as error:  # noqa: BLE001 - whatever a plug-in of apprise raises, the next attempt may pass
            raise DeliveryError(redactor.line(f"apprise: {type(error).__name__}: {error}")) from None
        finally:
            log.removeHandler(said)
        if not arrived:
            raise DeliveryError(f"apprise: {said.lines[-1] if said.lines else 'not delivered'}")

    return send


def _parts(url: str) -> list[str]:
    """What of a URL may be a secret: everything behind the scheme, apart."""
    _, _, rest = url.partition("://")
    for sign in "/?&=:@,#":
        rest = rest.replace(sign, " ")
    return [part for part in rest.split() if len(part) >= 8]
