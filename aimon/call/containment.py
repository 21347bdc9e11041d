"""A fault in handling one Result stays with its endpoint.

Whatever a provider sends, the results of the other endpoints must be shown, recorded and published. So a Result that
can't be priced, counted or shown is replaced by a `prober_error`, which holds nothing that the provider said.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.call.result import Result
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOG = logging.getLogger(__name__)
_MAX_REPORTED = 1000
_reported: set[tuple[str, str, str]] = set()


def contained(
    stage: str, result: Result, handle: Callable[[Result], Result | None], *, redactor: Redactor | None = None
) -> Result:
    """Returns what `handle` returns, or the Result itself for None; a `prober_error` stands for one that fails.

    Args:
        stage: the step, as a participle: `priced`, `recorded`.
        result: the Result.
        handle: the step. Its exceptions are reported.
        redactor: hides secrets in the words of the exception.
    """
    try:
        return handle(result) or result
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this Result alone
        return substitute(stage, result, error, redactor=redactor)


@contextmanager
def isolated(endpoint: str, stage: str, *, but: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Reports an exception in the work for one endpoint, so that the work for the others goes on.

    Args:
        endpoint: its name.
        stage: what is done to its results, as a participle.
        but: exceptions that concern all endpoints, which are raised.
    """
    try:
        yield
    except but:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this endpoint alone
        report(endpoint, stage, error)


def substitute(stage: str, result: Result, error: Exception, *, redactor: Redactor | None = None) -> Result:
    """The `prober_error` that stands for a Result that could not be handled; the fault is reported."""
    said = f"the result could not be {stage}: {report(result.endpoint, stage, error, redactor=redactor)}"
    return Result(
        endpoint=result.endpoint,
        provider=result.provider,
        model=result.model,
        operation=result.operation,
        source=result.source,
        region=result.region,
        canary=result.canary,
        started_at=result.started_at,
        scheduled=result.scheduled,
        end=result.end,
        outcome=Outcome.PROBER_ERROR,
        error=said,
    )


def report(endpoint: str, stage: str, error: Exception, *, redactor: Redactor | None = None) -> str:
    """Logs a fault in handling an endpoint's results, each kind once in a process; returns its words, redacted."""
    words = describe(error, redactor)
    kind = (endpoint, stage, type(error).__name__)
    if kind not in _reported and len(_reported) < _MAX_REPORTED:
        _reported.add(kind)
        _LOG.error("aimon: this is a bug in aimon: %s was not %s: %s", endpoint, stage, words)
    return words


def describe(error: Exception, redactor: Redactor | None = None) -> str:
    """An unexpected exception on one line, without secrets."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - an exception that can't even say what it is
        said = ""
    return (redactor or Redactor()).line(f"{type(error).__name__}: {said}" if said else type(error).__name__)
