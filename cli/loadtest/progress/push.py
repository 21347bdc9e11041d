"""Pushes the metrics of a load test while it runs and at its end, from a thread of its own.

Counters continue from where the last load test of the endpoint left them. A counter that started at 0 would be read
correctly only if Prometheus scraped it before it passed the previous total: after that the reset can't be seen, and as
many calls are lost.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from aimon.cli.exits import UNABLE, USAGE, Stop
from aimon.loadtests.metrics import JOB, LASTING
from aimon.metrics import exposition, pushgateway
from aimon.metrics.push_error import PushError
from aimon.probes.state.pushgateway_snapshot import read_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.metrics.pushgateway import Gateway
    from aimon.metrics.totals import Gauges, Identity, Totals
    from aimon.probes.state.pushgateway_snapshot import PushgatewaySnapshot

PERIOD = 10.0  # seconds


def check(url: str) -> None:
    """Reads from a Pushgateway before the load is sent, to check its address and the credentials.

    Raises:
        Stop: the address is invalid, or pushing is not possible.
    """
    try:
        gateway = pushgateway.Gateway.parse(url)
    except ValueError as error:
        raise Stop(USAGE, f"--push: {error}") from error
    try:
        pushgateway.read(gateway)
    except PushError as error:
        raise Stop(UNABLE, f"--push: {error}: nothing was sent; --yes sends it all the same") from error


class Pusher:
    """Pushes until the `with` block ends.

    Args:
        gateway: the Pushgateway.
        identity: the endpoint, or the scenario, whose gauges these are.
        look: returns the metrics of this run only; None while there are none.
        say: prints a message for the user.

    Attributes:
        problem: why the last push failed, or None.
    """

    def __init__(
        self,
        gateway: Gateway,
        identity: Identity,
        look: Callable[[], tuple[Totals, Gauges] | None],
        say: Callable[[str], None],
    ) -> None:
        self.problem: str | None = None
        self._gateway, self._identity, self._look, self._say = gateway, identity, look, say
        self._held: PushgatewaySnapshot | None = None
        self._begun, self._closing = Event(), Event()
        self._thread = Thread(target=self._run, name="aimon-push", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._begun.set()
        self._thread.join()

    def begin(self) -> None:
        """Starts pushing. The first push is immediate, so that new series are seen at 0."""
        self._begun.set()

    def _run(self) -> None:
        self._begun.wait()
        while not self._closing.is_set():
            self._try()
            self._closing.wait(PERIOD)
        self._try()

    def _try(self) -> None:
        before = self.problem
        try:
            self._push()
        except PushError as error:
            self._failed(str(error), before)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next push must still be tried
            self._failed(f"this is a bug in aimon: nothing was pushed: {type(error).__name__}: {error}", before)
        else:
            self.problem = None
            if before is not None:
                self._say("the Pushgateway takes pushes again")

    def _failed(self, problem: str, before: str | None) -> None:
        self.problem = problem
        # Printed once; the last push decides the exit code, and the command prints its problem.
        if before is None and not self._closing.is_set():
            self._say(f"aimon: {problem} (tried again every {PERIOD:.0f} s)")

    def _push(self) -> None:
        found = self._look()
        if found is None:
            return
        totals, gauges = found
        if self._held is None:
            # Read once: afterwards this process is the only writer, and each push is absolute.
            # A scenario may call several endpoints, and all of them are declared in the first metrics.
            self._held = read_back(self._gateway, JOB, {self._identity, *totals.by_identity()})
        labels = self._identity.labels
        for name, value in self._held.gauges.get(self._identity, {}).items():
            if name in LASTING and gauges.get(name, **labels) is None:
                gauges.set(name, value, **labels)
        totals.merge(self._held.totals)
        pushgateway.push(self._gateway, exposition.push_bodies(totals, gauges, job=JOB, region=self._identity.region))
