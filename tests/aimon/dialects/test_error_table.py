"""Every documented way in which a provider says no, from the bytes of the answer to the Result."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon import dialects, providers
from aimon.call import classify
from aimon.call.call import Call, Message, Quirks
from aimon.call.outcome import Outcome
from aimon.call.result import Result
from aimon.dialects import ProviderError, errors
from aimon.exchange.exchange import Exchange
from answer_shapes import target_of

HERE = Path(__file__).parent
ROWS: dict[str, dict[str, Any]] = {
    name: row
    for file in ("errors.toml", "errors-compatible.toml")
    for name, row in tomllib.loads((HERE / file).read_text(encoding="utf-8")).items()
}


def answered(row: dict[str, Any]) -> Result:
    """The Result of a call that is answered as the row says."""
    target = target_of(row["preset"], row.get("dialect"))
    exchange = Exchange(
        Call(target, (Message("user", "hello"),)), dialects.get(target.dialect), started=0.0, started_at=1.8e9
    )
    exchange.connected(0.1)
    exchange.head(row["status"], row.get("headers", {"content-type": "application/json"}), 0.2)
    exchange.feed(row["body"].encode(), 0.3)
    exchange.close(0.4)
    return exchange.result()


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_a_provider_says(row: dict[str, Any]) -> None:
    """Outcome, code and delay of each row are what its provider documents."""
    result = answered(row)
    assert (str(result.outcome), result.error_code, result.retry_after) == (
        row["outcome"],
        row.get("code"),
        row.get("retry_after"),
    )
    assert result.error


def test_every_preset_has_rows() -> None:
    """The table of errors has rows of every preset."""
    assert {row["preset"] for row in ROWS.values()} == set(providers.PRESETS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "Overloaded"}}', "Overloaded"),
        (b'{"error": {"message": "", "type": "overloaded_error"}}', "overloaded_error"),
        (b'{"detail": {"error": {"message": "nested"}}}', "nested"),
        (b'{"detail": [{"loc": ["body", "x"], "msg": "Field required"}]}', "Field required at ['body', 'x']"),
        (b'{"error": "model not found"}', "model not found"),
        (b'"Invalid token"', "Invalid token"),
        (b"<!doctype html><TITLE>\n 502  Bad\nGateway </TITLE>", "502 Bad Gateway"),
        (b"upstream connect error\n\n or disconnect", "upstream connect error or disconnect"),
        (b"", "HTTP 503 without a message"),
        (b"{}", "{}"),
        (b"[]", "[]"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error": {"message": "caf\xff"}}', '{"error": {"message": "caf\ufffd"}}'),
    ],
)
def test_what_a_person_is_told(body: bytes, message: str) -> None:
    """The message is the provider's own, or else the most telling part of whatever came."""
    assert errors.read_error(503, body, Quirks()).message == message


def test_long_messages_are_cut() -> None:
    """A body cannot flood the history, and the cut is far behind what is shown."""
    body = msgspec.json.encode({"error": {"message": "x" * 10_000, "code": "y" * 10_000}})
    said = errors.read_error(500, body, Quirks())
    assert said == ProviderError("x" * errors.MAX_MESSAGE, "y" * errors.MAX_CODE)


@pytest.mark.parametrize("opening", [b"[", b'{"detail":'])
@pytest.mark.parametrize("depth", [800, 950, 50_000])
def test_deep_nesting_is_survived(opening: bytes, depth: int) -> None:
    """JSON nested deeper than the decoder goes, or than Python follows it, is shown as text."""
    body = opening * depth + b"[]" + (b"]" if opening == b"[" else b"}") * depth
    said = errors.read_error(500, body, Quirks())
    assert said.message == body[: errors.MAX_MESSAGE].decode()
    assert said.outcome is None


WORDS = st.sampled_from(
    ["error", "message", "code", "type", "status", "details", "detail", "innererror", "base_resp", "status_code",
     "reason", "retryDelay", "error_code", "object", "__type", "msg", "loc"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(WORDS | st.text(), inner),
)


@given(st.integers(100, 999), st.binary() | st.builds(msgspec.json.encode, JSON))
def test_no_body_breaks_the_reader(status: int, body: bytes) -> None:
    """Any body of a failed call gives a message and an outcome."""
    said = errors.read_error(status, body, Quirks(insufficient_quota_is_rate=True))
    assert isinstance(said.message, str)
    assert (said.outcome or classify.status(status)) is not Outcome.OK


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (301, Outcome.BAD_REQUEST),
        (308, Outcome.BAD_REQUEST),
        (400, Outcome.BAD_REQUEST),
        (401, Outcome.UNAUTHORIZED),
        (402, Outcome.QUOTA_EXHAUSTED),
        (403, Outcome.FORBIDDEN),
        (404, Outcome.MODEL_NOT_FOUND),
        (405, Outcome.BAD_REQUEST),
        (408, Outcome.SERVER_ERROR),
        (413, Outcome.BAD_REQUEST),
        (422, Outcome.BAD_REQUEST),
        (424, Outcome.SERVER_ERROR),
        (429, Outcome.RATE_LIMITED),
        (451, Outcome.FORBIDDEN),
        (498, Outcome.OVERLOADED),
        (500, Outcome.SERVER_ERROR),
        (502, Outcome.SERVER_ERROR),
        (503, Outcome.OVERLOADED),
        (504, Outcome.SERVER_ERROR),
        (520, Outcome.SERVER_ERROR),
        (529, Outcome.OVERLOADED),
        (999, Outcome.SERVER_ERROR),
        (101, Outcome.MALFORMED),
    ],
)
def test_status_alone(status: int, outcome: Outcome) -> None:
    """The HTTP status decides the outcome if no code is known."""
    assert classify.status(status) is outcome


@pytest.mark.parametrize(
    ("names", "message", "outcome"),
    [
        (["RATE_LIMIT_EXCEEDED"], "", Outcome.RATE_LIMITED),
        (["Throttling.Whatever.New"], "", Outcome.RATE_LIMITED),
        (["nobody_knows"], "insufficient balance", None),
        (["nobody_knows", "429"], "", Outcome.RATE_LIMITED),
        (["400", "budget_exceeded"], "", Outcome.QUOTA_EXHAUSTED),
        (["1300", "rate_limited"], "", Outcome.RATE_LIMITED),
        (["1300"], "", Outcome.CONTENT_FILTERED),
        (["200"], "", None),
        (["٤٢٩"], "", None),
        ([], "", None),
    ],
)
def test_codes(names: list[str], message: str, outcome: Outcome | None) -> None:
    """Words decide before numbers, numbers before the status, and a message on its own never."""
    assert classify.code(names, message) is outcome


def test_insufficient_quota_is_a_rate_where_the_provider_means_one() -> None:
    """DashScope's insufficient_quota may be tokens per minute; OpenAI's is an empty account."""
    assert classify.code(["insufficient_quota"], quota_is_rate=True) is Outcome.RATE_LIMITED
    assert classify.code(["insufficient_quota"]) is Outcome.QUOTA_EXHAUSTED


def test_no_code_stands_for_two_outcomes() -> None:
    """The table is written by outcome; a code under two of them would go to the later one unseen."""
    codes = [code for codes in classify._BY_OUTCOME.values() for code in codes.split()]
    assert len(codes) == len(classify.CODES)
