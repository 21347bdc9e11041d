"""The catalogue of faults: what each does, in which dialects, and which outcome it should cause.

This file has the catalogue and the rules that select a fault; the module of its `stage` implements it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal

from aimon.simulator.model.profile import SettingError, known

CHAT = ("openai-chat", "openai-responses", "anthropic-messages", "gemini", "openai-completions")
_WHOLE = ("openai-embeddings", "rerank", "openai-images", "openai-speech")
DIALECTS = (*CHAT, *_WHOLE, "openai-models")
_OPENAI = ("openai-chat", "openai-responses", "openai-completions", *_WHOLE, "openai-models")

Stage = Literal["connection", "error", "body", "answer", "stream"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        what: What the provider does, in one line.
        outcome: The outcome that a client should report.
        stage: connection (before any answer), error (an HTTP error), body (another body in place of the
            answer), answer (another answer), stream (how the events are sent).
        dialects: The dialects in which it exists.
        streamed, plain: Whether it exists for streamed answers, and for others.
        options: Options that its rule may have.
        plain_outcome: The outcome if the answer is not streamed, if different.
    """

    what: str
    outcome: str
    stage: Stage
    dialects: tuple[str, ...] = DIALECTS
    streamed: bool = True
    plain: bool = True
    options: tuple[str, ...] = ()
    plain_outcome: str = ""


def _error(what: str, outcome: str, dialects: tuple[str, ...] = DIALECTS) -> Fault:
    return Fault(what, outcome, "error", dialects, options=("retry_after",) if "429" in what else ())


def _stream(what: str, outcome: str, *options: str, dialects: tuple[str, ...] = CHAT) -> Fault:
    return Fault(what, outcome, "stream", dialects, plain=False, options=options)


FAULTS: Mapping[str, Fault] = {
    # Before any answer.
    "close": Fault("accepts the request, then closes without a byte", "connect", "connection"),
    "reset": Fault("accepts the request, then resets the connection (RST)", "connect", "connection"),
    "hang": Fault(
        "never answers", "timeout_ttft", "connection", plain_outcome="timeout_total"
    ),
    "slow_headers": Fault(
        "sends one header line every `seconds` (0.05), for ever", "timeout_ttft", "connection",
        options=("seconds",), plain_outcome="timeout_total",
    ),
    # HTTP errors, in the vendor's shape.
    "unauthorized": _error("401: the key is wrong", "unauthorized"),
    "unauthorized_echo": _error("401 whose message repeats the whole key that was sent", "unauthorized"),
    "key_invalid": _error("400 that says the key is invalid (API_KEY_INVALID)", "unauthorized", ("gemini",)),
    "forbidden": _error("403: no permission", "forbidden"),
    "region": _error("403 (Gemini: 400 FAILED_PRECONDITION): country or region not supported", "forbidden"),
    "payment_required": _error("402: balance or billing", "quota_exhausted"),
    "quota": _error("429 that no retry helps: quota, credit or spend limit reached", "quota_exhausted"),
    "spend_cap": _error("400 because a self-set spend cap is reached", "quota_exhausted", ("anthropic-messages",)),
    "rate_limited": _error("429: too many requests", "rate_limited"),
    "token_rate_limited": _error("429: too many tokens (DashScope words it as insufficient_quota)", "rate_limited"),
    "model_not_found": _error("404: no such model or deployment", "model_not_found"),
    "bad_request": _error("400: a parameter is wrong", "bad_request"),
    "unprocessable": _error("422: a parameter is wrong (DeepSeek)", "bad_request", _OPENAI),
    "too_large": _error("413: the request is too large", "bad_request"),
    "prompt_filtered": _error("400 content_filter: the prompt was blocked", "content_filtered", _OPENAI[:2]),
    "server_error": _error("500", "server_error"),
    "bad_gateway": _error("502 with a proxy's HTML page", "server_error"),
    "overloaded": _error("503 (Anthropic: 529)", "overloaded"),
    "gateway_timeout": _error("504", "server_error"),
    # Another body in place of the answer, with status 200 (or a redirect).
    "html": Fault("200 with an HTML page, as a captive portal would send", "malformed", "body"),
    "not_json": Fault("200 with a body (or an event) that is not JSON", "malformed", "body"),
    "wrong_shape": Fault('200 with JSON of another shape: {"ok": true}', "malformed", "body"),
    "empty_body": Fault("200 without a body", "stream_truncated", "body", plain_outcome="malformed"),
    "not_sse": Fault("200 text/event-stream without one event in it", "malformed", "body", CHAT, plain=False),
    "deep_json": Fault("200 with JSON nested 100,000 deep", "malformed", "body"),
    "huge": Fault("200 with one line of `megabytes` (64)", "malformed", "body", options=("megabytes",)),
    "gzip_bomb": Fault(
        "200 with a gzip body that inflates to `megabytes` (64)", "malformed", "body", options=("megabytes",)
    ),
    "bad_chunk": Fault("200 whose chunked framing is invalid", "stream_truncated", "body"),
    "redirect": Fault("307 to another path of the same server", "bad_request", "body"),
    # Another answer, well-formed.
    "wrong": Fault("answers something else", "answer_mismatch", "answer", (*CHAT, "rerank")),
    "answer_echo": Fault(
        "answers with the whole key that was sent, as text and in the model's name", "answer_mismatch", "answer", CHAT
    ),
    "header_echo": Fault("answers, with the whole key in its headers, the request id among them", "ok", "answer", CHAT),
    "empty": Fault("ends well but says nothing", "empty_answer", "answer", (*CHAT, *_WHOLE[:3])),
    "max_tokens": Fault("stops half-way as if the token limit was reached", "max_tokens_hit", "answer", CHAT),
    "reasoning_only": Fault("spends the whole token limit on reasoning", "max_tokens_hit", "answer", CHAT),
    "content_filter": Fault(
        "stops half-way with the filter's finish reason", "content_filtered", "answer",
        ("openai-chat", "openai-responses", "gemini"),
    ),
    "blocked_prompt": Fault("200 with a blockReason and no candidate", "content_filtered", "answer", ("gemini",)),
    "refusal": Fault("declines in the provider's own way", "refusal", "answer", CHAT[:3]),
    "error_choice": Fault(
        "a choice with finish_reason error (OpenRouter)", "stream_error", "answer", ("openai-chat",)
    ),
    "filter_down": Fault(
        "answers, and says that its content filter is down (Azure)", "ok", "answer", ("openai-chat",)
    ),
    "negative_limits": Fault("answers with limit headers of -1 (Azure)", "ok", "answer", _OPENAI[:2]),
    # How events are sent. `after` counts events with text.
    "slow": Fault("waits `seconds` (1) longer before the first token", "ok", "stream", options=("seconds",)),
    "cut_at_start": _stream("ends before the first token", "stream_truncated", "how"),
    "cut": Fault(
        "ends after `after` (half of the) text events, or half-way through the body", "stream_truncated",
        "stream", options=("after", "how"),
    ),
    "cut_at_end": _stream("ends after the finish reason, before the terminal event", "stream_truncated", "how"),
    "error_event": _stream("sends an error event after `after` (half of the) text events", "stream_error", "after"),
    "error_at_start": _stream("sends an error event as its first event", "stream_error"),
    "overloaded_event": _stream(
        "sends an error event that says overloaded, after `after` (half of the) text events", "overloaded", "after",
        dialects=("anthropic-messages", "gemini"),
    ),
    "event_echo": _stream(
        "sends an error event that repeats the whole key, after `after` (half of the) text events", "stream_error",
        "after",
    ),
    "failed": _stream("error, then response.failed", "stream_error", "after", dialects=("openai-responses",)),
    "hang_at_start": Fault(
        "sends the headers, then nothing", "timeout_ttft", "stream", plain_outcome="timeout_total"
    ),
    "hang_midway": _stream("goes silent after `after` (half of the) text events", "timeout_total", "after"),
    "keepalive": Fault(
        "sends comments (plain: blank lines) every `seconds` (0.05), for ever", "timeout_ttft", "stream",
        options=("seconds",), plain_outcome="timeout_total",
    ),
    "keepalive_midway": _stream(
        "half-way, comments every `seconds` (0.05), for ever", "timeout_total", "after", "seconds"
    ),
    "endless": _stream("never stops generating", "timeout_total"),
    "framing": _stream("sends the right events in an odd but legal `style`", "ok", "style"),
    "no_final_newline": _stream("leaves out the last line breaks, which ends the last event for clients", "ok"),
}  # fmt: skip

FRAMING_STYLES = (
    "lf", "crlf", "cr", "no_space", "comments", "multi_line", "bom", "split_utf8", "byte_by_byte", "coalesced",
)  # fmt: skip
CUT_STYLES = ("close", "reset", "clean")


@dataclass(frozen=True, slots=True)
class Rule:
    """When a fault is applied. The first rule that matches a request, and is drawn with its `share`, is used.

    Attributes:
        fault: A name in `FAULTS`.
        profile, model, dialect: Shell patterns; `*` matches all.
        share: Probability per matching request, from the simulator's seeded generator.
        count: How many more times it is applied; None for no limit.
        after: Text events before the fault; None for half of them.
        seconds: Its interval or delay.
        retry_after: The Retry-After of a 429; None for no header.
        how: How a stream ends: close (FIN before the last chunk), reset (RST), clean (a correct HTTP end).
        style: One of `FRAMING_STYLES`.
        megabytes: Size of a body.

    Raises:
        SettingError: An unknown fault, an option that the fault does not have, or a value out of range.
    """

    fault: str
    profile: str = "*"
    model: str = "*"
    dialect: str = "*"
    share: float = 1.0
    count: int | None = None
    after: int | None = None
    seconds: float | None = None
    retry_after: float | None = None
    how: str | None = None
    style: str | None = None
    megabytes: float | None = None

    def __post_init__(self) -> None:
        known(self.fault, tuple(FAULTS), "fault")
        fault = FAULTS[self.fault]
        for name in _OPTIONS:
            if getattr(self, name) is not None and name not in fault.options:
                has = ", ".join(fault.options) or "none"
                raise SettingError(f"fault {self.fault}: has no option {name!r}; its options: {has}")
        for name in ("profile", "model", "dialect"):
            if not isinstance(getattr(self, name), str):
                raise SettingError(f"{name}: must be a name or a pattern such as 'gpt-*'")
        self._check_numbers()
        for name, allowed in (("how", CUT_STYLES), ("style", FRAMING_STYLES)):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise SettingError(f"{name}: {value!r} is not one of {', '.join(allowed)}")

    def _check_numbers(self) -> None:
        if not _is_number(self.share) or not 0 < self.share <= 1:
            raise SettingError(f"share: must be above 0 and at most 1, not {self.share!r}")
        for name, low in (("count", 1), ("after", 0)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < low):
                raise SettingError(f"{name}: must be a whole number of at least {low}, not {value!r}")
        for name in ("seconds", "retry_after", "megabytes"):
            value = getattr(self, name)
            if value is not None and (not _is_number(value) or not 0 <= value < 1e6):
                raise SettingError(f"{name}: must be a number from 0 to 1,000,000, not {value!r}")

    def matches(self, profile: str, model: str, dialect: str, *, streamed: bool) -> bool:
        """Whether this rule matches such a request, and its fault exists for it."""
        fault = FAULTS[self.fault]
        return (
            dialect in fault.dialects
            and (fault.streamed if streamed else fault.plain)
            and fnmatchcase(profile, self.profile)
            and fnmatchcase(model, self.model)
            and fnmatchcase(dialect, self.dialect)
        )


RULE_FIELDS = tuple(f.name for f in fields(Rule))
_OPTIONS = ("after", "seconds", "retry_after", "how", "style", "megabytes")


def expected_outcome(rule: Rule, *, dialect: str, streamed: bool, vendor: str = "openai") -> str:
    """The outcome that a client with a canary's check should report when this rule is applied."""
    fault = FAULTS[rule.fault]
    if rule.fault == "model_not_found" and vendor == "deepseek":
        return "bad_request"  # its 400 has no code that means an unknown model
    finish_is_enough = dialect in ("openai-chat", "gemini")
    if rule.fault == "cut_at_end" and rule.how == "clean" and finish_is_enough:
        return "ok"
    if rule.fault == "cut" and rule.how == "clean" and not streamed:
        return "malformed"  # half a JSON document in valid HTTP
    return fault.outcome if streamed else fault.plain_outcome or fault.outcome


def rule_from_mapping(values: Mapping[str, Any]) -> Rule:
    """A Rule from parsed JSON.

    Raises:
        SettingError: Not an object, an unknown field, no fault, or a value out of range.
    """
    if not isinstance(values, Mapping):
        raise SettingError(f'a rule must be an object such as {{"fault": "cut", "share": 0.1}}, not {values!r}')
    for name in values:
        known(name, RULE_FIELDS, "rule")
    if "fault" not in values:
        raise SettingError("rule: 'fault' is missing; it names what to do, such as 'cut'")
    return Rule(**values)


class FaultBook:
    """The active rules, and how often each was applied."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.rules: list[Rule] = []
        self._struck: Counter[int] = Counter()
        self._rng = Random(seed)

    def replace(self, rules: Sequence[Rule]) -> None:
        """Replaces the rules and restarts the random generator, so that a run can be repeated."""
        self.rules = list(rules)
        self._struck.clear()
        self._rng = Random(self._seed)

    def add(self, rules: Sequence[Rule]) -> None:
        """Appends rules; existing rules keep their position and counts."""
        self.rules.extend(rules)

    def pick(self, profile: str, model: str, dialect: str, *, streamed: bool) -> Rule | None:
        """The rule to apply to this request, if any."""
        for index, rule in enumerate(self.rules):
            if not rule.matches(profile, model, dialect, streamed=streamed):
                continue
            if rule.count is not None and self._struck[index] >= rule.count:
                continue
            if rule.share == 1 or self._rng.random() < rule.share:
                self._struck[index] += 1
                return rule
        return None

    def as_dicts(self) -> list[dict[str, Any]]:
        """The rules as JSON values, with `struck`: how often each was applied."""
        return [asdict(rule) | {"struck": self._struck[index]} for index, rule in enumerate(self.rules)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
