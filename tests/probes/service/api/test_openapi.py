"""The API keeps to its own OpenAPI document, whatever is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks

from aimon.call.outcome import Outcome
from aimon.probes.incidents import announcements
from aimon.probes.service.api.openapi import document
from aimon.probes.service.api.operation import PREFIX, Nothing
from aimon.probes.service.api.operations import OPERATIONS
from results import a_result
from service_app import NOW, ServiceApp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.probes.service.api.operation import Operation


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceApp]:
    """A service with some results."""
    found = ServiceApp(tmp_path_factory.mktemp("service"))
    identity = found.identities()["qwen"]
    found.append(
        [a_result(Outcome.DNS if i % 7 == 0 else Outcome.OK, identity, started_at=NOW - i * 600) for i in range(120)]
    )
    announcements.announce(found.history.database, "Moved", now=NOW)
    yield found
    found.close()


@pytest.fixture(scope="module")
def described(service: ServiceApp) -> Any:
    """The document as it is served."""
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", service.app)


CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_answers_are_as_described(operation: Operation, mode: GenerationMode, described: Any) -> None:
    """Good and bad requests of every operation: no 500, and statuses, types and shapes are those of the document."""
    if (
        mode is GenerationMode.NEGATIVE
        and operation.body is None
        and operation.query is Nothing
        and "{" not in operation.path
    ):
        return  # there is nothing that could be wrong
    asked = described[PREFIX + operation.path][operation.method]
    bounded = settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=[Phase.generate],
    )

    @bounded
    @given(case=asked.as_strategy(generation_mode=mode))
    def fuzz(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    fuzz()


def test_the_document_has_every_operation() -> None:
    """Each by its name, with a summary, and every reference leads somewhere."""
    found = document()
    names = {each["operationId"] for path in found["paths"].values() for each in path.values()}
    assert names == {operation.name for operation in OPERATIONS}
    text = json.dumps(found)
    for name in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert name in found["components"]["schemas"]
