"""What all kinds of channel have in common: what is sent, how JSON is posted, and what the answer means."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

from aimon.network import address
from aimon.network.client import service_client
from aimon.security import credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.network.address import HttpAddress
    from aimon.network.client.service_client import Answer
    from aimon.probes.notify.notice import Notice
    from aimon.security.redact import Redactor
    from aimon.security.secret import Secret

_TIMEOUT: Final = 10.0
_REASON_CHARS: Final = 200


class DeliveryError(Exception):
    """A notice was not delivered; a retry may help. `received`: it may have arrived all the same."""

    def __init__(self, message: str, *, received: bool = False) -> None:
        super().__init__(message)
        self.received = received


class RefusedError(DeliveryError):
    """A notice is refused for good: a wrong key, or something in it."""


class Delivery(NamedTuple):
    """What is sent.

    Attributes:
        notice: of what.
        maybe_repeated: whether it was sent before and may have arrived.
        held_back: incidents that were not sent because of the cap.
    """

    notice: Notice
    maybe_repeated: bool = False
    held_back: int = 0


class Sender(NamedTuple):
    """How a channel is sent to.

    Attributes:
        send: sends one notice; blocks, within a few seconds where the kind allows.
        keep_alive: repeats open incidents to a receiver that would forget them; None if it does not forget.
    """

    send: Callable[[Delivery], None]
    keep_alive: Callable[[Sequence[Notice]], None] | None = None


def post(
    where: HttpAddress,
    body: Any,
    redactor: Redactor,
    who: str,
    *,
    path: str = "",
    token: Secret | None = None,
    secret: Secret | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    """Posts JSON.

    Raises:
        RefusedError: a 4xx that no repetition changes.
        DeliveryError: no answer, or another status than 2xx.
    """
    content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    sent = {"Content-Type": "application/json", **(headers or {})}
    if token is not None:
        sent["Authorization"] = f"Bearer {token.reveal()}"
    elif where.username is not None:
        sent["Authorization"] = credentials.basic(unquote(where.username), unquote(where.secret or "")).reveal()
    if secret is not None:
        sent["X-Aimon-Signature"] = "sha256=" + hmac.digest(secret.reveal().encode(), content, hashlib.sha256).hex()
    try:
        answer = service_client.fetch(where, "POST", path, content, sent, timeout=_TIMEOUT, proxied=True)
    except service_client.NoAnswerError as error:
        said = redactor.line(str(error), _REASON_CHARS)
        raise DeliveryError(f"{who} does not answer ({said})", received=error.received) from None
    if not answer.good:
        raise _refusal(answer, redactor, who)


def _refusal(answer: Answer, redactor: Redactor, who: str) -> DeliveryError:
    said = redactor.line(answer.excerpt(_REASON_CHARS), _REASON_CHARS)
    final = answer.status // 100 == 4 and answer.status not in {408, 425, 429}
    words = f"{who} answers {answer.status}{f': {said}' if said else ''}"
    return (RefusedError if final else DeliveryError)(words)


def http_address(url: Secret | None, default: str = "", *, query: bool = False) -> HttpAddress:
    """The address of a channel.

    Raises:
        ValueError: it is not one; the message does not repeat it.
    """
    return address.parse(default if url is None else url.reveal(), "write it as http://host/path", query=query)


def needed(secret: Secret | None, key: str) -> Secret:
    """A secret that the configuration must have given.

    Raises:
        ValueError: it did not.
    """
    if secret is None:
        raise ValueError(f"{key} is missing")
    return secret


def rfc3339(at: float) -> str:
    """A unix time as RFC 3339 writes it, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
