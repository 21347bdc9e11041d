"""Probes every endpoint once, concurrently, with staggered starts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aimon.probes.transport import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.probes.probe import Prober

# About the CPU time of a probe: with closer starts, probes would wait for each other and measure that as latency.
STAGGER = 0.003
CONCURRENCY = 100


async def probe_all(
    endpoints: Sequence[Endpoint],
    prober: Prober,
    *,
    concurrency: int = CONCURRENCY,
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Probes all endpoints, each with its canaries in turn.

    Args:
        endpoints: the endpoints.
        prober: makes the probes.
        concurrency: the most endpoints that are probed at once.
        on_result: called with each Result as it comes.

    Returns:
        The Results in the order of the endpoints, one for each canary. A cancelled run keeps none: take them
        from `on_result`.
    """
    await warm_up((endpoint.target, endpoint.transport) for endpoint in endpoints)
    places = asyncio.Semaphore(concurrency)

    async def run(endpoint: Endpoint, delay: float) -> list[Result]:
        await asyncio.sleep(delay)
        results = []
        async with places:
            for canary in endpoint.canaries:
                result = await prober.probe(endpoint, canary)
                if on_result is not None:
                    on_result(result)
                results.append(result)
        return results

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(endpoint, i * STAGGER)) for i, endpoint in enumerate(endpoints)]
    return [result for task in tasks for result in task.result()]
