"""Who may ask the service, what every answer carries, and what other sites' pages are refused."""

from __future__ import annotations

import base64

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from aimon.probes.service.web.access import CONTENT_SECURITY_POLICY, SecurityHeaders, TokenAuth
from aimon.probes.service.web.compression import Compression, accepts

TOKEN = "0123456789abcdef-token"
PATHS = ("/", "/metrics", "/probe", "/-/healthy", "/-/ready", "/-/reload", "/api/v1/heartbeat/{name}")


def client(token: str | None) -> TestClient:
    """An application that answers `ok` everywhere, behind the middlewares."""
    routes = [Route(path, lambda _: PlainTextResponse("ok"), methods=["GET", "POST"]) for path in PATHS]
    app = Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), Middleware(TokenAuth, token=token)])
    return TestClient(app)


def basic(password: str) -> str:
    """The header of a browser that was told this password."""
    return f"Basic {base64.b64encode(f'anybody:{password}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (None, 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (basic(TOKEN), 200),
        (basic(f"{TOKEN}x"), 401),
        ("Bearer ", 401),
        (f"Digest {TOKEN}", 401),
        ("Basic %%%", 401),
        ("Bearer \u00e9".encode().decode("latin-1"), 401),
    ],
)
def test_a_token_is_asked_for(sent: str | None, status: int) -> None:
    """As Bearer or as the password of Basic; a browser is told to ask for it. Health needs none."""
    headers = {} if sent is None else {b"Authorization": sent.encode("latin-1")}
    with client(TOKEN) as asked:
        answer = asked.get("/metrics", headers=headers)
        assert answer.status_code == status
        assert ("Basic" in answer.headers.get("www-authenticate", "")) == (status == 401)
        assert [asked.get(path).status_code for path in ("/-/healthy", "/-/ready")] == [200, 200]
        # These have tokens of their own.
        assert asked.post("/api/v1/heartbeat/job").status_code == 200


def test_without_a_token_everybody_is_let_in_and_every_answer_has_the_headers() -> None:
    """Refusals and pages that are not there, too."""
    with client(None) as asked:
        for path, status in (("/", 200), ("/nowhere", 404)):
            answer = asked.get(path)
            assert (answer.status_code, answer.headers["content-security-policy"]) == (status, CONTENT_SECURITY_POLICY)
            assert answer.headers["x-content-type-options"] == "nosniff"
    with client(TOKEN) as asked:
        assert asked.get("/").headers["content-security-policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/-/reload", 403), ("GET", "/probe", 403), ("GET", "/", 200), ("GET", "/metrics", 200)],
)
def test_another_sites_page_can_do_nothing(method: str, path: str, status: int) -> None:
    """What reloads or spends is refused; what only reads is kept from that page by the browser itself."""
    with client(None) as asked:
        assert asked.request(method, path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == status
        assert asked.request(method, path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.001", True),
        ("identity", False),
        ("", False),
        ("xgzip", False),
    ],
)
def test_what_a_client_accepts(header: str, accepted: bool) -> None:
    """By name, whatever its case, unless it is refused with q=0."""
    assert accepts(header, "gzip") is accepted


@pytest.mark.parametrize(("header", "encoding"), [("gzip", "gzip"), ("gzip;q=0", None), ("identity", None)])
def test_answers_are_compressed_for_those_who_accept_it(header: str, encoding: str | None) -> None:
    """Not for a client that refuses it, however it says so."""
    app = Starlette(
        routes=[Route("/", lambda _: PlainTextResponse("endpoint " * 1000))], middleware=[Middleware(Compression)]
    )
    answer = TestClient(app).get("/", headers={"Accept-Encoding": header})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.text == "endpoint " * 1000
