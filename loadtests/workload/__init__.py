"""What a load test asks: canaries, synthetic prompts, datasets, conversations, traces. Needs neither gevent nor numpy.

source = open_source(endpoint, Workload(prompt_tokens="N(512,64)"), seed=1)
ask = source.take()
source.told(ask, client.perform(ask.call))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.loadtests.workload.canary import CanarySource
from aimon.loadtests.workload.dataset.dataset import open_dataset
from aimon.loadtests.workload.source import Source, Tokens, WorkItem
from aimon.loadtests.workload.spec import Workload, WorkloadError
from aimon.loadtests.workload.synthetic import open_synthetic
from aimon.loadtests.workload.trace.replay import Replay
from aimon.loadtests.workload.trace.trace import read as read_trace

if TYPE_CHECKING:
    from aimon.config.endpoint import Endpoint

__all__ = ["Source", "Tokens", "WorkItem", "Workload", "WorkloadError", "mean_tokens", "open_source"]


def open_source(endpoint: Endpoint, spec: Workload, *, seed: int = 0, worker: int = 0, workers: int = 1) -> Source:
    """The calls of one worker.

    Args:
        endpoint: whom to ask.
        spec: what to ask.
        seed: of all that is random. The same seed and worker give the same lengths; nonces are always fresh.
        worker: which of the `workers` it is, from 0.
        workers: how many there are.

    Raises:
        OSError: a file of it can't be read.
        WorkloadError: it does not fit together, or what is in a file is wrong.
    """
    spec.check()
    if spec.trace is not None:
        trace = read_trace(spec.trace, spec.trace_unit, spec.trace_speed)
        return Replay(endpoint, trace, seed=seed, worker=worker, workers=workers)
    if spec.dataset is not None:
        return open_dataset(endpoint, spec.dataset, spec.output_tokens, seed=seed, worker=worker, workers=workers)
    if endpoint.canaries and not spec.synthetic:
        return CanarySource(endpoint)
    return open_synthetic(endpoint, spec, seed=seed, worker=worker)


def mean_tokens(source: Source) -> Tokens:
    """What a call takes at most, on average: the whole of a file is looked at, and distributions by their means."""
    return source.mean_tokens()
