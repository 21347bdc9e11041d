"""Known secrets in disguise, whole or in part, against a slow reference that shares nothing with the code."""

from __future__ import annotations

import base64
import html
import itertools
import json
import random
import re
import string
import time
from urllib.parse import quote, unquote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from aimon.security.redact import MASK, Redactor

RUN = 8
KEY = "sk-proj-Qx7_aTz2LmVb90-Kd4wYh8RnE5cPq1sGu3J"
PLAIN = "c0a81f7e5b29d46388fe7a1d93b5c2e0"


def every(pattern: str) -> object:
    """A disguise that writes each character by itself."""
    return lambda text: "".join(pattern.format(ord(char), char) for char in text)


def percent(text: str) -> str:
    """All of it percent-encoded."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


DISGUISES = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "lower case": str.lower,
    "other case": str.swapcase,
    "percent": percent,
    "percent, lower case": lambda text: percent(text).lower(),
    "percent, twice": lambda text: quote(percent(text), safe=""),
    "percent, four times": lambda text: quote(quote(quote(percent(text), safe=""), safe=""), safe=""),
    "percent, every other": lambda text: "".join(percent(c) if i % 2 else c for i, c in enumerate(text)),
    "percent of half, twice of the rest": lambda text: (
        percent(text[: len(text) // 2]) + quote(percent(text[len(text) // 2 :]), safe="")
    ),
    "JSON": every("\\u{0:04x}"),
    "JSON, upper case": every("\\u{0:04X}"),
    "JSON in JSON": lambda text: json.dumps(json.dumps("".join(f"\\u{ord(c):04x}" for c in text))),
    "JavaScript": every("\\x{0:02x}"),
    "octal": every("\\{0:03o}"),
    "percent of JSON": lambda text: quote("".join(f"\\u{ord(c):04x}" for c in text), safe=""),
    "HTML": every("&#{0};"),
    "HTML, hex": every("&#x{0:x};"),
    "HTML in percent": lambda text: quote("".join(f"&#{ord(c)};" for c in text), safe=""),
    "hex": lambda text: text.encode().hex(),
    "hex, upper case": lambda text: text.encode().hex().upper(),
    "hex, spaced": lambda text: text.encode().hex(" "),
    "hex, with colons": lambda text: text.encode().hex(":"),
    "bytes": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, shifted by one": lambda text: base64.b64encode(b"?" + text.encode()).decode(),
    "base64, shifted by two": lambda text: base64.b64encode(b"u:" + text.encode()).decode(),
    "base64 of URLs": lambda text: base64.urlsafe_b64encode(b"\xff\xfe\xfd" + text.encode()).decode(),
    "base64 in lines": lambda text: "\r\n".join(re.findall(".{1,5}", base64.b64encode(text.encode()).decode())),
    "base64 in percent": lambda text: percent(base64.b64encode(text.encode()).decode()),
    "backwards": lambda text: text[::-1],
    "backwards in percent": lambda text: percent(text[::-1]),
    "spaced": " ".join,
    "spaced out": "  -  ".join,
    "with dots": ".".join,
    "with dashes": "-".join,
    "with line breaks": "\n".join,
    "zero-width spaces": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "byte order marks": "\ufeff".join,
    "direction marks": "\u202e".join,
    "struck through": "\u0336".join,
    "with tags": "\U000e0041".join,
    "coloured": "\x1b[31m".join,
    "full width": lambda text: "".join(chr(ord(char) + 0xFEE0) for char in text),
    "a line break inside": lambda text: text[:4] + "\r\n" + text[4:],
    "a zero-width space inside": lambda text: text[:5] + "\u200b" + text[5:],
    "backwards and spaced, upper case": lambda text: " ".join(text[::-1]).upper(),
}


def readings(text: str, depth: int = 5) -> set[str]:
    """All that somebody could make of a text who undoes one escape after the other, in any order."""
    found, fresh = {text}, {text}
    for _ in range(depth):
        fresh = {made for each in fresh for made in undone(each)} - found
        found |= fresh
    return found


def undone(text: str) -> set[str]:
    """The text with one kind of escape undone."""
    ways = {
        unquote(text),
        html.unescape(text),
        re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), text),
        re.sub(r"(?:\\x|\b0x)([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), text),
        re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), text),
        re.sub(r"\\([\\\"/])", r"\1", text),
        re.sub(r"\x1b\[[0-9;]*m", "", text),
        re.sub("[\uff01-\uff5e]", lambda match: chr(ord(match[0]) - 0xFEE0), text),
    }
    for pairs in re.findall(r"(?:[0-9A-Fa-f]{2}[ :]?){8,}", text):
        digits = re.sub("[ :]", "", pairs)
        ways |= {bytes.fromhex(digits[k : len(digits) - (len(digits) - k) % 2]).decode("latin-1") for k in (0, 1)}
    solid = re.sub(r"\s", "", text).replace("-", "+").replace("_", "/")
    for word in re.findall(r"[A-Za-z0-9+/]{10,}", solid):
        for skip in range(4):
            whole = word[skip : skip + (len(word) - skip) // 4 * 4]
            rest = word[skip + len(whole) :]
            tail = rest + "A" * (4 - len(rest)) if len(rest) > 1 else ""
            ways.add(base64.b64decode(whole + tail).decode("latin-1"))
    return ways


def telling(run: str) -> bool:
    """Whether a run is long and various enough, by the words of `aimon.security.secret_matcher`."""
    signs = re.sub(r"[\W_]", "", run.lower())
    return len(signs) >= 6 and len(set(signs)) >= 4


def exposed(secret: str, text: str) -> bool:
    """Whether eight characters of the secret in a row can be read in the text, forwards or backwards."""
    runs = [secret[i : i + RUN] for i in range(len(secret) - RUN + 1)]
    # What all keys of a vendor begin with is not the secret.
    runs = [run for i, run in enumerate(runs) if telling(run) and (not secret.startswith("sk-proj-") or i >= 5)]
    for reading in readings(text):
        bare = re.sub(r"[\W_]", "", reading.lower())
        seen = re.sub(r"[\x00-\x20\x7f]|[^\x00-\x7f\w]", "", reading.lower())
        for run in runs:
            low, signs = run.lower(), re.sub(r"[\W_]", "", run.lower())
            if low in seen or low[::-1] in seen or (len(signs) >= 7 and (signs in bare or signs[::-1] in bare)):
                return True
    return False


@pytest.mark.parametrize("secret", [KEY, PLAIN])
@pytest.mark.parametrize("name", DISGUISES)
def test_no_part_gets_out_in_any_disguise(name: str, secret: str) -> None:
    """The key is gone, all of it or the part that was there, and the words around it are still there."""
    for shown in (secret, secret[4:], secret[:-4], secret[15:23]):
        disguised = DISGUISES[name](shown)  # type: ignore[operator]
        assert exposed(secret, disguised), "the disguise can't be read"
        said = Redactor([secret]).text(f"it says: {disguised} too")
        assert said.startswith("it says: ")
        assert said.endswith(" too")
        assert MASK in said
        assert not exposed(secret, said), said


keys = st.text(string.ascii_letters + string.digits + "-_", min_size=12, max_size=48).filter(telling)
WORDS = ("the", "model", "answered", "with", "an", "error", "4", "of", "12", "tokens", "was", "not", "found:", "key")
words = st.lists(st.sampled_from(WORDS), max_size=6)


@settings(max_examples=60)
@given(keys, st.sampled_from(sorted(DISGUISES)), words, words, st.data())
def test_against_the_reference(key: str, name: str, before: list[str], after: list[str], data: st.DataObject) -> None:
    """Any run of any key in any disguise, among words: nothing that the reference could read is left."""
    start = data.draw(st.integers(0, len(key) - RUN))
    run = key[start : start + data.draw(st.integers(RUN, len(key)))]
    text = f"{' '.join(before)} ({DISGUISES[name](run)}) {' '.join(after)}"  # type: ignore[operator]
    said = Redactor([key]).text(text)
    assert not exposed(key, said)
    assert Redactor([key]).text(said) == said


@given(keys, words)
@example("aaaaaaaaaaaaaaaa-01", ["aaaaaaaa", "00000000"])
def test_innocent_words_stay(key: str, said: list[str]) -> None:
    """Text without any part of a key is unchanged."""
    text = " ".join(said)
    assume(not exposed(key, text) and key not in text)
    assert Redactor([key]).text(text) == text


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("sk-proj-Qx7aTz2LmVb90", "keys of a project begin with sk-proj-, others with sk-ant-api"),
        ("sk-ant-api03-Qx7aTz2LmVb90", "our keys begin with sk-ant-api"),
        ("Bearer Qx7aTz2LmVb90Kd4w", "the scheme is Bearer, as ever: Bearer authentication"),
        ("aaaaaaaaaaaaaaaaaaaa", "aaaaaaaa is no word, and 'aaaa aaaa' is none either"),
        ("00000000-0000-0000-0000-00000000beef", "id 00000000-0000-0000-0000-000000000000"),
        ("https://proxy.example:3128/", "https://proxy.example answers"),
        ("https://open.example/open-apis/bot/v2/hook/c0a81f7e5b29d46388fe", "https://open.example/open-apis/bot/v2"),
        ("http://someone:Qx7aTz2LmVb90@proxy.example:3128", "proxy.example:3128 refused the connection"),
    ],
)
def test_what_keys_have_in_common_is_innocent(secret: str, text: str) -> None:
    """Vendors' prefixes, schemes, runs of one character, and the public parts of a URL."""
    assert Redactor([secret]).text(text) == text


def test_the_secret_parts_of_a_url() -> None:
    """A password, a token in the query, a long word of the path: also by themselves, in part."""
    hook = "https://someone:Qx7aTz2LmVb90@open.example/hook/c0a81f7e5b29d46388fe?key=693a91f6Zzq7xbc4deCGhdvbv"
    redactor = Redactor([hook])
    for part in ("Qx7aTz2LmVb90", "c0a81f7e5b29", "xbc4deCGhdvbv"):
        assert redactor.text(f"it said {part.upper()} twice") == f"it said {MASK} twice"


def test_the_rest_of_a_word_goes_with_it() -> None:
    """The rest of a key that an echo has half masked is masked, too."""
    redactor = Redactor([PLAIN])
    assert redactor.text(f"({PLAIN[:9]}{'*' * 8}{PLAIN[-4:]})") == f"({MASK})"
    assert redactor.text(f"({PLAIN[:5]}…{PLAIN[-9:]})") == f"({MASK})"


HOSTILE = {
    "prose": "The quick brown fox jumps over the lazy dog, 42 times a day. ",
    "nothing but escapes": "%2525252541",
    "entities": "&#115;",
    "hex of the key": KEY.encode().hex(),
    "base64 of the key": base64.b64encode(KEY.encode()).decode(),
    "the key, spaced": " ".join(KEY),
    "almost a run": KEY[10:17] + "!!",
    "one long word": KEY[9:],
    "masks": KEY[10:18] + "****",
    "ends of escapes": "\\u00\\x0%&#",
    "terminal": "\x1b]0;",
    "a character of four bytes": "%F0%9F%98",
    "Chinese": "模型不存在",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_64_kib_take_no_time(unit: str) -> None:
    """The time grows with the length alone; a quadratic search takes a minute."""
    text = (unit * (65536 // len(unit) + 1))[:65536]
    redactor = Redactor([KEY, PLAIN])
    before = time.process_time()
    assert not any(run in redactor.text(text) for run in (KEY[10:], PLAIN))
    assert time.process_time() - before < 6


def test_nesting_does_not_multiply_the_time() -> None:
    """A text in which every replacement uncovers the next run: hidden as a whole."""
    run, text = PLAIN[:8], ""
    for _ in range(4000):
        text = run[:4] + text + run[4:]
    before = time.process_time()
    assert not exposed(PLAIN, Redactor([PLAIN]).text(text)[:1000])
    assert time.process_time() - before < 6


def test_many_secrets_cost_no_more() -> None:
    """A long text without secrets is searched for a thousand keys within seconds."""
    source = random.Random(1)
    redactor = Redactor([source.randbytes(24).hex() for _ in range(1000)])
    text = HOSTILE["prose"] * 1000
    before = time.process_time()
    assert redactor.text(text) == text
    assert time.process_time() - before < 6


def test_every_run_of_a_key_counts() -> None:
    """Each part of a key that has at least RUN characters is hidden, also without the rest."""
    redactor = Redactor([KEY])
    for start, size in itertools.product(range(5, len(KEY) - RUN + 1), (RUN, RUN + 3)):
        assert KEY[start : start + size] not in redactor.text(f"<{KEY[start : start + size]}>")
