"""What is written for people and editors: the first file, the effective file, the schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from aimon import providers
from aimon.config import (
    ConfigError,
    example,
    from_data,
    from_flags,
    load,
    loader,
    price_book,
    resolve,
    schema,
    show,
    to_data,
)
from aimon.config.template import MODELS, detected
from aimon.config.yaml import parser
from aimon.config.yaml.document import unwritten
from aimon.pricing import LISTED_PROVIDERS, PriceBook
from certificates import Authority

GOOD = Path(__file__).parent / "good"
EVERY_KEY = {row.key_env: "k" for row in providers.PRESETS.values() if row.key_env}


@pytest.mark.parametrize(
    ("environ", "names", "currency"),
    [
        ({}, ["simulator"], "USD"),
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": ""}, ["anthropic"], "USD"),
        ({"DASHSCOPE_API_KEY": "k", "OPENAI_API_KEY": "k"}, ["openai", "dashscope"], "CNY"),
        (EVERY_KEY, list(MODELS), "CNY"),
    ],
)
def test_example(environ: dict[str, str], names: list[str], currency: str) -> None:
    """The first file is valid, has an endpoint for each key in the environment, and holds no key."""
    text = example(environ)
    config = loader.parse(text)
    assert sorted(endpoint.name for endpoint in config.endpoints) == sorted(names)
    assert config.currency == currency
    assert len(resolve(config, environ=EVERY_KEY)) == len(names)
    schema_problems = jsonschema.Draft202012Validator(schema()).iter_errors(unwritten(parser.read(text, "x").data))
    assert [error.message for error in schema_problems] == []


def test_the_examples_comments_are_valid_too() -> None:
    """The commented lines of the first file work when their comment signs are removed."""
    lines = example({}).splitlines()
    start = next(i for i, line in enumerate(lines) if line == "  # - name: openai") - 1
    taken = [
        line.replace("# ", "", 1) if line.startswith("  # ") and i > start else line for i, line in enumerate(lines)
    ]
    text = "\n".join(
        line for line in taken if not line.startswith(("  Free of", "  {nonce} is", "  outside", "  An endp"))
    )
    config = loader.parse(text)
    assert {endpoint.name for endpoint in config.endpoints} == {
        "simulator",
        "openai",
        "dashscope",
        "gateway",
        "openai-up",
    }
    assert set(config.canaries) == {"echo", "json"}


def test_examples_have_prices() -> None:
    """The model that an example proposes has a price, if the public list knows its provider."""
    book = PriceBook()
    assert {p for p, model in MODELS.items() if p in LISTED_PROVIDERS and book.price(p, model) is None} == set()


def test_detected() -> None:
    """A provider is found by its own variable, if there is something in it."""
    assert detected({"GROQ_API_KEY": "k", "XAI_API_KEY": ""}) == ("groq",)


@pytest.mark.parametrize("file", sorted(GOOD.glob("*.yaml")), ids=lambda file: file.stem)
def test_show_is_a_file_that_means_the_same(file: Path, tmp_path: Path) -> None:
    """The effective file resolves to the same endpoints as the file it was made from."""
    (tmp_path / "key").write_text("k")
    environ = {
        **dict.fromkeys(("DASHSCOPE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OTHER_KEY", "K"), "k"),
        **dict.fromkeys(("BASIC", "SIG"), "v"),
        "GATEWAY": "gateway.example",
        "PROXY": "http://proxy:1",
        "KEY_FILE": str(tmp_path / "key"),
        "CA_FILE": str(Authority(tmp_path).file),
    }
    config = load(file)
    again = loader.parse(show(config, environ))
    assert resolve(again, environ=environ) == resolve(config, environ=environ)
    for endpoint in resolve(config, environ=environ):
        # As the process of a load test gets it.
        sent = from_data(json.loads(json.dumps(to_data(config, endpoint.name))))
        assert resolve(sent, environ=environ) == (endpoint,)
        assert price_book(sent, (endpoint,)).converted(1.0, "USD") == price_book(config, ()).converted(1.0, "USD")
    assert (again.currency, again.fx, again.loadtests) == (config.currency, config.fx, config.loadtests)


def test_show_says_which_variables_are_set_and_shows_none() -> None:
    """Keys stay variables, with a remark."""
    config = load(GOOD / "design.yaml")
    text = show(config, {"DASHSCOPE_API_KEY": "sk-live-0123456789"})
    assert text.splitlines()[1:3] == ["# DASHSCOPE_API_KEY is set", "# ANTHROPIC_API_KEY is not set"]
    assert "api_key: ${DASHSCOPE_API_KEY}" in text
    assert "base_url: https://api.anthropic.com/v1" in text
    assert "sk-live" not in text


def test_schema_helps_editors() -> None:
    """The schema describes every key, with patterns for the small languages and defaults as they are written."""
    described = schema()
    jsonschema.Draft202012Validator.check_schema(described)
    assert described["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert described["required"] == ["endpoints"]
    models = {"Config": described} | described["$defs"]
    assert [
        f"{model}.{key}"
        for model, body in models.items()
        for key, value in body.get("properties", {}).items()
        if not value.get("description")
    ] == []
    defaults = described["$defs"]["Defaults"]["properties"]
    assert (defaults["interval"]["default"], defaults["budget"]["default"]) == ("1m", "5.00/day")
    assert defaults["interval_failing"]["pattern"] == r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
    assert "dashscope" in described["$defs"]["Endpoint"]["properties"]["preset"]["enum"]


@pytest.mark.parametrize(
    "text",
    [
        "endpoints: [{name: a, modle: b}]",
        "endpoints: [{name: a, interval: 60}]",
        "endpoints: [{name: a, preset: opnai}]",
        "endpoints: [{name: a, api_key: sk-live}]",
        "endpoints: {}",
        "endpoints: [{name: a, slo: {availability: 99.5}}]",
        "canaries: {c: {expect: {contain: a}}}",
    ],
)
def test_schema_refuses(text: str) -> None:
    """Editors mark the common mistakes."""
    data = unwritten(parser.read(text, "x").data)
    assert not jsonschema.Draft202012Validator(schema()).is_valid(data)


def test_flags() -> None:
    """A run without a file: the same rules, the preset's own key."""
    config = from_flags(preset="openai", model="gpt-4o-mini", stream=False, timeout={"total": "9s"})
    (endpoint,) = resolve(config, environ={"OPENAI_API_KEY": "k"})
    assert (endpoint.name, endpoint.target.base_url) == ("openai-gpt-4o-mini", "https://api.openai.com/v1")
    assert (endpoint.stream, endpoint.timeouts.total, endpoint.canaries[0].name) == (False, 9.0, "echo")
    keyless = from_flags(dialect="openai-chat", base_url="http://127.0.0.1:8000/v1", model="org/m:8b")
    (endpoint,) = resolve(keyless, environ={})
    assert (endpoint.name, endpoint.target.api_key) == ("openai-chat-org-m-8b", None)
    named = from_flags(preset="groq", model="m", api_key_env="MY_KEY", name="mine")
    (endpoint,) = resolve(named, environ={"MY_KEY": "k"})
    assert (endpoint.name, endpoint.target.api_key and endpoint.target.api_key.reveal()) == ("mine", "k")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({}, "give --preset and --model, or --dialect, --base-url and --model"),
        ({"preset": "opnai", "model": "m"}, "--preset: no preset 'opnai'; did you mean 'openai'?"),
        ({"preset": "openai"}, "--model: missing; add the provider's name of the model to ask"),
        (
            {"dialect": "openai-chat", "base_url": "h/v1", "model": "m"},
            "--base-url: must start with http:// or https:// and name a host, not 'h/v1'",
        ),
        (
            {"preset": "openai", "model": "m", "api_key_env": "sk-live-0123456789"},
            "--api-key-env: takes the name of a variable, such as OPENAI_API_KEY, no key",
        ),
        (
            {"preset": "openai", "model": "m", "api_key_env": "MY_KEY"},
            "--api-key-env: MY_KEY is not set, and endpoint 'openai-m' needs it: export MY_KEY=…",
        ),
        (
            {"preset": "openai", "model": "m"},
            "--api-key-env: OPENAI_API_KEY is not set, and endpoint 'openai-m' needs it: export OPENAI_API_KEY=…",
        ),
        (
            {"preset": "ollama", "model": "m", "reasoning": "none"},
            "--reasoning: no reasoning level 'none'; known are off, minimal, low, medium, high",
        ),
    ],
)
def test_flags_are_named_in_messages(flags: dict[str, str], message: str) -> None:
    """Messages name the flag that is wrong."""
    with pytest.raises(ConfigError) as caught:
        resolve(from_flags(**flags), environ={})
    assert str(caught.value) == message
