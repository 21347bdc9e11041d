"""No secret gets out, in whatever form it comes back, and no text breaks a line."""

from __future__ import annotations

import base64
import io
import json
import logging
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from aimon.security.redact import MASK, MIN_SECRET_CHARS, Redactor, bounded
from aimon.security.secret import Secret
from aimon.security.secret_matcher import LEAST, RUN, VARIETY

KEY = "sk-proj-AbC/dEf+0123&456=789xyz"
OTHER = "0f9e8d7c6b5a49382716.qwertyuiop"  # nothing about it looks like a key
redactor = Redactor([Secret(KEY), OTHER])


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        OTHER,
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY),
        quote(KEY, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%26", "%26").replace("%3D", "%3d"),
        json.dumps(KEY),
        json.dumps(KEY).replace("/", "\\/"),
        repr(KEY.encode()),
        KEY.replace("&", "&amp;"),
        f"Bearer {KEY}",
        f"{{'authorization': 'Bearer {KEY}'}}",
        f"https://api.example/v1?key={quote(KEY, safe='')}&alt=sse",
        f"http://user:{KEY}@proxy.example:3128/",
        OTHER[:RUN],
        OTHER[:12] + "…",
        OTHER[:12] + "...",
        OTHER[:12] + "*" * 8 + OTHER[-4:],
    ],
)
def test_every_form_of_a_known_secret_is_masked(form: str) -> None:
    """Quoted, escaped, in a URL, in a header, cut: none of eight characters in a row are left."""
    said = redactor.text(f"it said ({form}) and more")
    assert said.startswith("it said (")
    assert said.endswith(") and more")
    for secret in (KEY, OTHER):
        assert not any(secret[i : i + RUN] in said for i in range(len(secret) - RUN + 1))


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "someone"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_inside_base64_is_masked(user: str, encode: object) -> None:
    """A secret within base64 (as in basic authentication) is masked at each of the three alignments."""
    assert callable(encode)
    encoded = encode(f"{user}:{KEY}:{user}".encode()).decode()
    said = redactor.text(f"sent {encoded}")
    middle = encoded[8:-8]
    assert not any(middle[i : i + 12] in said for i in range(len(middle) - 11))


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Incorrect API key provided: sk-abc…xyz. You can", "Incorrect API key provided: ****. You can"),
        ("Incorrect API key provided: sk-ab**********yz1.", "Incorrect API key provided: ****."),
        ("key AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY is", "key **** is"),
        ("(gsk_0123456789abcdef)", "(****)"),
        ("xai-AbCdEf0123 r8_0123456789 hf_aB3dEfGh", "**** **** ****"),
        ("sk-ant-api03-AbCd-Ef_0123", "****"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl sent", "token **** sent"),
        ("Authorization: Bearer x\r\nhost: y", "Authorization: ****\r\nhost: y"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ****"),
        ("sent Bearer abc123 to", "sent Bearer **** to"),
        ("{'x-api-key': 'a b', 'b': 1}", "{'x-api-key': '****', 'b': 1}"),
        ("[(b'api-key', b'x'), (b'a', b'b')]", "[(b'api-key', b'****'), (b'a', b'b')]"),
        ('{"api_key": "x", "max_tokens": 5}', '{"api_key": "****", "max_tokens": 5}'),
        ("x-goog-api-key: x", "x-goog-api-key: ****"),
        ("OPENAI_API_KEY=x aimon probe", "OPENAI_API_KEY=**** aimon probe"),
        ("password=x; client_secret=y", "password=****; client_secret=****"),
        ("https://a.example/v1?key=x&alt=sse#top", "https://a.example/v1?key=****&alt=sse#top"),
        ("https://a.example/robot/send?access_token=x", "https://a.example/robot/send?access_token=****"),
        ("http://user:p@ss@proxy.example:3128", "http://****@proxy.example:3128"),
        ("https://token@a.example/x", "https://****@a.example/x"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, redacted: str) -> None:
    """Text in the form of a key is masked although it is not known as a secret."""
    assert Redactor().text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "the task-force-management of 2026 and sk-learn, risk-free",
        "Bearer authentication is required, basic authentication will not do",
        "invalid x-api-key",
        "max_tokens=64 is fewer than the 100 tokens asked for",
        "monkey=1 turkey: 2",
        "The key to success: 3 tokens per second",
        "write to a@b.example or see https://a.example/x?y=z@w",
        "the model qwen-plus-2025-12-01 does not exist",
        "request_id: 8f14e45f-ceea-4672-9b1c-8d1e5a7f9c0b",
    ],
)
def test_prose_stays_as_it_is(text: str) -> None:
    """A message that has lost its words helps nobody."""
    assert redactor.text(text) == text


def test_a_short_secret_is_masked_only_where_it_is_named() -> None:
    """The key "x" of a local server must not turn every x into asterisks."""
    said = Redactor(["x", "EMPTY"]).text("Authorization: Bearer x; an extra EMPTY answer")
    assert said == "Authorization: ****; an extra EMPTY answer"


def test_the_head_of_a_url_is_not_taken_for_a_secret() -> None:
    """A webhook's URL is a secret; that it begins with https:// is not."""
    hook = "https://hooks.example/services/T0/B1/c2d3e4f5"
    assert Redactor([hook]).text(f"POST {hook} from https://a.example") == f"POST {MASK} from https://a.example"


def test_a_secret_that_begins_with_another_goes_as_a_whole() -> None:
    """The longest first, and nothing of the longer one remains."""
    assert Redactor(["abcdefgh", "abcdefgh12345678"]).text("<abcdefgh12345678>") == "<****>"
    assert Redactor(["abcdefgh-one", "abcdefgh-two"]).text("<abcdefgh-two>") == "<****>"


secrets = st.text(st.characters(codec="utf-8"), min_size=MIN_SECRET_CHARS, max_size=40).filter(
    lambda text: len(text.strip()) >= MIN_SECRET_CHARS
)
keys = st.text(string.ascii_letters + string.digits + "-_./+=*", min_size=MIN_SECRET_CHARS, max_size=60)


@given(st.lists(secrets | keys, min_size=1, max_size=3), st.data())
@example(["**ab**"], None)
def test_no_output_holds_a_secret_and_redacting_twice_changes_nothing(
    hidden: list[str], data: st.DataObject | None
) -> None:
    """This holds for any text made of secrets, parts of them, and other text."""
    pieces = [text for secret in hidden for text in (secret, secret[:3], secret[3:], MASK, f"key={secret}")]
    drawn = data.draw(st.lists(st.sampled_from(pieces) | st.text(max_size=10))) if data else ["**ab**ab**", "**"]
    redactor = Redactor(hidden)
    text = redactor.text("".join(drawn))
    for secret in hidden:
        assert secret.strip() not in text
    assert redactor.text(text) == text


@given(keys, st.text(string.ascii_letters + " :,", max_size=20), st.integers(RUN, 60))
def test_a_cut_secret_does_not_get_out(secret: str, before: str, length: int) -> None:
    """The first eight or more characters of a secret at the end of a cut text are masked."""
    signs = [char for char in secret[:RUN].lower() if char.isalnum()]
    assume(len(secret) > RUN and len(signs) >= LEAST and len(set(signs)) >= VARIETY)
    assert secret[:RUN] not in Redactor([secret]).text(before + secret[:length])


@given(keys, st.integers(1, 5))
def test_a_line_hides_what_terminal_escapes_had_split(secret: str, at: int) -> None:
    """Dropping an escape sequence joins the halves of a secret: it is looked for again."""
    line = Redactor([secret]).line(f"{secret[:at]}\x1b[31m{secret[at:]}")
    assert secret not in line


@given(st.text(), st.integers(1, 400))
def test_a_bounded_text_is_one_printable_line(text: str, limit: int) -> None:
    """A bounded text is one line within its limit, and bounding it again changes nothing."""
    line = bounded(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    assert bounded(line, limit) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\n\tb  c\x00", "a b c"),
        ("\x1b[1;31mred\x1b[0m \x1b]0;title\x07done", "red done"),
        ("\x1b]8;;http://a.example\x1b\\link", "link"),
        ("left \u202eright\u2028next", "left right next"),
        ("\ud800", ""),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 299 + "…"),
        ("模型不存在", "模型不存在"),
    ],
)
def test_control_characters_cannot_forge_a_line(text: str, line: str) -> None:
    """Line breaks, escapes, direction marks and lone surrogates are removed."""
    assert bounded(text) == line


def test_a_line_is_redacted_before_it_is_cut() -> None:
    """The cut falls into the key: no part of it is left."""
    assert redactor.line("x" * 290 + " " + KEY) == "x" * 290 + " " + MASK


def test_a_log_filter_redacts_message_arguments_and_traceback() -> None:
    """All that a handler would write."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(redactor)
    logger = logging.getLogger("aimon.test_redact")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        try:
            int(f"bad key {KEY}")
        except ValueError:
            logger.exception("failed with %s", KEY, stack_info=True)
        logger.warning("two %s places for %s", KEY)  # noqa: PLE1206 - logging would print the bare arguments
        logger.warning("plain %d", 5)
    finally:
        logger.removeHandler(handler)
    written = stream.getvalue()
    assert KEY not in written
    assert "failed with ****\nTraceback" in written
    assert "base 10: 'bad key ****'\nStack" in written
    assert "two %s places for %s ('****',)" in written
    assert "plain 5\n" in written


def test_a_redactor_does_not_show_its_secrets() -> None:
    """Neither repr nor a traceback with locals shows a secret of a Redactor."""
    assert repr(redactor) == "Redactor()"


@pytest.mark.parametrize("unit", ["a-", "sk-", "x@", "Bearer ", "http://", '"', "api_key:", "eyJ", "key="])
def test_hostile_text_is_redacted_to_its_end(unit: str) -> None:
    """A key is found behind text that makes patterns backtrack, as long as an error body may be."""
    text = redactor.text(unit * (60_000 // len(unit)) + f" {OTHER}")
    assert OTHER not in text
    assert redactor.text(text) == text
