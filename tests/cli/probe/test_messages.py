"""What `aimon probe` says of each failure, as whole lines: what is wrong, where, and what to do."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.cli import advice
from aimon.simulator import Profile, SimulatorProcess
from certificates import Authority
from peers import black_hole
from results import a_result
from services import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from command import Command

# What each provider does wrong, and the line about it. Times and request ids are masked, ports are filled in.
ANSWERED = {
    "unauthorized": "unauthorized latency T (account) HTTP 401 from 127.0.0.1: Incorrect API key provided: ****. "
    "Check the key: that the variable or file behind api_key holds it, that it is this provider's, and that it was not "
    "revoked.",
    "forbidden": "forbidden latency T (account) HTTP 403 from 127.0.0.1: You have insufficient permissions for this. "
    "The key is known but not allowed: check its permissions, the model's access and the region.",
    "quota": "quota_exhausted latency T (account) HTTP 429 from 127.0.0.1: You exceeded your current quota, please "
    "check your plan and billing details. No retry helps: top up or raise the spending limit in the provider's "
    "console.",
    "rate_limited": "rate_limited latency T (account) HTTP 429 from 127.0.0.1: Rate limit reached for sim-1: requests. "
    "Please try again in 7s; retry after 7 s. All calls with this key count: probe less often, or ask the provider for "
    "a higher limit.",
    "model_not_found": "model_not_found latency T (configuration) HTTP 404 from 127.0.0.1: The model `sim-1` does not "
    "exist or you do not have access to it. Check the model's name, base_url, and that the account has access to the "
    "model.",
    "redirect": "bad_request latency T (configuration) 127.0.0.1: HTTP 307 without a message. The address has moved, "
    "and keys are not sent after it: write the new one in base_url.",
    "overloaded": "overloaded latency T (provider) HTTP 503 from 127.0.0.1: The engine is currently overloaded, please "
    "try again later. The provider is out of capacity: see its status page; nothing to change here.",
    "server_error": "server_error latency T (provider) HTTP 500 from 127.0.0.1: The server had an error while "
    "processing your request. The provider failed: see its status page, and give it the request id REQ.",
    "html": "malformed latency T (provider) 127.0.0.1: an HTML page instead of an answer: Sign in. "
    "That is not this API's language: check base_url and dialect, and for a proxy's error page.",
    "cut": "stream_truncated latency T ttft T (provider) 127.0.0.1: the connection was closed before the answer was "
    "complete. The provider or a proxy on the way cut the stream: compare with a direct connection.",
    "close": "connect latency T (network) 127.0.0.1: the connection was closed before any answer. Check base_url's "
    "host and port, that the server runs, and firewalls or proxies on the way.",
    "hang": "timeout_ttft latency T (provider) 127.0.0.1: no visible text within 1.5 s. The provider took the call and "
    "said nothing: see its status page; raise timeout.ttft only if that is normal.",
    "hang_midway": "timeout_total latency T ttft T (provider) 127.0.0.1: the answer was not complete within 2 s. The "
    "answer is too slow or never ends: see the provider's status page; raise timeout.total only if that is normal.",
}
ELSEWHERE = {
    "nowhere": "dns latency T (network) cannot resolve 'no.such.host.invalid': no such host. Check base_url's host "
    "name and this machine's DNS (try: getent hosts HOST).",
    "refused": "connect latency T (network) cannot connect: 127.0.0.1:{refused}: connection refused. Check base_url's "
    "host and port, that the server runs, and firewalls or proxies on the way.",
    "full": "timeout_connect latency T (network) no connection to 127.0.0.1:{full} within 1 s. Check the route to "
    "the host (firewall, proxy, VPN), or raise timeout.connect.",
    "plain": "tls latency T (network) 127.0.0.1: 'localhost' does not speak TLS on this port (is it http://?). Check "
    "base_url: http:// in place of https://, or another port.",
    "expired": "tls latency T (network) 127.0.0.1: the certificate of 'localhost' has expired. Renew it on the server; "
    "if it is new there, look at this machine's clock (try: date -u).",
    "private": "tls latency T (network) 127.0.0.1: the certificate of 'localhost' comes from an unknown issuer, or the "
    "server left out an intermediate certificate. Have the server send its whole chain; for an authority of your own "
    "set ca_file.",
}


def entry(name: str, url: str, **more: object) -> str:
    """An endpoint of the configuration."""
    keys = {"name": name, "dialect": "openai-chat", "base_url": url, "model": "sim-1", **more}
    return f"  - {json.dumps(keys, default=str)}\n"


def masked(line: str) -> str:
    """Without what differs from run to run."""
    line = re.sub(r"\b(latency|ttft) (<?\d+ ms|\d+\.\d\d s)", r"\1 T", line)
    return re.sub(r"req_[0-9a-f]+", "REQ", line)


def expected(ports: Mapping[str, int]) -> dict[str, str]:
    """The lines, by endpoint."""
    return {**ANSWERED, **{name: line.format_map(ports) for name, line in ELSEWHERE.items()}}


def test_each_line_says_what_is_wrong_and_where_and_what_to_do(run_aimon: Command, tmp_path: Path) -> None:
    """19 failures in one run, each one line; the same words in `aimon status`."""
    authority = Authority(tmp_path)
    authority.server(begins=-dt.timedelta(days=9), ends=-dt.timedelta(days=2))
    [leaf] = tmp_path.glob("leaf-*.pem")
    old = SimulatorProcess(Profile("sim"), certfile=leaf, keyfile=leaf)
    with SimulatorProcess(*map(Profile, ANSWERED)) as simulator, old, black_hole() as full:
        simulator.set_faults(
            "rate_limited:profile=rate_limited,retry_after=7",
            *({"fault": name, "profile": name} for name in ANSWERED if name != "rate_limited"),
        )
        ports = {"refused": free_port(), "full": full}
        old_url, plain_url = (each.url.replace("127.0.0.1", "localhost") for each in (old, simulator))
        config = tmp_path / "aimon.yaml"
        config.write_text(
            "defaults: {timeout: {connect: 1s, ttft: 1.5s, total: 2s}}\nendpoints:\n"
            + "".join(entry(name, simulator.base_url(name), api_key="${KEY}") for name in ANSWERED)
            + entry("nowhere", "http://no.such.host.invalid/v1")
            + entry("refused", f"http://127.0.0.1:{ports['refused']}/v1")
            + entry("full", f"http://127.0.0.1:{full}/v1")
            + entry("plain", plain_url.replace("http:", "https:") + "/v1", ip="4")
            + entry("expired", f"{old_url}/v1", ca_file=authority.file, ip="4")
            + entry("private", f"{old_url}/v1", ip="4")
        )
        done = run_aimon("probe", "-c", str(config), env={"KEY": "sk-0123456789abcdefghij"})
    assert (done.returncode, done.stderr) == (1, "")
    lines = dict(masked(line).split(" ", 1) for line in done.stdout.splitlines())
    assert lines == expected(ports)
    shown = run_aimon("status", "unauthorized").stdout.splitlines()
    assert shown[1] == "  " + ANSWERED["unauthorized"].partition("(account) ")[2]


def test_every_failure_has_advice() -> None:
    """Every outcome has advice, and each is a whole sentence."""
    assert set(advice._WHAT_TO_DO) == set(Outcome) - {Outcome.OK, Outcome.CANCELLED}  # no probe is broken off
    for text in (*advice._WHAT_TO_DO.values(), *advice._BY_REASON.values()):
        assert re.fullmatch(r"[A-Z].*[A-Za-z)]\.", text), text


@pytest.mark.parametrize("status", [405, 501])
@pytest.mark.parametrize("outcome", [Outcome.SERVER_ERROR, Outcome.BAD_REQUEST])
def test_a_web_server_that_is_no_api(status: int, outcome: Outcome) -> None:
    """A web server without POST is no API: the advice is about base_url, not about the provider's status."""
    told = advice.advice(a_result(outcome, status_code=status, error="Error response"))
    assert told == "That address does not take such calls: check base_url, up to and including /v1, and dialect."
