"""The commented file that `aimon init` writes: what is needed first, the rest as comments to take up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from aimon import providers

if TYPE_CHECKING:
    from collections.abc import Mapping

# A small and cheap model of each provider, as of November 2026. Where users name the models themselves (Azure's
# deployments, servers of their own) there is none to propose.
MODELS: Final[Mapping[str, str]] = {
    "openai": "gpt-5.4-nano",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-3.1-flash-lite",
    "deepseek": "deepseek-v4-flash",
    "dashscope": "qwen-plus",
    "zhipu": "glm-4.7-flashx",
    "moonshot": "kimi-k2.6",
    "minimax": "MiniMax-M2.7",
    "volcengine": "doubao-seed-1-6-flash-250828",
    "siliconflow": "Qwen/Qwen3-8B",
    "holysheep": "gpt-5.4-nano",
    "openrouter": "openai/gpt-oss-20b",
    "groq": "llama-3.1-8b-instant",
    "mistral": "mistral-small-latest",
    "xai": "grok-4-1-fast-non-reasoning",
    "together": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "fireworks": "accounts/fireworks/models/gpt-oss-20b",
}

# Those who find no key in the environment begin with the simulator, and find these as comments.
_EXAMPLES: Final = ("openai", "dashscope")
_SIMULATOR: Final = """\
  # No key was in the environment: this one needs none, and answers while `aimon sim` runs in another terminal.
  - name: simulator         # its name in metrics and commands
    dialect: openai-chat
    base_url: http://127.0.0.1:8399/v1
    model: sim-1
    prices: {input: 0, output: 0, currency: USD}
    slo: {availability: 99.5%, ttft_p95: 2s, latency_p99: 10s}   # alerting rules come from these

"""
_CHINESE: Final = {"dashscope", "zhipu", "moonshot", "minimax", "volcengine", "siliconflow", "deepseek"}

_HEAD = """\
# aimon.yaml: which AI endpoints are watched, and how.
#   aimon config check     finds mistakes, and says which variables are missing
#   aimon probe            asks every endpoint once
#   aimon config schema    a JSON Schema for your editor
# Every key is explained in docs/configuration.md.

region: local            # where this prober stands: a label on every metric
currency: {currency}            # costs are reported in it
{fx}
defaults:                # what holds for every endpoint that says nothing else
  interval: 60s
  timeout: {{connect: 5s, ttft: 15s, total: 60s}}   # from the start of the call; ttft: first visible text
  budget: 5.00/day       # per endpoint; probes stop for the day when it is spent. none: no limit
  canaries: [echo]

endpoints:
"""

_TAIL = """
  # An endpoint that speaks a known dialect, such as a gateway of your own:
  # - name: gateway
  #   dialect: openai-chat           # or anthropic-messages, gemini, openai-responses, openai-embeddings, …
  #   base_url: https://gateway.example/v1
  #   model: qwen-plus
  #   api_key_file: /run/secrets/gateway
  #   headers: {X-Team: search}
  #   ca_file: /etc/ssl/gateway.pem

  # Free of charge: is the server up, and is the key good?
  # - {name: openai-up, preset: openai, dialect: openai-models}

canaries:
  # {nonce} is fresh in each call, so that no cache can answer.
  echo:
    prompt: "Reply with exactly: {nonce}"
    expect: {contains: "{nonce}"}
    max_tokens: 64       # of the visible answer; models that reason get more on top
  # json:
  #   prompt: 'Answer in JSON: {"id": "{nonce}", "sum": 2 + 3}'
  #   expect: {json_path: {$.id: "{nonce}", $.sum: 5}, latency_max: 10s}
"""

_FX: Final = {
    "CNY": "fx: {USD: 7.10}          # what 1 USD is worth in it: public prices are in dollars\n",
    "USD": "# fx: {CNY: 0.14}        # for prices in another currency\n",
}


def detected(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The presets whose key is in the environment."""
    return tuple(name for name, preset in providers.PRESETS.items() if preset.key_env and environ.get(preset.key_env))


def example(environ: Mapping[str, str] = os.environ) -> str:
    """A configuration to begin with: an endpoint for each key in the environment, or else the simulator."""
    found = tuple(name for name in detected(environ) if name in MODELS)
    currency = "CNY" if _CHINESE.intersection(found) else "USD"
    head = _HEAD.format(currency=currency, fx=_FX[currency])
    if not found:
        return (
            head + _SIMULATOR + "\n".join(_as_comment(_endpoint(name, explained=False)) for name in _EXAMPLES) + _TAIL
        )
    return head + "\n".join(_endpoint(name, explained=i == 0) for i, name in enumerate(found)) + _TAIL


def _as_comment(lines: str) -> str:
    return "".join(f"  # {line.removeprefix('  ').removeprefix('# ')}\n" for line in lines.splitlines())


def _endpoint(name: str, *, explained: bool) -> str:
    preset = providers.get(name)
    lines = [
        f"  - name: {name}",
        f"    preset: {name}",
        f"    model: {MODELS[name]}",
        f"    api_key: ${{{preset.key_env}}}",
    ]
    if explained:
        lines[0] += "         # its name in metrics and commands"
        lines[2] += "   # or any other that your account has"
        lines[3] += "   # a variable or api_key_file, never the key itself"
        lines.append(
            "    slo: {availability: 99.5%, ttft_p95: 2s, latency_p99: 10s}   # alerting rules come from these"
        )
    if preset.note:
        lines.insert(0, f"  # {preset.note}")
    return "\n".join(lines) + "\n"
