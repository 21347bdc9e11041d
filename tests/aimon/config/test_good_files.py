"""Good files, and what the prober makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from aimon.call.call import Message, Timeouts
from aimon.call.checks import Answer
from aimon.call.outcome import Outcome
from aimon.call.result import Result, Usage
from aimon.config import Budget, Endpoint, LatencyObjective, Slo, load, price_book, resolve, schema
from aimon.config.yaml import parser
from aimon.config.yaml.document import unwritten
from aimon.security.secret import Secret
from certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "good"


def endpoints(name: str, environ: Mapping[str, str]) -> dict[str, Endpoint]:
    """The resolved endpoints of a good file, by name."""
    return {endpoint.name: endpoint for endpoint in resolve(load(FOLDER / f"{name}.yaml"), environ=environ)}


def test_design() -> None:
    """The file that the design gives as its example is read as it says."""
    found = endpoints("design", {"DASHSCOPE_API_KEY": "sk-1", "ANTHROPIC_API_KEY": " sk-2\n"})
    qwen, claude = found["qwen-prod"], found["claude-prod"]
    assert (qwen.target.base_url, qwen.target.dialect, qwen.target.model, qwen.target.provider) == (
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "openai-chat",
        "qwen-plus",
        "dashscope",
    )
    assert qwen.region == "cn-east"
    assert qwen.timeouts == Timeouts(5.0, 15.0, 60.0)
    assert (qwen.interval, qwen.stream, qwen.budget) == (60.0, True, Budget(5.0, "CNY"))
    assert qwen.slo == Slo(0.995, (LatencyObjective("latency", 0.99, 10.0), LatencyObjective("ttft", 0.95, 2.0)))
    assert claude.target.api_key == Secret("sk-2")
    assert (claude.target.auth, claude.target.dialect, claude.slo) == ("x-api-key", "anthropic-messages", Slo())


def test_echo_asks_for_a_fresh_nonce() -> None:
    """The default canary puts the nonce into the question and expects it in the answer."""
    (qwen, _) = resolve(load(FOLDER / "design.yaml"), environ={"DASHSCOPE_API_KEY": "a", "ANTHROPIC_API_KEY": "b"})
    call = qwen.canaries[0].call(qwen, "4f1d")
    assert call.messages == (Message("user", "Reply with exactly: 4f1d"),)
    assert (call.max_tokens, call.canary, call.region, call.timeouts) == (64, "echo", "cn-east", qwen.timeouts)
    (check,) = call.checks
    assert check(Answer("4f1d", 1.0)) is None
    assert check(Answer("{nonce}", 1.0)) == 'the answer does not contain "4f1d": "{nonce}"'


@pytest.fixture
def everything(tmp_path: Path) -> dict[str, Endpoint]:
    """The endpoints of the file that has every key."""
    key, certificate = tmp_path / "key", Authority(tmp_path).file
    key.write_text("sk-from-file\n")
    environ = {
        "CA_FILE": str(certificate),
        "GATEWAY": "gateway.example",
        "KEY_FILE": str(key),
        "BASIC": "dXNlcjpwYXNz",
        "SIG": "signed",
        "PROXY": "http://me:hunter2@proxy:3128",
    }
    return endpoints("everything", environ)


def test_what_an_endpoint_says_wins(everything: dict[str, Endpoint]) -> None:
    """Every key of an endpoint replaces the preset's and the defaults'; labels are laid over them."""
    full = everything["full"]
    assert full.target.base_url == "https://gateway.example/v1"
    assert (full.target.dialect, full.target.provider, full.target.auth) == (
        "openai-responses",
        "gateway",
        "X-Gateway-Key",
    )
    assert full.target.api_key == Secret("sk-from-file")
    assert full.target.headers == {"X-Team": "search", "Authorization": "Basic dXNlcjpwYXNz"}
    assert full.target.query == {"api-version": "2024-10-21", "sig": "signed"}
    assert (full.target.quirks.max_tokens_field, full.target.quirks.stream_usage) == ("max_tokens", False)
    assert json.dumps(full.target.quirks.extra_body) == '{"user": "aimon", "seed": 7}'
    assert (full.stream, full.temperature, full.reasoning, full.interval) == (True, 0.5, "off", 5400.0)
    assert full.timeouts == Timeouts(0.5, 4.0, 9.0)
    assert full.budget is None
    assert full.slo == Slo(None, (LatencyObjective("latency", 0.5, 1.0), LatencyObjective("tpot", 0.99, 0.05)))
    assert full.labels == {"team": "search", "tier": "2", "zone": "a"}
    assert (full.transport.ip, full.transport.http2) == ("any", False)
    assert full.transport.proxy == "http://me:hunter2@proxy:3128"
    assert [canary.max_tokens for canary in full.canaries] == [100]


def test_what_an_endpoint_leaves_out_comes_from_the_defaults(everything: dict[str, Endpoint], tmp_path: Path) -> None:
    """Defaults fill in what an endpoint does not say; a shorter total shortens the usual limits."""
    plain = everything["plain"]
    assert plain.region == "eu-west"
    assert (plain.target.model, plain.target.provider, plain.target.api_key) == ("4.10", "custom", None)
    assert (plain.stream, plain.temperature, plain.reasoning, plain.interval) == (False, 0.0, "low", 120.0)
    assert plain.timeouts == Timeouts(5.0, 30.0, 30.0)
    assert plain.budget == Budget(150 / 30 * 0.14, "USD")
    assert plain.slo == Slo(0.99)
    assert plain.labels == {"team": "search", "tier": "1"}
    assert plain.transport.ca_file == str(tmp_path / "authority.pem")
    assert (plain.transport.proxy, plain.transport.ip, plain.transport.http2) == (
        "http://proxy.example:3128",
        "4",
        True,
    )
    # "low" asks for thinking, which needs room.
    assert [(canary.name, canary.max_tokens) for canary in plain.canaries] == [("json", 4096), ("echo", 4096)]


def test_conversation(everything: dict[str, Endpoint]) -> None:
    """A canary with a system prompt and several turns keeps their order, and its checks know the nonce."""
    plain = everything["plain"]
    call = plain.canaries[0].call(plain, "77")
    assert call.messages == (
        Message("system", "Answer in JSON."),
        Message("user", "id 77"),
        Message("assistant", "{}"),
        Message("user", "again"),
    )
    assert [check(Answer('{"id": "77"}', 1.0)) for check in call.checks] == [None, None, None]
    assert call.checks[0](Answer('{"id": "78"}', 1.0)) == '"$.id" is "78", not "77"'


def test_prices_are_converted(everything: dict[str, Endpoint]) -> None:
    """The endpoint's own prices cost a call, in the reporting currency."""
    config = load(FOLDER / "everything.yaml")
    book = price_book(config, everything.values())
    result = Result(
        endpoint="full",
        provider="gateway",
        model="gpt-5-mini",
        operation="responses",
        started_at=0.0,
        end=1.0,
        outcome=Outcome.OK,
        usage=Usage(1_000_000, 1_000_000, 0, 0, "reported"),
    )
    costed = book.cost(result)
    assert costed.currency == "USD"
    assert costed.cost == pytest.approx((1.5 + 6 + 0.01) * 0.14)


def test_secrets_are_known_and_not_shown(everything: dict[str, Endpoint]) -> None:
    """All that is secret is listed for redaction, and no repr holds any of it."""
    full = everything["full"]
    assert {secret.reveal() for secret in full.secrets} == {
        "sk-from-file",
        "dXNlcjpwYXNz",
        "signed",
        "http://me:hunter2@proxy:3128",
    }
    shown = repr(full)
    assert not [secret for secret in (*(s.reveal() for s in full.secrets), "hunter2") if secret in shown]


def test_yaml_traps() -> None:
    """Words and numbers that YAML 1.1 would turn into something else stay what was written."""
    found = endpoints("yaml-traps", {})
    first = found["007"]
    assert (first.region, first.target.model, first.reasoning) == ("no", "1:30", "off")
    assert first.labels == {"on": "on", "y": "y", "when": "2024-01-01", "version": "1.10", "big": "1_000"}
    assert first.target.headers == {"X-Flag": "yes"}
    assert (found["1e3"].target.model, found["1e3"].labels) == ("0x1F", first.labels)
    merged = found["merged"]
    assert (merged.interval, merged.temperature, merged.target.model) == (300.0, 1.0, "1:30")


def test_quiet_dialects() -> None:
    """Embeddings and model lists have a question of their own, are not streamed and expect no text by default."""
    found = endpoints("quiet-dialects", {"K": "k"})
    calls = {name: endpoint.canaries[0].call(endpoint, "n") for name, endpoint in found.items()}
    assert {name: call.stream for name, call in calls.items()} == dict.fromkeys(found, False)
    assert (calls["vectors"].messages, calls["vectors"].checks) == ((Message("user", "aimon n"),), ())
    assert (calls["timed"].messages[0].content, len(calls["timed"].checks)) == ("embed n", 1)
    assert (calls["list"].messages, calls["list"].checks, calls["list"].canary) == ((), (), "models")
    assert calls["listed"].checks[0](Answer("gpt-4o\ngpt-5", 1.0)) is None


def test_keys() -> None:
    """A key comes from where the endpoint says; the vendor's own variable serves the vendor's own address alone."""
    found = endpoints("keys", {"OPENAI_API_KEY": "usual", "OTHER_KEY": "other"})
    assert {name: e.target.api_key and e.target.api_key.reveal() for name, e in found.items()} == {
        "named": "other",
        "usual": "usual",
        "elsewhere": None,
        "none": None,
        "optional": None,
        "by-header": "usual",
    }


def test_an_optional_key_is_used_where_it_is_set() -> None:
    """A proxy on this machine gets its key if there is one, and other credentials make one needless."""
    found = endpoints("keys", {"OPENAI_API_KEY": "usual", "OTHER_KEY": "o", "LITELLM_PROXY_API_KEY": "lite"})
    assert found["optional"].target.api_key == Secret("lite")
    config = load(FOLDER / "keys.yaml")
    (by_header,) = resolve(config, ["by-header"], environ={"OTHER_KEY": "other"})
    assert by_header.target.api_key is None
    assert by_header.secrets == (Secret("other"),)


def test_reasoning() -> None:
    """Models that think get more tokens and time, unless the endpoint says otherwise."""
    found = endpoints("reasoning", {})
    assert {name: (e.canaries[0].max_tokens, e.timeouts.ttft) for name, e in found.items()} == {
        "plain": (64, 15.0),
        "thinks": (2048, 60.0),
        "told-off": (64, 15.0),
        "cannot-be-off": (2048, 60.0),
        "high": (24_576, 60.0),
        "explicit": (10, 60.0),
        "own-limit": (2048, 3.0),
    }


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_schema_accepts(file: Path) -> None:
    """The JSON Schema accepts every file that `load` accepts."""
    data = unwritten(parser.read(file.read_text(encoding="utf-8"), file.name).data)
    validator = jsonschema.Draft202012Validator(schema())
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)] == []
