"""The configuration as it is written: every key, its kind and its meaning. Values are kept unexpanded.

`docs/configuration.md`, the JSON Schema and `config show` are made from the tables here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon import dialects, providers
from aimon.config.model.alerting import (
    CHANNELS,
    AnnouncementSection,
    BalanceSection,
    ChannelSection,
    DegradedSection,
    IncidentSection,
)
from aimon.config.model.loadtest import LOAD_TEST, LoadTestOptions
from aimon.config.model.sections import Section, key, many, section, table
from aimon.config.model.service import MaintenanceSection, ServeSection
from aimon.config.model.storage import HeartbeatSection, HistorySection
from aimon.config.model.values.expectations import EXPECT
from aimon.config.model.values.times import INTERVAL, TIME_ZONE
from aimon.config.model.values.types import (
    API_KEY,
    AUTH,
    BODY_FIELDS,
    BUDGET,
    CURRENCY,
    DURATION,
    FLAG,
    HEADER_NAME,
    IP_VERSION,
    LABEL_NAME,
    NAME,
    PRICE,
    PROXY,
    RATIO,
    TEMPERATURE,
    TEMPLATE,
    TEXT,
    TOKENS,
    real,
    words,
)
from aimon.config.yaml.document import Document, Spot
from aimon.dialects import exact_output, reasoning
from aimon.quantities import Amount

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTERVAL = "Time between probes, or a cron expression."
_FAILING = "Time between probes while the last one failed; by default `interval`. Has no effect on one-shot runs."
_REASONING = words(reasoning.LEVELS, "reasoning level")
_LABELS = table(LABEL_NAME, TEMPLATE)


class TimeoutSection(Section):
    """Limits of one call, from its start."""

    connect: float | None = key(DURATION, "Until the connection is established, TLS included.", example="5s")
    ttft: float | None = key(DURATION, "Until the first visible text.", example="15s")
    total: float | None = key(
        DURATION, "Until the end of the answer: a hard deadline that keep-alive comments can't extend.", example="60s"
    )


class SloSection(Section):
    """What is promised of an endpoint; the alerting rules are made from it."""

    availability: float | None = key(
        RATIO, "Share of calls that succeed; account and config faults don't count.", example="99.5%"
    )
    latency_p50: float | None = key(DURATION, "Median of the whole call.", example="3s")
    latency_p90: float | None = key(DURATION, "90th percentile of the whole call.", example="5s")
    latency_p95: float | None = key(DURATION, "95th percentile of the whole call.", example="8s")
    latency_p99: float | None = key(DURATION, "99th percentile of the whole call.", example="10s")
    ttft_p50: float | None = key(DURATION, "Median time to the first visible text.", example="800ms")
    ttft_p90: float | None = key(DURATION, "Its 90th percentile.", example="1500ms")
    ttft_p95: float | None = key(DURATION, "Its 95th percentile.", example="2s")
    ttft_p99: float | None = key(DURATION, "Its 99th percentile.", example="4s")
    tpot_p50: float | None = key(DURATION, "Median time per output token.", example="20ms")
    tpot_p90: float | None = key(DURATION, "Its 90th percentile.", example="40ms")
    tpot_p95: float | None = key(DURATION, "Its 95th percentile.", example="50ms")
    tpot_p99: float | None = key(DURATION, "Its 99th percentile.", example="100ms")


class PricesSection(Section):
    """List prices per million tokens, where the public price list is wrong or has none."""

    input: float | None = key(PRICE, "Per million input tokens.", example=0.8)
    output: float | None = key(PRICE, "Per million output tokens.", example=2.0)
    cached_input: float | None = key(
        PRICE, "Per million input tokens that the provider had cached; as `input` by default.", example=0.2
    )
    reasoning: float | None = key(PRICE, "Per million tokens spent on reasoning; as `output` by default.", example=4.0)
    per_request: float | None = key(PRICE, "Per call, whatever its length.", example=0.001)
    currency: str | None = key(CURRENCY, "What the prices are in; the reporting currency by default.", example="CNY")


class QuirksSection(Section):
    """Where a server departs from its dialect; laid over what the preset knows."""

    max_tokens_field: str | None = key(
        words(("max_tokens", "max_completion_tokens"), "name of the token limit"),
        "Name of the token limit in chat requests.",
    )
    stream_usage: bool | None = key(
        FLAG, "Whether `stream_options: {include_usage: true}` is sent; some servers refuse it."
    )
    reasoning_style: str | None = key(
        words(tuple(reasoning.STYLES), "reasoning style"), "How the reasoning level is sent to the server."
    )
    insufficient_quota_is_rate: bool | None = key(
        FLAG, "Whether `insufficient_quota` means a rate limit rather than an empty account."
    )
    exact_output: str | None = key(
        words(tuple(exact_output.STYLES), "way to fix the length of answers"),
        "How the server is made to write exactly as many tokens as the limit, for `exact_output` of a load test.",
    )
    extra_body: Mapping[str, Any] | None = key(
        BODY_FIELDS, "Fields added to the JSON body; they replace the dialect's own.", example={"user": "aimon"}
    )


class MessageSection(Section):
    """One turn of a canary's conversation."""

    role: str = key(words(("system", "user", "assistant"), "role"), "Who speaks.", required=True, example="user")
    content: str = key(TEXT, "What is said; `{nonce}` is replaced.", required=True, example="What is {nonce}?")


class CanarySection(Section):
    """A question with a known answer. `{nonce}` stands for a value that is fresh in each call."""

    prompt: str | None = key(
        TEXT, "What the user asks; either this or `messages`.", example="Reply with exactly: {nonce}"
    )
    messages: tuple[MessageSection, ...] = key(
        many(section(MessageSection)), "A whole conversation, instead of `prompt`.", default=()
    )
    system: str | None = key(TEXT, "The system prompt.", example="Answer in one word.")
    expect: Mapping[str, Any] = key(
        EXPECT, "What the answer must be; all of the checks must pass.", make=dict, example={"contains": "{nonce}"}
    )
    max_tokens: int | None = key(
        TOKENS, "How long the visible answer may be; models that reason get more on top.", example=64
    )


class DefaultsSection(Section):
    """Defaults of all endpoints."""

    interval: float | str = key(INTERVAL, _INTERVAL, default=60.0, example="60s")
    interval_failing: float | None = key(DURATION, _FAILING, example="15s")
    timeout: TimeoutSection = key(section(TimeoutSection), "Limits of one call.", make=TimeoutSection)
    budget: Amount = key(
        BUDGET,
        "What the probes of each endpoint may cost in a day, as `5.00/day`, or `none`.",
        default=Amount(5.0),
        example="5.00/day",
    )
    canaries: tuple[str, ...] = key(many(NAME), "The canaries that are asked.", default=("echo",), example=["echo"])
    max_tokens: int = key(TOKENS, "Token limit of canaries that have none of their own.", default=64, example=64)
    stream: bool = key(FLAG, "Whether answers are streamed.", default=True)
    temperature: float | None = key(TEMPERATURE, "Sampling temperature; not sent by default.", example=0)
    reasoning: str | None = key(_REASONING, "Reasoning level; left to the model by default.", example="low")
    ca_file: str | None = key(TEMPLATE, "PEM file of the certificate authorities to trust.")
    proxy: str | None = key(PROXY, "Proxy URL; by default from HTTPS_PROXY and similar variables.")
    ip: str = key(IP_VERSION, "IP version: any, 4 or 6.", default="any")
    http2: bool = key(FLAG, "Whether HTTP/2 is offered (needs the extra `http2`).", default=False)
    slo: SloSection = key(section(SloSection), "Objectives.", make=SloSection)
    incident: IncidentSection = key(section(IncidentSection), "When failures are an incident.", make=IncidentSection)
    degraded: DegradedSection = key(section(DegradedSection), "When an endpoint is degraded.", make=DegradedSection)
    labels: Mapping[str, str] = key(_LABELS, "Labels of `aimon_endpoint_info`.", make=dict)


class EndpointSection(Section):
    """One model behind one URL. It names a `preset`, or a `dialect` and a `base_url`."""

    name: str = key(NAME, "Its name in metrics, reports and commands; unique.", required=True, example="qwen-prod")
    preset: str | None = key(
        words(tuple(providers.PRESETS), "preset"), "A provider that aimon knows.", example="dashscope"
    )
    dialect: str | None = key(
        words(dialects.NAMES, "dialect"),
        "What the server speaks; the preset's first by default.",
        example="openai-chat",
    )
    base_url: str | None = key(
        TEMPLATE, "Up to and including /v1 where the provider has one.", example="https://gateway.example/v1"
    )
    provider: str | None = key(TEXT, "The `provider` label; the preset's name by default.")
    model: str | None = key(TEMPLATE, "The model asked for.", example="qwen-plus")
    # None: left out; "": null, no key at all.
    api_key: str | None = key(
        API_KEY,
        "The variable that holds the key. Left out, the preset's own variable is used, unless `base_url` points "
        "elsewhere; null sends no key.",
        example="${DASHSCOPE_API_KEY}",
    )
    api_key_file: str | None = key(
        TEMPLATE,
        "A file that holds the key; a running prober reads it again when it changes.",
        example="/run/secrets/dashscope",
    )
    auth: str | None = key(
        AUTH, "How the key is sent: bearer, or the name of the header that carries it.", example="bearer"
    )
    headers: Mapping[str, str] = key(
        table(HEADER_NAME, TEMPLATE), "Headers added to each request.", make=dict, example={"X-Team": "search"}
    )
    query: Mapping[str, str] = key(
        table(TEXT, TEMPLATE), "Query parameters.", make=dict, example={"api-version": "2024-10-21"}
    )
    quirks: QuirksSection = key(
        section(QuirksSection), "Where the server departs from its dialect.", make=QuirksSection
    )
    stream: bool | None = key(FLAG, "Whether answers are streamed.")
    max_tokens: int | None = key(
        TOKENS, "Token limit of all its canaries; it is not raised for models that reason.", example=256
    )
    temperature: float | None = key(TEMPERATURE, "Sampling temperature.", example=0)
    reasoning: str | None = key(_REASONING, "How much the model thinks.", example="off")
    canaries: tuple[str, ...] | None = key(many(NAME), "The canaries that are asked.", example=["echo"])
    interval: float | str | None = key(INTERVAL, _INTERVAL, example="*/5 * * * *")
    interval_failing: float | None = key(DURATION, _FAILING, example="15s")
    timeout: TimeoutSection = key(section(TimeoutSection), "Limits of one call.", make=TimeoutSection)
    budget: Amount | None = key(BUDGET, "What its probes may cost in a day.", example="5.00/day")
    slo: SloSection | None = key(section(SloSection), "Objectives; they replace those of the defaults as a whole.")
    incident: IncidentSection = key(
        section(IncidentSection),
        "When failures are an incident; each key replaces that of the defaults.",
        make=IncidentSection,
    )
    degraded: DegradedSection = key(
        section(DegradedSection),
        "When an endpoint is degraded; each key replaces that of the defaults.",
        make=DegradedSection,
    )
    labels: Mapping[str, str] = key(_LABELS, "Labels of `aimon_endpoint_info`.", make=dict, example={"team": "search"})
    prices: PricesSection | None = key(section(PricesSection), "Prices, where the public list is wrong or has none.")
    ca_file: str | None = key(TEMPLATE, "PEM file of the certificate authorities to trust.")
    proxy: str | None = key(PROXY, "Proxy URL.", example="http://proxy.example:3128")
    ip: str | None = key(IP_VERSION, "IP version: any, 4 or 6.", example="any")
    http2: bool | None = key(FLAG, "Whether HTTP/2 is offered.")


class Config(Section):
    """What aimon watches, and how.

    `document` is the file, so that what shows later can still name its place.
    """

    region: str = key(TEMPLATE, "Where the prober stands: a label on every metric.", default="local", example="cn-east")
    currency: str = key(CURRENCY, "The reporting currency.", default="CNY", example="CNY")
    fx: Mapping[str, float] = key(
        table(CURRENCY, real(1e-9, 1e9)),
        "What one unit of another currency is worth in the reporting currency.",
        make=dict,
        example={"USD": 7.10},
    )
    defaults: DefaultsSection = key(
        section(DefaultsSection), "What holds unless an endpoint says otherwise.", make=DefaultsSection
    )
    endpoints: tuple[EndpointSection, ...] = key(many(section(EndpointSection)), "What is probed.", required=True)
    canaries: Mapping[str, CanarySection] = key(
        table(NAME, section(CanarySection)), "Canaries by name; `echo` is built in.", make=dict
    )
    timezone: str = key(
        TIME_ZONE, "Time zone of cron expressions and maintenance.", default="UTC", example="Asia/Shanghai"
    )
    serve: ServeSection = key(section(ServeSection), "How `aimon serve` runs.", make=ServeSection)
    maintenance: tuple[MaintenanceSection, ...] = key(
        many(section(MaintenanceSection)), "When `aimon serve` does not probe.", default=()
    )
    history: HistorySection = key(section(HistorySection), "How long the history keeps what.", make=HistorySection)
    heartbeats: tuple[HeartbeatSection, ...] = key(
        many(section(HeartbeatSection)), "Programs that report in to `aimon serve` by themselves.", default=()
    )
    loadtests: Mapping[str, LoadTestOptions] = key(table(NAME, LOAD_TEST), "Load tests by name.", make=dict)
    notify: tuple[ChannelSection, ...] = key(
        CHANNELS, "Where `aimon serve` sends notifications of incidents.", default=()
    )
    announcements: tuple[AnnouncementSection, ...] = key(
        many(section(AnnouncementSection)), "What the status page tells its readers.", default=()
    )
    balance: BalanceSection = key(
        section(BalanceSection), "Account balances, and when they are too low.", make=BalanceSection
    )
    document: Document = msgspec.field(default=Document("", {}, Spot(0, 0)))
