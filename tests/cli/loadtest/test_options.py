"""Options of a load test mean the same in the file and on the command line, and both refuse the same."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.main import get_command

from aimon import config
from aimon.cli.exits import USAGE, Stop
from aimon.cli.loadtest.options import LoadOptions
from aimon.cli.main import app
from aimon.config.model.loadtest import LoadTestOptions, flag
from aimon.load_terms import ARRIVALS, PROFILES, TRACE_UNITS
from aimon.quantities import rate, rate_text

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = """
currency: USD
endpoints:
  - {name: e, dialect: openai-chat, base_url: "http://127.0.0.1:9/v1", model: m, prices: {input: 1, output: 2}}
"""
# With what a value makes a load test: one of them is right for each option.
BASES: dict[str, dict[str, str]] = {
    "open": {"rate": "20/s"},
    "closed": {"concurrency": "4"},
    "gamma": {"rate": "20/s", "arrivals": "gamma", "variation": "2"},
    "search": {"profile": "capacity"},
    "smoke": {"profile": "smoke"},
    "nothing": {},
}
NUMBERS = st.sampled_from(
    (
        "0",
        "1",
        "2",
        "007",
        "-1",
        "+3",
        "1.5",
        "0.0001",
        "1e3",
        "100001",
        "1000000001",
        "10000001",
        ".5",
        "5.",
        "1_000",
        "0x10",
        "٣",
        "9" * 400,
        "1" + "0" * 301,
        "nan",
        ".inf",
    )
)
WORDS = st.sampled_from((*PROFILES, *ARRIVALS, *TRACE_UNITS, "stedy", "", " ", "true", "null", "~"))
TEXTS = st.one_of(
    NUMBERS,
    WORDS,
    st.builds("{}{}".format, NUMBERS, st.sampled_from(("/s", "/m", "/h", "s", "ms", "m", "d", "%", " USD", " EUR"))),
    st.builds("{}({},{})".format, st.sampled_from("NUDQ"), NUMBERS, NUMBERS),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(("p99", "p00", "error_rate", "goodput", "p99_9")),
        st.sampled_from(("<", ">", "=")),
        st.sampled_from(("10s", "10", "1%", "5/s")),
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12),
)


COMMAND = get_command(app)
# What is a text in the file and on the command line alike; flags, headers and bodies are written differently.
WORDED = sorted(
    {each.name for each in fields(LoadOptions)}
    - {"exact_output", "strict_dataset", "headers", "extra_body", "settings"}
)


LISTS = ("slo", "tags", "exclude_tags")


def answer(*arguments: str) -> str | None:
    """None where aimon does as it is told, else why it refuses."""
    try:
        COMMAND(list(arguments), standalone_mode=False)
    except Stop as stop:
        return stop.message if stop.code == USAGE else f"exit code {stop.code}, as if it were no mistake of the user"
    return None


def from_file(folder: Path, options: dict[str, Any]) -> tuple[str | None, str | None]:
    """What `config check` and a dry run say of a load test in a file."""
    path = folder / "aimon.yaml"
    path.write_text(f"{ENDPOINT}loadtests: {{t: {written(options | {'endpoint': 'e'})}}}\n", encoding="utf-8")
    return answer("config", "check", "-c", str(path)), answer("loadtest", "t", "--dry-run", "-c", str(path))


def from_flags(folder: Path, options: dict[str, Any]) -> str | None:
    """What a dry run says of the same texts on the command line."""
    path = folder / "flags.yaml"
    path.write_text(ENDPOINT, encoding="utf-8")
    said = [f"{flag(name)}={text}" for name, value in options.items() for text in many(value)]
    return answer("loadtest", "e", "--dry-run", "-c", str(path), *said)


def many(value: str | list[str]) -> list[str]:
    """One text as a list of one."""
    return [value] if isinstance(value, str) else value


def written(value: Any) -> str:
    """A value as YAML: a number bare, as people write it, all else in quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return str(value) if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)(e[0-9]+)?", value) else json.dumps(value)


def test_the_command_line_has_every_option_of_the_file() -> None:
    """Each key of `loadtests:` is an option, but for the endpoint, which is the argument."""
    assert {each.name for each in fields(LoadOptions)} == set(LoadTestOptions.KEYS) - {"endpoint"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(WORDED), TEXTS, st.sampled_from(sorted(BASES)))
@example("rate", "0/s", "nothing")
@example("max_rate", "50/s", "search")
@example("max_rate", "5/s", "open")
@example("prompt_tokens", "Q(5)", "open")
@example("prompt_tokens", "N(5,x)", "open")
@example("requests", "1000000000", "open")
@example("rate", "0.0000001/s", "nothing")
@example("rate", "1/m", "nothing")
@example("duration", "1ms", "open")
@example("max_cost", "5 EUR", "open")
@example("variation", "2", "open")
@example("arrivals", "gamma", "open")
@example("trace_unit", "ms", "open")
@example("prompt_tokens", "9" * 400, "open")
@example("output_tokens", "N(5," + "9" * 400 + ")", "open")
@example("dataset", "absent.jsonl", "open")
@example("scenario", "absent.py", "open")
@example("concurrency", "1..64", "nothing")
@example("concurrency", "8,4", "nothing")
@example("concurrency", "1,2,4", "smoke")
@example("max_in_flight", "8", "open")
@example("max_in_flight", "8", "closed")
@example("dataset", "${AIMON_TEST_UNSET}", "open")
def test_file_and_flag_are_accepted_or_refused_alike(tmp_path: Path, name: str, text: str, base: str) -> None:
    """Any text is accepted or refused alike by `config check`, a dry run of the file, and a dry run with the flag."""
    if not text:
        return  # on the command line an empty text is an option that was not given
    options: dict[str, Any] = BASES[base] | {name: [text] if name in LISTS else text}
    checked, dry = from_file(tmp_path, options)
    flagged = from_flags(tmp_path, options)
    assert (checked is None) == (dry is None) == (flagged is None), (options, checked, dry, flagged)
    assert not any("exit code" in (said or "") for said in (checked, dry, flagged))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("profile: steady", "6:6: loadtests.t: profile steady needs rate, such as 20/s, or concurrency, such as 16"),
        ("rate: 0/s", "loadtests.t.rate: a rate must be more than zero"),
        ("rate: 200000/s", "loadtests.t.rate: a rate must be 100000/s at the most"),
        ("rate: 1/s, max_rate: 50/s", "loadtests.t.max_rate: max_rate bounds a search: it goes with profile capacity"),
        ("profile: capacity, rate: 9/s, max_rate: 5/s", "loadtests.t.max_rate: max_rate is below rate"),
        ('rate: 1/s, prompt_tokens: "Q(5)"', "loadtests.t.prompt_tokens: Q(5): write a number such as 512"),
        ("rate: 1/s, requests: 5, duration: 5s", "requests and duration both say when to end: keep one of the two"),
        ("rate: 1/s, dataset: absent.jsonl", "loadtests.t: absent.jsonl: No such file or directory"),
        ("rate: 1/s, scenario: absent.py", "loadtests.t: absent.py: there is no such file"),
        ("rate: 1/s, scenario: a.py, turns: 3", "loadtests.t.turns: turns: the scenario's own code says what is asked"),
        ("rate: 1/s, tags: [a]", "loadtests.t.tags: tags is for a scenario: add scenario NAME or FILE.py"),
        ("concurrency: '4,2'", "'4,2': the steps of a ladder rise: write 1,2,4,8 or 1..64"),
        ("concurrency: 2, max_in_flight: 3", "max_in_flight: max_in_flight bounds an open loop: it goes with rate"),
        ("rate: 1/s, dataset: a, trace: b", "trace: its timestamps are the load: leave out rate"),
    ],
)
def test_a_check_says_what_a_run_would_refuse(tmp_path: Path, options: str, message: str) -> None:
    """`config check` refuses what a run would, with the place in the file and its keys."""
    path = tmp_path / "aimon.yaml"
    path.write_text(f"{ENDPOINT}loadtests:\n  t: {{endpoint: e, {options}}}\n")
    assert message in (answer("config", "check", "-c", str(path)) or "")


@pytest.mark.parametrize(
    ("given_as", "refused"),
    [
        (["--header=X-Team: search"], None),
        (["--header", "X-Key: ${AIMON_TEST_KEY}"], None),
        (["--header", "X-Team"], "--header one of them has no colon: write 'K: V', such as 'X-Team: search'"),
        (["--header", "X-Team:"], "--header 'X-Team' has no value: write 'K: V', such as 'X-Team: search'"),
        (["--header", "X Team: a"], "--header 'X Team' is not the name of a header"),
        (
            ["--header", "Authorization: Bearer sk-abcdefghijkl"],
            "--header Authorization: a secret does not belong here: export it and write ${NAME}",
        ),
        (["--header", "X-Key: ${AIMON_TEST_UNSET}"], "--header X-Key: the variable AIMON_TEST_UNSET is not set"),
        (["--extra-body", '{"top_k": 20}'], None),
        (["--extra-body", "[1]"], """--extra-body is no object: write one, such as '{"top_k": 20}'"""),
        (["--extra-body", "{top_k"], "--extra-body is not JSON"),
        (["--extra-body", '{"key": "sk-abcdefghijkl"}'], "--extra-body: a secret does not belong here"),
        (["--timeout", "90s"], None),
        (["--timeout", "soon"], "--timeout soon: "),
        (["--turns", "2", "--turn-delay", "2s"], None),
        (["--turn-delay", "2s"], "--turn-delay is between the turns of a conversation"),
        (["--strict-dataset"], "--strict-dataset is for a dataset: add --dataset FILE"),
        (["--exact-output"], "--exact-output: custom is not known to have min_tokens or ignore_eos"),
    ],
)
def test_options_of_requests_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_as: list[str], refused: str | None
) -> None:
    """Each is accepted, or refused with what to write; what may be a secret is not repeated."""
    monkeypatch.setenv("AIMON_TEST_KEY", "hush-hush-hush")
    path = tmp_path / "flags.yaml"
    path.write_text(ENDPOINT, encoding="utf-8")
    said = answer("loadtest", "e", "--dry-run", "--rate", "1/s", "-c", str(path), *given_as)
    assert (said is None) == (refused is None), said
    assert refused is None or refused in (said or "")
    assert "sk-" not in (said or "")


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ("headers: {X-Team: search}, extra_body: {top_k: 20}, timeout: 90s", None),
        (
            "headers: {X-Api-Key: abc}",
            "loadtests.t.headers.X-Api-Key: a secret does not belong here: export it and write ${NAME}",
        ),
        ("headers: {X-Key: '${AIMON_TEST_UNSET}'}", "loadtests.t: headers X-Key: the variable AIMON_TEST_UNSET"),
        ("exact_output: true", "loadtests.t: exact_output: custom is not known to have min_tokens"),
        ("exact_output: 3", "loadtests.t.exact_output: expected true or false"),
        ("turn_delay: 2s", "loadtests.t.turn_delay: turn_delay is between the turns of a conversation: add turns"),
        ("strict_dataset: true", "strict_dataset is for a dataset: add dataset FILE"),
    ],
)
def test_options_of_requests_in_the_file(tmp_path: Path, options: str, refused: str | None) -> None:
    """`config check` refuses what a run would refuse."""
    checked, dry = from_file(tmp_path, {})
    path = tmp_path / "aimon.yaml"
    path.write_text(f"{ENDPOINT}loadtests:\n  t: {{endpoint: e, rate: 1/s, {options}}}\n")
    checked, dry = answer("config", "check", "-c", str(path)), answer("loadtest", "t", "--dry-run", "-c", str(path))
    assert (checked is None) == (dry is None) == (refused is None), (checked, dry)
    assert refused is None or refused in (checked or "")


def test_an_option_of_the_command_line_wins_over_the_file() -> None:
    """An option of the command line replaces the file's, and both have the same type."""
    options = config.override(
        LoadTestOptions(endpoint="e", rate=5.0, duration=9.0), {"rate": "90/m", "slo": ["p99<1s"]}
    )
    assert (options.rate, options.duration, options.slo) == (1.5, 9.0, ("p99<1s",))
    with pytest.raises(ValueError, match="--concurrency a closed one"):
        config.override(options, {"concurrency": "3"})


@given(st.floats(min_value=1e-6, max_value=1e5))
def test_a_rate_is_written_as_it_is_read(value: float) -> None:
    """A rate that is written, per second or per minute, and read again is the same to fourteen digits."""
    assert rate(rate_text(value)) == pytest.approx(value, rel=1e-13)
    assert [rate_text(each) for each in (20.0, 1.5, 1 / 6, 0.0001)] == ["20/s", "90/m", "10/m", "0.006/m"]
