"""What the boards' queries are tried on: endpoints that live, idle and have died, and a load test.

Each scrape finds one more call, so that counters rise as they do in life.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from itertools import count, cycle
from typing import TYPE_CHECKING, Any

from aimon.call.outcome import Outcome
from aimon.call.result import Connection, Limits, Source, Usage
from aimon.metrics import definitions
from aimon.metrics.exposition import push_bodies, render
from aimon.metrics.totals import Gauges, Identity, Totals
from aimon.probes.history.history import Last
from aimon.probes.history.windows import WINDOWS, Window
from aimon.probes.state.gauges import endpoint_gauges
from aimon.probes.state.monitored import MonitoredEndpoint
from results import a_result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call.result import Result
    from aimon.metrics.exposition import Grouping
    from aimon.network.server.listen import Page

YUAN = Identity("qwen-prod", "qwen-plus", "dashscope", "cn-east")
DOLLARS = Identity("claude-prod", "claude-sonnet-4-5", "anthropic", "us-west")
IDLE = Identity("idle", "qwen-max", "dashscope", "cn-east")
DEAD = Identity("dead", "glm-4", "zhipu", "cn-east")
CURRENCY = {YUAN: "CNY", DOLLARS: "USD", IDLE: "CNY", DEAD: "CNY"}

OUTCOMES = (
    *(Outcome.OK, Outcome.OK, Outcome.RATE_LIMITED, Outcome.OK, Outcome.SERVER_ERROR),
    *(Outcome.OK, Outcome.UNAUTHORIZED, Outcome.OK, Outcome.TIMEOUT_TTFT, Outcome.OK),
)
_STATUS = {Outcome.OK: 200, Outcome.RATE_LIMITED: 429, Outcome.SERVER_ERROR: 500, Outcome.UNAUTHORIZED: 401}
_DAY = 86400.0
_LOADTEST = {
    definitions.LOADTEST_TARGET_RATE: 20,
    definitions.LOADTEST_ACHIEVED_RATE: 19.6,
    definitions.LOADTEST_USERS: 32,
    definitions.LOADTEST_IN_FLIGHT: 30,
    definitions.LOADTEST_CLIENT_LAG: 0.0002,
    definitions.LOADTEST_CAPACITY: 25,
    definitions.LOADTEST_LIMIT_REQUESTS: 22,
    definitions.LOADTEST_LIMIT_TOKENS: 60_000,
}


def a_call(identity: Identity, outcome: Outcome, number: int, **changes: Any) -> Result:
    """A call that ended now; the seconds that it took vary with its number."""
    ok = outcome is Outcome.OK
    end = 0.8 + (number % 7) * 0.3
    return a_result(
        outcome,
        identity,
        status_code=_STATUS.get(outcome),
        started_at=time.time() - end,
        end=end,
        dns=0.005,
        connect=0.02,
        tls=0.05,
        request_sent=0.051,
        headers=0.2,
        first_token=0.25 + (number % 5) * 0.05 if ok else None,
        last_token=end - 0.01 if ok else None,
        cost=0.004 if ok else None,
        currency=CURRENCY[identity] if ok else None,
        usage=Usage(input=200, output=60, cached_input=50, reasoning=20, source="reported") if ok else Usage(),
        limits=Limits(requests_limit=600, requests_remaining=480, tokens_limit=90_000, tokens_remaining=30_000),
        connection=Connection(certificate_expiry=time.time() + 40 * _DAY),
        **changes,
    )


def probed(identity: Identity, last: Result | None, *, ended: float) -> Gauges:
    """The gauges of an endpoint whose last probe ended at a unix time."""
    monitored = MonitoredEndpoint(identity, interval=60.0, currency=CURRENCY[identity], daily_budget=1.0)
    windows = [
        Window(seconds, ended, {Outcome.OK: 199, Outcome.SERVER_ERROR: 1}, {0.5: 1.1, 0.95: 2.2, 0.99: 2.6}, {0.5: 0.3})
        for seconds in WINDOWS.values()
    ]
    # More than the budget: that alert waits for nothing.
    return endpoint_gauges(monitored, Last(ended, ended, last), windows, spent=1.2)


def loaded(identity: Identity) -> Gauges:
    """The gauges of a load test that goes on."""
    gauges = Gauges()
    for name, value in _LOADTEST.items():
        gauges.set(name, value, **identity.labels)
    gauges.set(definitions.LOADTEST_RUN_INFO, 1, **identity.labels, run="1795513309", profile="capacity")
    gauges.set(definitions.LOADTEST_START, 1795513309, **identity.labels, profile="capacity")
    for objective, met in (("p99<10s", 1), ("error_rate<1%", 0)):
        gauges.set(definitions.LOADTEST_SLO_MET, met, **identity.labels, slo=objective)
    return gauges


class Growing:
    """An exposition that has counted one more call each time it is read."""

    def __init__(self, identity: Identity, source: Source = Source.PROBE) -> None:
        self.identity = identity
        self.totals = Totals()
        self.totals.declare(identity, currency=CURRENCY[identity])
        self._source = source
        self._outcomes = cycle(OUTCOMES)
        self._numbers = count()

    def count(self) -> Gauges:
        """Counts a call, and says what it leaves behind."""
        result = a_call(self.identity, next(self._outcomes), next(self._numbers), source=self._source)
        self.totals.observe(result)
        if self._source is Source.LOADTEST:
            gauges = loaded(self.identity)
        else:
            gauges = probed(self.identity, result, ended=time.time())
        gauges.set(definitions.IN_FLIGHT, 3, **self.identity.labels)
        return gauges

    def page(self) -> Page:
        """What a scrape gets."""
        body, kind = render(self.totals, self.count())
        return HTTPStatus.OK, body, kind


def idle_groups() -> Iterator[dict[Grouping, bytes]]:
    """What is pushed once: an endpoint that was never called, and one whose prober died an hour ago."""
    totals = Totals()
    totals.declare(IDLE, currency="CNY")
    yield push_bodies(totals, None, job="aimon-probe", region=IDLE.region)
    totals = Totals()
    totals.declare(DEAD, currency="CNY")
    last = a_call(DEAD, Outcome.OK, 0)
    totals.observe(last)
    yield push_bodies(totals, probed(DEAD, last, ended=time.time() - 3600), job="aimon-probe", region=DEAD.region)
