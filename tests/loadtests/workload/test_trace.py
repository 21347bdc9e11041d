"""Traces: their forms, their arrivals in order, prompts that share blocks, and each mistake with its message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.call import Target
from aimon.config.endpoint import Endpoint
from aimon.loadtests.workload import Source, Tokens, Workload, WorkloadError, mean_tokens, open_source
from aimon.loadtests.workload.trace.trace import LEAST_GAP

if TYPE_CHECKING:
    from aimon.loadtests.workload import WorkItem

ENDPOINT = Endpoint(Target("e", "p", "openai-chat", "http://127.0.0.1/v1", "m"), ())
EXAMPLES = Path(__file__).parent.parent.parent.parent / "docs" / "examples" / "workloads"


def trace(path: Path, **where: int) -> Source:
    """A trace as a source."""
    return open_source(ENDPOINT, Workload(trace=str(path)), **where)


def written(path: Path, *lines: Any) -> Path:
    """A file of JSON lines."""
    file = path / "t.jsonl"
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return file


def arrival(time: float, prompt: int = 20, answer: int = 1, **more: Any) -> dict[str, Any]:
    """A line of Mooncake's form."""
    return {"timestamp": time, "input_length": prompt, "output_length": answer, **more}


def offsets(source: Source) -> list[float]:
    """All of them."""
    every = source.offsets()
    assert every is not None
    return list(every)


def text(ask: WorkItem) -> str:
    """What a call with one message says."""
    (message,) = ask.call.messages
    return message.content


def replayed(source: Source) -> list[tuple[int, int]]:
    """Tokens of each arrival's prompt (a nonce has seven, the request six and its words five) and of its answer."""
    asks = [source.next_item(due) for due in offsets(source)]
    return [(len(text(ask).split()) - 1 + 7 - 5 + 6, ask.call.max_tokens) for ask in asks]


def test_burstgpt() -> None:
    """Seconds; arrivals at the same second are apart, and a call that failed is sent all the same."""
    source = trace(EXAMPLES / "burstgpt.csv")
    assert offsets(source) == [0.0, 1.0, 1.0 + LEAST_GAP, 3.5]
    assert replayed(source) == [(472, 18), (1087, 230), (417, 276), (1360, 1)]
    assert source.size() == 4
    assert mean_tokens(source) == Tokens((472 + 1087 + 417 + 1360) / 4, (18 + 230 + 276 + 1) / 4)


def test_azure() -> None:
    """Dates with a fraction of seven digits, in no time zone or in one."""
    source = trace(EXAMPLES / "azure.csv")
    assert offsets(source) == pytest.approx([0.0, 0.314579, 2.0], abs=1e-6)
    assert replayed(source) == [(374, 44), (396, 109), (879, 55)]


def test_dates_in_zones(tmp_path: Path) -> None:
    """Dates with a time zone, as in the Azure trace of 2024, are read."""
    file = tmp_path / "t.csv"
    file.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.009930+00:00,2162,5\n"
        "2024-05-10 02:00:00.509930+02:00,20,6\n"
    )
    assert offsets(trace(file)) == pytest.approx([0.0, 0.5], abs=1e-6)


def test_mooncake_shares_prefixes() -> None:
    """Equal blocks are equal texts at every worker, unequal ones differ from their first word on."""
    source = trace(EXAMPLES / "mooncake.jsonl")
    assert offsets(source) == [0.0, LEAST_GAP, 3.052, 6.0]
    texts = [text(source.next_item(due)) for due in offsets(source)]
    first, second, third, fourth = texts
    block = len(" ".join(first.split()[: 512 - 6]))  # the nonce has seven tokens and is one word
    assert first[: 2 * block] == second[: 2 * block] == fourth[: 2 * block]
    assert first[: 2 * block + 10] != second[: 2 * block + 10]
    assert fourth.startswith(first.removesuffix(" Continue this story at length:"))
    assert third[:8] not in {first[:8], second[:8], fourth[:8]}
    marks = [sum(len(word) == 8 and word.isalnum() and not word.isalpha() for word in each.split()) for each in texts]
    assert marks == [3, 3, 2, 4]
    # Each mark has seven tokens; the request at the end has six in five words.
    tokens = [len(each.split()) + 6 * count + 1 for each, count in zip(texts, marks, strict=True)]
    assert tokens == [1200, 1100, 700, 1800]
    elsewhere = trace(EXAMPLES / "mooncake.jsonl", worker=1, workers=2)
    assert [text(elsewhere.next_item(due)) for due in offsets(elsewhere)] == texts
    assert text(trace(EXAMPLES / "mooncake.jsonl", seed=1).next_item(0.0))[:8] != first[:8]


def test_blocks_of_another_size(tmp_path: Path) -> None:
    """The size is the one that fits all lengths."""
    file = written(tmp_path, arrival(0, 100, hash_ids=[7, 8]), arrival(1, 64, hash_ids=[7]))
    source = trace(file)
    first, second = (text(source.next_item(due)) for due in offsets(source))
    assert first.split()[: 64 - 6 - 12] == second.split()[: 64 - 6 - 12]
    assert len(first.split()) + 6 * 2 + 1 == 100


def test_any_worker_is_given_any_arrival(tmp_path: Path) -> None:
    """A worker finds any arrival by its offset, also after rounding errors of clock arithmetic."""
    lengths = [20 + k for k in range(300)]
    file = written(tmp_path, *(arrival(k // 100 * 7, length, length) for k, length in enumerate(lengths)))
    for worker in range(2):
        source = trace(file, worker=worker, workers=2)
        for clock in (0.0, 1234.5678, 9_876_543.21):
            asks = [source.next_item((clock + due) - clock) for due in offsets(source)]
            assert [ask.call.max_tokens for ask in asks] == lengths


def test_offsets_rise_strictly_and_from_zero(tmp_path: Path) -> None:
    """Offsets rise strictly from 0, in the order of time and then of the file, and can be read again."""
    times = [5000, 1000, 5000, 1000.0004, 9000, 5000]
    file = written(tmp_path, *(arrival(time, answer=k + 1) for k, time in enumerate(times)))
    source = trace(file)
    assert offsets(source) == offsets(source) == pytest.approx([0, 1e-6, 4, 4.000001, 4.000002, 8], abs=1e-9)
    assert [source.next_item(due).call.max_tokens for due in offsets(source)] == [2, 4, 1, 3, 6, 5]
    assert all(after > before for before, after in zip(offsets(source), offsets(source)[1:], strict=False))


def test_blocks_follow_their_arrivals(tmp_path: Path) -> None:
    """Blocks stay with their arrivals, even if the file is not in order of time."""
    file = written(tmp_path, arrival(9, 1000, hash_ids=[1, 2]), arrival(3, 500, hash_ids=[1]), arrival(1, 30))
    source = trace(file)
    first, second, third = (text(source.next_item(due)) for due in offsets(source))
    assert second[:2000] == third[:2000]
    assert first[:8] != second[:8]
    assert len(first) < 200


def test_calls_that_are_no_arrivals(tmp_path: Path) -> None:
    """Each worker goes through its own entries, over and over."""
    file = written(tmp_path, *(arrival(k, answer=k + 1) for k in range(5)))
    source = trace(file, worker=1, workers=2)
    assert [source.next_item().call.max_tokens for _ in range(6)] == [2, 4, 1, 3, 5, 2]


def test_prompts_without_blocks_are_unique() -> None:
    """Prompts without blocks are unique, so that a prompt cache has no hits."""
    source = trace(EXAMPLES / "azure.csv")
    assert text(source.next_item(0.0))[:8] != text(source.next_item(0.0))[:8]


_LINE = 'a line is {"timestamp": 1500, "input_length": 512, "output_length": 64}'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"timestamp": ', f"Input data was truncated: {_LINE}"),
        ({"timestamp": 1, "input_length": 5}, f"Object missing required field `output_length`: {_LINE}"),
        (arrival(1, -5), f"Expected `int` >= 0 - at `$.input_length`: {_LINE}"),
        (arrival(1, 5, 10_000_001), f"Expected `int` <= 10000000 - at `$.output_length`: {_LINE}"),
        ({**arrival(1), "timestamp": "now"}, f"Expected `float`, got `str` - at `$.timestamp`: {_LINE}"),
        ([1, 2, 3], f"Expected `object`, got `array`: {_LINE}"),
    ],
)
def test_a_wrong_line(tmp_path: Path, line: Any, problem: str) -> None:
    """The file, the line, what is wrong and what to write."""
    file = written(tmp_path, arrival(0), line)
    with pytest.raises(WorkloadError) as error:
        trace(file)
    assert str(error.value) == f"{file}:2: {problem}"


_KNOWN = (
    'write JSON lines such as {"timestamp": 1500, "input_length": 512, "output_length": 64}, or the columns '
    "timestamp,input_length,output_length or Timestamp,Request tokens,Response tokens "
    "or TIMESTAMP,ContextTokens,GeneratedTokens or arrival_timestamp,prompt_size,token_size "
    "or arrived_at,num_prefill_tokens,num_decode_tokens"
)
_AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,1,1\n"
_BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,m,1,1,2,API log\n"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (_AZURE + "yesterday,1,1\n", "3: TIMESTAMP is 'yesterday': write a time such as 2023-11-16 18:15:46.680"),
        (_BURST + "nan,m,1,1,2,API log\n", "3: Timestamp is 'nan': write a time such as 1500"),
        (_BURST + "6,m,one,1,2,API log\n", "3: a length is 'one': write a number of tokens from 0 to 10000000"),
        (_BURST + "6,m,1,-1,2,API log\n", "3: a length is '-1': write a number of tokens from 0 to 10000000"),
        (_BURST + "6,m,1\n", "3: has too few columns: the first line names 6"),
        (_BURST + '6,"m"x,1,1,2,API log\n', "3: not CSV in UTF-8: ',' expected after '\"'"),
        ("when,in,out\n1,2,3\n", f"1: not a known trace: {_KNOWN}"),
        ("", f"1: not a known trace: {_KNOWN}"),
        ("[]", f"1: Expected `object`, got `array`: {_LINE}"),
    ],
)
def test_a_wrong_table(tmp_path: Path, table: str, problem: str) -> None:
    """The file, the line, what is wrong and what to write."""
    file = tmp_path / "t.csv"
    file.write_text(table)
    with pytest.raises(WorkloadError) as error:
        trace(file)
    assert str(error.value) == f"{file}:{problem}"


def test_a_table_of_milliseconds(tmp_path: Path) -> None:
    """Mooncake's columns may be a table, too."""
    file = tmp_path / "t.csv"
    file.write_text("\ufefftimestamp,input_length,output_length\n0,20,3\n\n2500,30,4\n", encoding="utf-8")
    source = trace(file)
    assert (offsets(source), replayed(source)) == ([0.0, 2.5], [(20, 3), (30, 4)])


def test_numbers_that_fit_no_blocks(tmp_path: Path) -> None:
    """A prompt can't have as many blocks as it has numbers."""
    file = written(tmp_path, arrival(0, 100, hash_ids=[1]), arrival(1, 100, hash_ids=[1, 2, 3, 4, 5, 6, 7, 8]))
    with pytest.raises(WorkloadError) as error:
        trace(file)
    assert str(error.value) == (
        f"{file}: hash_ids fit blocks of none of 16, 32, 64, 128, 256, 512, 1024, 2048 tokens: "
        "leave hash_ids out of the file"
    )


def test_a_trace_without_arrivals(tmp_path: Path) -> None:
    """A trace without arrivals is refused, since there is nothing to send."""
    file = tmp_path / "t.csv"
    file.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n")
    with pytest.raises(WorkloadError) as error:
        trace(file)
    assert str(error.value) == (
        f'{file}: has no arrivals: write lines such as {{"timestamp": 1500, "input_length": 512, "output_length": 64}}'
    )
