"""An AI provider on loopback with known latency, limits and faults, which records what it did.

It shares no code with aimon's core, so that a bug of the core can't cancel itself out in a test.

In a test or a demo, in this process (a background thread; port 0 takes a free one)::

    from aimon.simulator import Profile, Simulator

    with Simulator(Profile("healthy"), Profile("slow", ttft=2.0)) as sim:
        sim.url                          # "http://127.0.0.1:40123"
        sim.base_url("healthy")          # ".../healthy/v1": what a client's base_url should be
        sim.base_url("healthy", "gemini")  # ".../healthy/v1beta"
        sim.set_faults({"fault": "cut", "profile": "healthy", "count": 1})  # replaces all rules
        sim.add_faults("rate_limited:share=0.2,retry_after=3")              # a rule as one string
        sim.clear_faults()
        sim.configure("slow", ttft=0.1)  # new latency, limits or key from now on
        sim.truth()                      # Truth: counts and one Record per request
        sim.truth(wait=5.0, reset=True)  # first wait until nothing is in flight; start over after
        sim.record("req_…", wait=5.0)    # the Record of one answer, by its (x-)request-id header
        sim.reset()                      # no faults, empty truth, full buckets, the first profiles

`SimulatorProcess` has the same interface and runs it in a process of its own: use that where timing is
measured, since a thread shares the interpreter with the client. `serve` blocks until SIGINT or SIGTERM.

`Profile` fields (seconds, tokens): ``name, vendor, key, models, ttft, ttft_sigma, itl, itl_sigma, tokens,
reasoning, reasoning_visible, reasoning_field, chunk_tokens, cached_share, slots, queue, rpm, tpm, burst,
balance``.
The first profile also answers at the root (``/v1/...``). Faults are listed, with the outcome that each
should lead to, in `FAULTS` (see `expected_outcome`); ``docs/simulator.md`` holds the table, the endpoints and examples.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.simulator.client import Control as Control
    from aimon.simulator.model.faults import FAULTS as FAULTS
    from aimon.simulator.model.faults import Fault as Fault
    from aimon.simulator.model.faults import Rule as Rule
    from aimon.simulator.model.faults import expected_outcome as expected_outcome
    from aimon.simulator.model.profile import Profile as Profile
    from aimon.simulator.model.profile import SettingError as SettingError
    from aimon.simulator.options import profile_from_options as profile_from_options
    from aimon.simulator.options import rule_from_text as rule_from_text
    from aimon.simulator.process import SimulatorProcess as SimulatorProcess
    from aimon.simulator.server.server import Simulator as Simulator
    from aimon.simulator.server.server import serve as serve
    from aimon.simulator.world.truth import Record as Record
    from aimon.simulator.world.truth import Truth as Truth

# The module of each public name, imported on first use, because Starlette and uvicorn take 0.1 s to import.
_HOMES = {
    "Control": "client",
    "FAULTS": "model.faults",
    "Fault": "model.faults",
    "Profile": "model.profile",
    "Record": "world.truth",
    "Rule": "model.faults",
    "SettingError": "model.profile",
    "Simulator": "server.server",
    "SimulatorProcess": "process",
    "Truth": "world.truth",
    "expected_outcome": "model.faults",
    "profile_from_options": "options",
    "rule_from_text": "options",
    "serve": "server.server",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Loads a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
