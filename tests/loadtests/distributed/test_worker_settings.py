"""What a worker takes from its master, and what is its own: addresses, keys, files, headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aimon import config
from aimon.config.request_options import RequestOptions
from aimon.loadtests.distributed.worker_settings import worker_settings
from aimon.loadtests.protocol.job import WORKER, Job
from aimon.loadtests.protocol.plan import Plan

if TYPE_CHECKING:
    from aimon.config.endpoint import Endpoint

FLAGS = {"dialect": "openai-chat", "base_url": "http://127.0.0.1:9/v1", "model": "m"}
ASKED = RequestOptions(headers={"X-Api-Key": "${MASTERS_KEY}"}, extra_body={"top_k": 3}, timeout=7.0)


def endpoint_of(own: Job, plan: Plan) -> Endpoint:
    """The endpoint as a worker calls it."""
    settings = worker_settings(own, plan)
    assert settings.loaded is not None
    return settings.plan.request.applied(config.resolve(settings.loaded)[0])


def job(**more: Any) -> Job:
    """A worker on a machine of its own."""
    return Job(role=WORKER, flags=FLAGS, **more)


def test_the_body_and_the_limit_are_the_masters_and_headers_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A master must not choose which variables of a worker's machine are sent."""
    monkeypatch.setenv("WORKERS_KEY", "the-workers-own-key")
    plan = Plan(endpoint="e", duration=1.0, request=ASKED)
    endpoint = endpoint_of(job(headers={"X-Api-Key": "${WORKERS_KEY}"}), plan)
    assert endpoint.target.headers == {"X-Api-Key": "the-workers-own-key"}
    assert [secret.reveal() for secret in endpoint.target.secrets] == ["the-workers-own-key"]
    assert (endpoint.target.quirks.extra_body, endpoint.timeouts.total, endpoint.timeouts.ttft) == (
        {"top_k": 3},
        7.0,
        7.0,
    )
    with pytest.raises(
        ValueError, match=r"adds headers \(X-Api-Key\), and this worker takes none from it: add --header"
    ):
        worker_settings(job(), plan)


def test_workers_on_the_masters_machine_take_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers on the master's machine, which share its environment, accept its headers."""
    monkeypatch.setenv("MASTERS_KEY", "the-masters-key-0123")
    plan = Plan(endpoint=None, flags=FLAGS, duration=1.0, request=ASKED)
    endpoint = endpoint_of(Job(role=WORKER, parent=1), plan)
    assert endpoint.target.headers == {"X-Api-Key": "the-masters-key-0123"}
