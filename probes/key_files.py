"""Keys that change while probing goes on: their files are read again when they have changed.

Kubernetes and secret managers replace a file in place; a prober that had to be restarted for that would page somebody
for a key that is good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from aimon.config import ConfigError
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from aimon.config.endpoint import Endpoint

_Stamp = tuple[int, int, int]


@dataclass(slots=True)
class _Known:
    endpoint: Endpoint
    stamp: _Stamp | None  # None: there is no such file


class KeyFiles:
    """The endpoints with the keys that their files hold now.

    Args:
        endpoints: with the keys that were read at the start.
        paths: where the key of an endpoint is, by its name; without those that have none in a file.
        resolve: reads an endpoint's key anew; raises ConfigError where it can't.
        say: called when a key was read, and when one could not be.

    Attributes:
        redactor: hides every key that was ever read, since a provider may still echo the one before.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        paths: Mapping[str, Path],
        resolve: Callable[[str], Endpoint],
        say: Callable[[str], None],
    ) -> None:
        found = tuple(endpoints)
        self._secrets = [secret for endpoint in found for secret in endpoint.secrets]
        self._paths, self._resolve, self._say = paths, resolve, say
        self._known = {
            endpoint.name: _Known(endpoint, _stamp(paths[endpoint.name]))
            for endpoint in found
            if endpoint.name in paths
        }
        self.redactor = Redactor(self._secrets)

    def current(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint with the key of now; with the one before while its file can't be read or holds none."""
        known = self._known.get(endpoint.name)
        if known is None:
            return endpoint
        path = self._paths[endpoint.name]
        if (stamp := _stamp(path)) == known.stamp:
            return known.endpoint
        # Noted in any case, so that an unusable file is reported once, and read again when it changes.
        known.stamp = stamp
        try:
            fresh = self._resolve(endpoint.name)
        except ConfigError as error:
            self._say(f"{endpoint.name}: {path} has changed and can't be used, the key before is kept: {error}")
            return known.endpoint
        if fresh.secrets != known.endpoint.secrets or known.endpoint.unready:
            self._say(f"{endpoint.name}: its key was read again from {path}")
            self._secrets += fresh.secrets
            self.redactor = Redactor(self._secrets)
        # --every has replaced the configuration's times.
        times = {name: getattr(endpoint, name) for name in ("interval", "interval_failing", "cron")}
        known.endpoint = replace(fresh, **times)
        return known.endpoint


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
