"""The small HTTP server of `--listen`: its pages, its refusals, and what it says when a page can't be made."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from contextlib import closing
from http import HTTPStatus

import pytest

from aimon.probes.listen import Listener, why_not

KEY = "sk-recognisable-key-0123456789"


def get(listener: Listener, path: str, method: str = "GET") -> tuple[int, str]:
    """Asks for a page; gives the status and the body."""
    address = listener.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request(method, path)
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
