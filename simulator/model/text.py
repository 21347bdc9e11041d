"""The text of a simulated model, and how its tokens are counted.

A token is up to four non-space characters with the white space before them: words are split over events as in
reality, and a test can count tokens itself: `sum(-(-len(word) // 4) for word in text.split())`.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*\S{1,4}")
_ECHO = re.compile(r"reply with exactly:\s*(.*\S)", re.IGNORECASE | re.DOTALL)

# One token each. Some characters take two or three bytes, so that streams can be cut inside one.
_WORDS = ("the", "rain", "in", "日本", "fell", "soft", "on", "the", "café", "roof", "all", "day", "long")
_THOUGHTS = ("so", "the", "user", "asks", "for", "this", "and", "I", "must", "make", "it", "good")

REFUSAL = "I'm sorry, but I can't help with that."


def count_tokens(text: str) -> int:
    """Tokens in a text, by the rule above."""
    return sum(-(-len(word) // 4) for word in text.split())


def tokenize(text: str) -> list[str]:
    """The tokens of a text; joined, they are the text without trailing white space."""
    return _TOKEN.findall(text)


def reply(prompt: str, tokens: int) -> list[str]:
    """The tokens of the answer: X for "Reply with exactly: X", otherwise filler of the given length."""
    echo = _ECHO.search(prompt)
    return tokenize(echo[1]) if echo else filler(tokens)


def continuation(text: str) -> str:
    """What `reply` is asked for so that it continues a text: the rest of an earlier line that begins like the last one.

    Models without instructions continue patterns; without one the answer is filler.
    """
    *lines, last = text.split("\n")
    rest = next((line[len(last) :] for line in lines if last and line.startswith(last)), "")
    return f"Reply with exactly: {rest}" if rest.strip() else text


def filler(tokens: int) -> list[str]:
    """Text of that many tokens, always the same."""
    return _cycle(_WORDS, tokens)


def thoughts(tokens: int) -> list[str]:
    """Reasoning of that many tokens, always the same."""
    return _cycle(_THOUGHTS, tokens)


def _cycle(words: tuple[str, ...], tokens: int) -> list[str]:
    return [words[i % len(words)] if i == 0 else " " + words[i % len(words)] for i in range(tokens)]
