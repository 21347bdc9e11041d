"""What an application's calls come to: one Result each, counted, priced, and shown when a scraper asks.

Only jobs (`aimon.metering.jobs`) change the totals.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakSet

from aimon import __version__, dialects
from aimon.call import rate_limits
from aimon.call.call import Call, Target, Timeouts
from aimon.call.containment import describe
from aimon.call.result import Source
from aimon.metering.jobs import Jobs
from aimon.metrics import definitions
from aimon.metrics.totals import Gauges, Identity, Totals
from aimon.network.headers import by_lower_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aimon.call.result import Limits, Result
    from aimon.dialects import Dialect
    from aimon.metering.default import Settings

# The model of a request becomes a label. An application that passes on what its users ask for must not make a
# Prometheus of them all: from here on models are `other`.
MAX_IDENTITIES: Final = 500
OTHER: Final = "other"
MAX_MODEL_CHARS: Final = 128
UNKNOWN_PROVIDER: Final = "custom"
STAGES: Final = ("request", "answer", "result", "export")
_MAX_LOGGED: Final = 20
_LOG = logging.getLogger("aimon")
_NO_LIMITS: Final = Timeouts()  # an SDK has its own
_meters: WeakSet[Meter] = WeakSet()


class Subject(NamedTuple):
    """What calls are about: who is called, in which dialect, and under which labels that is counted."""

    target: Target
    dialect: Dialect
    identity: Identity

    def call(self, max_tokens: int, *, stream: bool) -> Call:
        """A call of it, with no messages, which the application keeps to itself."""
        region = self.identity.region
        return Call(self.target, (), max_tokens, stream, timeouts=_NO_LIMITS, source=Source.APP, region=region)


class Meter:
    """Counts the calls of this process.

    Attributes:
        may_wait: whether an ended call may wait a moment until it is counted.
        settings: how.
        totals: what they came to.
        epoch: another one after a fork: calls that began before it are the parent's.
    """

    may_wait = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.epoch = 0
        self._subjects: dict[tuple[str | None, str, str, str], Subject] = {}
        self._identities: set[Identity] = set()
        self._logged = 0
        self._begin()
        _meters.add(self)

    def _begin(self) -> None:
        self._jobs = Jobs(lambda error: self.fault("result", error))
        self._in_flight: dict[int, Identity] = {}  # by the object that stands for the call; no change needs a lock
        self._limits: dict[Identity, Limits] = {}
        self._headers: dict[Identity, Iterable[tuple[bytes, bytes]]] = {}
        self.totals = self._new_totals()

    def _new_totals(self) -> Totals:
        return Totals()

    def forked(self) -> None:
        """Starts anew in a child process."""
        # What the parent has counted is in the parent's own metrics, and its locks may be held by threads that are not
        # here.
        self.epoch += 1
        self._identities.clear()
        self._begin()

    def subject(self, endpoint: str | None, provider: str, dialect: str, model: str) -> Subject:
        """What a call is about; its series exist from here on, at 0.

        Args:
            endpoint: what it is counted as; the dialect's operation, such as `chat`, where it is None.
            provider: the preset's name.
            dialect: of the call.
            model: that is asked for.
        """
        key = (endpoint, provider, dialect, model)
        known = self._subjects.get(key)
        if known is None or known.identity not in self._identities:
            spoken = dialects.get(dialect)
            identity = self.identity(endpoint or spoken.operation, provider, model)
            target = Target(identity.endpoint, provider, dialect, base_url="", model=identity.model)
            known = Subject(target, spoken, identity)
            if len(self._subjects) >= 2 * MAX_IDENTITIES:
                self._subjects.clear()
            self._subjects[key] = known
        return known

    def identity(self, endpoint: str, provider: str, model: str) -> Identity:
        """The labels of a call; its series exist from here on, at 0."""
        identity = Identity(endpoint, model, provider, self.settings.region)
        if identity not in self._identities:
            if len(self._identities) >= MAX_IDENTITIES:
                identity = identity._replace(model=OTHER)
            self._identities.add(identity)
            self.submit(lambda: self._declare(identity))
        return identity

    def _declare(self, identity: Identity) -> None:
        prices = self.settings.prices
        priced = prices.knows(identity.provider, identity.model, identity.endpoint)
        self.totals.declare(identity, currency=prices.currency if priced else None, application=True)
        for stage in STAGES:
            self.totals.add(definitions.INTERNAL_ERRORS, (stage,), 0)

    def started(self, call: object, identity: Identity) -> None:
        """A call begins; the object stands for it until it has landed."""
        self._in_flight[id(call)] = identity

    def landed(self, call: object) -> None:
        """A call is over."""
        self._in_flight.pop(id(call), None)

    def submit(self, job: Callable[[], None], *, soon: bool = False) -> None:
        """Has something counted.

        Args:
            job: does it.
            soon: it may wait a moment, where nobody wants to be told of calls and no other process counts on it.
        """
        if soon and self.may_wait and not self.settings.on_result:
            self._jobs.soon(job)
        else:
            self._jobs.now(job)

    def submit_later(self, job: Callable[[], None]) -> None:
        """As `submit`, from the garbage collector, which may run while this very thread holds a lock."""
        self._jobs.later(job)

    def record(self, result: Result) -> None:
        """Prices and counts a Result, and tells those who want to know; for jobs of the queue."""
        result = self.settings.prices.cost(result)
        self.totals.observe(result)
        for listener in self.settings.on_result:
            try:
                listener(result)
            except Exception as error:  # noqa: BLE001 - as above
                self.fault("export", error)

    def answered(self, identity: Identity, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """The headers of the last answer, which may say what the provider's limits are."""
        self._headers[identity] = headers

    def failed(self, stage: str, error: Exception) -> None:
        """Something went wrong in the metering itself: counted, logged a few times, and passed over."""
        self.submit(lambda: self.fault(stage, error))

    def fault(self, stage: str, error: Exception) -> None:
        """As `failed`, in a job of the queue."""
        with contextlib.suppress(Exception):  # what can't be counted is still logged
            self.totals.add(definitions.INTERNAL_ERRORS, (stage,))
        if self._logged < _MAX_LOGGED:
            self._logged += 1
            _LOG.error("aimon: this is a bug in aimon: a call was not metered (%s): %s", stage, describe(error))

    def snapshot(self) -> tuple[Totals, Gauges]:
        """Everything as it is now.

        Raises:
            OSError: counts of other processes can't be read.
        """
        with self._jobs.done():
            return self._all()

    def _all(self) -> tuple[Totals, Gauges]:
        gauges = Gauges()
        gauges.set(definitions.BUILD_INFO, 1, version=__version__)
        for identity, count in self._flying():
            gauges.set(definitions.IN_FLIGHT, count, **identity.labels)
        self._limits.update(self._new_limits())
        for identity, limits in self._limits.items():
            for name, kind, value in limit_gauges(limits):
                gauges.set(name, value, **identity.labels, kind=kind)
        return self.totals.copy(), gauges

    def _flying(self) -> Iterator[tuple[Identity, int]]:
        """How many calls of each identity go on."""
        counts = Counter(list(self._in_flight.values()))
        return ((identity, counts[identity]) for identity in list(self._identities))

    def _new_limits(self) -> Iterator[tuple[Identity, Limits]]:
        """The limits that were told since the last time."""
        while self._headers:
            identity, headers = self._headers.popitem()
            limits, _ = rate_limits.read(by_lower_name(headers), time.time())
            if limits is not None:
                yield identity, limits


def limit_gauges(limits: Limits) -> list[tuple[str, str, float]]:
    """What is known of the limits: metric, kind, value."""
    said = (
        (definitions.RATE_LIMIT, "requests", limits.requests_limit),
        (definitions.RATE_LIMIT, "tokens", limits.tokens_limit),
        (definitions.RATE_LIMIT_REMAINING, "requests", limits.requests_remaining),
        (definitions.RATE_LIMIT_REMAINING, "tokens", limits.tokens_remaining),
    )
    return [(name, kind, value) for name, kind, value in said if value is not None]


def _after_fork() -> None:
    for meter in list(_meters):
        meter.forked()


os.register_at_fork(after_in_child=_after_fork)
