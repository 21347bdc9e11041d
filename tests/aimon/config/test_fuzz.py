"""Whatever is written, the answer is a Config or a ConfigError, and the messages are fit for a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimon import dialects, providers
from aimon.call import checks
from aimon.config import ConfigError, loader, resolve, show
from aimon.config.model import config as model
from aimon.config.model.sections import Section

GOOD = [file.read_text(encoding="utf-8") for file in sorted((Path(__file__).parent / "good").glob("*.yaml"))]

_SECTIONS = [each for each in vars(model).values() if isinstance(each, type) and issubclass(each, Section)]
_KEYS = sorted({key for section in _SECTIONS if section.__module__ == model.__name__ for key in section.KEYS})
_WORDS = st.sampled_from(
    [
        *("echo", "a", "a.b", "60s", "5m", "5/day", "none", "99.5%", "CNY", "USD", "EUR", "off", "any", "user", "20/s"),
        *("${KEY}", "${KEY:-x}", "${", "$${", "{nonce}", "http://127.0.0.1:1/v1", "http://[", "p99<10s", "poisson"),
        *providers.PRESETS,
        *dialects.NAMES,
    ]
)
_SCALARS = st.one_of(_WORDS, st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none())
_NAMES = st.one_of(st.sampled_from([*_KEYS, *checks.KINDS]), st.text(max_size=6))
_VALUES = st.recursive(
    _SCALARS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(_NAMES, parts, max_size=5),
    max_leaves=25,
)
_ENDPOINTS = st.fixed_dictionaries(
    {"name": _SCALARS},
    optional={key: _VALUES for key in model.EndpointSection.KEYS if key != "name"},
)
_DOCUMENTS = st.fixed_dictionaries(
    {"endpoints": st.lists(_ENDPOINTS, max_size=3)},
    optional={key: _VALUES for key in model.Config.KEYS if key != "endpoints"},
)


def read(text: str) -> None:
    """Loads, resolves and shows; only ConfigError is let pass, and its lines are looked at."""
    try:
        config = loader.parse(text)
        shown = show(config, {})
        resolve(config, environ={"KEY": "k"})
    except ConfigError as error:
        for line, problem in zip(str(error).split("\n"), error.problems, strict=True):
            assert line == str(problem)
            assert line.isprintable()
            assert problem.message
            assert len(line) < 2000
    else:
        resolve(loader.parse(shown), environ={"KEY": "k"})


@given(_DOCUMENTS)
@settings(max_examples=150)
def test_documents_of_known_keys(data: dict[str, Any]) -> None:
    """Known keys with any values."""
    read(yaml.safe_dump(data, allow_unicode=True))


@given(st.dictionaries(_NAMES, _VALUES))
def test_any_document(data: dict[str, Any]) -> None:
    """Any keys with any values."""
    read(yaml.safe_dump(data))


@given(st.text(alphabet=st.one_of(st.sampled_from("-:#&*!|>'\"%@`{}[],? \n\t<~${}"), st.characters())))
def test_any_text(text: str) -> None:
    """Text that is hardly ever YAML."""
    read(text)


@given(st.sampled_from(GOOD), st.integers(0, 3000), st.integers(0, 12), st.one_of(_WORDS, st.text(max_size=4)))
@settings(max_examples=150)
def test_damaged_files(text: str, start: int, length: int, instead: str) -> None:
    """Good files with a piece cut out or replaced."""
    start %= len(text)
    read(text[:start] + instead + text[start + length :])


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    """Files that are no text, or not quite."""
    file = tmp_path / "aimon.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        loader.load(file)
