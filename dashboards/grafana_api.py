"""Puts dashboards into a folder of a running Grafana.

https://grafana.com/docs/grafana/latest/developers/http_api/dashboard/ and …/folder/
"""

from __future__ import annotations

import http.client
import json
import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aimon.secret import Secret

_LONGEST_UID: Final = 40
_LONGEST_REASON: Final = 200
_ADVICE: Final = {
    401: "the token is wrong or has expired",
    403: "the token may not do this: give its service account the role Editor",
    412: "Grafana has it from provisioning files, or as something else: remove that first",
}


class GrafanaError(Exception):
    """Grafana did not answer, or refused."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Grafana:
    """Where it is (`http://host:3000`, with a prefix if it has one) and what opens it. `timeout` is in seconds."""

    url: str
    token: Secret
    timeout: float = 10.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ValueError("write Grafana's address as http://host:3000, and give a token, no user name in it")
        if not re.fullmatch(r"[\x21-\x7e]+", self.token.reveal()):
            raise ValueError("the token is not one line of letters and digits: is it the right file?")

    def ensure_folder(self, title: str) -> str:
        """The uid of a folder, which is made if it is not there.

        Raises:
            GrafanaError: it could not be.
        """
        uid = folder_uid(title)
        try:
            self._request("GET", f"/api/folders/{uid}")
        except GrafanaError as error:
            if error.status != http.client.NOT_FOUND:
                raise
            self._request("POST", "/api/folders", {"uid": uid, "title": title})
        return uid

    def put(self, dashboard: dict[str, Any], folder: str) -> str:
        """Puts a dashboard into a folder in place of the one with its uid, and gives the address of its page.

        Raises:
            GrafanaError: it was not taken.
        """
        body = {"dashboard": dashboard, "folderUid": folder, "overwrite": True, "message": "aimon dashboards install"}
        answer = self._request("POST", "/api/dashboards/db", body)
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{answer.get('url', '')}"

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        headers = {"Authorization": f"Bearer {self.token.reveal()}", "Accept": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        where = f"{parts.scheme}://{parts.netloc}"
        try:
            with closing(kind(parts.hostname or "", parts.port, timeout=self.timeout)) as connection:
                connection.request(method, f"{parts.path.rstrip('/')}{path}", content, headers)
                response = connection.getresponse()
                text = response.read()
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise GrafanaError(f"Grafana at {where} does not answer ({reason})") from error
        if response.status // 100 != 2:
            raise GrafanaError(
                f"Grafana at {where} answers {response.status} to {method} {path}: {_reason(response.status, text)}",
                response.status,
            )
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise GrafanaError(f"{where} does not answer as Grafana does: check the address") from error
        if not isinstance(answer, dict):
            raise GrafanaError(f"{where} does not answer as Grafana does: check the address")
        return answer


def folder_uid(title: str) -> str:
    """The uid that a folder of this title gets; its characters are those that Grafana allows."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", title).strip("-")[:_LONGEST_UID] or "aimon"


def _reason(status: int, text: bytes) -> str:
    """What to do, or else what Grafana says."""
    if status in _ADVICE:
        return _ADVICE[status]
    try:
        said = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        said = http.client.responses.get(status, "no reason given")
    return " ".join(str(said).split())[:_LONGEST_REASON]
