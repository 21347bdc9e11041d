"""From the queue to channels on loopback: order, retries, caps, hanging channels, kills."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aimon.config.channel import Channel
from aimon.probes.history.database import Database
from aimon.probes.notify import dispatcher, outbox
from aimon.probes.notify.channels import sender
from aimon.probes.notify.deliveries import channel_states
from aimon.probes.notify.dispatcher import Dispatcher
from aimon.probes.notify.notice import Action, Notice, Subject
from aimon.probes.notify.posting import Delivery, DeliveryError, RefusedError
from aimon.security.secret import Secret
from peers import Peer, read_head
from services import wait_for
from sinks import http_sink

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sinks import Posts

T0 = 1_700_000_000.0
KEY = "routing-key-0123456789"
SINCE = "2023-11-14 22:13:20 UTC"


def a_notice(uid: str = "u1", action: Action = Action.TRIGGER, **changes: Any) -> Notice:
    """One endpoint that is down, or was."""
    ended = T0 + 90 if action is Action.RESOLVE else None
    subject = Subject(
        incident=1, endpoint="qwen-prod", provider="dashscope", model="qwen-plus", region="cn", severity="critical",
        opened_at=T0, resolved_at=ended, outcome="server_error", error="it broke",
    )  # fmt: skip
    fields: dict[str, Any] = {
        "uid": uid, "action": action, "kind": "outage", "severity": "critical", "scope": "dashscope",
        "opened_at": T0, "resolved_at": ended, "subjects": (subject,),
    }  # fmt: skip
    return Notice(**(fields | changes))


class Queue:
    """A queue in a file, a clock that the test moves, and dispatchers on them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = T0
        self.database = Database(path)
        outbox.prepare(self.database)

    def put(self, channel: Channel, *notices: Notice) -> None:
        """Queues notices for a channel."""
        with self.database.transaction() as connection:
            for notice in notices:
                outbox.put(connection, channel.name, notice, self.now)

    @contextmanager
    def delivering(self, *channels: Channel) -> Iterator[Dispatcher]:
        """Delivers meanwhile."""
        delivering = Dispatcher(self.path, clock=lambda: self.now)
        delivering.configure(channels)
        try:
            yield delivering
        finally:
            delivering.close()

    def rows(self) -> list[tuple[str, str]]:
        """Channel and state of each notice, in order."""
        return self.database.query("SELECT channel, state FROM notices ORDER BY id")

    def waits(self) -> bool:
        """Whether any notice does."""
        return any(state == "waiting" for _, state in self.rows())


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """An empty queue, with quick retries."""
    monkeypatch.setattr(dispatcher, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(dispatcher, "_POLL", 0.02)
    made = Queue(tmp_path / "history.db")
    yield made
    made.database.close()


@pytest.fixture
def posts() -> Iterator[Posts]:
    """A server that keeps what is posted."""
    with http_sink() as found:
        yield found


def webhook(posts: Posts, name: str = "hook", **changes: Any) -> Channel:
    """A webhook on loopback."""
    return Channel(name, "webhook", Secret(f"{posts.url}/{name}"), **changes)


def test_pagerduty_gets_one_trigger_and_one_resolve(posts: Posts) -> None:
    """Trigger and resolve have the same deduplication key; a test sends both."""
    pager = Channel("p", "pagerduty", Secret(f"{posts.url}/pagerduty"), Secret(KEY))
    send = sender(pager).send
    for action in (Action.TRIGGER, Action.RESOLVE):
        send(Delivery(a_notice(action=action)))
    trigger, resolve = posts.at("/pagerduty")
    assert resolve == {"routing_key": KEY, "event_action": "resolve", "dedup_key": "u1"}
    assert (trigger["event_action"], trigger["dedup_key"]) == ("trigger", "u1")
    assert trigger["payload"] == {
        "summary": "[DOWN] qwen-prod: outage",
        "source": "dashscope",
        "severity": "critical",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "component": "qwen-prod",
        "class": "outage",
        "custom_details": {
            "incidents": ["qwen-prod (qwen-plus): since 2023-11-14 22:13:20 UTC: server_error: it broke"]
        },
    }
    send(Delivery(a_notice("t", Action.TEST, kind="test", severity="info")))
    assert [event["event_action"] for event in posts.at("/pagerduty")[2:]] == ["trigger", "resolve"]


def test_a_webhook_is_signed(posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature is of the body as it was sent, and the key for repetitions the same for each attempt."""
    seen: list[tuple[bytes, dict[str, str]]] = []
    from aimon.network.client import service_client

    fetch = service_client.fetch

    def spy(address: Any, method: str, path: str, body: bytes, headers: dict[str, str], **options: Any) -> Any:
        seen.append((body, headers))
        return fetch(address, method, path, body, headers, **options)

    monkeypatch.setattr(service_client, "fetch", spy)
    send = sender(webhook(posts, secret=Secret("hook-secret-0"), token=Secret("t0ken"))).send
    send(Delivery(a_notice()))
    send(Delivery(a_notice(), maybe_repeated=True))
    for body, headers in seen:
        assert headers["X-Aimon-Signature"] == "sha256=" + hmac.new(b"hook-secret-0", body, hashlib.sha256).hexdigest()
        assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer t0ken", "u1:trigger:1")
    first, second = posts.at("/hook")
    assert second == first | {"maybe_repeated": True}
    assert (first["id"], first["action"], first["incidents"][0]["error"]) == ("u1", "trigger", "it broke")


def test_order_is_kept_and_each_channel_is_on_its_own(queue: Queue, posts: Posts) -> None:
    """A channel that is down keeps what it was not told; another is told meanwhile."""
    refusing, hook = Channel("off", "webhook", Secret("http://127.0.0.1:1/")), webhook(posts)
    for channel in (refusing, hook):
        queue.put(channel, a_notice(), a_notice(action=Action.RESOLVE), a_notice("u2"))
    with queue.delivering(refusing, hook):
        wait_for(lambda: len(posts.at("/hook")) == 3, what="three notices")
        wait_for(lambda: queue.rows()[3:] == [("hook", "delivered")] * 3, what="the queue to know")
    assert [(post["id"], post["action"]) for post in posts.at("/hook")] == [
        ("u1", "trigger"), ("u1", "resolve"), ("u2", "trigger"),
    ]  # fmt: skip
    assert queue.rows()[:3] == [("off", "waiting")] * 3
    off, on = channel_states(queue.database, (refusing, hook))
    assert (off.waiting, off.working, off.error) == (3, False, "the webhook does not answer (Connection refused)")
    assert (on.waiting, on.working, on.error, on.delivered_at) == (0, True, None, T0)
    moved = Channel("off", "webhook", Secret(f"{posts.url}/off"))
    with queue.delivering(moved):  # after a restart
        wait_for(lambda: not queue.waits(), what="what waited")
    assert [post["maybe_repeated"] for post in posts.at("/off")] == [False] * 3  # nobody was there to get it


def answering(*statuses: int) -> Callable[[socket.socket], None]:
    """A server that answers so, one connection after the other."""
    left = list(statuses)

    def handler(connection: socket.socket) -> None:
        read_head(connection)
        status = left.pop(0) if len(left) > 1 else left[0]
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 20\r\n\r\n%b" % (status, KEY.encode()[:20]))

    return handler


@pytest.mark.parametrize(
    ("statuses", "state", "attempts"),
    [((503, 429, 202), "delivered", 3), ((400,), "refused", 1), ((404,), "refused", 1)],
)
def test_what_answers_mean(queue: Queue, statuses: tuple[int, ...], state: str, attempts: int) -> None:
    """A 5xx and a 429 are tried again, another 4xx is not; no error shows the key."""
    with Peer(answering(*statuses)) as peer:
        pager = Channel("p", "pagerduty", Secret(f"http://127.0.0.1:{peer.port}/x"), Secret(KEY[:20]))
        queue.put(pager, a_notice())
        with queue.delivering(pager):
            wait_for(lambda: not queue.waits(), what="an end")
    [(found, tried, error)] = queue.database.query("SELECT state, attempts, error FROM notices")
    assert (found, tried) == (state, attempts)
    assert error is None or error == f"PagerDuty answers {statuses[-1]}: ****"


def test_a_notice_is_given_up_after_a_day(queue: Queue) -> None:
    """After a day of failed attempts a notice is dropped, and its error is kept for the page."""
    off = Channel("off", "webhook", Secret("http://127.0.0.1:1/"))
    queue.put(off, a_notice())
    queue.now += dispatcher.GIVE_UP + 1
    with queue.delivering(off):
        wait_for(lambda: queue.rows() == [("off", "given_up")], what="giving up")


def test_a_hanging_channel_delays_no_other(queue: Queue, posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its attempt ends at the deadline, and no second one is made while the first hangs."""
    from threading import Event

    from aimon.probes.notify import channels
    from aimon.probes.notify.posting import Sender

    let_go, begun = Event(), []

    def hang(delivery: Delivery) -> None:
        begun.append(delivery)
        let_go.wait(60)

    monkeypatch.setattr(dispatcher, "DEADLINE", 0.05)
    monkeypatch.setitem(channels.KINDS, "apprise", lambda _: Sender(hang))
    hanging, hook = Channel("h", "apprise", Secret("x://y")), webhook(posts)
    queue.put(hanging, a_notice())
    queue.put(hook, a_notice())
    with queue.delivering(hanging, hook):
        wait_for(lambda: posts.at("/hook"), what="the other channel")
        wait_for(
            lambda: (channel_states(queue.database, [hanging])[0].error or "").startswith("the attempt before"),
            what="a retry",
        )
        assert len(begun) == 1
        let_go.set()
        wait_for(lambda: len(begun) > 1, what="another attempt")
    assert begun[1].maybe_repeated


def test_a_cap_delays_and_says_so(queue: Queue, posts: Posts) -> None:
    """Two an hour: the second says how many wait; ends of what was told pass, what was over meanwhile is dropped."""
    robot = Channel("r", "feishu", Secret(f"{posts.url}/robot"), per_hour=2)
    queue.put(robot, *(a_notice(f"u{i}") for i in range(5)), a_notice("u0", Action.RESOLVE))

    def titles() -> list[str]:
        return [post["card"]["header"]["title"]["content"] for post in posts.at("/robot")]

    def texts() -> list[str]:
        return [post["card"]["elements"][0]["text"]["content"] for post in posts.at("/robot")]

    with queue.delivering(robot) as delivering:
        wait_for(lambda: len(titles()) == 3, what="two incidents and an end")
        assert [title.split("]")[0] for title in titles()] == ["[DOWN", "[DOWN", "[RESOLVED"]
        assert texts()[1].endswith("3 more held back by the cap of 2 an hour")
        wait_for(lambda: [state for _, state in queue.rows()].count("delivered") == 3, what="the queue to know")
        with queue.database.transaction() as connection:
            outbox.drop_untold(connection, "u2", queue.now)
        queue.now += 3601
        delivering.wake()
        wait_for(lambda: not queue.waits(), what="the rest, an hour later")
    assert len(titles()) == 5


def test_what_was_under_way_when_it_was_killed_is_sent_again(queue: Queue, posts: Posts) -> None:
    """A notice whose sending was killed is sent again with the same key, marked as a possible repetition."""
    hook, robot = webhook(posts), Channel("r", "wecom", Secret(f"{posts.url}/robot"), language="zh")
    for channel in (hook, robot):
        queue.put(channel, a_notice())
        queued = outbox.first(queue.database, channel.name)
        assert queued is not None
        outbox.begin(queue.database, queued.id)
    with queue.delivering(hook, robot):
        wait_for(lambda: not queue.waits(), what="both")
    assert [post["maybe_repeated"] for post in posts.at("/hook")] == [True]
    assert posts.at("/robot")[0]["markdown"]["content"].endswith("（可能是重复消息）")


def test_a_full_disk_after_sending_sends_nothing_twice(
    queue: Queue, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written is written later; it was delivered all the same."""
    failures = iter([sqlite3.OperationalError("disk full")] * 3)
    finish = outbox.finish

    def failing(*arguments: Any, **options: Any) -> None:
        from aimon.probes.history.database import HistoryError

        if (error := next(failures, None)) is not None:
            raise HistoryError(str(error))
        finish(*arguments, **options)

    monkeypatch.setattr(outbox, "finish", failing)
    hook = webhook(posts)
    queue.put(hook, a_notice(), a_notice("u2"))
    with queue.delivering(hook):
        wait_for(lambda: not queue.waits(), what="both")
    assert [post["id"] for post in posts.at("/hook")] == ["u1", "u2"]


def test_of_two_processes_one_delivers(queue: Queue, posts: Posts) -> None:
    """The other takes over when the first ends."""
    hook = webhook(posts)
    with queue.delivering(hook) as first:
        queue.put(hook, a_notice())
        wait_for(lambda: not queue.waits(), what="the first")
        with queue.delivering(hook):
            queue.put(hook, a_notice("u2"))
            wait_for(lambda: not queue.waits(), what="the second notice")
            first.close()
            queue.put(hook, a_notice("u3"))
            wait_for(lambda: not queue.waits(), what="the third notice")
    assert [post["id"] for post in posts.at("/hook")] == ["u1", "u2", "u3"]


def test_apprise(posts: Posts) -> None:
    """A service of it gets the message; a URL that it does not understand is not repeated; nor is one in an error."""
    sender(Channel("j", "apprise", Secret(posts.url.replace("http", "json") + "/apprise"))).send(Delivery(a_notice()))
    assert posts.at("/apprise")[0]["title"] == "[DOWN] qwen-prod: outage"
    with pytest.raises(ValueError, match="apprise does not understand the URL") as caught:
        sender(Channel("j", "apprise", Secret("nosuch://token0123")))
    assert "token0123" not in str(caught.value)
    with pytest.raises(DeliveryError, match=r"^apprise: ") as failed:
        sender(Channel("j", "apprise", Secret("json://user0123:pass0123@127.0.0.1:1/secret0123"))).send(
            Delivery(a_notice())
        )
    assert not isinstance(failed.value, RefusedError)
    assert "0123" not in str(failed.value)


def test_without_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without apprise the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(ValueError, match=r"needs apprise: pip install 'aimon-probes\[notify\]'"):
        sender(Channel("j", "apprise", Secret("json://h")))


def test_a_damaged_row_does_not_block_the_queue(queue: Queue, posts: Posts) -> None:
    """It is given up, and the next one is sent."""
    hook = webhook(posts)
    queue.put(hook, a_notice(), a_notice("u2"))
    with queue.database.transaction() as connection:
        connection.execute("UPDATE notices SET notice = ? WHERE uid = 'u1'", (json.dumps({"uid": 1}),))
    with queue.delivering(hook):
        wait_for(lambda: not queue.waits(), what="the second")
    assert [post["id"] for post in posts.at("/hook")] == ["u2"]


def test_an_alertmanager_is_told_again_of_what_goes_on(
    queue: Queue, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open incidents are repeated to an Alertmanager, ended ones are not; the labels of an alert stay the same."""
    monkeypatch.setattr(dispatcher, "RESEND", 0.01)
    target = Channel("am", "alertmanager", Secret(posts.url))
    queue.put(target, a_notice(), a_notice("u2"))

    def told() -> list[Any]:
        return posts.at("/api/v2/alerts")

    with queue.delivering(target):
        wait_for(lambda: len(told()) >= 5, what="both, again and again")
        again = told()[-1]
        assert [alert["labels"]["endpoint"] for alert in again] == ["qwen-prod"] * 2
        queue.put(target, a_notice(action=Action.RESOLVE))
        wait_for(lambda: len(told()[-1]) == 1 and not queue.waits(), what="the end of one")
    first = told()[0][0]
    [ended] = [post[0] for post in told() if post[0]["endsAt"] == "2023-11-14T22:14:50.000Z"]
    assert first["labels"] == ended["labels"] == {
        "alertname": "AIIncident", "kind": "outage", "severity": "critical", "incident": "1",
        "endpoint": "qwen-prod", "model": "qwen-plus", "provider": "dashscope", "region": "cn",
    }  # fmt: skip
    assert first["annotations"]["summary_zh"] == "[故障] qwen-prod：不可用"
