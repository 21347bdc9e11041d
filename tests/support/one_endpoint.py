"""A configuration of one endpoint with prices and objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.simulator import SimulatorProcess

_CONFIG = """\
region: test
endpoints:
  - name: qwen
    dialect: openai-chat
    base_url: {url}
    model: sim-1
    prices: {{input: 2, output: 8, currency: CNY}}
    timeout: {{connect: 2s, ttft: 8s, total: 10s}}
    slo: {{availability: 99%, latency_p95: 1234ms, ttft_p95: 437ms}}
"""


def configure(folder: Path, simulator: SimulatorProcess) -> None:
    """Writes an `aimon.yaml` whose endpoint `qwen` is the simulator's profile `sim`."""
    folder.joinpath("aimon.yaml").write_text(_CONFIG.format(url=simulator.base_url("sim")))
