"""`aimon alerts test --notify`: a test message to a channel, and what is said where that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimon.config import ConfigError, loader
from aimon.probes.notify.channels import usable
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
    """The message is in the channel's language and marked as a test; no output shows the robot's key."""
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


def test_a_channel_that_is_not_there(run_aimon: Command) -> None:
    """An unknown channel is exit code 2, and the nearest name is suggested."""
    (run_aimon.cwd / "aimon.yaml").write_text(CONFIG.format(), encoding="utf-8")
    done = run_aimon("alerts", "test", "--notify", "taem", env={"ROBOT": "https://example.com/x?key=0"})
    assert done.returncode == 2
    assert "--notify taem: no such channel; did you mean 'team'?" in done.stderr


def test_every_channel_that_can_not_be_used_is_told_at_once() -> None:
    """Missing variables and wrong addresses of all channels are in one error, as in `config check` and `serve`."""
    text = CONFIG.format() + '  - {name: bad, kind: webhook, url: "htp://127.0.0.1/"}\n'
    with pytest.raises(ConfigError) as caught:
        usable(loader.parse(text), {})
    assert [str(problem).split(": ", 1)[1] for problem in caught.value.problems] == [
        "notify[0].url: the variable ROBOT is not set: export ROBOT=…",
        "notify[2]: not an http:// or https:// address: write it as http://host/path",
    ]
