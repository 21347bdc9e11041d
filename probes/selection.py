"""The endpoints that a run works on, with what is theirs together: prices, currency, region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config import Config
    from aimon.config.channel import Channel
    from aimon.config.endpoint import Endpoint
    from aimon.pricing import PriceBook
    from aimon.probes.history.retention import Retention
    from aimon.probes.key_files import KeyFiles
    from aimon.probes.state.monitored import MonitoredEndpoint
    from aimon.security.redact import Redactor


class Selection(msgspec.Struct, frozen=True):
    """The endpoints that a run works on.

    Attributes:
        endpoints: those that were asked for.
        region: the prober's.
        currency: the reporting currency.
        prices: what calls cost.
        owner: the file whose endpoints they are; None for flags.
        whole: whether they are all of that file's.
        config: what the file says; None for flags.
        channels: where the service sends notifications.
    """

    endpoints: tuple[Endpoint, ...]
    region: str
    currency: str
    prices: PriceBook
    owner: str | None
    whole: bool
    config: Config | None = None
    channels: tuple[Channel, ...] = ()

    def redactor(self) -> Redactor:
        """Hides every secret of the selection."""
        from aimon.security.redact import Redactor  # noqa: PLC0415 - only runs that make calls need it

        return Redactor([secret for endpoint in self.endpoints for secret in endpoint.secrets])

    def retention(self) -> Retention:
        """How long the history keeps what."""
        from aimon.probes.history.retention import DEFAULT, Retention  # noqa: PLC0415 - as above

        return DEFAULT if self.config is None else Retention.of(self.config.history)

    def key_files(self, say: Callable[[str], None]) -> KeyFiles | None:
        """Reads keys again whose files change, and says so; None where there is no file that could name one."""
        from aimon.config import key_files, resolve  # noqa: PLC0415 - as above
        from aimon.probes.key_files import KeyFiles  # noqa: PLC0415 - as above

        if (config := self.config) is None:
            return None
        return KeyFiles(self.endpoints, key_files(config), lambda name: resolve(config, [name])[0], say)

    def monitored(self, *, published: bool = True) -> list[MonitoredEndpoint]:
        """What metrics and state need to know of the endpoints.

        The price list, which takes long to import, is only asked beforehand where metrics are `published`.
        """
        from aimon.probes.state.monitored import MonitoredEndpoint  # noqa: PLC0415 - as above

        return [
            MonitoredEndpoint.of(endpoint, self.currency, priced=not published or self._priced(endpoint))
            for endpoint in self.endpoints
        ]

    def _priced(self, endpoint: Endpoint) -> bool:
        target = endpoint.target
        return self.prices.knows(target.provider, target.model, endpoint.name)
