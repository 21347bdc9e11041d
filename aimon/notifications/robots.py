"""Group robots: WeCom, DingTalk and Feishu; the form of their messages, how they are signed, what their answers mean.

https://developer.work.weixin.qq.com/document/path/91770
https://open.dingtalk.com/document/robots/custom-robot-access
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, quote_plus

from aimon.network import address
from aimon.network.client import service_client
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.network.address import HttpAddress
    from aimon.security.secret import Secret

# WeCom accepts 4,096 bytes of Markdown; the others accept more.
LONGEST_BYTES: Final = 4096
_LONGEST_REASON: Final = 200


class RobotError(Exception):
    """The robot did not accept a message; a retry may help. `received`: it may have got it all the same."""

    received = False


class RefusedError(RobotError):
    """The robot refuses this message for good: a wrong keyword, signature or token."""


class Tone(StrEnum):
    """What a message is about, for its colour."""

    ALARM = "alarm"
    WARNING = "warning"
    GOOD = "good"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A title and lines of plain text; each robot writes them in its own form."""

    title: str
    text: str
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of robot.

    Attributes:
        message: the body of a message.
        sign: what a secret adds at a unix time, to the query and to the body; None where robots have no secret.
        permanent: codes of refusals that no repetition changes.
    """

    message: Callable[[ChatMessage], dict[str, Any]]
    sign: Callable[[str, float], tuple[str, dict[str, Any]]] | None
    permanent: frozenset[int]


# WeCom's Markdown knows these three colours: green, grey and orange.
_WECOM_COLOURS: Final = {Tone.ALARM: "warning", Tone.WARNING: "warning", Tone.GOOD: "info", Tone.NEUTRAL: "comment"}
_FEISHU_HEADS: Final = {Tone.ALARM: "red", Tone.WARNING: "orange", Tone.GOOD: "green", Tone.NEUTRAL: "blue"}


def _wecom(message: ChatMessage) -> dict[str, Any]:
    title = f'<font color="{_WECOM_COLOURS[message.tone]}">{_inert(message.title)}</font>'
    return {"msgtype": "markdown", "markdown": {"content": _cut(f"**{title}**\n{_inert(message.text)}")}}


def _dingtalk(message: ChatMessage) -> dict[str, Any]:
    # A single line break does not break a line there; two spaces before it do.
    text = _inert(message.text).replace("\n", "  \n")
    title = _inert(message.title)
    return {"msgtype": "markdown", "markdown": {"title": title, "text": _cut(f"**{title}**\n\n{text}")}}


def _feishu(message: ChatMessage) -> dict[str, Any]:
    # Plain text in both parts: what a provider wrote can then neither mention anybody nor make a link.
    head = {"title": {"tag": "plain_text", "content": message.title}, "template": _FEISHU_HEADS[message.tone]}
    text = {"tag": "div", "text": {"tag": "plain_text", "content": _cut(message.text)}}
    return {"msg_type": "interactive", "card": {"header": head, "elements": [text]}}


def _inert(text: str) -> str:
    """Text in which neither a tag, a mention (`<@all>`) nor a link with a name of its own can stand."""
    return text.replace("<", "\u2039").replace("](", "] (")


def _sign_dingtalk(secret: str, now: float) -> tuple[str, dict[str, Any]]:
    timestamp = str(round(now * 1000))
    digest = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), "sha256")
    return f"timestamp={timestamp}&sign={quote_plus(base64.b64encode(digest))}", {}


def _sign_feishu(secret: str, now: float) -> tuple[str, dict[str, Any]]:
    timestamp = str(int(now))
    # What is signed is empty; time and secret are the key.
    digest = hmac.digest(f"{timestamp}\n{secret}".encode(), b"", "sha256")
    return "", {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


KINDS: Final[dict[str, Kind]] = {
    # No such robot; what is sent is not understood.
    "wecom": Kind(_wecom, None, frozenset({93000, 93004, 93008, 40008, 40035, 40058})),
    # Keyword, signature or address not allowed; no such token; text that may not be sent.
    "dingtalk": Kind(
        _dingtalk,
        _sign_dingtalk,
        frozenset(
            {310000, 300001, 300005, 400101, 400102, 400013, 400014, 400105, 400106, 430101, 430102, 430103, 430104}
        ),
    ),
    # Token, signature, address, keyword.
    "feishu": Kind(_feishu, _sign_feishu, frozenset({19001, 19002, 19021, 19022, 19024})),
}


@dataclass(frozen=True, slots=True)
class Robot:
    """A robot's address, which holds its key and is never shown. `timeout` is in seconds."""

    kind: str
    address: HttpAddress
    secret: Secret | None
    redactor: Redactor
    timeout: float = service_client.TIMEOUT

    @classmethod
    def parse(cls, kind: str, url: Secret, secret: Secret | None = None) -> Self:
        """Reads a robot's address.

        Args:
            kind: wecom, dingtalk or feishu.
            url: with the robot's key in it.
            secret: what messages are signed with; None for a robot without.

        Raises:
            ValueError: the address is not valid, or robots of this kind have no secret.
        """
        where = address.parse(url.reveal(), "copy all of the robot's URL, from https:// on", query=True)
        if secret is not None and KINDS[kind].sign is None:
            raise ValueError(f"{kind} robots have no secret: leave it out")
        path, _, query = where.path.partition("?")
        # The key stands in the query, or at the end of the path.
        keys = [value for _, value in parse_qsl(query)] or [path.rpartition("/")[2]]
        return cls(kind, where, secret, Redactor([url, *keys, *([secret] if secret else [])]))

    def send(self, message: ChatMessage) -> None:
        """Sends a message.

        Raises:
            RefusedError: it is refused for good.
            RobotError: it was not accepted now. The messages hold neither the address nor the secret.
        """
        kind = KINDS[self.kind]
        query, fields = kind.sign(self.secret.reveal(), time.time()) if self.secret and kind.sign else ("", {})
        body = json.dumps({**fields, **kind.message(message)}, ensure_ascii=False).encode(errors="replace")
        suffix = f"{'&' if '?' in self.address.path else '?'}{query}" if query else ""
        headers = {"Content-Type": "application/json"}
        try:
            answer = service_client.fetch(
                self.address, "POST", suffix, body, headers, timeout=self.timeout, proxied=True
            )
        except service_client.NoAnswerError as error:
            failure = RobotError(f"the {self.kind} robot does not answer ({self._clean(error)})")
            failure.received = error.received
            raise failure from None
        if not answer.good:
            # Client errors are permanent, except for 408, 425 and 429.
            final = answer.status // 100 == 4 and answer.status not in {408, 425, 429}
            said = self._clean(answer.excerpt(_LONGEST_REASON))
            reason = f"the {self.kind} robot answers {answer.status}{f': {said}' if said else ''}"
            raise (RefusedError if final else RobotError)(reason)
        self._check(answer.body)

    def _check(self, body: bytes) -> None:
        """Checks the body for errors: robots answer every request with 200."""
        try:
            said = json.loads(body)
            code = said.get("errcode", said.get("code", 0))
            words = said.get("errmsg") or said.get("msg") or ""
        except (ValueError, AttributeError, RecursionError):
            raise RobotError(f"the {self.kind} robot does not answer in JSON") from None
        if code == 0:
            return
        message = f"the {self.kind} robot refuses the message: code {self._clean(code)}"
        if words:
            message += f": {self._clean(words)}"
        raise (RefusedError if _is_in(code, KINDS[self.kind].permanent) else RobotError)(message)

    def _clean(self, said: object) -> str:
        return self.redactor.line(str(said)[: 8 * _LONGEST_REASON], _LONGEST_REASON)


def _is_in(code: object, codes: frozenset[int]) -> bool:
    return isinstance(code, int) and code in codes


def _cut(text: str) -> str:
    content = text.encode(errors="replace")
    if len(content) <= LONGEST_BYTES:
        return text
    return content[: LONGEST_BYTES - 3].decode(errors="ignore") + "…"
