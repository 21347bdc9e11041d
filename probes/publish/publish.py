"""Pushes the metrics of a state to a Pushgateway, and writes them as a textfile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aimon.metrics import exposition
from aimon.metrics.push_error import PushError
from aimon.probes.publish import pushed_groups
from aimon.probes.state.state import JOB

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.metrics.pushgateway import Gateway
    from aimon.metrics.totals import Gauges, Totals
    from aimon.probes.state.state import State


def snapshot(
    state: State, extra: Gauges | None = None, *, live: bool = False, now: float | None = None
) -> tuple[Totals | None, Gauges]:
    """The totals and gauges to expose now.

    Args:
        state: the source of totals and gauges.
        extra: gauges to add.
        live: whether this process is being scraped. Otherwise totals that end with the process are omitted.
        now: unix time (default: the clock's).
    """
    gauges = state.gauges(time.time() if now is None else now)
    if extra is not None:
        gauges.update(extra)
    return (state.totals() if state.cumulative or live else None), gauges


def push(
    state: State,
    gateway: Gateway,
    *,
    region: str,
    owner: str | None = None,
    whole: bool = True,
    extra: Gauges | None = None,
    now: float | None = None,
) -> None:
    """Replaces the groups of the state's endpoints, and deletes those of endpoints that are no longer configured.

    Args:
        state: the source of totals and gauges.
        gateway: the Pushgateway.
        region: the region of metrics without an endpoint.
        owner: the owner of the pushed groups, such as the configuration's path. Without an owner the groups are not
            recorded, and so never deleted.
        whole: whether these are all endpoints of the owner, so that its other groups are to be deleted.
        extra: gauges to add.
        now: unix time (default: the clock's).

    Raises:
        PushError: the gateway could not be reached, or did not accept everything.
        HistoryError: the history could not be read, or another process holds the push lock too long.
    """
    from aimon.metrics import pushgateway  # noqa: PLC0415 - start-up: most runs push nothing

    with state.sole_pusher():
        bodies = exposition.push_bodies(*snapshot(state, extra, now=now), job=JOB, region=region)
        try:
            pushgateway.push(gateway, bodies)
        except PushError as error:
            if state.database is not None and owner is not None:
                pushed_groups.remember(state.database, gateway.url, owner, error.pushed)
            raise
        if state.database is None or owner is None:
            return
        pushed_groups.remember(state.database, gateway.url, owner, bodies)
        if not whole:
            return
        stale = pushed_groups.stale(state.database, gateway.url, owner, bodies.keys())
        pushgateway.delete(gateway, stale.delete)
        # Only after the deletion: groups that could not be deleted are deleted after the next push.
        pushed_groups.forget(state.database, gateway.url, owner, stale.forget)


def announce(state: State, gateway: Gateway, *, region: str, owner: str) -> None:
    """Pushes the series of new endpoints at 0; to be called before their first probe.

    A counter that Prometheus first scrapes at 1 has not increased, so without this the calls of an endpoint's first run
    are in its totals, but in no rate. (With it they are in a rate if a scrape falls between the two pushes.)

    Raises:
        PushError: the gateway could not be reached, or did not accept everything.
        HistoryError: the history could not be read, or another process holds the push lock too long.
    """
    from aimon.metrics import pushgateway  # noqa: PLC0415 - start-up: most runs push nothing

    if not state.cumulative:
        return
    known = set() if state.database is None else pushed_groups.remembered(state.database, gateway.url, owner)
    with state.sole_pusher():
        bodies = exposition.push_bodies(*snapshot(state), job=JOB, region=region)
        new = {grouping: body for grouping, body in bodies.items() if grouping not in known}
        pushgateway.push(gateway, new)
    if state.database is not None:
        pushed_groups.remember(state.database, gateway.url, owner, new)


def write_textfile(state: State, path: Path, extra: Gauges | None = None) -> None:
    """Writes the metrics for node_exporter's textfile collector.

    Raises:
        ValueError: the name does not end in `.prom`.
        OSError: the file can't be written.
        HistoryError: the history could not be read.
    """
    with state.sole_pusher():
        exposition.textfile(path, *snapshot(state, extra))
