"""What one process has looked up in the price list, another finds without importing it; and nothing wrong is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from genai_prices import data_snapshot

from aimon.pricing import LISTED_PROVIDERS, Price, PriceBook
from aimon.pricing.list_cache import ListCache

if TYPE_CHECKING:
    from pathlib import Path

ASK = """
import sys
from aimon.pricing import PriceBook
book = PriceBook()
for name in sys.argv[1:]:
    provider, _, model = name.partition("/")
    price = book.price(provider, model, at=1790000000.0)
    print(price and (price.input, price.output, price.cached_input, price.reasoning, price.per_request, price.source))
print("genai_prices" in sys.modules)
"""
# Plain, without an entry, with tiers, and by the time of day.
PLAIN, UNKNOWN, TIERED, BY_TIME = "openai/gpt-4o", "openai/none-such", "gemini/gemini-2.5-pro", "deepseek/deepseek-chat"


def ask(folder: Path, *names: str, **environ: str) -> list[str]:
    """What another process says: a line for each price, and whether it imported the list."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, *names],
        env={**os.environ, "XDG_CACHE_HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_next_process_does_without_the_list(tmp_path: Path) -> None:
    """It has the same price, with the same source; also of a model that is not on the list."""
    *first, imported = ask(tmp_path, PLAIN, UNKNOWN)
    assert imported == "True"
    assert first[0].startswith("(")
    assert first[1] == "None"
    assert ask(tmp_path, PLAIN, UNKNOWN) == [*first, "False"]


@pytest.mark.parametrize("name", [TIERED, BY_TIME])
def test_prices_that_depend_on_more_are_looked_up_anew(tmp_path: Path, name: str) -> None:
    """Tiers need the list to calculate, and a tariff by the time of day is another one in an hour."""
    assert ask(tmp_path, name) == ask(tmp_path, name)
    assert ask(tmp_path, name)[-1] == "True"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"edition": "another", "prices": {"openai/gpt-4o": null}}', b"\xff" * 99]
)
def test_a_file_that_is_of_no_use_is_replaced(tmp_path: Path, content: bytes) -> None:
    """Damaged, or of another release of the list: the price is looked up, and the file is good afterwards."""
    file = tmp_path / "aimon" / "genai_prices.json"
    file.parent.mkdir()
    file.write_bytes(content)
    assert ask(tmp_path, PLAIN)[-1] == "True"
    assert "openai/gpt-4o" in json.loads(file.read_bytes())["prices"]
    assert ask(tmp_path, PLAIN)[-1] == "False"


def test_where_nothing_can_be_written_the_price_is_the_same(tmp_path: Path) -> None:
    """A folder that is a file; no word about it, since only time is lost."""
    (tmp_path / "aimon").write_text("in the way")
    assert ask(tmp_path, PLAIN)[0].startswith("(")


@pytest.mark.parametrize("relative", ["", "cache"])
def test_a_relative_folder_is_ignored(tmp_path: Path, relative: str) -> None:
    """The file is in the home folder, wherever the process was started."""
    ask(tmp_path, PLAIN, XDG_CACHE_HOME=relative, HOME=str(tmp_path))
    assert (tmp_path / ".cache" / "aimon" / "genai_prices.json").exists()


def test_a_list_that_is_not_installed_has_no_file() -> None:
    """Nothing is known, and nothing is kept."""
    cache = ListCache("no_such_package_anywhere")
    cache.put("openai", "m", Price(input=1.0))
    assert cache.get("openai", "m") is None


def test_all_that_is_kept_is_what_the_list_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every listed model, from a cache and without one."""
    from aimon.pricing import listed

    by_id = {provider.id: provider for provider in data_snapshot.get_snapshot().providers}
    names = [(ours, model.id) for ours, theirs in LISTED_PROVIDERS.items() for model in by_id[theirs].models][:400]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = ListCache("genai_prices")
    monkeypatch.setattr(listed, "_cache", cache)
    fresh = [PriceBook().price(*name, at=1790000000.0) for name in names]
    again = [PriceBook().price(*name, at=1790000000.0) for name in names]
    kept = [name for name in names if cache.get(LISTED_PROVIDERS[name[0]], name[1]) is not None]
    assert len(kept) > 0.7 * len(names)
    for before, after in zip(fresh, again, strict=True):
        assert (before is None) == (after is None)
        if before is not None and after is not None and before.calculate is None:
            assert before == after
