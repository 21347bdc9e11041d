"""`aimon alerts test --notify`: a test message to a channel, and what is said where that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinks import http_sink

if TYPE_CHECKING:
    from command import Command

CONFIG = """
endpoints: [{{name: a, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m}}]
notify:
  - {{name: team, kind: wecom, url: "${{ROBOT}}", language: zh}}
  - {{name: off, kind: webhook, url: "http://127.0.0.1:1/"}}
"""


def test_a_test_message_arrives(run_aimon: Command) -> None:
    """In the channel's language, marked as a test; the robot's key is not shown."""
    with http_sink() as posts:
        (run_aimon.cwd / "aimon.yaml").write_text(CONFIG.format(), encoding="utf-8")
        robot = {"ROBOT": f"{posts.url}/robot?key=robot-key-0123456789"}
        done = run_aimon("alerts", "test", "--notify", "team", env=robot)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("team: delivered")
        content = posts.at("/robot")[0]["markdown"]["content"]
        assert content.startswith('**<font color="comment">[测试] aimon')
        posts.refuse = 93000
        refused = run_aimon("alerts", "test", "--notify", "team", env=robot)
    assert refused.returncode == 3
    assert refused.stderr == "team: the wecom robot refuses the message: code 93000: refused\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --alertmanager URL, or --notify NAME"),
        (["--notify", "taem"], "--notify taem: no such channel; did you mean 'team'?"),
    ],
)
def test_mistakes(run_aimon: Command, arguments: list[str], said: str) -> None:
    """Exit code 2, and what to write instead."""
    (run_aimon.cwd / "aimon.yaml").write_text(CONFIG.format(), encoding="utf-8")
    done = run_aimon("alerts", "test", *arguments, env={"ROBOT": "https://example.com/x?key=0"})
    assert done.returncode == 2
    assert said in done.stderr
