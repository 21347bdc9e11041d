"""Passes what an Alertmanager's webhook says on to a group robot: WeCom, DingTalk or Feishu.

Alertmanager's own `wechat_configs` is the API of WeCom applications, not that of the robots in groups. A robot that
does not take the message is answered with 502, so that Alertmanager tries again.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
https://developer.work.weixin.qq.com/document/path/91770
"""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aimon.containment import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.secret import Secret

# WeCom takes 4,096 bytes of Markdown; the others take more.
LONGEST_BYTES = 4096
_LARGEST_REQUEST = 1 << 20


class RobotError(Exception):
    """The robot did not take a message."""


def wecom(title: str, text: str) -> dict[str, Any]:
    """A message for a WeCom robot."""
    return {"msgtype": "markdown", "markdown": {"content": _cut(f"**{title}**\n{text}")}}


def dingtalk(title: str, text: str) -> dict[str, Any]:
    """A message for a DingTalk robot."""
    return {"msgtype": "markdown", "markdown": {"title": title, "text": _cut(f"**{title}**\n\n{text}")}}


def feishu(title: str, text: str) -> dict[str, Any]:
    """A message for a Feishu (Lark) robot."""
    return {"msg_type": "text", "content": {"text": _cut(f"{title}\n{text}")}}


ROBOTS: dict[str, Callable[[str, str], dict[str, Any]]] = {"wecom": wecom, "dingtalk": dingtalk, "feishu": feishu}


@dataclass(frozen=True, slots=True)
class Robot:
    """Where a robot is. Its URL holds its key: it is never shown. `timeout` is in seconds.

    Raises:
        ValueError: the URL is none.
    """

    kind: str
    url: Secret
    timeout: float = 10.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url.reveal())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("not the URL of a robot: copy all of it, from https:// on")

    def send(self, title: str, text: str) -> None:
        """Sends one message.

        Raises:
            RobotError: it was not taken; the message does not hold the URL.
        """
        parts = urlsplit(self.url.reveal())
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        body = json.dumps(ROBOTS[self.kind](title, text), ensure_ascii=False).encode()
        try:
            with closing(kind(parts.hostname or "", parts.port, timeout=self.timeout)) as connection:
                connection.request("POST", path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = response.read(_LARGEST_REQUEST)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise RobotError(f"the {self.kind} robot does not answer ({reason})") from None
        if response.status // 100 != 2:
            raise RobotError(f"the {self.kind} robot answers {response.status}")
        _check(self.kind, answer)


def _check(kind: str, answer: bytes) -> None:
    """Robots say 200 to everything, and what is wrong in the body."""
    try:
        said = json.loads(answer)
        code = said.get("errcode", said.get("code", 0))
    except (ValueError, AttributeError):
        raise RobotError(f"the {kind} robot does not answer in JSON") from None
    if code != 0:
        raise RobotError(f"the {kind} robot refuses the message: code {code}")


def message(notification: dict[str, Any]) -> tuple[str, str]:
    """Title and text of a webhook notification, both languages in it.

    What happened to whom comes first, since robots take only so much; what to do is the same for all of one alert.

    Raises:
        ValueError: it is no notification of an Alertmanager.
    """
    try:
        alerts = notification["alerts"]
        name = notification["groupLabels"].get("alertname") or notification["commonLabels"].get("alertname", "")
        title = f"[{notification['status'].upper()}:{len(alerts)}] {name}"
        lines = [line for alert in alerts for line in _summary(alert["status"], alert["annotations"])]
        firing = [alert["annotations"] for alert in alerts if alert["status"] == "firing"]
        lines += _details(firing[0]) if firing else []
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a notification of an Alertmanager: {error!r}") from error
    return title, "\n".join(lines)


def _summary(status: str, annotations: dict[str, str]) -> list[str]:
    texts = [annotations[name] for name in ("summary", "summary_zh") if annotations.get(name)]
    return [f"{status.upper()}: {texts[0]}" if texts else status.upper(), *texts[1:]]


def _details(annotations: dict[str, str]) -> list[str]:
    labels = {
        "description": "",
        "description_zh": "",
        "action": "Do: ",
        "action_zh": "处理：",
        "runbook_url": "Runbook: ",
    }
    return ["", *(f"{label}{annotations[name]}" for name, label in labels.items() if annotations.get(name))]


def _cut(text: str) -> str:
    content = text.encode()
    if len(content) <= LONGEST_BYTES:
        return text
    return content[: LONGEST_BYTES - 3].decode(errors="ignore") + "…"


def server(robot: Robot, host: str, port: int, report: Callable[[str], None]) -> ThreadingHTTPServer:
    """An HTTP server that takes notifications at `/alerts`; `report` is told what went wrong.

    Raises:
        OSError: it cannot listen there.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # seconds for a request to arrive

        def do_GET(self) -> None:
            self._answer(200 if self.path == "/-/healthy" else 404)

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != "/alerts" or not length.isdigit() or int(length) > _LARGEST_REQUEST:
                self._answer(404 if self.path != "/alerts" else 413)
                return
            try:
                robot.send(*message(json.loads(self.rfile.read(int(length)))))
            except ValueError as error:
                report(str(error))
                self._answer(400)
            except RobotError as error:
                report(str(error))
                self._answer(502)
            except Exception as error:  # noqa: BLE001 - one notification must not cost the others theirs
                report(f"the notification is not passed on: {describe(error)}")
                self._answer(500)
            else:
                self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Says nothing of requests: what matters is reported."""

    return ThreadingHTTPServer((host, port), Handler)
