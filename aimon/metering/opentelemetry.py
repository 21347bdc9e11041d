"""Exports calls to OpenTelemetry too, under the names of its GenAI semantic conventions.

https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-metrics.md (development)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aimon.call.outcome import Outcome
from aimon.call.result import GAP_BASE, GAP_BUCKETS_PER_OCTAVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.call.result import Arrivals, Result

DURATION: Final = "gen_ai.client.operation.duration"
TOKENS: Final = "gen_ai.client.token.usage"
FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
PER_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"

# Boundaries that the conventions ask for.
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_COUNTS: Final = tuple(4**power for power in range(14))

# Values of `gen_ai.provider.name` that are well known there; other presets keep their names.
PROVIDERS: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}
# Values of `gen_ai.operation.name`; the rest are calls of `chat`.
OPERATIONS: Final[Mapping[str, str]] = {"embeddings": "embeddings", "generate": "generate_content"}


def exporter(provider: Any = None) -> Callable[[Result], None]:
    """A function that records a Result.

    Args:
        provider: a MeterProvider of OpenTelemetry; the global one where it is None.

    Raises:
        ImportError: opentelemetry is not installed.
    """
    from opentelemetry import metrics  # noqa: PLC0415 - an extra
    from opentelemetry.metrics import Histogram  # noqa: PLC0415, TC002 - as above

    meter = (provider or metrics.get_meter_provider()).get_meter("aimon")

    def histogram(name: str, unit: str, said: str, bounds: tuple[float, ...]) -> Histogram:
        made: Histogram = meter.create_histogram(name, unit, said, explicit_bucket_boundaries_advisory=bounds)
        return made

    duration = histogram(DURATION, "s", "GenAI operation duration.", _SECONDS)
    tokens = histogram(TOKENS, "{token}", "Number of input and output tokens used.", _COUNTS)
    first = histogram(FIRST_CHUNK, "s", "Time to receive the first chunk.", _SECONDS)
    each = histogram(PER_CHUNK, "s", "Time per output chunk.", _SECONDS)

    def record(result: Result) -> None:
        labels = attributes(result)
        ended = labels if result.outcome is Outcome.OK else {**labels, "error.type": result.outcome.value}
        duration.record(result.end, ended)
        # Estimates are not reported: the conventions want what the provider bills.
        for kind, count in (("input", result.usage.input), ("output", result.usage.output)):
            if count is not None:
                tokens.record(count, {**labels, "gen_ai.token.type": kind})
        if result.first_output is not None:
            first.record(result.first_output, labels)
        for gap, count in _gaps(result.arrivals):
            for _ in range(count):
                each.record(gap, labels)

    return record


def attributes(result: Result) -> dict[str, str]:
    """What a call was about."""
    labels = {
        "gen_ai.operation.name": OPERATIONS.get(result.operation, "chat"),
        "gen_ai.provider.name": PROVIDERS.get(result.provider, result.provider),
        "gen_ai.request.model": result.model,
    }
    if result.response_model is not None:
        labels["gen_ai.response.model"] = result.response_model
    return labels


def _gaps(arrivals: Arrivals | None) -> list[tuple[float, int]]:
    """The gaps between chunks, each within 2.2 %, and how many there were of it."""
    if arrivals is None:
        return []
    middle = 2 ** (-0.5 / GAP_BUCKETS_PER_OCTAVE)
    return [
        (GAP_BASE * 2 ** (i / GAP_BUCKETS_PER_OCTAVE) * middle if i else 0.0, count)
        for i, count in arrivals.buckets.items()
    ]
