"""Controls a running simulator, from this process or another, through its control endpoints."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode, urlsplit

from aimon.simulator.model.faults import Rule
from aimon.simulator.model.profile import SettingError
from aimon.simulator.world.truth import Record, Truth

# The end of a client's base_url, by dialect.
_BASES = {"gemini": "/v1beta", "azure": "/openai/v1"}
_TIMEOUT = 90.0

RuleLike = Rule | Mapping[str, Any] | str


class Control:
    """Controls a running simulator by its URL.

    Raises (all methods):
        SettingError: The simulator refused a setting; the message is from the simulator.
        OSError: No answer from the URL.
    """

    url: str

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def base_url(self, profile: str = "", dialect: str = "openai-chat") -> str:
        """The base URL for a client of one of the providers.

        Args:
            profile: Its name; empty is the first, at the root.
            dialect: A dialect's name, or `azure`.
        """
        prefix = f"/{profile}" if profile else ""
        return f"{self.url}{prefix}{_BASES.get(dialect, '/v1')}"

    def set_faults(self, *rules: RuleLike) -> None:
        """Replaces all rules: Rules, mappings, or texts such as `cut:share=0.2,after=3`."""
        self._call("POST", "/faults", {"rules": [_as_json(rule) for rule in rules]})

    def add_faults(self, *rules: RuleLike) -> None:
        """Appends rules to the active ones."""
        self._call("POST", "/faults", {"rules": [_as_json(rule) for rule in rules], "mode": "add"})

    def clear_faults(self) -> None:
        """Removes all rules."""
        self._call("DELETE", "/faults")

    def faults(self) -> list[dict[str, Any]]:
        """The active rules, with `struck`: how often each was applied."""
        rules: list[dict[str, Any]] = self._call("GET", "/faults")["rules"]
        return rules

    def configure(self, profile: str, **changes: Any) -> None:
        """Changes fields of a profile from now on."""
        self._call("POST", "/config", {"profile": profile, **changes})

    def truth(
        self, *, wait: float = 0.0, reset: bool = False, limit: int | None = None, profile: str | None = None
    ) -> Truth:
        """The simulator's record so far.

        Args:
            wait: Seconds (at most 60) to wait until nothing is in flight; it answers afterwards in any case.
            reset: Start over afterwards.
            limit: The maximum number of records, the latest; None for all stored ones.
            profile: Only the records of this one.
        """
        query: dict[str, Any] = {"wait": wait}
        if reset:
            query["reset"] = 1
        if limit is not None:
            query["limit"] = limit
        if profile is not None:
            query["profile"] = profile
        return Truth.from_dict(self._call("GET", f"/truth?{urlencode(query)}"))

    def record(self, request_id: str, *, wait: float = 0.0) -> Record:
        """The record of a request that has ended, by its (x-)request-id header.

        Args:
            request_id: The id.
            wait: Seconds (at most 60) to wait for its end.

        Raises:
            LookupError: No such record.
        """
        return Record(**self._call("GET", f"/record/{request_id}?wait={wait}"))

    def reset(self) -> None:
        """Removes faults and records, fills the buckets, and restores the initial profiles."""
        self._call("POST", "/reset")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = _connect(self.url)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/_sim{path}", data, {"content-type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status == 404:
            raise LookupError(answer["error"])
        if response.status != 200:
            raise SettingError(answer["error"])
        return answer


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT)
    # The certificate is for the client under test, and may be expired on purpose.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, parts.port, timeout=_TIMEOUT, context=context)


def _as_json(rule: RuleLike) -> Any:
    if isinstance(rule, Rule):
        return {name: value for name, value in asdict(rule).items() if value is not None}
    return rule if isinstance(rule, str) else dict(rule)
