"""The small HTTP server of `--listen`: its pages, its refusals, and what it says when a page can't be made."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from aimon.network.server.listen import HEALTH, Listener, is_loopback, read_token, split_address, why_not

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKEN = "a-token-0123456789abcdef"
KEY = "sk-recognisable-key-0123456789"


def get(listener: Listener, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Asks for a page; gives the status and the body."""
    address = listener.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


def broken() -> tuple[HTTPStatus, bytes, str]:
    """A page whose making fails with a key in the error."""
    raise KeyError(f"{KEY} is not among them")


def test_pages_are_made_when_they_are_asked_for() -> None:
    """GET has the body, HEAD has none; what is not there is told with what is."""
    made = iter([b"one", b"two", b"three"])
    pages = {"/metrics": lambda: (HTTPStatus.OK, next(made), "text/plain")}
    with Listener("127.0.0.1", 0, pages) as listener:
        assert get(listener, "/metrics") == (200, "one")
        assert get(listener, "/metrics?x=1", "HEAD") == (200, "")
        assert get(listener, "/metrics") == (200, "three")
        assert get(listener, "/") == (404, "there is /metrics\n")


def test_a_page_that_fails_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """The client learns the kind of error, the log its place, and neither its text; the next page is served."""
    with Listener("127.0.0.1", 0, {"/bad": broken, "/ok": lambda: (HTTPStatus.OK, b"ok", "text/plain")}) as listener:
        status, body = get(listener, f"/bad?key={KEY}")
        assert (status, body) == (500, "this page could not be made: KeyError; the log says where\n")
        assert get(listener, "/ok") == (200, "ok")
    assert "bug in aimon: /bad: KeyError in broken:" in caplog.text
    assert KEY not in caplog.text + body


def test_an_address_that_cannot_be_had_says_why() -> None:
    """A port that is taken, an address of another machine, a name that nobody knows."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use") as error:
        Listener("127.0.0.1", taken.getsockname()[1], {})
    assert why_not(error.value) == "the port is in use: choose another, or 0 for any that is free"
    with pytest.raises(OSError, match="assign") as error:
        Listener("192.0.2.1", 0, {})
    assert why_not(error.value).startswith("this machine has no such address")
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert "write an IP address" in why_not(unknown)
    assert "choose one above 1023" in why_not(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def page(text: str) -> Callable[[], tuple[HTTPStatus, bytes, str]]:
    """What makes a page that says this."""
    return lambda: (HTTPStatus.OK, text.encode(), "text/plain")


def test_a_token_is_asked_for() -> None:
    """Without the token, with a wrong one or another scheme, all pages answer alike, even missing ones."""
    with Listener("127.0.0.1", 0, {"/metrics": page("m"), HEALTH: page("ok")}, token=TOKEN) as listener:
        assert get(listener, "/metrics", Authorization=f"Bearer {TOKEN}") == (200, "m")
        for wrong in ("", TOKEN, f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xfc\xe9"):
            headers = {"Authorization": wrong} if wrong else {}
            for path in ("/metrics", "/nothing"):
                assert get(listener, path, **headers) == (401, "this page asks for a bearer token\n")
        assert get(listener, HEALTH) == (200, "ok")
        assert get(listener, "/metrics", "HEAD") == (401, "")
        with closing(http.client.HTTPConnection(listener.url.removeprefix("http://"), timeout=10)) as connection:
            connection.request("GET", "/metrics")
            assert connection.getresponse().headers["WWW-Authenticate"] == "Bearer"


def test_a_token_file(tmp_path: Path) -> None:
    """The line in it, with or without its end; what no header can carry is refused without being repeated."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    assert read_token(path) == TOKEN
    for wrong in ("", "short", f"{TOKEN}\n{TOKEN}", f"{TOKEN} {TOKEN}", "pässwörd-pässwörd"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match=r"token: a token is one line .*: write one with openssl") as error:
            read_token(path)
        assert TOKEN not in str(error.value)
    path.write_bytes(b"\x80" * 40)
    with pytest.raises(ValueError, match=r"token is not text$"):
        read_token(path)
    with pytest.raises(ValueError, match=r"no-such-file can't be read: No such file or directory$"):
        read_token(tmp_path / "no-such-file")


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464), True),
        ("127.9.9.9:0", ("127.9.9.9", 0), True),
        ("localhost:80", ("localhost", 80), True),
        (":9464", ("127.0.0.1", 9464), True),
        ("[::1]:9464", ("::1", 9464), True),
        ("[::]:9464", ("::", 9464), False),
        ("0.0.0.0:9464", ("0.0.0.0", 9464), False),  # noqa: S104 - the address that is asked about
        ("10.1.2.3:9464", ("10.1.2.3", 9464), False),
        ("example.org:9464", ("example.org", 9464), False),
    ],
)
def test_addresses(text: str, address: tuple[str, int], loopback: bool) -> None:
    """Host and port, and whether others can reach it; a name other than localhost may be anything."""
    assert split_address(text) == address
    assert is_loopback(address[0]) is loopback


@pytest.mark.parametrize("text", ["", "9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", "::1:9"])
def test_what_is_no_address(text: str) -> None:
    """The message shows how one is written."""
    with pytest.raises(ValueError, match=r"is no address to listen on: write HOST:PORT, such as 127\.0\.0\.1:9464"):
        split_address(text)


def test_ipv6() -> None:
    """The URL of an IPv6 address has brackets and answers."""
    with Listener("::1", 0, {"/metrics": page("six")}) as listener:
        assert listener.url.startswith("http://[::1]:")
        assert get(listener, "/metrics") == (200, "six")


def test_a_client_that_says_nothing_holds_up_nobody() -> None:
    """One connection stays open and silent, one leaves in the middle of its request: others are served."""
    with Listener("127.0.0.1", 0, {"/metrics": page("m")}) as listener:
        address = ("127.0.0.1", int(listener.url.rsplit(":", 1)[1]))
        with socket.create_connection(address) as silent, socket.create_connection(address) as gone:
            gone.sendall(b"GET /metr")
            gone.close()
            silent.sendall(b"GET")
            assert [get(listener, "/metrics") for _ in range(3)] == [(200, "m")] * 3
            assert get(listener, "/metrics", "POST")[0] == 501
