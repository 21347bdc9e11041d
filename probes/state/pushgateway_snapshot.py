"""What earlier runs of the prober pushed to a Pushgateway, for machines without a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.metrics import definitions
from aimon.metrics import read_back as pushed
from aimon.probes.history.history import Last

if TYPE_CHECKING:
    from collections.abc import Collection

    from aimon.metrics.pushgateway import Gateway
    from aimon.metrics.totals import Identity


class PushgatewaySnapshot(pushed.Held, frozen=True):
    """The totals of some endpoints in a Pushgateway, and their gauges without further labels."""

    def last(self, identity: Identity) -> Last:
        """When the endpoint was last probed and last succeeded."""
        held = self.gauges.get(identity, {})
        return Last(held.get(definitions.PROBE_LAST_RUN), held.get(definitions.PROBE_LAST_SUCCESS) or None)


def read_back(gateway: Gateway, job: str, identities: Collection[Identity]) -> PushgatewaySnapshot:
    """The metrics of these endpoints in the groups of a job.

    Raises:
        PushError: the gateway can't be read, or the server is not a Pushgateway.
    """
    held = pushed.read_back(gateway, job, identities)
    return PushgatewaySnapshot(held.totals, held.gauges)
