"""The configuration as it is written: every key, its kind and its meaning. Values are kept unexpanded.

`docs/configuration.md` and the JSON Schema are generated from the descriptions here.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from aimon import dialects, providers
from aimon.config import currency as currencies
from aimon.config import rules
from aimon.config.document import Document, Spot
from aimon.config.kinds import (
    SLO_PATTERN,
    ApiKey,
    BodyFields,
    Budget,
    Duration,
    Expect,
    Flag,
    IpVersion,
    LabelName,
    Money,
    NotifyUrl,
    Proxy,
    Rate,
    Ratio,
    Template,
    Text,
    count,
    matching,
    real,
    words,
)
from aimon.config.quantities import Amount
from aimon.dialects import reasoning

PROFILES = ("smoke", "steady", "ramp", "spike", "soak", "capacity", "limits")

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]

ENDPOINT_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_name = matching(ENDPOINT_NAME, "a name: letters, digits, '.', '_' and '-', beginning with a letter or digit")
Name = Annotated[str, _name]
Currency = Annotated[str, matching("[A-Z]{3}", "a currency code: three capital letters, such as CNY or USD")]
Reasoning = Annotated[str, words(reasoning.LEVELS, "reasoning level")]
Tokens = Annotated[int, count(1, 1_000_000)]
Temperature = Annotated[float, real(0, 2)]
Price = Annotated[float, real(0, 1_000_000)]
HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
HeaderName = Annotated[str, matching(HEADER_NAME, "the name of a header")]
Auth = Annotated[str, matching(HEADER_NAME, "bearer or the name of a header")]
LoadSlo = Annotated[str, matching(SLO_PATTERN, "an objective such as p99<10s, ttft_p95<2s or error_rate<1%")]


class _Model(BaseModel):
    # Building a validator takes milliseconds: only Config's own is ever used, and it is built on first use.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Timeout(_Model):
    """Limits of one call, from its start."""

    connect: Duration | None = Field(None, description="Until the connection stands, TLS included.", examples=["5s"])
    ttft: Duration | None = Field(None, description="Until the first visible text.", examples=["15s"])
    total: Duration | None = Field(
        None,
        description="Until the end of the answer: a hard deadline that keep-alive comments can't extend.",
        examples=["60s"],
    )

    @model_validator(mode="after")
    def _ordered(self) -> Timeout:
        rules.timeouts(self)
        return self


class Slo(_Model):
    """What is promised of an endpoint; the alerting rules are made from it."""

    availability: Ratio | None = Field(
        None, description="Share of calls that succeed; account and config faults don't count.", examples=["99.5%"]
    )
    latency_p50: Duration | None = Field(None, description="Median of the whole call.", examples=["3s"])
    latency_p90: Duration | None = Field(None, description="90th percentile of the whole call.", examples=["5s"])
    latency_p95: Duration | None = Field(None, description="95th percentile of the whole call.", examples=["8s"])
    latency_p99: Duration | None = Field(None, description="99th percentile of the whole call.", examples=["10s"])
    ttft_p50: Duration | None = Field(None, description="Median time to the first visible text.", examples=["800ms"])
    ttft_p90: Duration | None = Field(None, description="Its 90th percentile.", examples=["1500ms"])
    ttft_p95: Duration | None = Field(None, description="Its 95th percentile.", examples=["2s"])
    ttft_p99: Duration | None = Field(None, description="Its 99th percentile.", examples=["4s"])
    tpot_p50: Duration | None = Field(None, description="Median time per output token.", examples=["20ms"])
    tpot_p90: Duration | None = Field(None, description="Its 90th percentile.", examples=["40ms"])
    tpot_p95: Duration | None = Field(None, description="Its 95th percentile.", examples=["50ms"])
    tpot_p99: Duration | None = Field(None, description="Its 99th percentile.", examples=["100ms"])


class Prices(_Model):
    """List prices per million tokens, where the public price list is wrong or has none."""

    input: Price | None = Field(None, description="Per million input tokens.", examples=[0.8])
    output: Price | None = Field(None, description="Per million output tokens.", examples=[2.0])
    cached_input: Price | None = Field(
        None,
        description="Per million input tokens that the provider had cached; as `input` by default.",
        examples=[0.2],
    )
    reasoning: Price | None = Field(
        None, description="Per million tokens spent on reasoning; as `output` by default.", examples=[4.0]
    )
    per_request: Price | None = Field(None, description="Per call, whatever its length.", examples=[0.001])
    currency: Currency | None = Field(
        None, description="What the prices are in; the reporting currency by default.", examples=["CNY"]
    )

    @model_validator(mode="after")
    def _priced(self) -> Prices:
        rules.prices(self)
        return self


class Quirks(_Model):
    """Where a server departs from its dialect; laid over what the preset knows."""

    max_tokens_field: (
        Annotated[str, words(("max_tokens", "max_completion_tokens"), "name of the token limit")] | None
    ) = Field(None, description="How the token limit is called in chat requests.")
    stream_usage: Flag | None = Field(
        None, description="Whether `stream_options: {include_usage: true}` is sent; some servers refuse it."
    )
    reasoning_style: Annotated[str, words(tuple(reasoning.STYLES), "reasoning style")] | None = Field(
        None, description="How the server is told how much to think."
    )
    insufficient_quota_is_rate: Flag | None = Field(
        None, description="Whether `insufficient_quota` means a rate limit rather than an empty account."
    )
    extra_body: BodyFields | None = Field(
        None,
        description="Fields added to the JSON body; they win over the dialect's own.",
        examples=[{"user": "aimon"}],
    )


class Message(_Model):
    """One turn of a canary's conversation."""

    role: Annotated[str, words(("system", "user", "assistant"), "role")] = Field(description="Who speaks.")
    content: Text = Field(description="What is said; `{nonce}` is replaced.")


class Canary(_Model):
    """A question with a known answer. `{nonce}` stands for a value that is fresh in each call."""

    prompt: Text | None = Field(
        None, description="What the user asks; either this or `messages`.", examples=["Reply with exactly: {nonce}"]
    )
    messages: Many[Message] | None = Field(None, description="A whole conversation, instead of `prompt`.")
    system: Text | None = Field(None, description="The system prompt.", examples=["Answer in one word."])
    expect: Expect = Field(
        default_factory=dict,
        description="What the answer must be; all of the checks given must pass.",
        examples=[{"contains": "{nonce}"}],
    )
    max_tokens: Tokens | None = Field(
        None,
        description="How long the visible answer may be; models that reason get more on top.",
        examples=[64],
    )

    @model_validator(mode="after")
    def _asks(self) -> Canary:
        rules.canary(self)
        return self


class Defaults(_Model):
    """What holds for every endpoint that says nothing else."""

    interval: Duration = Field(60.0, description="Time between probes.", examples=["60s"])
    timeout: Timeout = Field(default_factory=Timeout.model_construct, description="Limits of one call.")
    budget: Budget = Field(
        Amount(5.0),
        description="What the probes of each endpoint may cost in a day, as `5.00/day`, or `none`.",
        examples=["5.00/day"],
    )
    canaries: Many[Name] = Field(("echo",), description="The canaries that are asked.", examples=[["echo"]])
    max_tokens: Tokens = Field(64, description="Token limit of canaries that have none of their own.", examples=[64])
    stream: Flag = Field(True, description="Whether answers are streamed.")
    temperature: Temperature | None = Field(None, description="Sampling temperature; not sent by default.")
    reasoning: Reasoning | None = Field(None, description="How much models think; left to the model by default.")
    ca_file: Template | None = Field(None, description="PEM file of the certificate authorities to trust.")
    proxy: Proxy | None = Field(None, description="Proxy URL; from HTTPS_PROXY and its kin by default.")
    ip: IpVersion = Field("any", description="IP version: any, 4 or 6.")
    http2: Flag = Field(False, description="Whether HTTP/2 is offered (needs the extra `aimon[http2]`).")
    slo: Slo = Field(default_factory=Slo.model_construct, description="Objectives.")
    labels: dict[LabelName, Template] = Field(default_factory=dict, description="Labels of `aimon_endpoint_info`.")

    @model_validator(mode="after")
    def _public(self) -> Defaults:
        rules.defaults(self)
        return self


class Endpoint(_Model):
    """One model behind one URL. It names a `preset`, or a `dialect` and a `base_url`."""

    name: Name = Field(description="Its name in metrics, reports and commands; unique.", examples=["qwen-prod"])
    preset: Annotated[str, words(tuple(providers.PRESETS), "preset")] | None = Field(
        None, description="A provider that aimon knows.", examples=["dashscope"]
    )
    dialect: Annotated[str, words(dialects.NAMES, "dialect")] | None = Field(
        None, description="What the server speaks; the preset's first by default.", examples=["openai-chat"]
    )
    base_url: Template | None = Field(
        None,
        description="Up to and including /v1 where the provider has one.",
        examples=["https://gateway.example/v1"],
    )
    provider: Text | None = Field(None, description="The `provider` label; the preset's name by default.")
    model: Template | None = Field(None, description="The model asked for.", examples=["qwen-plus"])
    api_key: ApiKey | None = Field(
        None,
        description=(
            "The variable that holds the key. Left out, the preset's own variable is used, unless `base_url` "
            "points elsewhere; null sends no key."
        ),
        examples=["${DASHSCOPE_API_KEY}"],
    )
    api_key_file: Template | None = Field(
        None, description="A file that holds the key, read at every start.", examples=["/run/secrets/dashscope"]
    )
    auth: Auth | None = Field(
        None, description="How the key is sent: bearer, or the name of the header that carries it.", examples=["bearer"]
    )
    headers: dict[HeaderName, Template] = Field(
        default_factory=dict, description="Headers added to each request.", examples=[{"X-Team": "search"}]
    )
    query: dict[Text, Template] = Field(
        default_factory=dict, description="Query parameters.", examples=[{"api-version": "2024-10-21"}]
    )
    quirks: Quirks = Field(
        default_factory=Quirks.model_construct, description="Where the server departs from its dialect."
    )
    stream: Flag | None = Field(None, description="Whether answers are streamed.")
    max_tokens: Tokens | None = Field(
        None, description="Token limit of all its canaries, taken as it is even for models that reason.", examples=[256]
    )
    temperature: Temperature | None = Field(None, description="Sampling temperature.", examples=[0])
    reasoning: Reasoning | None = Field(None, description="How much the model thinks.", examples=["off"])
    canaries: Many[Name] | None = Field(None, description="The canaries that are asked.", examples=[["echo"]])
    interval: Duration | None = Field(None, description="Time between probes.", examples=["60s"])
    timeout: Timeout = Field(default_factory=Timeout.model_construct, description="Limits of one call.")
    budget: Budget | None = Field(None, description="What its probes may cost in a day.", examples=["5.00/day"])
    slo: Slo | None = Field(None, description="Objectives; replaces the defaults' objectives as a whole.")
    labels: dict[LabelName, Template] = Field(
        default_factory=dict, description="Labels of `aimon_endpoint_info`.", examples=[{"team": "search"}]
    )
    prices: Prices | None = Field(None, description="Prices, where the public list is wrong or has none.")
    ca_file: Template | None = Field(None, description="PEM file of the certificate authorities to trust.")
    proxy: Proxy | None = Field(None, description="Proxy URL.", examples=["http://proxy.example:3128"])
    ip: IpVersion | None = Field(None, description="IP version: any, 4 or 6.")
    http2: Flag | None = Field(None, description="Whether HTTP/2 is offered.")

    @model_validator(mode="after")
    def _usable(self) -> Endpoint:
        rules.endpoint(self)
        return self


class LoadTest(_Model):
    """A load test that `aimon loadtest` can run by its name."""

    endpoint: Name = Field(description="Which endpoint.", examples=["qwen-prod"])
    profile: Annotated[str, words(PROFILES, "profile")] = Field(
        "steady", description="The shape of the load.", examples=["capacity"]
    )
    rate: Rate | None = Field(None, description="Open loop: requests started per second or minute.", examples=["20/s"])
    arrivals: Annotated[str, words(("poisson", "constant"), "arrival process")] | None = Field(
        None, description="How the starts of an open loop are spread."
    )
    concurrency: Annotated[int, count(1, 100_000)] | None = Field(
        None, description="Closed loop: streams at a time.", examples=[64]
    )
    duration: Duration | None = Field(None, description="How long.", examples=["5m"])
    requests: Annotated[int, count(1, 1_000_000_000)] | None = Field(None, description="How many.", examples=[1000])
    warmup: Duration | None = Field(None, description="How long before counting starts.", examples=["10s"])
    prompt_tokens: Annotated[int, count(1, 10_000_000)] | None = Field(
        None, description="Length of synthetic prompts.", examples=[512]
    )
    output_tokens: Tokens | None = Field(None, description="Length of the answers asked for.", examples=[128])
    dataset: Template | None = Field(None, description="A file of prompts.", examples=["prompts.jsonl"])
    slo: Many[LoadSlo] = Field((), description="What must hold.", examples=[["p99<10s", "error_rate<1%"]])
    max_cost: Money | None = Field(None, description="Stops before it costs more.", examples=["20.00"])
    processes: Annotated[int, count(1, 256)] | None = Field(None, description="Worker processes.", examples=[2])

    @model_validator(mode="after")
    def _one_loop(self) -> LoadTest:
        rules.loadtest(self)
        return self


class Config(_Model):
    """What aimon.yaml says."""

    region: Template = Field("local", description="Where the prober stands: a label on every metric.", examples=["cn"])
    currency: Currency = Field("CNY", description="The reporting currency.", examples=["CNY", "USD"])
    fx: dict[Currency, Annotated[float, real(1e-9, 1e9)]] = Field(
        default_factory=dict,
        description="What one unit of another currency is worth in the reporting currency.",
        examples=[{"USD": 7.10}],
    )
    defaults: Defaults = Field(
        default_factory=Defaults.model_construct, description="What holds unless an endpoint says otherwise."
    )
    endpoints: Many[Endpoint] = Field(description="What is probed.")
    canaries: dict[Name, Canary] = Field(default_factory=dict, description="Canaries by name; `echo` is built in.")
    loadtests: dict[Name, LoadTest] = Field(default_factory=dict, description="Load tests by name.")
    notify: Many[NotifyUrl] = Field(
        (), description="Where incidents are announced: apprise URLs.", examples=[["dingtalk://${DINGTALK_TOKEN}"]]
    )

    # The file, so that what shows later (a variable that is not set) can still name its place.
    _document: Document = PrivateAttr(default_factory=lambda: Document("", {}, Spot(0, 0)))

    @model_validator(mode="after")
    def _convertible(self) -> Config:
        currencies.check(self)
        return self

    @property
    def document(self) -> Document:
        """The file it was read from."""
        return self._document
