"""Every metric that aimon exposes, in one table: name, type, labels, buckets and meaning.

Nothing else names or describes a metric; `docs/metrics.md` is generated from this table. Names and units follow
Prometheus' conventions (https://prometheus.io/docs/practices/naming/).
"""

import re
from functools import cache
from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

IDENTITY = ("endpoint", "model", "provider", "region")

# Seconds. The duration buckets reach 600: a P99 above 10 s must be visible, and reasoning models take minutes.
DURATION_BUCKETS = (
    *(0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0),
    *(15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0),
)
TTFT_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0)
TPOT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
LATENESS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Family(NamedTuple):
    """One metric family. `extensible` families take further labels, named by the configuration."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = IDENTITY
    buckets: tuple[float, ...] = ()
    extensible: bool = False


REQUESTS = "ai_api_requests_total"
DURATION = "ai_api_request_duration_seconds"
TTFT = "ai_api_time_to_first_token_seconds"
TPOT = "ai_api_time_per_output_token_seconds"
INPUT_TOKENS = "ai_token_usage_input_total"
OUTPUT_TOKENS = "ai_token_usage_output_total"
CACHED_INPUT_TOKENS = "ai_token_usage_cached_input_total"
REASONING_TOKENS = "ai_token_usage_reasoning_total"
ESTIMATED_INPUT_TOKENS = "ai_token_usage_estimated_input_total"
ESTIMATED_OUTPUT_TOKENS = "ai_token_usage_estimated_output_total"
PRICED_CALLS = "ai_api_priced_calls_total"
UNPRICED_CALLS = "ai_api_unpriced_calls_total"
IN_FLIGHT = "ai_api_requests_in_flight"
RATE_LIMIT = "ai_api_rate_limit_limit"
RATE_LIMIT_REMAINING = "ai_api_rate_limit_remaining"
PROBE_SUCCESS = "ai_probe_success"
PROBE_STATUS_CODE = "ai_probe_http_status_code"
PROBE_OUTCOME_INFO = "ai_probe_outcome_info"
PROBE_PHASE = "ai_probe_phase_seconds"
PROBE_LAST_RUN = "ai_probe_last_run_timestamp_seconds"
PROBE_LAST_SUCCESS = "ai_probe_last_success_timestamp_seconds"
PROBE_INTERVAL = "ai_probe_interval_seconds"
PROBE_MAINTENANCE = "ai_probe_maintenance"
PROBE_CERTIFICATE_EXPIRY = "ai_probe_ssl_earliest_cert_expiry"
PROBE_LATENCY_QUANTILE = "ai_probe_latency_quantile_seconds"
PROBE_TTFT_QUANTILE = "ai_probe_ttft_quantile_seconds"
PROBE_AVAILABILITY = "ai_probe_availability_ratio"
PROBE_WINDOW_SAMPLES = "ai_probe_window_samples"
PROBE_DAILY_BUDGET = "ai_probe_daily_budget"
PROBE_BUDGET_SPENT = "ai_probe_budget_spent_ratio"
LOADTEST_TARGET_RATE = "ai_loadtest_target_requests_per_second"
LOADTEST_ACHIEVED_RATE = "ai_loadtest_achieved_requests_per_second"
LOADTEST_USERS = "ai_loadtest_users"
LOADTEST_IN_FLIGHT = "ai_loadtest_in_flight"
LOADTEST_CLIENT_LAG = "ai_loadtest_client_lag_seconds"
LOADTEST_SLO_MET = "ai_loadtest_slo_met"
LOADTEST_RUN_INFO = "ai_loadtest_run_info"
LOADTEST_START = "ai_loadtest_start_timestamp_seconds"
LOADTEST_CAPACITY = "ai_loadtest_capacity_requests_per_second"
LOADTEST_LIMIT_REQUESTS = "ai_loadtest_limit_requests_per_second"
LOADTEST_LIMIT_TOKENS = "ai_loadtest_limit_tokens_per_minute"
ACCOUNT_BALANCE = "ai_account_balance"
ACCOUNT_REMAINING = "ai_account_balance_remaining_seconds"
ACCOUNT_TIMESTAMP = "ai_account_balance_timestamp_seconds"
HEARTBEAT_UP = "aimon_heartbeat_up"
HEARTBEAT_LAST = "aimon_heartbeat_last_report_timestamp_seconds"
HEARTBEAT_DUE = "aimon_heartbeat_due_timestamp_seconds"
INCIDENTS_OPEN = "aimon_incidents_open"
NOTIFICATIONS_WAITING = "aimon_notifications_waiting"
CHANNEL_WORKING = "aimon_notify_channel_working"
ENDPOINT_INFO = "aimon_endpoint_info"
SCHEDULER_HEARTBEAT = "aimon_scheduler_heartbeat_timestamp_seconds"
SCHEDULER_LAG = "aimon_scheduler_lag_seconds"
SCHEDULER_LATENESS = "aimon_scheduler_start_lateness_seconds"
SCHEDULER_MISSED = "aimon_scheduler_missed_runs_total"
CLOCK_JUMPS = "aimon_scheduler_clock_jumps_total"
CONFIG_RELOAD_SUCCESSFUL = "aimon_config_last_reload_successful"
CONFIG_LOADED = "aimon_config_last_reload_success_timestamp_seconds"
HISTORY_AVAILABLE = "aimon_history_available"
RESULTS_WAITING = "aimon_results_waiting"
RESULTS_DROPPED = "aimon_results_dropped_total"
INTERNAL_ERRORS = "aimon_internal_errors_total"
BUILD_INFO = "aimon_build_info"

# Currencies whose metric has the currency's common name; other metrics have its code in lower case.
_CURRENCY_WORDS = {"CNY": "yuan", "USD": "usd"}
COST_PREFIX = "ai_api_cost_"
_COST = re.compile(rf"{COST_PREFIX}([a-z]{{3}})_total")


@cache
def cost_family(currency: str) -> Family:
    """The cost counter of a reporting currency: `ai_api_cost_yuan_total` for CNY, `ai_api_cost_eur_total` for EUR.

    Raises:
        ValueError: not an ISO 4217 code.
    """
    if not re.fullmatch("[A-Z]{3}", currency):
        raise ValueError(f"{currency!r} is no currency code: write three capital letters, such as CNY or USD")
    word = _CURRENCY_WORDS.get(currency, currency.lower())
    return Family(
        f"{COST_PREFIX}{word}_total",
        "counter",
        f"Cost of the calls whose cost is known, in {currency}; missing where no price is known.",
    )


_ACCOUNT = ("provider", "account", "currency")

_ALL = (
    Family(
        REQUESTS,
        "counter",
        "Calls by outcome; each has exactly one outcome. Status is success only for ok, cancelled for calls that the "
        "application itself cancelled, error for the rest.",
        (*IDENTITY, "status", "outcome"),
    ),
    Family(
        DURATION,
        "histogram",
        "Seconds from the start of a call to its end. Calls that were never made (prober faults) are left out.",
        (*IDENTITY, "status"),
        DURATION_BUCKETS,
    ),
    Family(
        TTFT,
        "histogram",
        "Seconds to the first visible text, of successful calls. Calls that timed out before it are not in its "
        "quantiles: they are in the duration, with status error.",
        buckets=TTFT_BUCKETS,
    ),
    Family(
        TPOT,
        "histogram",
        "Seconds per output token after the first, of successful calls.",
        buckets=TPOT_BUCKETS,
    ),
    Family(INPUT_TOKENS, "counter", "Tokens sent, including cached ones; estimated where the provider reports none."),
    Family(
        OUTPUT_TOKENS,
        "counter",
        "Tokens received, including those spent on reasoning; estimated where the provider reports none.",
    ),
    Family(CACHED_INPUT_TOKENS, "counter", "The part of the tokens sent that the provider had cached."),
    Family(REASONING_TOKENS, "counter", "The part of the tokens received that was spent on reasoning."),
    Family(ESTIMATED_INPUT_TOKENS, "counter", "The part of the tokens sent that is estimated from the text."),
    Family(ESTIMATED_OUTPUT_TOKENS, "counter", "The part of the tokens received that is estimated from the text."),
    cost_family("CNY"),
    cost_family("USD"),
    Family(PRICED_CALLS, "counter", "Calls whose cost is known, and is in the cost counter."),
    Family(
        UNPRICED_CALLS,
        "counter",
        "Calls that may have been charged and whose cost is not known, for want of a price or of token counts. "
        "Refused calls (4xx, 5xx) and those never sent are in neither counter.",
    ),
    Family(IN_FLIGHT, "gauge", "Calls that have started and not ended."),
    Family(
        RATE_LIMIT,
        "gauge",
        "Limit per period according to the rate-limit headers of the last answer, by kind (requests, tokens).",
        (*IDENTITY, "kind"),
    ),
    Family(
        RATE_LIMIT_REMAINING,
        "gauge",
        "Remaining limit according to the rate-limit headers of the last answer, by kind (requests, tokens).",
        (*IDENTITY, "kind"),
    ),
    Family(PROBE_SUCCESS, "gauge", "Whether the last probe that was made succeeded (1) or not (0)."),
    Family(PROBE_STATUS_CODE, "gauge", "HTTP status of the last probe that was made; 0 if there was no answer."),
    Family(
        PROBE_OUTCOME_INFO,
        "gauge",
        "Always 1; carries the outcome of the last probe that was made and its fault: network, provider, "
        "account, config, or none.",
        (*IDENTITY, "outcome", "fault"),
    ),
    Family(
        PROBE_PHASE,
        "gauge",
        "Seconds that the last probe spent in each phase it entered: "
        "resolve, connect, tls, send, wait, first_token, transfer.",
        (*IDENTITY, "phase"),
    ),
    Family(PROBE_LAST_RUN, "gauge", "Unix time at which the last probe ended, whatever its outcome."),
    Family(PROBE_LAST_SUCCESS, "gauge", "Unix time at which the last successful probe ended; 0 if none ever did."),
    Family(PROBE_INTERVAL, "gauge", "Seconds between probes, as configured."),
    Family(
        PROBE_MAINTENANCE,
        "gauge",
        "Whether a maintenance window is active (1), in which the endpoint is not probed; aimon serve.",
    ),
    Family(PROBE_CERTIFICATE_EXPIRY, "gauge", "Unix time at which the endpoint's certificate expires."),
    Family(
        PROBE_LATENCY_QUANTILE,
        "gauge",
        "Exact quantiles of the seconds that successful probes of a window took. "
        "Withheld below 1/(1-quantile) of them: 2 for P50, 20 for P95, 100 for P99.",
        (*IDENTITY, "window", "quantile"),
    ),
    Family(
        PROBE_TTFT_QUANTILE,
        "gauge",
        "Exact quantiles of the seconds to the first visible text of a window's successful probes; "
        "withheld as the latency's are.",
        (*IDENTITY, "window", "quantile"),
    ),
    Family(
        PROBE_AVAILABILITY,
        "gauge",
        "Successful probes over those that say something about the provider (account, config and prober "
        "faults do not), in a window that has at least one.",
        (*IDENTITY, "window"),
    ),
    Family(
        PROBE_WINDOW_SAMPLES,
        "gauge",
        "Probes that the availability of the window counts.",
        (*IDENTITY, "window"),
    ),
    Family(
        PROBE_DAILY_BUDGET,
        "gauge",
        "Highest cost of the endpoint's probes in a day, in the reporting currency; missing with budget: none.",
    ),
    Family(
        PROBE_BUDGET_SPENT,
        "gauge",
        "Cost of the endpoint's probes since 00:00 UTC over its daily budget; missing where no price is known.",
    ),
    Family(LOADTEST_TARGET_RATE, "gauge", "Calls per second that the load test asked for; open loops only."),
    Family(LOADTEST_ACHIEVED_RATE, "gauge", "Calls per second that the load test started."),
    Family(LOADTEST_USERS, "gauge", "Concurrent streams that the load test sustained; closed loops only."),
    Family(LOADTEST_IN_FLIGHT, "gauge", "Calls of the load test that have started and not ended."),
    Family(LOADTEST_CLIENT_LAG, "gauge", "Seconds by which the load test's own event loop was late, at P99."),
    Family(
        LOADTEST_SLO_MET,
        "gauge",
        "Whether the load test met an objective (1) or not (0); missing while it can't be judged. "
        "Calls that ran out of time count as longer than any objective on times allows.",
        (*IDENTITY, "slo"),
    ),
    Family(
        LOADTEST_RUN_INFO,
        "gauge",
        "Always 1; carries the run (the unix time of its start) and its profile.",
        (*IDENTITY, "run", "profile"),
    ),
    Family(LOADTEST_START, "gauge", "Unix time at which the run began.", (*IDENTITY, "profile")),
    Family(LOADTEST_CAPACITY, "gauge", "Highest rate sustained in the last load test that searched for it."),
    Family(LOADTEST_LIMIT_REQUESTS, "gauge", "Calls per second that the provider's limit allows, as last found."),
    Family(LOADTEST_LIMIT_TOKENS, "gauge", "Tokens per minute that the provider's limit allows, as last found."),
    Family(
        ACCOUNT_BALANCE,
        "gauge",
        "Balance of an account as its provider reports it; missing while it is unknown. `account` is the first "
        "endpoint that uses its key.",
        _ACCOUNT,
    ),
    Family(
        ACCOUNT_REMAINING,
        "gauge",
        "Seconds until an account is empty at the last week's rate; missing without a rate, or if nothing is spent.",
        _ACCOUNT,
    ),
    Family(ACCOUNT_TIMESTAMP, "gauge", "Unix time at which the provider reported the balance.", _ACCOUNT),
    Family(INCIDENTS_OPEN, "gauge", "Incidents of the endpoint that are open."),
    Family(
        HEARTBEAT_UP,
        "gauge",
        "Whether a program of `heartbeats` says in time that it is well (1), or is silent or says that it is not (0); "
        "missing before its first report.",
        ("heartbeat",),
    ),
    Family(HEARTBEAT_LAST, "gauge", "Unix time of the program's last report.", ("heartbeat",)),
    Family(HEARTBEAT_DUE, "gauge", "Unix time at which the program is silent without another report.", ("heartbeat",)),
    Family(NOTIFICATIONS_WAITING, "gauge", "Notifications that wait for delivery to a channel.", ("channel",)),
    Family(
        CHANNEL_WORKING,
        "gauge",
        "Whether the last notification to a channel was delivered (1) or not (0); missing before the first.",
        ("channel",),
    ),
    Family(
        ENDPOINT_INFO,
        "gauge",
        "Always 1; carries the labels that the configuration gives the endpoint: "
        "multiply with on (endpoint, region) group_left (…) to use them.",
        extensible=True,
    ),
    Family(SCHEDULER_HEARTBEAT, "gauge", "Unix time of the scheduler's last round.", ()),
    Family(SCHEDULER_LAG, "gauge", "Seconds by which the last probe started late.", ()),
    Family(
        SCHEDULER_LATENESS,
        "histogram",
        "Seconds from the time at which a probe was due to its start, since the process began; aimon serve.",
        (),
        LATENESS_BUCKETS,
    ),
    Family(
        SCHEDULER_MISSED,
        "counter",
        "Times at which a probe was due and none started, since the process began, by reason: overlap (the one before "
        "had not ended), concurrency (it still waited for a place), stalled (the process or the machine did not run).",
        ("reason",),
    ),
    Family(
        CLOCK_JUMPS,
        "counter",
        "How often the wall clock was set or the machine was suspended, since the process began; aimon serve.",
        (),
    ),
    Family(
        CONFIG_RELOAD_SUCCESSFUL,
        "gauge",
        "Whether the last reload of the configuration succeeded (1) or the one before stays in use (0); aimon serve.",
        (),
    ),
    Family(CONFIG_LOADED, "gauge", "Unix time at which the configuration in use was read; aimon serve.", ()),
    Family(
        HISTORY_AVAILABLE,
        "gauge",
        "Whether results can be recorded (1) or wait for a disk that is full or can't be written (0); aimon serve.",
        (),
    ),
    Family(RESULTS_WAITING, "gauge", "Results that are not recorded yet; aimon serve.", ()),
    Family(
        RESULTS_DROPPED,
        "counter",
        "Results that were discarded since the process began, because too many waited; aimon serve.",
        (),
    ),
    Family(
        INTERNAL_ERRORS,
        "counter",
        "Faults of the metering of an application's calls, by what failed (request, answer, result, export); "
        "the calls themselves are not affected.",
        ("stage",),
    ),
    Family(BUILD_INFO, "gauge", "Always 1; carries the version.", ("version",)),
)

FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}


def find(name: str) -> Family | None:
    """The family of that name, including the cost counter of any currency; None if there is none."""
    known = FAMILIES.get(name)
    if known is None and (match := _COST.fullmatch(name)):
        return cost_family(match[1].upper())
    return known


def family(name: str) -> Family:
    """The family of that name.

    Raises:
        KeyError: no such family.
    """
    found = find(name)
    if found is None:
        raise KeyError(f"no metric {name!r}")
    return found


_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Set by Prometheus, by the Pushgateway or by aimon itself.
_RESERVED = {*IDENTITY, "job", "instance", "le", "quantile"}


def check_label_name(name: str) -> None:
    """Refuses what cannot be an additional label of an endpoint.

    Raises:
        ValueError: Prometheus does not allow the name, or aimon uses it already.
    """
    if not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
        raise ValueError(f"{name!r} is no label name: write letters, digits and _, not starting with a digit or __")
    if name in _RESERVED:
        raise ValueError(f"the label {name!r} is taken: choose another of your own")
