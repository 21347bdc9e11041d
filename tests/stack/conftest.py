"""Fixtures for the stack on a container engine: run by `make stack-test` alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stack_engine import OUTAGE, SERVICES, Stack, query, wait_for

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session", autouse=True)
def _own_engine() -> None:
    """Elsewhere they would run in the machine's own engine."""
    if "AIMON_STACK_RUN" not in os.environ:
        pytest.skip("these are for the container engine of `make stack-test`")


@pytest.fixture(scope="session")
def compose() -> Stack:
    """The stack, as compose stands it up: all healthy. It ends with the namespaces that it runs in."""
    started = Stack()
    started.up()
    try:
        for service in SERVICES:
            wait_for(lambda name=service: started.healthy(name), timeout=90, what=f"{service} healthy")  # type: ignore[misc]
    except AssertionError as error:
        raise AssertionError(f"{error}\n{started.logs()}") from None
    return started


@pytest.fixture(scope="session")
def outage(compose: Stack) -> Stack:
    """The stack with probes in Prometheus, of which those of sim-chat fail from now on."""
    wanted = {"sim-chat", "sim-claude", "qwen-prod"}
    seen = "ai_probe_success"
    wait_for(lambda: {labels["endpoint"] for labels, _ in query(seen)}, wanted.__eq__, timeout=120, what="probes")
    compose.fault(*OUTAGE)
    return compose


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the containers' logs to a failing test."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("compose")
    if report.failed and isinstance(stack, Stack):
        report.sections.append(("logs of the containers", stack.logs()))
    return report
