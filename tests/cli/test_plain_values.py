"""Options are read without pydantic, and come out as typer reads them: the same values, the same messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperCommand

from aimon.cli.plain_values import PlainCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT: list[dict[str, Any]] = []


def command(
    names: Annotated[list[str] | None, typer.Argument()] = None,
    text: Annotated[str | None, typer.Option()] = None,
    path: Annotated[Path | None, typer.Option()] = None,
    must_exist: Annotated[Path | None, typer.Option(exists=True, dir_okay=False)] = None,
    number: Annotated[int, typer.Option(min=1, max=65535)] = 7,
    free: Annotated[int | None, typer.Option()] = None,
    share: Annotated[float | None, typer.Option(min=0.01, max=100)] = None,
    clamped: Annotated[int, typer.Option(min=0, max=9, clamp=True)] = 3,
    texts: Annotated[list[str] | None, typer.Option()] = None,
    paths: Annotated[list[Path] | None, typer.Option()] = None,
    numbers: Annotated[list[int] | None, typer.Option()] = None,
    flag: Annotated[bool, typer.Option("--flag/--no-flag")] = False,
) -> None:
    """All kinds of parameters."""
    KEPT.append(dict(locals()))


def made(cls: type[TyperCommand]) -> Any:
    """The command of that class."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(cls=cls)(command)
    return typer.main.get_command(app)


PLAIN, TYPERS = made(PlainCommand), made(TyperCommand)


def outcome(made_of: Any, arguments: Sequence[str]) -> str:
    """What the function got, types included, or the message."""
    KEPT.clear()
    try:
        made_of.main(list(arguments), standalone_mode=False)
    except typer.TyperException as error:
        return error.format_message()
    return repr(KEPT)


OPTIONS = ("text", "path", "must-exist", "number", "free", "share", "clamped", "texts", "paths", "numbers")
VALUES = ("", " ", "a", "0", "1", "-1", "+1", "007", "1_000", "1e3", "1.0", "1.5", ".5", "5.", "-0.0", "nan", "inf",
          "0x10", "65535", "65536", "9" * 15, "9" * 16, "9" * 5000, "\u0663", "\uff11", "1 ", "true", "/", "/no/such",
          "-", "\udcff", "a\0b", "~", "~/x", "a//b/../c")  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
def test_every_value_is_read_as_typer_reads_it(option: str) -> None:
    """Valid, invalid and borderline values give the value or the error that typer gives."""
    for value in VALUES:
        assert outcome(PLAIN, [f"--{option}={value}"]) == outcome(TYPERS, [f"--{option}={value}"]), value


@given(st.sampled_from(OPTIONS), st.text(max_size=20), st.text("0123456789.e+-_ ", max_size=20))
def test_generated_values_too(option: str, text: str, number: str) -> None:
    """Any text, and what nearly is a number."""
    for value in (text, number):
        assert outcome(PLAIN, [f"--{option}={value}"]) == outcome(TYPERS, [f"--{option}={value}"])


@pytest.mark.parametrize(
    "line",
    ["", "a b", "--texts=a --texts=b", "--numbers=1 --numbers=2", "--numbers=1 --numbers=x", "--flag", "--no-flag",
     "--paths=/ --paths=/no", "--flag=x", "--nothing", "--number"],
)  # fmt: skip
def test_lists_flags_and_nothing(line: str) -> None:
    """Repeated, absent and unknown options are read as typer reads them."""
    assert outcome(PLAIN, line.split()) == outcome(TYPERS, line.split())


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is refused with typer's message."""
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr("os.access", lambda _, mode, **__: mode == os.F_OK)
    assert "not readable" in outcome(PLAIN, [f"--path={file}"])


LOADS = {
    "--help": ("pydantic", "asyncio", "yaml", "msgspec", "httpx2", "rich", "locust", "sqlite3"),
    "version": ("pydantic", "asyncio", "yaml", "msgspec", "httpx2", "aimon.cli.probe", "aimon.cli.loadtest"),
    "probe": ("pydantic", "rich", "yaml", "genai_prices", "jsonschema", "locust", "gevent", "aimon.cli.loadtest",
              "aimon.cli.commands.demo", "prometheus_client"),
    "loadtest": ("pydantic", "rich", "yaml", "genai_prices", "jsonschema", "locust", "gevent", "numpy", "ssl", "httpx2",
                 "sqlite3", "asyncio", "aimon.loadtests.report.builder", "aimon.metrics.exposition"),
}  # fmt: skip


@pytest.mark.parametrize("first", LOADS)
def test_a_command_loads_what_it_needs_and_no_more(first: str, clean_env: dict[str, str]) -> None:
    """A command imports none of these modules, each of which costs milliseconds."""
    flags = ["--dialect", "openai-chat", "--base-url", "http://127.0.0.1:1/v1", "--model", "echo"]
    options = {"probe": flags, "loadtest": [*flags, "--requests", "1", "--concurrency", "1"]}
    code = (
        "import atexit, json, sys; from aimon.cli.main import run; sys.argv = ['aimon', *sys.argv[1:]];"
        "atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules)))); run()"
    )
    process = [sys.executable, "-c", code, first, *options.get(first, [])]
    done = subprocess.run(process, env=clean_env, capture_output=True, text=True, check=False)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert [name for name in LOADS[first] if name in loaded] == []
