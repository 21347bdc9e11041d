"""The token rule, which every count in usage and truth rests on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aimon.simulator.model.text import count_tokens, filler, reply, thoughts, tokenize


@given(st.text())
def test_tokens_join_to_the_text(text: str) -> None:
    """No character is lost but trailing white space, and the count is the number of tokens."""
    tokens = tokenize(text)
    assert "".join(tokens) == text.rstrip()
    assert count_tokens(text) == len(tokens)


def test_rule_as_documented() -> None:
    """A token is up to four non-space characters with the white space before them."""
    assert tokenize("hello big  world") == ["hell", "o", " big", "  worl", "d"]


@given(st.integers(0, 300))
def test_filler_has_the_length_asked_for(tokens: int) -> None:
    """One word of the filler is one token, also when it is counted again as a text."""
    assert count_tokens("".join(filler(tokens))) == len(filler(tokens)) == tokens
    assert count_tokens("".join(thoughts(tokens))) == tokens


def test_echo() -> None:
    """A canary prompt is answered with exactly its text, whatever length was configured."""
    assert "".join(reply("Please reply with exactly: a1b2-c3 d4", 99)) == "a1b2-c3 d4"
    assert "".join(reply("Reply with exactly: two\nlines \n", 99)) == "two\nlines"
    assert reply("Say something", 3) == filler(3)
