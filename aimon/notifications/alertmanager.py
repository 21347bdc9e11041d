"""The API of an Alertmanager, as far as alerts are posted to it.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from aimon.network import address
from aimon.network.client import service_client
from aimon.security import credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.network.address import HttpAddress
    from aimon.security.secret import Secret

VARIABLES: Final = "AIMON_ALERTMANAGER"


class AlertmanagerError(Exception):
    """The Alertmanager did not answer, or gave an invalid answer."""


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """The address of an Alertmanager, with its path prefix, and credentials. `timeout` is in seconds a request."""

    address: HttpAddress
    authorization: Secret | None = None
    timeout: float = service_client.TIMEOUT

    @classmethod
    def parse(cls, url: str, environ: Mapping[str, str] | None = None) -> Self:
        """Reads an address such as `http://host:9093`.

        Credentials are those of AIMON_ALERTMANAGER_TOKEN, or AIMON_ALERTMANAGER_USERNAME and …_PASSWORD (or the files
        that …_FILE name), else the address's own.

        Raises:
            ValueError: the address or the credentials are not valid.
        """
        where = address.parse(url, "write the Alertmanager's address as http://host:9093")
        return cls(where, credentials.authorization(VARIABLES, where.username, where.secret, environ))

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request to the API and returns its JSON answer, or None if it is empty.

        Raises:
            AlertmanagerError: no answer, or not a 2xx with JSON.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        where = f"the Alertmanager at {self.address.url}"
        try:
            answer = service_client.fetch(
                self.address, method, f"/api/v2{path}", content, headers,
                timeout=self.timeout, authorization=self.authorization,
            )  # fmt: skip
        except service_client.NoAnswerError as error:
            raise AlertmanagerError(f"{where} does not answer ({error})") from error
        if answer.status in {401, 403}:
            raise AlertmanagerError(
                f"{where} answers {answer}: set {VARIABLES}_TOKEN, or {VARIABLES}_USERNAME and {VARIABLES}_PASSWORD"
            )
        if not answer.good:
            said = answer.excerpt(200)
            raise AlertmanagerError(f"{where} answers {answer}{f': {said}' if said else ''}")
        try:
            return json.loads(answer.body) if answer.body else None
        except (ValueError, RecursionError) as error:
            raise AlertmanagerError(self.foreign()) from error

    def foreign(self) -> str:
        """What to say of an answer that no Alertmanager gives."""
        return f"{self.address.url} does not answer as an Alertmanager does: check the address"
