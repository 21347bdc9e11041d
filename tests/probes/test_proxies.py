"""Which proxy a URL goes through, as everybody else reads the environment."""

from __future__ import annotations

import pytest

from aimon.probes.proxies import proxy_for

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No proxy of this machine's."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def shown(url: str, configured: str | None = None) -> tuple[str, tuple[bytes, bytes] | None] | None:
    """The proxy's address and credentials."""
    proxy = proxy_for(url, configured)
    if proxy is None:
        return None
    return f"{proxy.url.scheme.decode()}://{proxy.url.host.decode()}:{proxy.url.port}", proxy.auth


def test_none_unless_there_is_one() -> None:
    """A direct connection."""
    assert shown("https://api.example/v1") is None


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({"HTTPS_PROXY": "http://p:3128"}, "https://api.example/v1", "http://p:3128"),
        ({"https_proxy": "http://p:3128"}, "https://api.example/v1", "http://p:3128"),
        ({"HTTPS_PROXY": "p:3128"}, "https://api.example/v1", "http://p:3128"),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://api.example/v1", None),
        ({"ALL_PROXY": "http://p:1"}, "https://api.example/v1", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "api.example"}, "https://api.example/v1", None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": ".example"}, "https://api.example:8443/v1", None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "other"}, "https://api.example/v1", "http://p:3128"),
        ({"HTTPS_PROXY": ""}, "https://api.example/v1", None),
    ],
)
def test_the_environment(
    environ: dict[str, str], url: str, expected: str | None, environment: pytest.MonkeyPatch
) -> None:
    """Upper and lower case, by scheme, with exceptions."""
    for name, value in environ.items():
        environment.setenv(name, value)
    found = shown(url)
    assert (None if found is None else found[0]) == expected


def test_the_endpoint_overrules_and_keeps_its_credentials_out_of_the_address(environment: pytest.MonkeyPatch) -> None:
    """A configured proxy wins; what is encoded in its user name and password is decoded."""
    environment.setenv("HTTPS_PROXY", "http://other:1")
    environment.setenv("NO_PROXY", "*")
    assert shown("https://api.example", "http://us%40er:p%3Aw@proxy:8080") == ("http://proxy:8080", (b"us@er", b"p:w"))
