"""Installs dashboards in a folder of a running Grafana.

https://grafana.com/docs/grafana/latest/developers/http_api/dashboard/ and …/folder/
"""

from __future__ import annotations

import http.client
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from aimon.network import address
from aimon.network.client import service_client
from aimon.security import credentials
from aimon.security.redact import bounded
from aimon.security.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.network.address import HttpAddress

VARIABLES: Final = "AIMON_GRAFANA"
TOKEN: Final = "GRAFANA_TOKEN"  # noqa: S105 - the variable's name
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
    """A Grafana's address, with a path prefix if it has one, and credentials. `timeout` is in seconds a request."""

    address: HttpAddress
    authorization: Secret
    timeout: float = service_client.TIMEOUT

    @classmethod
    def parse(cls, url: str, token: str | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """Reads an address such as `http://host:3000`.

        Args:
            url: the address.
            token: a service account's. Without one, AIMON_GRAFANA_TOKEN or GRAFANA_TOKEN, AIMON_GRAFANA_USERNAME and
                …_PASSWORD (or the files that …_FILE name), or the user and password of the address.
            environ: where variables are looked up.

        Raises:
            ValueError: it is no address, or nothing opens it.
        """
        where = address.parse(url, "write Grafana's address as http://host:3000")
        environ = os.environ if environ is None else environ
        token = token or credentials.from_environment(environ, TOKEN)
        own = credentials.authorization(VARIABLES, where.username, where.secret, environ)
        if token is not None:
            own = Secret(f"Bearer {token}")
        if own is None:
            raise ValueError(f"no token: give --token-file, or set {VARIABLES}_TOKEN")
        return cls(where, own)

    def ensure_folder(self, title: str) -> str:
        """The uid of a folder, which is created if it does not exist.

        Raises:
            GrafanaError: it could not be created.
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
        """Installs a dashboard in a folder, replacing the one with its uid; returns the URL of its page.

        Raises:
            GrafanaError: it was not accepted.
        """
        body = {"dashboard": dashboard, "folderUid": folder, "overwrite": True, "message": "aimon dashboards install"}
        answer = self._request("POST", "/api/dashboards/db", body)
        path = answer.get("url", "")
        return f"{self.address.origin}{bounded(path, 300) if isinstance(path, str) else ''}"

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        where = self.address.url
        try:
            answer = service_client.fetch(
                self.address, method, path, content, headers, timeout=self.timeout, authorization=self.authorization
            )
        except service_client.NoAnswerError as error:
            raise GrafanaError(f"Grafana at {where} does not answer ({error})") from error
        if not answer.good:
            raise GrafanaError(
                f"Grafana at {where} answers {answer.status} to {method} {path}: {_reason(answer)}", answer.status
            )
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise GrafanaError(f"{where} does not answer as Grafana does: check the address") from error
        if not isinstance(said, dict):
            raise GrafanaError(f"{where} does not answer as Grafana does: check the address")
        return said


def folder_uid(title: str) -> str:
    """The uid for a folder of this title, of characters that Grafana allows."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", title).strip("-")[:_LONGEST_UID] or "aimon"


def _reason(answer: service_client.Answer) -> str:
    """What the user can do about an error, or else Grafana's own message."""
    if answer.status in _ADVICE:
        return _ADVICE[answer.status]
    try:
        said = json.loads(answer.body)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = http.client.responses.get(answer.status, "no reason given")
    return answer.clean(said, _LONGEST_REASON)
