"""Finds known secrets in text, whole or in part, in any usual encoding.

A text is searched in views: unchanged, and with its escapes (percent, JSON, HTML, terminal, full-width) decoded, level
by level. In each view every run of RUN characters is looked up in sets of the runs of the secrets: unchanged, without
case, without anything between letters and digits (line breaks, spaces, zero-width characters), reversed, in hex, and
in base64 at each of its three alignments. So the time depends only on the length of the text.

Not every run of a secret identifies it: all keys of a vendor share a prefix (`sk-proj-`), and `00000000` occurs in
unrelated texts. A run counts if it has LEAST letters or digits, VARIETY different ones, and SIGNS of them beyond such a
prefix.
"""

from __future__ import annotations

import base64
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RUN = 8
"""This many consecutive characters of a secret count as a part of it; fewer may be a coincidence."""
LEAST, SIGNS, VARIETY = 6, 4, 4
_LEVELS = 5
_SAMPLE = 4  # characters that the pre-filter looks up at a time

PREFIXES = (
    *("sk-", "rk-", "csk-", "AIza", "gsk_", "xai-", "r8_"),
    *("hf_", "fw_", "nvapi-", "pplx-", "tgp_v1_", "ghp_"),
)
"""Prefixes of vendors' keys."""
_PUBLIC = re.compile(
    rf"(?i)(?:(?:bearer|basic|digest|token|apikey)\s+)?(?:(?:{'|'.join(PREFIXES)}|github_pat_)"
    r"(?:proj-|svcacct-|admin-|live[-_]|test[-_]|or-v\d-|ant-[a-z]{2,6}\d\d-|Sy)?)?"
)
_ESCAPE = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?:\\u|%u)\{?(?P<unicode>[0-9A-Fa-f]{4,6})\}?|\\U(?P<long>[0-9A-Fa-f]{8})"
    r"|\\x(?P<hex>[0-9A-Fa-f]{2})|\b0x(?P<byte>[0-9A-Fa-f]{2})\b|\\(?P<octal>[0-3][0-7]{2})|\\(?P<plain>[^\w\s])"
    r"|&(?P<entity>\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,12});?"
    r"|(?P<terminal>\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,256}(?:\x07|\x1b\\))"
    r"|(?P<wide>[\uff01-\uff5e])"
)
_HAS_ESCAPES = re.compile(r"[%\\&\x1b\uff01-\uff5e]|0x")
_NOT_ALNUM = re.compile(r"[\W_]+")
_INVISIBLE = re.compile(r"[\x00-\x20\x7f]|[^\x00-\x7f\w]")
_DROP_SIGNS = {code: None for code in range(128) if not chr(code).isalnum()}
_MASKED, _MASK = frozenset("*.…•"), re.compile(r"[*…•]|\.\.")
_REST = re.compile(r"[\w*.…•%-]*")


class _View(NamedTuple):
    """A text with some escapes decoded; character i is `text[starts[i]:ends[i]]` of the original."""

    text: str
    starts: list[int] | range
    ends: list[int] | range


class Secrets:
    """Known secrets. Create it by `known`, which caches the costly preparation."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._parts = [part for secret in secrets for part in _parts(secret)]
        self._tails: set[str] = set()

    @cached_property
    def _samples(self) -> frozenset[str]:
        """All groups of four consecutive letters and digits that occur in runs of the secrets."""
        written = (each for part in self._parts for each in _written(part))
        return frozenset(each[i : i + _SAMPLE] for each in written for i in range(len(each) - _SAMPLE + 1))

    @cached_property
    def _runs(self) -> dict[tuple[str, int], set[str]]:
        """The runs of the secrets, by skeleton and length; computed when a text first passes the pre-filter."""
        runs: dict[tuple[str, int], set[str]] = {}
        for part in self._parts:
            self._learn(part, runs)
        return runs

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The spans of parts of secrets, in order, without overlaps; each includes the rest of its word."""
        if not self._parts:
            return []
        found = sorted(span for view in _views(text) if self._suspects(view.text) for span in self._search(view))
        if not found:
            return []
        spans: list[tuple[int, int]] = []
        start, stop, is_tail, covered = *found[0], 0
        for first, last, tail in [*found[1:], (len(text) + 1, 0, True)]:
            if first > stop:
                if stop > covered:
                    spans.append(_with_its_word(text, max(start, covered), stop, open_ended=not is_tail))
                    covered = spans[-1][1]
                start, stop, is_tail = first, last, tail
            elif last > stop:
                stop, is_tail = last, tail
        return spans

    def _learn(self, secret: str, runs: dict[tuple[str, int], set[str]]) -> None:
        """Adds the runs of one secret, by skeleton and length."""

        def add(skeleton: str, run: str, *, tail: bool = False) -> None:
            runs.setdefault((skeleton, len(run)), set()).add(run)
            if tail:
                self._tails.add(run)

        public = len(_PUBLIC.match(secret)[0])  # type: ignore[index]  # it matches the empty text, too
        strict = [(char, i) for i, char in enumerate(secret) if _INVISIBLE.sub("", char)]
        loose = [(char, i) for char, i in strict if char.isalnum()]
        for skeleton, signs in (("strict", strict), ("loose", loose)):
            for first in range(max(1, len(signs) - RUN + 1)):
                window = signs[first : first + RUN]
                run = "".join(char for char, _ in window).lower()
                if not _is_telling(window, public) or (skeleton == "loose" and len(window) < RUN):
                    continue
                last = first + len(window) == len(signs)
                add(skeleton, run, tail=last)
                add(skeleton, run[::-1], tail=first == 0)
                if len(bare := _loose(run)) == RUN - 1:
                    # One character is punctuation; with fewer letters and digits it might be a word.
                    add("loose", bare, tail=last)
                    add("loose", bare[::-1], tail=first == 0)
                if skeleton == "strict" and len(window) == RUN:
                    raw = secret[window[0][1] : window[-1][1] + 1].encode("utf-8", "surrogatepass")
                    add("loose", raw.hex(), tail=last)
                    for encoded in _base64_cores(raw):
                        add("base64", encoded)

    def _suspects(self, text: str) -> bool:
        """A pre-filter: true for every text with a run of a secret, and for few others."""
        loose, samples = _loose(text.lower()), self._samples
        # A run of LEAST characters contains a sample at one of this many neighbouring positions, wherever it begins.
        return not samples.isdisjoint([loose[i : i + _SAMPLE] for i in range(0, len(loose), LEAST - _SAMPLE + 1)])

    def _search(self, view: _View) -> Iterator[tuple[int, int, bool]]:
        skeletons: dict[str, tuple[str, list[int]]] = {}
        for (skeleton, length), runs in self._runs.items():
            if skeleton not in skeletons:
                skeletons[skeleton] = _SKELETONS[skeleton](view.text)
            signs, places = skeletons[skeleton]
            for i in [i for i in range(len(signs) - length + 1) if signs[i : i + length] in runs]:
                tail = signs[i : i + length] in self._tails
                yield view.starts[places[i]], view.ends[places[i + length - 1]], tail


@lru_cache(maxsize=64)
def known(secrets: tuple[str, ...]) -> Secrets:
    """These secrets, prepared for searching."""
    return Secrets(secrets)


def _parts(secret: str) -> Iterator[str]:
    """The secret parts of a secret: of a URL, the password, the query's values, and long segments of its path."""
    if "://" not in secret:
        yield secret
        return
    try:
        parts = urlsplit(secret)
    except ValueError:
        return
    yield from (each for each in (parts.password, parts.username) if each and len(each) >= RUN)
    values = [value.partition("=")[2] for value in parts.query.split("&")]
    words = [word for word in parts.path.split("/") if any(map(str.isdigit, word))]
    yield from (each for each in (*values, *words) if len(each) >= 2 * RUN)


def _written(secret: str) -> Iterator[str]:
    """A secret in all encodings in which its runs are searched, as letters and digits without case."""
    plain, raw = _loose(secret.lower()), secret.encode("utf-8", "surrogatepass")
    yield from (plain, plain[::-1], raw.hex())
    yield from (_loose(each.lower()) for each in _base64_cores(raw))


def _is_telling(window: list[tuple[str, int]], public: int) -> bool:
    signs = [char.lower() for char, _ in window if char.isalnum()]
    beyond = sum(char.isalnum() and i >= public for char, i in window)
    return len(signs) >= LEAST and len(set(signs)) >= VARIETY and beyond >= SIGNS


def _base64_cores(raw: bytes) -> Iterator[str]:
    """The base64 of these bytes at each alignment, without the characters that depend on neighbouring bytes."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw).decode()
        yield encoded[(0, 2, 3)[offset] : (offset + len(raw)) * 8 // 6]


def _loose(text: str) -> str:
    return text.translate(_DROP_SIGNS) if text.isascii() else _NOT_ALNUM.sub("", text)


def _strict(text: str) -> tuple[str, list[int]]:
    """The visible characters without case, and the position of each."""
    signs = [(each, i) for i, char in enumerate(text) if not _INVISIBLE.match(char) for each in char.lower()]
    return "".join([each for each, _ in signs]), [i for _, i in signs]


def _alnum(text: str) -> tuple[str, list[int]]:
    """Letters and digits without case, and the position of each."""
    signs = [(each, i) for i, char in enumerate(text) if char.isalnum() for each in char.lower() if each.isalnum()]
    return "".join([each for each, _ in signs]), [i for _, i in signs]


def _base64_signs(text: str) -> tuple[str, list[int]]:
    """The visible characters with case, and the position of each; both base64 alphabets are mapped to one."""
    places = [i for i, char in enumerate(text) if not _INVISIBLE.match(char)]
    return "".join([text[i] for i in places]).replace("-", "+").replace("_", "/"), places


_SKELETONS = {"strict": _strict, "loose": _alnum, "base64": _base64_signs}


def _with_its_word(text: str, start: int, end: int, *, open_ended: bool) -> tuple[int, int]:
    """A span, extended by the rest of the secret around it: its last characters, or its first ones before a mask."""
    if open_ended and (rest := _REST.match(text, end)):
        end = rest.end()
    # If an echo masks the middle of a key, the first characters are before the mask.
    front = _back(text, start, lambda char: char in _MASKED)
    if _MASK.search(text, front, end):
        start = _back(text, front, lambda char: char.isalnum() or char in "_-")
    return start, end


def _back(text: str, end: int, belongs: Callable[[str], bool]) -> int:
    """The beginning of the word that ends at `end`, at most 40 characters before it."""
    start = end
    while start > max(0, end - 40) and belongs(text[start - 1]):
        start -= 1
    return start


def _views(text: str) -> Iterator[_View]:
    """The text, and the text with its escapes decoded, up to _LEVELS times."""
    view = _View(text, range(len(text)), range(1, len(text) + 1))
    yield view
    for _ in range(_LEVELS):
        if not _HAS_ESCAPES.search(view.text):
            return
        undone = _undone(view)
        if undone.text == view.text:
            return
        view = undone
        yield view


def _undone(view: _View) -> _View:
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    text, done = view.text, 0

    def copy(until: int) -> None:
        chars.append(text[done:until])
        starts.extend(view.starts[done:until])
        ends.extend(view.ends[done:until])

    for match in _ESCAPE.finditer(text):
        copy(match.start())
        done = match.end()
        for char, first, last in _meaning(match):
            chars.append(char)
            starts.append(view.starts[match.start() + first])
            ends.append(view.ends[match.start() + last - 1])
    copy(len(text))
    return _View("".join(chars), starts, ends)


def _meaning(match: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    """The characters that an escape encodes, each with its position in the escape."""
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    whole = len(match[0])
    if kind == "percent":
        # A character of several bytes has the position of its last byte.
        raw, at = unquote_to_bytes(value), 0
        for char in raw.decode("utf-8", "replace"):
            size = len(char.encode()) if char != "\ufffd" else 1
            yield char, 3 * at, min(3 * (at + size), whole)
            at = min(at + size, len(raw) - 1)
    elif kind in ("unicode", "long", "hex", "byte", "octal"):
        code = int(value, 8 if kind == "octal" else 16)
        if code <= 0x10FFFF:
            yield chr(code), 0, whole
    elif kind == "entity":
        from html import unescape  # noqa: PLC0415 - a table of two thousand names, for the few texts that have one

        for char in unescape(match[0] if match[0].endswith(";") else f"{match[0]};"):
            yield char, 0, whole
    elif kind == "plain":
        yield value, 0, whole
    elif kind == "wide":
        yield chr(ord(value) - 0xFEE0), 0, 1
