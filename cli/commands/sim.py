"""`aimon sim`: the simulated provider alone."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli.console import note
from aimon.cli.exits import UNABLE, USAGE, Stop
from aimon.distribution import how_to_add

if TYPE_CHECKING:
    from ssl import SSLError

    from aimon.simulator import Simulator


def sim(
    host: Annotated[str, typer.Option(help="Address; the control endpoints have no password.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8399,
    ttft: Annotated[str | None, typer.Option(help="Wait before the first token, such as 200ms.")] = None,
    itl: Annotated[str | None, typer.Option(help="Gap between tokens, such as 10ms.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens in an answer that is not an echo.")] = None,
    reasoning: Annotated[int | None, typer.Option(help="Reasoning tokens before the visible text.")] = None,
    chunk_tokens: Annotated[int | None, typer.Option(help="Tokens that one event carries.")] = None,
    slots: Annotated[int | None, typer.Option(help="Requests served at once; the rest wait in a queue.")] = None,
    rps: Annotated[float | None, typer.Option(help="Requests per second above which it answers 429.")] = None,
    rpm: Annotated[float | None, typer.Option(help="Requests per minute, instead of --rps.")] = None,
    tpm: Annotated[int | None, typer.Option(help="Tokens per minute above which it answers 429.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Whose headers and error bodies to send, such as openai.")] = None,
    key_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="The variable that holds the key that clients must send.")
    ] = None,
    certfile: Annotated[Path | None, typer.Option(help="Speak TLS with this certificate (PEM).")] = None,
    keyfile: Annotated[Path | None, typer.Option(help="Its key, if it is in another file.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="A fault, such as cut:share=0.2; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 0,
) -> None:
    """Run a simulated AI provider: every dialect, with known latency, limits and faults. Ctrl-C ends it."""
    try:
        from ssl import SSLError

        from aimon.simulator import profile_from_options, rule_from_text, serve
        from aimon.simulator.model.profile import SettingError
    except ModuleNotFoundError as error:
        raise Stop(UNABLE, f"the simulator needs {error.name}: {how_to_add('sim')}") from error
    key = None if key_env is None else _key(key_env)
    _check_files(certfile, keyfile)
    try:
        profile = profile_from_options(
            ttft=ttft,
            itl=itl,
            tokens=tokens,
            reasoning=reasoning,
            chunk_tokens=chunk_tokens,
            slots=slots,
            rps=rps,
            rpm=rpm,
            tpm=tpm,
            vendor=vendor,
            key=key,
        )
        rules = [rule_from_text(text) for text in fault or ()]
        ready = partial(_ready, key_env=key_env, certfile=certfile)
        serve(profile, rules=rules, host=host, port=port, certfile=certfile, keyfile=keyfile, seed=seed, ready=ready)
    except SettingError as error:
        raise Stop(USAGE, str(error)) from error
    except SSLError as error:
        raise Stop(USAGE, f"--certfile {certfile}: {_why_no_certificate(error, keyfile)}") from error
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while attempting")[0]  # the error contains the address
        raise Stop(UNABLE, f"{host}:{port}: {why}: choose another --host or --port") from error


def _check_files(certfile: Path | None, keyfile: Path | None) -> None:
    if keyfile is not None and certfile is None:
        raise Stop(USAGE, "--keyfile belongs to a certificate: add --certfile FILE")
    for option, path in (("--certfile", certfile), ("--keyfile", keyfile)):
        if path is not None and not path.is_file():
            raise Stop(USAGE, f"{option} {path}: there is no such file")


def _why_no_certificate(error: SSLError, keyfile: Path | None) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    where = "with its key" if keyfile is None else f"with the key in {keyfile}"
    return (
        f"no PEM certificate {where}; one for tests: openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=sim "
        "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem"
    )


def _ready(simulator: Simulator, key_env: str | None, certfile: Path | None) -> None:
    print(f"simulator: {simulator.url}", flush=True)
    key = f" --api-key-env {key_env}" if key_env else ""
    trust = f"SSL_CERT_FILE={certfile} " if certfile else ""
    note(f"try: {trust}aimon probe --dialect openai-chat --base-url {simulator.url}/v1 --model sim-1{key}")


def _key(variable: str) -> str:
    from aimon.security.credentials import key

    if not os.environ.get(variable):
        raise Stop(USAGE, f"--key-env {variable}: the variable is not set: export {variable}=…")
    try:
        return key(os.environ[variable], variable)
    except ValueError as error:
        raise Stop(USAGE, f"--key-env: {error}") from error
