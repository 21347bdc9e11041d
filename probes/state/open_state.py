"""Opens the state that `--state` names: sqlite, gateway or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.probes.history.database import default_path
from aimon.probes.history.history import History
from aimon.probes.state.guarded import GuardedState
from aimon.probes.state.state import GatewayState, MemoryState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aimon.metrics.pushgateway import Gateway
    from aimon.probes.state.monitored import MonitoredEndpoint
    from aimon.probes.state.state import State


def _sqlite(
    monitored: Sequence[MonitoredEndpoint], opened: Callable[[bool], History], gateway: Gateway | None
) -> State:
    return GuardedState(monitored, opened, gateway)


def _gateway(monitored: Sequence[MonitoredEndpoint], _: Callable[[bool], History], gateway: Gateway | None) -> State:
    if gateway is None:
        raise ValueError("--state gateway keeps totals in a Pushgateway: give its address with --push URL")
    return GatewayState(monitored, gateway)


def _none(monitored: Sequence[MonitoredEndpoint], _: Callable[[bool], History], __: Gateway | None) -> State:
    return MemoryState(monitored)


STATES: dict[str, Callable[[Sequence[MonitoredEndpoint], Callable[[bool], History], Gateway | None], State]] = {
    "sqlite": _sqlite,
    "gateway": _gateway,
    "none": _none,
}


def open_state(
    kind: str,
    monitored: Sequence[MonitoredEndpoint],
    *,
    path: Path | None = None,
    gateway: Gateway | None = None,
    opened: Callable[[Path], History] = History,
) -> State:
    """The state of that kind, for these endpoints (all configured ones, not only those probed in this run).

    Args:
        kind: `sqlite`, `gateway` or `none`.
        monitored: the endpoints.
        path: the history's file, for `sqlite`; default: the standard location.
        gateway: the Pushgateway, for `gateway`.
        opened: opens the history; if it fails, the reason is the state's `problem`.

    Raises:
        ValueError: no such kind, or the gateway is missing.
    """
    if kind not in STATES:
        raise ValueError(f"no state {kind!r}: write one of {', '.join(STATES)}")

    def open_history(read_only: bool) -> History:
        where = default_path() if path is None else path
        return History(where, read_only=True) if read_only else opened(where)

    return STATES[kind](monitored, open_history, gateway)
