"""One probe: a canary put to an endpoint, within its budget."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aimon import dialects
from aimon.call.containment import report
from aimon.call.outcome import Outcome
from aimon.call.result import Result
from aimon.config.endpoint import new_nonce
from aimon.probes.transport import perform
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config.endpoint import Budget, Canary, Endpoint
    from aimon.probes.key_files import KeyFiles
    from aimon.probes.transcript import Transcript


class Prober:
    """Makes probes; holds what all probes of a run share.

    Args:
        redactor: hides every configured secret; each call's own key is hidden without it.
        spent: what an endpoint's probes have cost today, in its budget's currency.
        key_files: gives endpoints the keys that their files hold now, and the redactor that knows them.
    """

    def __init__(
        self,
        *,
        redactor: Redactor | None = None,
        spent: Callable[[Endpoint], float] | None = None,
        key_files: KeyFiles | None = None,
    ) -> None:
        self._redactor = redactor
        self._key_files = key_files
        self._spent = spent

    @property
    def redactor(self) -> Redactor:
        """Hides every secret that is known now."""
        known = self._redactor if self._key_files is None else self._key_files.redactor
        return known or Redactor()

    async def probe(
        self,
        endpoint: Endpoint,
        canary: Canary,
        *,
        scheduled: float | None = None,
        transcript: Transcript | None = None,
    ) -> Result:
        """Makes one call, without a retry: a hidden retry would hide failures that users see.

        Args:
            endpoint: the endpoint to call.
            canary: the prompt and its checks.
            scheduled: when it was due (seconds of `time.monotonic()`).
            transcript: records what was sent and what came back.
        """
        if self._key_files is not None:
            endpoint = self._key_files.current(endpoint)
            self._redactor = self._key_files.redactor
        if endpoint.unready:
            return _not_made(endpoint, canary, Outcome.PROBER_ERROR, f"not probed: {endpoint.unready}")
        try:
            if endpoint.budget is not None and self._spent is not None:
                spent = self._spent(endpoint)
                if spent >= endpoint.budget.per_day:
                    return _over_budget(endpoint, canary, endpoint.budget, spent)
            call = canary.call(endpoint, new_nonce())
            return await perform(
                call, endpoint.transport, scheduled=scheduled, redactor=self._redactor, transcript=transcript
            )
        except Exception as error:  # noqa: BLE001 - of aimon's own: the other endpoints are probed all the same
            said = f"not probed: {report(endpoint.name, 'probed', error, redactor=self._redactor)}"
            return _not_made(endpoint, canary, Outcome.PROBER_ERROR, said)


def _over_budget(endpoint: Endpoint, canary: Canary, budget: Budget, spent: float) -> Result:
    said = f"not sent: {spent:.4g} of {budget.per_day:g} {budget.currency} a day are spent; next at 00:00 UTC"
    return _not_made(endpoint, canary, Outcome.BUDGET_SKIPPED, said)


def _not_made(endpoint: Endpoint, canary: Canary, outcome: Outcome, error: str) -> Result:
    return Result(
        endpoint=endpoint.name,
        provider=endpoint.target.provider,
        model=endpoint.target.model,
        operation=dialects.get(endpoint.target.dialect).operation,
        region=endpoint.region,
        canary=canary.name,
        started_at=time.time(),
        end=0.0,
        outcome=outcome,
        error=error,
    )
