"""The calls of a load test: canaries, synthetic prompts, datasets, conversations, traces. Needs no gevent or numpy.

source = open_source(endpoint, Workload(prompt_tokens="N(512,64)"), seed=1)
item = source.next_item()
source.on_result(item, client.perform(item.call))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.loadtests.workload.canary import CanarySource
from aimon.loadtests.workload.source import Source, Tokens, WorkItem
from aimon.loadtests.workload.spec import Workload, WorkloadError

if TYPE_CHECKING:
    from aimon.config.endpoint import Endpoint

__all__ = ["Source", "Tokens", "WorkItem", "Workload", "WorkloadError", "mean_tokens", "open_source"]


def open_source(endpoint: Endpoint, spec: Workload, *, seed: int = 0, worker: int = 0, workers: int = 1) -> Source:
    """The calls of one worker.

    Args:
        endpoint: the endpoint under test.
        spec: the workload.
        seed: seed of everything random. The same seed and worker give the same lengths; nonces are always new.
        worker: number of the worker, from 0.
        workers: number of workers.

    Raises:
        OSError: a file can't be read.
        WorkloadError: options contradict each other, or a file is invalid.
    """
    spec.check()
    if endpoint.target.dialect == "rerank" and spec.dataset is None and (spec.synthetic or spec.trace is not None):
        raise WorkloadError(
            "prompts of a given length have no documents to rank: leave the lengths out to send the canary, or give "
            '--dataset with lines such as {"query": "…", "documents": ["…", "…"]}'
        )
    # Each is imported where it is asked for, since a run has one of them.
    if spec.trace is not None:
        from aimon.loadtests.workload.trace.replay import Replay  # noqa: PLC0415
        from aimon.loadtests.workload.trace.trace import read as read_trace  # noqa: PLC0415

        trace = read_trace(spec.trace, spec.trace_unit, spec.trace_speed)
        return Replay(endpoint, trace, seed=seed, worker=worker, workers=workers)
    if spec.dataset is not None:
        from aimon.loadtests.workload.dataset.dataset import open_dataset  # noqa: PLC0415

        return open_dataset(endpoint, spec, spec.dataset, seed=seed, worker=worker, workers=workers)
    if endpoint.canaries and not spec.synthetic:
        return CanarySource(endpoint)
    from aimon.loadtests.workload.synthetic import open_synthetic  # noqa: PLC0415

    return open_synthetic(endpoint, spec, seed=seed, worker=worker)


def mean_tokens(source: Source) -> Tokens:
    """Mean tokens of a call's prompt, and mean limit of its answer, over a whole file or a distribution."""
    return source.mean_tokens()
