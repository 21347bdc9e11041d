"""Forwards an Alertmanager's webhook notifications to a group robot: WeCom, DingTalk or Feishu.

Alertmanager's own `wechat_configs` is the API of WeCom applications, not that of the robots in groups. A webhook is
repeated after a 5xx and after no other answer, so a robot that does not answer or is busy is answered with 502, and one
that refuses for good (keyword, signature, token) with 422: that is logged here and counted there, in
`alertmanager_notifications_failed_total`, and not sent ten times more.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aimon.call.containment import describe
from aimon.network.server.http_server import Handler, Server
from aimon.notifications.robots import ChatMessage, RefusedError, RobotError, Tone
from aimon.security.redact import bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.notifications.robots import Robot

_LARGEST_REQUEST = 1 << 20


def message(notification: dict[str, Any]) -> ChatMessage:
    """What a robot says of a webhook notification, in both languages.

    The title counts those that fire, or those resolved where none does. What happened to whom comes first, since robots
    take only so much; what to do is the same for all of one alert.

    Raises:
        ValueError: it is no notification of an Alertmanager.
    """
    try:
        alerts = notification["alerts"]
        name = notification["groupLabels"].get("alertname") or notification["commonLabels"].get("alertname", "")
        firing = [alert["annotations"] for alert in alerts if alert["status"] == "firing"]
        counted = len(firing) if notification["status"] == "firing" else len(alerts)
        title = f"[{notification['status'].upper()}:{counted}] {name}"
        lines = _left_out(notification.get("truncatedAlerts", 0))
        lines += [line for alert in alerts for line in _summary(alert["status"], alert["annotations"])]
        lines += _details(firing[0]) if firing else []
        return ChatMessage(title, "\n".join(map(str, lines)), _tone(notification))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a notification of an Alertmanager: {bounded(repr(error), 100)}") from error


def _tone(notification: dict[str, Any]) -> Tone:
    if notification["status"] != "firing":
        return Tone.GOOD
    return Tone.ALARM if notification.get("commonLabels", {}).get("severity") == "critical" else Tone.WARNING


def _left_out(count: Any) -> list[str]:
    """The number of alerts that Alertmanager omitted because of the receiver's `max_alerts`."""
    if not isinstance(count, int) or count < 1:
        return []
    return [f"and {count} more, left out by max_alerts", f"另有 {count} 条告警因 max_alerts 未列出"]


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


def server(robot: Robot, host: str, port: int, report: Callable[[str], None]) -> Server:
    """An HTTP server that accepts notifications at `/alerts`; `report` is called with errors.

    Raises:
        OSError: it cannot listen there.
    """

    class Notifications(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            path = self.path_asked_for()
            self._answer(400 if path is None else 200 if path == "/-/healthy" else 404)

        def do_POST(self) -> None:  # noqa: N802 - likewise
            length = self.headers.get("Content-Length", "")
            digits = length.isascii() and length.isdigit() and len(length) < 10
            if self.path != "/alerts" or not digits or int(length) > _LARGEST_REQUEST:
                self._answer(404 if self.path != "/alerts" else 413)
                return
            body = self.read(int(length))
            try:
                robot.send(message(json.loads(body)))
            except (ValueError, RecursionError) as error:
                report(str(error))
                self._answer(400)
            except RefusedError as error:
                report(str(error))
                self._answer(422)
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

    return Server(host, port, Notifications)
