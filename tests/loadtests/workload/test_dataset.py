"""Datasets: their forms, their division among workers, and each mistake with its message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimon import dialects
from aimon.call.call import Message, Target
from aimon.call.checks import Answer
from aimon.config.endpoint import Endpoint
from aimon.loadtests.workload import Tokens, Workload, WorkloadError, mean_tokens, open_source
from results import a_result

if TYPE_CHECKING:
    from aimon.call.call import Call

ENDPOINT = Endpoint(Target("e", "p", "openai-chat", "http://127.0.0.1/v1", "m"), ())
EXAMPLES = Path(__file__).parent.parent.parent.parent / "docs" / "examples" / "workloads"


def asked(path: Path, count: int, output_tokens: str | None = None, **where: int) -> list[Call]:
    """The next calls of a dataset, none of which is answered."""
    source = open_source(ENDPOINT, Workload(dataset=str(path), output_tokens=output_tokens), **where)
    return [source.next_item().call for _ in range(count)]


def written(path: Path, *lines: Any) -> Path:
    """A file of JSON lines."""
    file = path / "d.jsonl"
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return file


def prompts(path: Path, count: int) -> Path:
    """A file of prompts that are their numbers."""
    return written(path, *({"prompt": str(k)} for k in range(count)))


def contents(calls: list[Call]) -> list[str]:
    """What the last message of each call says."""
    return [call.messages[-1].content for call in calls]


def test_plain_prompts_and_messages() -> None:
    """Entries are sent in the order of the file, with their own limits and checks, and then again from the start."""
    first, second, third, fourth = asked(EXAMPLES / "prompts.jsonl", 4)
    assert first.messages == (Message("user", "Name three rivers of Yunnan."),)
    assert second.messages[0].content == "What is 17 times 23? Reply with the number only."
    assert third.messages == (Message("system", "You answer in French."), Message("user", "Good morning!"))
    assert [first.max_tokens, second.max_tokens, third.max_tokens] == [60, 8, 40]
    assert fourth == first
    (check,) = first.checks
    assert check(Answer("The Mekong, the Salween and the Yangtze.", 1.0)) is None
    assert check(Answer("None.", 1.0)) == 'the answer does not contain "Mekong": "None."'
    (check,) = second.checks
    assert (check(Answer("391", 1.0)), third.checks) == (None, ())
    assert check(Answer("It is 391.", 1.0)) == 'the answer is not "391": "It is 391."'


def test_requests_of_an_openai_batch() -> None:
    """Messages and limits are sent; parts of text are joined; the model is the endpoint's."""
    first, second = asked(EXAMPLES / "batch.jsonl", 2)
    assert first.messages == (
        Message("system", "You are a helpful assistant."),
        Message("user", "Explain rain to a child."),
    )
    assert second.messages == (Message("user", "Sort these: pear, apple, fig."),)
    assert (first.max_tokens, second.max_tokens, first.target.model) == (200, 30, "m")


@pytest.mark.parametrize("as_array", [False, True])
def test_recorded_conversations(tmp_path: Path, as_array: bool) -> None:
    """A question is a turn, limited by the length of what was answered; the real answer takes that one's place."""
    file = EXAMPLES / "sharegpt.jsonl"
    if as_array:
        entries = [json.loads(line) for line in file.read_text().splitlines()]
        file = tmp_path / "sharegpt.json"
        file.write_text(json.dumps(entries, indent=2))
    source = open_source(ENDPOINT, Workload(dataset=str(file)))
    first, second = source.next_item(), source.next_item()
    assert first.call.messages == (Message("user", "What is a load test?"),)
    assert second.call.messages == (Message("system", "You are terse."), Message("user", "Why is the sky blue?"))
    # 87 characters, and 20: a quarter of them, rounded up.
    assert (first.call.max_tokens, second.call.max_tokens) == (22, 5)
    source.on_result(first, a_result(text="A real answer."))
    source.on_result(second, a_result(text="It was the last turn."))
    third, fourth = source.next_item(), source.next_item()
    assert third.call.messages == (
        Message("user", "What is a load test?"),
        Message("assistant", "A real answer."),
        Message("user", "And a soak test?"),
    )
    assert third.call.max_tokens == 7
    assert fourth.call == first.call
    # Prompts of 5, of 5 + 22 + 4 and of 4 + 5 tokens.
    assert (source.size(), mean_tokens(source)) == (2, Tokens((5 + 31 + 9) / 3, (22 + 7 + 5) / 3))


def test_oddities_of_recordings(tmp_path: Path) -> None:
    """What was said before the first question, empty remarks and conversations without a question are left out."""
    file = written(
        tmp_path,
        {"conversations": []},
        {"conversations": [{"from": "gpt", "value": "Hello."}]},
        {
            "conversations": [
                {"from": "chatgpt", "value": "Hello."},
                {"from": "human", "value": " "},
                {"from": "user", "value": "天为什么是蓝的"},
                {"from": "bard", "value": "因为瑞利散射。"},
                {"from": "bard", "value": "It goes on much longer, but that is another answer."},
                {"from": "human", "value": "Really?"},
            ],
            "expect": "yes",
        },
    )
    source = open_source(ENDPOINT, Workload(dataset=str(file)))
    ask = source.next_item()
    assert (ask.call.messages, ask.call.max_tokens) == ((Message("user", "天为什么是蓝的"),), 6)  # of 21 bytes
    assert (source.size(), ask.call.checks) == (1, ())
    source.on_result(ask, a_result(text="瑞利散射"))
    ask = source.next_item()
    assert (contents([ask.call]), ask.call.max_tokens) == (["Really?"], 128)
    assert [check(Answer("Oh yes.", 1.0)) for check in ask.call.checks] == [None]


def test_limits_can_be_given(tmp_path: Path) -> None:
    """They take the place of those of the file, and are drawn anew in every call."""
    file = EXAMPLES / "prompts.jsonl"
    assert [call.max_tokens for call in asked(file, 3, "9")] == [9, 9, 9]
    drawn = [call.max_tokens for call in asked(file, 300, "U(1,4)")]
    assert set(drawn) == {1, 2, 3, 4}
    assert [call.max_tokens for call in asked(file, 300, "U(1,4)")] == drawn
    assert [call.max_tokens for call in asked(file, 300, "U(1,4)", seed=1)] != drawn
    source = open_source(ENDPOINT, Workload(dataset=str(file), output_tokens="U(1,4)"))
    assert mean_tokens(source).answer == 2.5


@pytest.mark.parametrize(("size", "workers"), [(10, 1), (10, 3), (12, 4), (3, 3)])
def test_entries_are_divided_exactly(tmp_path: Path, size: int, workers: int) -> None:
    """Entry k is worker k % workers', and each worker begins again when its own are used up."""
    file = prompts(tmp_path, size)
    for worker in range(workers):
        own = [str(k) for k in range(size) if k % workers == worker]
        calls = asked(file, 2 * len(own), worker=worker, workers=workers)
        assert contents(calls) == own + own
    assert open_source(ENDPOINT, Workload(dataset=str(file)), worker=1, workers=9).size() == size


def test_more_workers_than_entries(tmp_path: Path) -> None:
    """Those for whom there is none share all of them."""
    file = prompts(tmp_path, 3)
    assert contents(asked(file, 2, worker=2, workers=5)) == ["2", "2"]
    assert contents(asked(file, 4, worker=4, workers=5)) == ["1", "2", "0", "1"]


def test_blank_lines_and_marks_are_no_entries(tmp_path: Path) -> None:
    """Blank lines and byte order marks are not entries."""
    file = tmp_path / "d.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"prompt": "a"}\r\n\r\n  {"prompt": "b"}')
    assert contents(asked(file, 3)) == ["a", "b", "a"]


IMAGE = {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "u"}}]}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"prompt": ', "not JSON (Input data was truncated): write one JSON object a line"),
        ("[1, 2]", "Expected `object`, got `array`: correct or remove the entry"),
        (
            {"text": "Hi"},
            'has none of body, conversations, messages, prompt, query: write {"prompt": "…"} or {"messages": […]}',
        ),
        ({"prompt": ""}, "prompt is empty: write what to ask"),
        ({"prompt": 3}, "Expected `str | null`, got `int` - at `$.prompt`: correct or remove the entry"),
        (
            {"prompt": "a", "output_tokens": 0},
            "Expected `int` >= 1 - at `$.output_tokens`: correct or remove the entry",
        ),
        (
            {"prompt": "a", "expect": {"contain": "b"}},
            "expect.contain: unknown kind of check; did you mean 'contains'?",
        ),
        ({"prompt": "a", "expect": {"max_length": "b"}}, "expect.max_length: write a whole number, 0 or more, not 'b'"),
        ({"messages": []}, 'messages has no question: write {"role": "user", "content": "…"}'),
        (
            {"messages": [{"role": "narrator", "content": "a"}]},
            "messages[0].role is 'narrator': system, user, assistant and tool can be sent: remove it",
        ),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "tool", "tool_call_id": "c", "content": "b"}]},
            "messages[1] answers no call: give the assistant before it a tool_calls with this tool_call_id",
        ),
        ({"messages": [{"role": "user"}]}, "messages[0].content is null: write a text"),
        ({"prompt": "a", "n": 2}, "n is not 1: several answers to one call can't be measured: remove it"),
        (
            {"prompt": "a", "temperature": -1},
            "Expected `float` >= 0.0 - at `$.temperature`: correct or remove the entry",
        ),
        (
            {"messages": [IMAGE]},
            "messages[0].content[1] is of type 'image_url': only text can be sent: remove the part or the entry",
        ),
        (
            {"body": {"input": "Hi"}, "url": "/v1/embeddings"},
            "body has no messages: only requests for /v1/chat/completions can be sent",
        ),
        (
            {"body": {"messages": [{"content": "a"}]}},
            "Object missing required field `role` - at `$.body.messages[0]`: correct or remove the entry",
        ),
        (
            {"conversations": [{"from": "human", "value": "a"}, {"from": "eve", "value": "b"}]},
            "conversations[1].from is 'eve': write human, gpt or system, or remove the entry",
        ),
        (
            {"conversations": [{"from": "human", "value": None}]},
            "Expected `str`, got `null` - at `$.conversations[0].value`: correct or remove the entry",
        ),
    ],
)
def test_a_wrong_line(tmp_path: Path, line: Any, problem: str) -> None:
    """The file, the line, what is wrong and what to write; whichever worker's it would be."""
    file = written(tmp_path, {"prompt": "fine"}, line)
    with pytest.raises(WorkloadError) as error:
        open_source(ENDPOINT, Workload(dataset=str(file), strict_dataset=True), worker=0, workers=2)
    assert str(error.value) == f"{file}:2: {problem}"
    source = open_source(ENDPOINT, Workload(dataset=str(file)))
    assert (source.size(), list(source.skipped())) == (1, [f"{file}:2: {problem}"])


def test_a_line_in_another_encoding(tmp_path: Path) -> None:
    """The message says to convert the file."""
    file = tmp_path / "d.jsonl"
    file.write_bytes('{"prompt": "naïve"}'.encode("latin-1"))
    with pytest.raises(WorkloadError) as error:
        asked(file, 1)
    assert str(error.value) == f"{file}:1: not UTF-8 (invalid continuation byte at byte 3): convert the file"


def test_a_wrong_element_of_an_array(tmp_path: Path) -> None:
    """Elements have a number in place of a line."""
    file = tmp_path / "d.json"
    file.write_text('[{"prompt": "a"},\n{"prompt": 2}]')
    with pytest.raises(WorkloadError) as error:
        open_source(ENDPOINT, Workload(dataset=str(file), strict_dataset=True))
    assert (
        str(error.value)
        == f"{file}: entry 2: Expected `str | null`, got `int` - at `$.prompt`: correct or remove the entry"
    )
    file.write_text('[{"prompt": "a"},')
    with pytest.raises(WorkloadError, match="not a JSON array"):
        asked(file, 1)


def test_a_file_without_a_question(tmp_path: Path) -> None:
    """A file without a question is refused, since there is nothing to send."""
    file = written(tmp_path, {"conversations": []})
    with pytest.raises(WorkloadError) as error:
        asked(file, 1)
    assert str(error.value) == f'{file}: has no entry with a question: write lines such as {{"prompt": "…"}}'


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The system's own error names it."""
    with pytest.raises(FileNotFoundError, match=r"gone\.jsonl"):
        asked(tmp_path / "gone.jsonl", 1)


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALLED = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Dali"}'}}


def test_tools_and_sampling_parameters_are_sent_as_they_were_recorded(tmp_path: Path) -> None:
    """All fields of a batch's body are sent, of other lines those of a request, except what the run decides."""
    messages = [
        {"role": "user", "content": "Weather in Dali?"},
        {"role": "assistant", "content": None, "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "And tomorrow?"},
    ]
    request = {"model": "other", "messages": messages, "temperature": 0.3, "top_p": 0.9, "stream": False, "x": 1}
    file = written(
        tmp_path,
        {"custom_id": "1", "body": request | {"max_tokens": 7, "tools": [TOOL]}},
        {"id": 5, "messages": messages, "tools": [TOOL], "temperature": 0, "x": 1},
        {"prompt": "Hi", "top_k": 3},
    )
    batch, line, prompt = asked(file, 3)
    body = json.loads(dialects.get("openai-chat").encode(batch).body)
    assert (batch.max_tokens, batch.temperature, batch.body) == (7, 0.3, {"tools": [TOOL], "top_p": 0.9, "x": 1})
    assert (line.temperature, line.body) == (0.0, {"tools": [TOOL]})
    assert (prompt.temperature, prompt.body) == (None, {"top_k": 3})
    assert body["messages"] == [*messages[:3], messages[4]]
    assert (body["model"], body["stream"], body["temperature"], body["tools"]) == ("m", True, 0.3, [TOOL])


def test_what_only_a_chat_of_openais_kind_can_send_is_skipped_elsewhere(tmp_path: Path) -> None:
    """Lines that the dialect can't send are skipped with advice; the plain lines of the file are sent."""
    called = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [CALLED]}]
    file = written(tmp_path, {"prompt": "a", "top_p": 1}, {"messages": called}, {"prompt": "b"})
    endpoint = Endpoint(Target("e", "p", "gemini", "http://127.0.0.1/v1", "m"), ())
    source = open_source(endpoint, Workload(dataset=str(file)))
    assert source.size() == 1
    assert [line.removeprefix(f"{file}:") for line in source.skipped()] == [
        (
            "1: top_p: in the words of openai-chat, and the endpoint speaks gemini: remove it, or put such fields into "
            "--extra-body in its own words"
        ),
        "2: tool calls are sent in openai-chat only, and the endpoint speaks gemini: remove it",
    ]
