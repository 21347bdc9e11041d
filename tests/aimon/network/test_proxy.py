"""Which proxy a URL goes through, as everybody else reads the environment; and SOCKS5's handshake, byte by byte."""

from __future__ import annotations

import pytest

from aimon.network import proxy as proxies
from aimon.network import socks
from aimon.network.no_proxy import exempts
from aimon.network.proxy import Proxy, ProxyError
from aimon.security.secret import Secret

API = "https://api.example/v1"


def shown(url: str, environ: dict[str, str], configured: str | None = None) -> str | None:
    """The proxy's address and what names it."""
    proxy = proxies.find(url, configured, environ)
    return None if proxy is None else str(proxy).removeprefix("the proxy ")


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, API, None),
        ({"HTTPS_PROXY": "http://p:3128"}, API, "http://p:3128 (HTTPS_PROXY)"),
        ({"https_proxy": "http://p:3128"}, API, "http://p:3128 (https_proxy)"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2"}, API, "http://a:1 (https_proxy)"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://b:2"}, API, None),
        ({"HTTPS_PROXY": "p:3128"}, API, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "p"}, API, "http://p:80 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://api.example/v1", None),
        ({"HTTP_PROXY": "http://p:3128"}, "http://api.example/v1", "http://p:3128 (HTTP_PROXY)"),
        ({"HTTP_PROXY": "http://p:3128", "REQUEST_METHOD": "GET"}, "http://api.example/v1", None),
        ({"ALL_PROXY": "http://p:1"}, API, "http://p:1 (ALL_PROXY)"),
        ({"ALL_PROXY": "socks://127.0.0.1:7890/"}, API, "socks5://127.0.0.1:7890 (ALL_PROXY)"),
        ({"all_proxy": "socks5://127.0.0.1:7890"}, API, "socks5://127.0.0.1:7890 (all_proxy)"),
        ({"ALL_PROXY": "socks5h://u:p@[::1]"}, API, "socks5://[::1]:1080 (ALL_PROXY)"),
        ({"HTTPS_PROXY": " http://p:3128 \r\n"}, API, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": '"http://p:3128"'}, API, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "api.example"}, API, None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": ".example"}, "https://api.example:8443/v1", None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "other"}, API, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "::1"}, "https://[::1]:8443/v1", None),
    ],
)
def test_the_environment(environ: dict[str, str], url: str, expected: str | None) -> None:
    """Upper and lower case, by scheme, with exceptions, and with what .env files leave on it."""
    assert shown(url, environ) == expected


def test_the_endpoint_overrules() -> None:
    """A configured proxy wins; what is encoded in its user name and password is decoded, and never shown."""
    environ = {"HTTPS_PROXY": "http://other:1", "NO_PROXY": "*"}
    proxy = proxies.find(API, "http://us%40er:p%3Aw@proxy:8080", environ)
    assert proxy is not None
    assert str(proxy) == "the proxy http://proxy:8080 (proxy)"
    assert proxy.credentials == ("us@er", "p:w")
    assert "p:w" not in repr(proxy)


@pytest.mark.parametrize(
    "value",
    [
        *("http://u:hunter2@p:99999", "http://u:hunter2@p:0", "http://u:hunter2@p:port", "http://u:hunter2@p q"),
        *("socks4://u:hunter2@p", "ftp://u:hunter2@p", "http://u:hunter2@", "http://u:hun/ter2@p", "http://[::1"),
        *(f"socks5://u:hunter2{'x' * 300}@p", "http\uff1a//p"),
    ],
)
def test_what_is_no_proxy_is_said_by_its_variable(value: str) -> None:
    """The error names the variable and shows nothing that may be a password."""
    with pytest.raises(ValueError, match=r"^ALL_PROXY: ") as caught:
        proxies.find(API, None, {"ALL_PROXY": value})
    assert "hunter" not in str(caught.value)
    assert "hun/" not in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "host", "port", "expected"),
    [
        ("*", "a", 443, True),
        ("a, b ,c", "b", 443, True),
        ("a b;c", "c", 443, True),
        ("example.com", "api.example.com", 443, True),
        ("example.com", "notexample.com", 443, False),
        (".example.com", "api.example.com", 443, True),
        ("*.example.com", "api.example.com", 443, True),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("EXAMPLE.com", "Api.Example.COM.", 443, True),
        ("example.com:8443", "example.com", 8443, True),
        ("example.com:8443", "example.com", 443, False),
        ("10.0.0.0/8", "10.200.3.4", 443, True),
        ("10.0.0.0/8", "11.0.0.1", 443, False),
        ("10.0.0.7/8", "10.1.1.1", 443, True),
        ("10.0.0.0/99", "10.0.0.0", 443, False),
        ("192.168.*", "192.168.3.4", 443, True),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.1:80", "10.0.0.1", 443, False),
        ("10.0.0.1", "10.0.0.11", 443, False),
        ("::1", "::1", 443, True),
        ("[::1]", "::1", 443, True),
        ("[::1]:443", "::1", 443, True),
        ("[::1]:80", "::1", 443, False),
        ("0:0:0:0:0:0:0:1", "::1", 443, True),
        ("fd00::/8", "fd12::1", 443, True),
        ("10.0.0.0/8", "::ffff:10.0.0.1", 443, True),
        ("10.0.0.0/8", "ten.example", 443, False),
        ("1", "10.0.0.1", 443, False),
        (",, ,", "a", 443, False),
        ("", "a", 443, False),
    ],
)
def test_exemptions(entries: str, host: str, port: int, *, expected: bool) -> None:
    """Names, patterns, addresses and networks of both families, with a port or without."""
    assert exempts(entries, host, port) is expected


def talk(proxy: Proxy, host: str, *answers: bytes) -> list[bytes]:
    """What is sent when the proxy answers so; each answer has the length that was waited for."""
    conversation = socks.handshake(proxy, host, 443)
    step = next(conversation)
    sent = [step.send]
    for answer in answers:
        assert len(answer) == step.expect
        try:
            step = conversation.send(answer)
        except StopIteration:
            return sent
        sent.append(step.send)
    raise AssertionError("it is not over")


OPEN = Proxy("socks5", "p", 1080, "ALL_PROXY")
CLOSED = Proxy("socks5", "p", 1080, "ALL_PROXY", "us", Secret("pw"))


def test_a_handshake() -> None:
    """RFC 1928 and 1929: names are left to the proxy, addresses go as such; an answer may hold any address."""
    assert talk(OPEN, "api.example", b"\5\0", b"\5\0\0\1", bytes(6)) == [
        *(b"\5\1\0", b"\5\1\0\3\x0bapi.example\x01\xbb", b""),
    ]
    assert talk(CLOSED, "10.0.0.1", b"\5\2", b"\1\0", b"\5\0\0\4", bytes(18)) == [
        *(b"\5\2\0\2", b"\1\2us\2pw", b"\5\1\0\1\x0a\0\0\1\x01\xbb", b""),
    ]
    name = talk(CLOSED, "::1", b"\5\0", b"\5\0\0\3", b"\2", bytes(4))
    assert name[1:] == [b"\5\1\0\4" + bytes(15) + b"\1\x01\xbb", b"", b""]


@pytest.mark.parametrize(
    ("proxy", "answers", "said"),
    [
        (OPEN, (b"HT",), "does not speak SOCKS5"),
        (OPEN, (b"\4\0",), "does not speak SOCKS5"),
        (OPEN, (b"\5\xff",), "wants a user and password"),
        (OPEN, (b"\5\2",), "an authentication that aimon does not have"),
        (CLOSED, (b"\5\xff",), "an authentication that aimon does not have"),
        (CLOSED, (b"\5\2", b"\1\1"), "refuses the user or password"),
        (OPEN, (b"\5\0", b"\5\2\0\1"), "opened no tunnel to api.example:443: not allowed by its rules"),
        (OPEN, (b"\5\0", b"\5\5\0\1"), "opened no tunnel to api.example:443: connection refused"),
        (OPEN, (b"\5\0", b"\5\x63\0\1"), "opened no tunnel to api.example:443: code 99"),
        (OPEN, (b"\5\0", b"\5\0\0\x09"), "does not speak SOCKS5"),
    ],
)
def test_a_handshake_that_fails(proxy: Proxy, answers: tuple[bytes, ...], said: str) -> None:
    """Each refusal in words."""
    with pytest.raises(ProxyError, match=said):
        talk(proxy, "api.example", *answers)


@pytest.mark.parametrize("host", ["x" * 300, f"{'ü' * 70}.example"])
def test_a_name_that_socks_can_not_carry(host: str) -> None:
    """Is refused before anything goes out."""
    with pytest.raises(ProxyError):
        talk(OPEN, host, b"\5\0")
