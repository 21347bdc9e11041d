"""`aimon serve` while its wall clock is set forward and back by an hour (libfaketime): it probes on, at its times."""

from __future__ import annotations

import subprocess
import time
from datetime import datetime
from functools import partial
from operator import eq
from typing import TYPE_CHECKING

import pytest

from aimon.simulator import Profile, SimulatorProcess
from services import wait_for
from serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.requires_binary("faketime")]
HOUR = 3600
CONFIG = """\
defaults: {{interval: 1s, budget: none}}
endpoints:
  - {{name: often, dialect: openai-chat, base_url: "{url}", model: m}}
  - {{name: hourly, dialect: openai-chat, base_url: "{url}", model: m, interval: 1h}}
  - {{name: daily, dialect: openai-chat, base_url: "{url}", model: m, interval: "0 {hour} * * *"}}
"""


class SetService(Serving):
    """A service whose wall clock can be set; other clocks go on as they are."""

    def __init__(self, folder: Path, env: dict[str, str], faketime: Path) -> None:
        self.ahead = 0.0
        self._setting = folder / "clock"
        library = subprocess.check_output([faketime, "-m", "-f", "+0", "printenv", "LD_PRELOAD"], text=True).strip()
        faked = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._setting),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.set(0)
        super().__init__(folder, env | faked)

    def set(self, ahead: float) -> None:
        """Sets it ahead of the machine's."""
        self.ahead = ahead
        written = self._setting.with_suffix(".new")
        written.write_text(f"{ahead:+.0f}")
        written.rename(self._setting)

    def now(self) -> float:
        """Unix time by its clock."""
        return time.time() + self.ahead

    def counted(self, name: str) -> float:
        """How many probes of an endpoint are counted."""
        return self.value("ai_api_requests_total", f'endpoint="{name}"')

    def jumps(self) -> float:
        """How often it noticed that its clock was set."""
        return self.value("aimon_scheduler_clock_jumps_total")

    def uptime(self) -> float | None:
        """The plain uptime of a day that the API tells of the first endpoint."""
        found: float | None = self.json("/api/v1/endpoints/often")["endpoint"]["uptime"]["24h"]["plain"]
        return found

    def true_uptime(self) -> float:
        """The same, counted: of its results that are not of the future."""
        results = self.json("/api/v1/results?endpoint=often&limit=1000")["results"]
        past = [each for each in results if datetime.fromisoformat(each["started_at"]).timestamp() <= self.now()]
        return float(sum(each["outcome"] == "ok" for each in past) / len(past))


def goes_on(service: SetService) -> None:
    """Probes come one a second, as before."""
    before, began = service.counted("often"), time.monotonic()
    wait_for(lambda: service.counted("often") >= before + 4, timeout=60, what="probes at the new time")
    assert service.counted("often") - before <= time.monotonic() - began + 2
    wait_for(lambda: service.uptime() == pytest.approx(service.true_uptime()), what="the uptime that was counted")


def test_an_hour_forward_and_back(
    tmp_path: Path, clean_env: dict[str, str], require_binary: Callable[[str], Path]
) -> None:
    """No probe is made up for, none is left out, and uptime is the share of those that were made."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001)) as provider:
        # At no time of this test, by whatever clock.
        hour = (datetime.now().astimezone().hour + 12) % 24
        (tmp_path / "aimon.yaml").write_text(CONFIG.format(url=provider.base_url("sim"), hour=hour))
        with SetService(tmp_path, clean_env, require_binary("faketime")) as service:
            wait_for(lambda: service.counted("often") >= 2, timeout=60)
            provider.set_faults("server_error")
            failed = 'outcome="server_error"', 'endpoint="often"'
            wait_for(lambda: service.value("ai_api_requests_total", *failed) >= 2, timeout=60)
            provider.clear_faults()
            for ahead in (HOUR, 0, -HOUR, 0):
                jumps = service.jumps()
                service.set(ahead)
                wait_for(service.jumps, partial(eq, jumps + 1), what="one jump")
                goes_on(service)
                found = {each["name"]: each["state"] for each in service.json("/api/v1/endpoints")["endpoints"]}
                assert found["often"] == "up"
                assert service.ask("/-/healthy").status == 200
            assert service.counted("hourly") <= 1 + 4  # once at the start; its time may have come in between
            assert service.counted("daily") == 0
            assert service.value("aimon_scheduler_missed_runs_total", "stalled") < HOUR / 10
            assert service.end() == 0
