"""The endpoint's own canary as a workload: a new nonce in each call, and every answer checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.result import Source
from aimon.call.token_estimate import estimated
from aimon.config.endpoint import new_nonce
from aimon.loadtests.workload.source import Tokens, WorkItem

if TYPE_CHECKING:
    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint


class CanarySource:
    """Sends the first canary of an endpoint, which must have one."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._canary = endpoint.canaries[0]

    def next_item(self, due: float | None = None) -> WorkItem:  # noqa: ARG002 - for traces only
        """The canary with a new nonce, so that no cache has the answer."""
        return WorkItem(self._canary.call(self._endpoint, new_nonce(), Source.LOADTEST))

    def on_result(self, item: WorkItem, result: Result) -> None:
        """Does nothing: later calls do not depend on answers."""

    def offsets(self) -> None:
        """None: not a trace."""

    def size(self) -> None:
        """None: not a file."""

    def skipped(self) -> tuple[str, ...]:
        """Empty: not a file."""
        return ()

    def mean_tokens(self) -> Tokens:
        """Those of the canary."""
        canary = self._canary
        return Tokens(sum(estimated(message.content) for message in canary.messages), canary.max_tokens)
