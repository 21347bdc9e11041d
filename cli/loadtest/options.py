"""The options of `aimon loadtest`, by what they are about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="An endpoint, or one of `loadtests:`.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]

# What load

Profile = Annotated[str | None, typer.Option(help="smoke, steady, ramp, spike, soak, capacity or limits.")]
Rate = Annotated[str | None, typer.Option(help="Open loop: calls started, such as 20/s or 90/m.")]
MaxRate = Annotated[
    str | None, typer.Option(help="The most that a search for capacity or limits tries; 100/s by default.")
]
Arrivals = Annotated[str | None, typer.Option(help="Open loop: poisson (default), constant or gamma.")]
Variation = Annotated[
    float | None, typer.Option(help="Gamma arrivals: coefficient of variation; above 1 is bursts.", min=0.01, max=100)
]
Concurrency = Annotated[int | None, typer.Option(help="Closed loop: streams at a time.", min=1)]
Duration = Annotated[str | None, typer.Option(help="How long, such as 2m.")]
Requests = Annotated[int | None, typer.Option(help="How many calls, instead of how long.", min=1)]
Warmup = Annotated[str | None, typer.Option(help="Before counting starts, such as 10s.")]
Cold = Annotated[bool, typer.Option("--cold", help="A fresh connection for each call.")]
RetryAfter = Annotated[
    int | None,
    typer.Option("--honour-retry-after", help="Repeat a call so often after a Retry-After; each time counts.", min=1),
]
Seed = Annotated[int, typer.Option(help="Of random arrivals and lengths.")]
MaxCost = Annotated[str | None, typer.Option(help="Stop before it costs more, such as 5.00.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: send a dense or dear load without a question.")]

# What is asked

PromptTokens = Annotated[str | None, typer.Option(help="Length of synthetic prompts: 512, N(512,64) or U(100,900).")]
OutputTokens = Annotated[str | None, typer.Option(help="Limit of the answers' length, likewise.")]
SharedPrefix = Annotated[
    int | None,
    typer.Option("--shared-prefix-tokens", help="Begin all prompts with the same so many tokens.", min=1),
]
Turns = Annotated[int | None, typer.Option(help="Questions in each synthetic conversation.", min=1)]
Dataset = Annotated[Path | None, typer.Option(help="Prompts: JSONL (OpenAI batch, ShareGPT, prompt or messages).")]
Trace = Annotated[Path | None, typer.Option(help="Replay a trace with its timestamps: JSONL or CSV.")]
TraceUnit = Annotated[
    str | None, typer.Option(help="Unit of the trace's timestamps, if not that of its form: s, ms, us or ns.")
]
TraceSpeed = Annotated[
    float | None, typer.Option(help="Replay the trace so many times as fast as it was recorded, such as 0.5.")
]

# What comes out

Slo = Annotated[
    list[str] | None, typer.Option(metavar="OBJECTIVE", help="What must hold, such as 'p99<10s'; repeatable.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Estimate requests, tokens and cost; send nothing.")]
Push = Annotated[str | None, typer.Option(help="Push metrics to this Pushgateway, during the run and at its end.")]
Listen = Annotated[str | None, typer.Option(help="Serve /metrics while it runs, such as 127.0.0.1:9464.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--listen-token-file", metavar="FILE", help="With --listen: the bearer token to ask scrapers for."),
]
NoAuth = Annotated[bool, typer.Option("--no-auth", help="Allow --listen on an address that others can reach.")]
Out = Annotated[Path | None, typer.Option(help="Write report.html, .json and .md to this folder.")]
OutMode = Annotated[
    str | None, typer.Option(metavar="MODE", help="Who may read its files, such as 640; 600, you alone, by default.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the report that --out holds.")]
Results = Annotated[bool, typer.Option("--results", help="Write every call to results.jsonl.gz in --out, too.")]
AsJson = Annotated[bool, typer.Option("--json", help="report.json on stdout.")]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of a live view.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing while it runs.")]

# Several processes or machines

Processes = Annotated[int | None, typer.Option(help="Worker processes on this machine.", min=1, max=256)]
Master = Annotated[bool, typer.Option("--master", help="Direct workers that connect from other machines.")]
BindHost = Annotated[str | None, typer.Option(help="Master: address to listen on; 127.0.0.1 by default.")]
BindPort = Annotated[int | None, typer.Option(help="Master: port to listen on; 5557 by default.", min=0, max=65535)]
ExpectWorkers = Annotated[int | None, typer.Option(help="Master: workers to wait for; 1 by default.", min=1)]
Patience = Annotated[str | None, typer.Option("--wait", help="Master: how long to wait for them; 60s by default.")]
Worker = Annotated[bool, typer.Option("--worker", help="Do what a master says; it has the plan.")]
MasterHost = Annotated[str | None, typer.Option(help="Worker: where the master is; 127.0.0.1 by default.")]
MasterPort = Annotated[int | None, typer.Option(help="Worker: the master's port; 5557 by default.", min=1, max=65535)]
FleetToken = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Master and worker: the token that both must know."),
]

# Without a file

Preset = Annotated[str | None, typer.Option(help="Provider, such as openai.")]
Dialect = Annotated[str | None, typer.Option(help="Dialect, such as openai-chat.")]
BaseUrl = Annotated[str | None, typer.Option(help="Address, up to /v1.")]
Model = Annotated[str | None, typer.Option(help="Model.")]
ApiKeyEnv = Annotated[str | None, typer.Option(help="The variable that holds the key.", metavar="NAME")]
