"""Prices Results, records them in the state, and publishes to a Pushgateway and a textfile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aimon.call.containment import contained, describe, isolated, substitute
from aimon.metrics.push_error import PushError
from aimon.probes.history.database import HistoryError, UnstorableError
from aimon.probes.publish import publish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimon.call.result import Result
    from aimon.metrics.pushgateway import Gateway
    from aimon.metrics.totals import Gauges
    from aimon.pricing import PriceBook
    from aimon.probes.state.state import State
    from aimon.security.redact import Redactor


class PublishError(Exception):
    """Something could not be recorded or published; the message says what, why, and whether it will be retried."""


class Recorder(msgspec.Struct, frozen=True):
    """Prices, records and publishes the Results of a run.

    Attributes:
        state: stores and counts them.
        prices: prices them.
        region: the region of metrics without an endpoint.
        owner: the owner of the pushed groups; `whole`: whether these are all its endpoints; see `publish.push`.
        gateway: where to push, if anywhere.
        textfile: where to write metrics for node_exporter, if anywhere.
        redactor: hides secrets in error messages.
    """

    state: State
    prices: PriceBook
    region: str
    owner: str | None = None
    whole: bool = True
    gateway: Gateway | None = None
    textfile: Path | None = None
    redactor: Redactor | None = None

    def price(self, results: Sequence[Result]) -> list[Result]:
        """The Results with their cost, if it is known; a Result that fails to be priced becomes a `prober_error`."""
        return [contained("priced", result, self.prices.cost, redactor=self.redactor) for result in results]

    def record(self, results: Sequence[Result]) -> list[Result]:
        """Counts priced Results; durably, if the state is durable.

        Returns:
            The Results as counted: a `prober_error` replaces one that could not be counted.

        Raises:
            PublishError: the state could not be written.
        """
        try:
            return self._record(results)
        except HistoryError as error:
            raise PublishError(f"the results are not recorded: {error}") from error

    def _record(self, results: Sequence[Result]) -> list[Result]:
        try:
            self.state.record(results)
        except Exception as error:
            if isinstance(error, HistoryError) and not isinstance(error, UnstorableError):
                raise
            if len(results) > 1:  # one Result is the cause: record each separately
                return [counted for result in results for counted in self._record([result])]
            stand_in = substitute("recorded", results[0], error, redactor=self.redactor)
            with isolated(stand_in.endpoint, "recorded"):
                self.state.record([stand_in])
            return [stand_in]
        return list(results)

    def publish(self, extra: Gauges | None = None) -> None:
        """Pushes, and writes the textfile; both are tried, even if one fails.

        Raises:
            PublishError: at least one of them failed.
        """
        failures = []
        known = self.state.problem
        if self.textfile is not None:
            try:
                publish.write_textfile(self.state, self.textfile, extra)
            except (OSError, HistoryError, PushError) as error:
                why = f"{self.textfile}: {error.strerror}" if isinstance(error, OSError) else error
                failures.append(f"the textfile is not written: {why}")
            except Exception as error:  # noqa: BLE001 - whatever it is, the push must still be tried
                failures.append(f"the textfile is not written: {self.textfile}: {describe(error, self.redactor)}")
        if self.gateway is not None:
            try:
                publish.push(
                    self.state, self.gateway, region=self.region, owner=self.owner, whole=self.whole, extra=extra
                )
            except (HistoryError, PushError) as error:
                later = " (the history has it: the next push delivers it)" if self.state.database else ""
                failures.append(f"the push failed{later}: {error}")
            except Exception as error:  # noqa: BLE001 - a fault of aimon's own, which must not end a loop
                failures.append(f"the push failed: {describe(error, self.redactor)}")
        if self.state.problem not in (None, known):
            failures.append(f"the history is left out: {self.state.problem}")
        if failures:
            raise PublishError("\n".join(failures))
