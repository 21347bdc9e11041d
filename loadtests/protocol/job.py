"""The job of a load test's process: JSON on its stdin, where no other user of the machine sees it."""

from __future__ import annotations

from typing import Any

import msgspec

from aimon.files import OWNER_ALONE
from aimon.loadtests.protocol import spawn
from aimon.loadtests.protocol.plan import Plan, Scenario  # noqa: TC001 - msgspec reads the annotations

ALONE, MASTER, WORKER = "alone", "master", "worker"
PORT = 5557


class Web(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where Locust's web page is served; `public`: names of this machine other than those of loopback may be used."""

    host: str
    port: int
    public: bool = False


class Job(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One process of a load test.

    Attributes:
        role: ALONE sends the load itself; a MASTER directs workers; a WORKER runs its master's stages.
        plan: of the run; a worker receives it from its master.
        configuration: of the endpoint, or of all that a scenario may use, as `config.to_data` makes it, so that the
            file is read once, by the command;
            a worker on a machine of its own has none.
        config: the configuration file of a worker on a machine of its own.
        endpoint: of that file, whatever the master calls it; `flags` describe one without a file.
        dataset: the worker's own file; a `trace` and the file of a `scenario` likewise.
        headers: the worker's own headers, whose variables are its machine's.
        token: that master and workers must both know; a secret.
        host: where the master listens, or is.
        port: of the master; 0 lets it choose.
        processes: workers that the master starts itself.
        expect: workers that it waits for before it begins, at most `patience` seconds.
        out: the folder of a worker's own files, and their `out_mode`.
        parent: the process with which the worker ends, which started it. A worker that has none is on a machine of its
            own: it takes endpoint, address, key, files and folders from here, and only the load from its master.
        progress: the file descriptor that takes Progress lines.
        web: where the measuring process, or the master, serves Locust's web page.
    """

    role: str = ALONE
    plan: Plan | None = None
    configuration: dict[str, Any] | None = None
    config: str | None = None
    endpoint: str | None = None
    flags: dict[str, str] = {}
    dataset: str | None = None
    trace: str | None = None
    headers: dict[str, str] = {}
    scenario: Scenario | None = None
    token: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    processes: int = 0
    expect: int = 1
    patience: float = 60.0
    out: str | None = None
    out_mode: int = OWNER_ALONE
    parent: int | None = None
    progress: int | None = None
    web: Web | None = None

    @property
    def program(self) -> str:
        """The program that runs it, for `spawn`: Locust's users and their runners need one that imports Locust."""
        alone = self.role == ALONE and self.web is None and (self.plan is None or self.plan.scenario is None)
        return spawn.PROMPTS if alone else spawn.LOCUST
