"""What scrapers, gateways and OpenTelemetry get to see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import httpx2
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes
from prometheus_client import CollectorRegistry, generate_latest

import aimon
from aimon.call.outcome import Outcome
from aimon.call.result import Arrivals, Usage
from aimon.metering import default, export, opentelemetry
from aimon.metrics import definitions
from results import a_result

if TYPE_CHECKING:
    from metered import Metered
    from services import Pushgateway

COUNTED = (
    'ai_api_requests_total{endpoint="chat",model="m",outcome="ok",provider="custom",region="local",status="success"}'
)


def _call() -> None:
    with aimon.observe(model="m") as call:
        call.usage(input=3, output=2)


def test_a_server_of_its_own(metered: Metered) -> None:
    """Metrics and a sign of life, until shutdown."""
    _call()
    server = aimon.start_http_server(0)
    assert f"{COUNTED} 1.0" in httpx2.get(f"{server.url}/metrics").text
    assert httpx2.get(f"{server.url}/-/healthy").status_code == 200
    aimon.shutdown()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{server.url}/metrics")


def test_an_address_that_others_reach_asks_for_a_word(metered: Metered) -> None:
    """A token, or that it is meant."""
    with pytest.raises(ValueError, match="give token="):
        aimon.start_http_server(0, "0.0.0.0")  # noqa: S104 - refused
    server = aimon.start_http_server(0, token="a-token-of-scrapers")
    assert httpx2.get(f"{server.url}/metrics").status_code == 401
    with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:\d+: the port is in use"):
        aimon.start_http_server(int(server.url.rpartition(":")[2]))
    aimon.shutdown()


def test_a_page_of_a_wsgi_application(metered: Metered) -> None:
    """The same text, with its length and type."""
    _call()
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    started: list[Any] = []
    [body] = aimon.wsgi_app(environ, lambda *args: started.append(args))
    assert COUNTED.encode() in body
    assert started == [
        ("200 OK", [("Content-Type", "text/plain; version=0.0.4; charset=utf-8"), ("Content-Length", str(len(body)))])
    ]


def test_a_page_of_an_asgi_application(metered: Metered) -> None:
    """Made in a thread, so that the application's calls go on; its life is none of it."""
    _call()
    sent: list[Any] = []
    said = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(said)

    async def send(message: Any) -> None:
        sent.append(message)

    async def both() -> None:
        await aimon.asgi_app({"type": "lifespan"}, receive, send)
        await aimon.asgi_app({"type": "http", "method": "GET"}, receive, send)

    asyncio.run(both())
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete", "lifespan.shutdown.complete", "http.response.start", "http.response.body",
    ]  # fmt: skip
    assert COUNTED.encode() in sent[-1]["body"]


def test_a_registry_of_the_applications_own(metered: Metered) -> None:
    """Beside whatever else is in it."""
    _call()
    registry = CollectorRegistry()
    registry.register(aimon.Collector())
    assert COUNTED.encode() in generate_latest(registry)


@pytest.mark.requires_binary("prometheus-pushgateway")
def test_batch_jobs_add_up(metered: Metered, pushgateway: Pushgateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run of a job pushes on top of the one before; pushing twice in a run counts once."""
    for total in (1, 2):
        monkeypatch.setattr(default, "_meter", None)
        monkeypatch.setattr(export, "_held", {})
        default.use(default.read(environ={}))
        with aimon.batch(pushgateway.url, job="nightly"):
            _call()
            aimon.push(pushgateway.url, job="nightly")
        found = [sample for sample in pushgateway.samples("ai_api_requests_total") if sample.labels["outcome"] == "ok"]
        assert [(sample.labels["job"], sample.value) for sample in found] == [("nightly", total)]


def test_names_are_those_of_the_registry() -> None:
    """Of OpenTelemetry's GenAI conventions, as its own package has them."""
    assert opentelemetry.DURATION == gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION
    assert opentelemetry.TOKENS == gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE
    assert opentelemetry.FIRST_CHUNK == gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK
    assert opentelemetry.PER_CHUNK == gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_PER_OUTPUT_CHUNK
    known = {value.value for value in gen_ai_attributes.GenAiProviderNameValues}
    assert set(opentelemetry.PROVIDERS.values()) <= known | {"moonshot_ai"}
    assert set(opentelemetry.OPERATIONS.values()) <= {v.value for v in gen_ai_attributes.GenAiOperationNameValues}


def test_what_opentelemetry_gets() -> None:
    """Durations with the error of those that failed, tokens as reported, the time to the first chunk and each gap."""
    reader = InMemoryMetricReader()
    record = opentelemetry.exporter(MeterProvider([reader]))
    gaps = Arrivals.of([0.02, 0.02])
    record(a_result(first_output=0.4, arrivals=gaps, response_model="qwen-plus-2026", usage=Usage(20, 10)))
    record(a_result(Outcome.RATE_LIMITED))
    record(a_result(Outcome.CANCELLED, estimated=Usage(5, 5, source="estimated")))
    data: Any = reader.get_metrics_data()
    points: dict[str, list[Any]] = {
        metric.name: list(metric.data.data_points) for metric in data.resource_metrics[0].scope_metrics[0].metrics
    }
    assert {point.attributes.get(error_attributes.ERROR_TYPE) for point in points[opentelemetry.DURATION]} == {
        None, "rate_limited", "cancelled",
    }  # fmt: skip
    assert {p.attributes[gen_ai_attributes.GEN_AI_TOKEN_TYPE]: p.sum for p in points[opentelemetry.TOKENS]} == {
        "input": 20, "output": 10,
    }  # fmt: skip
    assert [(point.count, point.sum) for point in points[opentelemetry.FIRST_CHUNK]] == [(1, 0.4)]
    [chunks] = points[opentelemetry.PER_CHUNK]
    assert chunks.count == 2
    assert chunks.sum == pytest.approx(0.04, rel=0.03)
    assert chunks.attributes == {
        gen_ai_attributes.GEN_AI_OPERATION_NAME: "chat",
        gen_ai_attributes.GEN_AI_PROVIDER_NAME: "dashscope",
        gen_ai_attributes.GEN_AI_REQUEST_MODEL: "qwen-plus",
        gen_ai_attributes.GEN_AI_RESPONSE_MODEL: "qwen-plus-2026",
    }


def test_opentelemetry_is_asked_for(metered: Metered, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a provider, beside the metrics for Prometheus."""
    reader = InMemoryMetricReader()
    aimon.configure(opentelemetry=MeterProvider([reader]))
    _call()
    assert reader.get_metrics_data() is not None
    assert metered.total(definitions.REQUESTS) == 1
