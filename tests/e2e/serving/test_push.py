"""`aimon serve --push`: what a real Pushgateway holds while either of them is gone for a while."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimon.metrics.definitions import REQUESTS
from aimon.probes.history.history import History
from aimon.simulator import Profile, Simulator
from services import wait_for
from serving import Serving

if TYPE_CHECKING:
    from services import Pushgateway, Servers

CONFIG = """\
defaults: {{interval: 1s}}
endpoints:
  - {{name: a, dialect: openai-chat, base_url: "{url}", model: m}}
  - {{name: b, dialect: openai-chat, base_url: "{url}", model: m}}
"""


def pushed(gateway: Pushgateway, name: str = "a") -> float:
    """How many probes of an endpoint the gateway counts."""
    return sum(each.value for each in gateway.samples("ai_api_requests_total") if each.labels["endpoint"] == name)


@pytest.mark.e2e
@pytest.mark.requires_binary("prometheus-pushgateway")
def test_counters_in_the_gateway_go_on(servers: Servers, tmp_path: Path, clean_env: dict[str, str]) -> None:
    """While it is gone, results wait; after a kill of the service they go on; at the end all of them are there."""
    gateway = servers.pushgateway(persistent=True)
    with Simulator(Profile("sim", ttft=0.01, itl=0.001)) as provider:
        (tmp_path / "aimon.yaml").write_text(CONFIG.format(url=provider.base_url()))
        with Serving(tmp_path, clean_env, "--push", gateway.url) as service:
            wait_for(lambda: pushed(gateway) >= 3, timeout=60, what="three probes in the gateway")
            assert {each.labels["job"] for each in gateway.samples("ai_probe_success")} == {"aimon-probe"}
            assert [each.value for each in gateway.samples("aimon_history_available")] == [1]

            gateway.kill()
            wait_for(lambda: "the push failed" in service.said(), timeout=60, what="a message")
            before = service.value("ai_api_requests_total", 'endpoint="a"')
            wait_for(lambda: service.value("ai_api_requests_total", 'endpoint="a"') > before, what="another probe")
            gateway.start()
            wait_for(lambda: pushed(gateway) > before, timeout=60, what="probes of the time without a gateway")
            assert service.said().count("the push failed") == 1
            assert "aimon: pushes arrive again" in service.said()

            shown = pushed(gateway)
            service.end(signal.SIGKILL)
            service.start()
            wait_for(lambda: pushed(gateway) > shown, timeout=60, what="a probe after the kill")
            assert service.end() == 0
    with History(Path(clean_env["AIMON_STATE_DIR"]) / "history.db", read_only=True) as history:
        counted = history.totals().counters[REQUESTS]
    for name in ("a", "b"):
        assert pushed(gateway, name) == sum(value for labels, value in counted.items() if labels[0] == name)


@pytest.mark.e2e
@pytest.mark.requires_binary("prometheus-pushgateway")
def test_an_endpoint_that_a_reload_removes_leaves_the_gateway(
    servers: Servers, tmp_path: Path, clean_env: dict[str, str]
) -> None:
    """Its group would stay there for ever, and its last state with it."""
    gateway = servers.pushgateway()
    with Simulator(Profile("sim", ttft=0.01, itl=0.001)) as provider:
        config = tmp_path / "aimon.yaml"
        config.write_text(CONFIG.format(url=provider.base_url()))
        with Serving(tmp_path, clean_env, "--push", gateway.url) as service:
            wait_for(lambda: pushed(gateway, "b") >= 1, timeout=60, what="a probe in the gateway")
            config.write_text("\n".join(config.read_text().splitlines()[:-1]) + "\n")
            assert service.ask("/-/reload", "POST").status == 200
            gone = lambda: {each.labels["endpoint"] for each in gateway.samples("ai_probe_success")}  # noqa: E731 - one use
            wait_for(gone, {"a"}.__eq__, timeout=60, what="the other endpoint alone")
            assert service.end() == 0


@pytest.mark.e2e
def test_a_gateway_that_is_none(tmp_path: Path, clean_env: dict[str, str]) -> None:
    """A wrong address is refused at the start."""
    from command import Command

    (tmp_path / "aimon.yaml").write_text(CONFIG.format(url="http://127.0.0.1:1/v1"))
    done = Command(clean_env, tmp_path)("serve", "--listen", "127.0.0.1:0", "--push", "ftp://gateway")
    assert (done.returncode, "--push" in done.stderr) == (2, True), done.stderr
