"""Forms of the group robots' messages: what each shows, and what text from outside can't do in them."""

from __future__ import annotations

import json

import pytest

from aimon.notifications.robots import KINDS, ChatMessage, Tone


def test_each_robot_has_a_form_of_its_own() -> None:
    """WeCom colours the title, Feishu the head of a card; DingTalk needs two spaces before a line break."""
    said = ChatMessage("down", "one\ntwo", Tone.ALARM)
    wecom, dingtalk, feishu = (KINDS[kind].message(said) for kind in ("wecom", "dingtalk", "feishu"))
    assert wecom["markdown"]["content"] == '**<font color="warning">down</font>**\none\ntwo'
    assert dingtalk["markdown"] == {"title": "down", "text": "**down**\n\none  \ntwo"}
    assert feishu["card"]["header"] == {"title": {"tag": "plain_text", "content": "down"}, "template": "red"}
    assert feishu["card"]["elements"][0]["text"] == {"tag": "plain_text", "content": "one\ntwo"}


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("hostile", ["<@all>", '<at id="all"></at>', '<font color="info">', "[log in](http://evil)"])
def test_text_from_outside_stays_text(kind: str, hostile: str) -> None:
    """A provider's error can neither mention everybody, nor colour, nor hide where a link leads."""
    made = json.dumps(KINDS[kind].message(ChatMessage(hostile, hostile)))
    if kind == "feishu":  # every part is plain text there
        assert "lark_md" not in made
    else:
        assert json.dumps(hostile)[1:-1] not in made
