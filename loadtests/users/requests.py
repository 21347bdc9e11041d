"""Measures requests of users other than AIUser from Locust's request event. Imports gevent."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING, Any

from gevent import getcurrent

from aimon.call.outcome import Outcome
from aimon.call.result import Result, Source
from aimon.loadtests.users.driver import GREENLET_ATTRIBUTE

if TYPE_CHECKING:
    from aimon.loadtests.users.driver import Driver

_LONGEST = 200
_BY_STATUS = {
    401: Outcome.UNAUTHORIZED,
    403: Outcome.FORBIDDEN,
    408: Outcome.TIMEOUT_TOTAL,
    429: Outcome.RATE_LIMITED,
    503: Outcome.OVERLOADED,
}
PROVIDER = "locust"
"""The provider of such a Result: it is no AI endpoint's."""


def current_driver() -> Driver | None:
    """The Driver of the user whose greenlet runs."""
    return getattr(getcurrent(), GREENLET_ATTRIBUTE, None)


def on_request(
    *,
    request_type: str,
    name: str,
    response_time: float | None,
    context: dict[str, Any] | None = None,
    exception: BaseException | None = None,
    response: Any = None,
    start_time: float | None = None,
    **_: object,
) -> None:
    """Counts a request as a listener of Locust's event; an AIUser has counted its own already."""
    driver = current_driver()
    if driver is None or isinstance((context or {}).get("result"), Result):
        return
    lasted = (response_time or 0.0) / 1e3
    began = monotonic() - lasted
    due = driver.take_due()
    status = getattr(response, "status_code", None) or None
    result = Result(
        endpoint=name,
        provider=PROVIDER,
        model="",
        operation=request_type,
        source=Source.LOADTEST,
        started_at=start_time or time.time() - lasted,
        scheduled=0.0 if due is None else min(0.0, due - began),
        end=lasted,
        outcome=_outcome(exception, status),
        status_code=status,
        error=None if exception is None else str(exception)[:_LONGEST],
    )
    driver.count(result, name, first=due is not None, ours=False)
    driver.conclude(result)


def _outcome(exception: BaseException | None, status: int | None) -> Outcome:
    """What became of a request, as far as Locust and its clients tell."""
    if exception is None:
        return Outcome.OK
    kinds = {each.__name__ for each in type(exception).__mro__}
    if any("Timeout" in kind for kind in kinds):
        return Outcome.TIMEOUT_TOTAL
    if status is None or status == 0:
        broken = any("Connect" in kind for kind in kinds) or isinstance(exception, OSError)
        return Outcome.CONNECT if broken else Outcome.SERVER_ERROR
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status < 400:
        # The scenario's own code did not like the answer.
        return Outcome.ANSWER_MISMATCH
    return Outcome.BAD_REQUEST if status < 500 else Outcome.SERVER_ERROR
