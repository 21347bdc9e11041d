"""For any violation of HTTP, probes and load tests report the same outcome and message."""

from __future__ import annotations

import contextlib
import gzip
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.outcome import Outcome
from certificates import Authority
from chat_wire import STREAM_HEAD, chunk, completion, counted, event, events, streamed
from peers import Peer, black_hole, reset, until_closed, unused_port
from transport_pair import CLOSE, HANG, RESET, Answer, Pair, ask, play, seen

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable
    from pathlib import Path

BODY = completion("pong")
STREAM = b"".join(chunk(each) for each in events("po", "ng")) + chunk(b"")
OK, MALFORMED, CUT = Outcome.OK, Outcome.MALFORMED, Outcome.STREAM_TRUNCATED


def compressed(encoding: bytes, body: bytes) -> Answer:
    """An answer whose body is called compressed."""
    return Answer([headed(b"Content-Encoding: " + encoding, b"Content-Length: %d" % len(body), body=body)])


def headed(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = BODY, end: bytes = b"\r\n") -> bytes:
    """An answer with these header lines and a JSON body."""
    return end.join([status, b"Content-Type: application/json", *lines, b"", b""]) + body


LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"
LAST = chunk(BODY) + b"0\r\n"
IN_CHUNKS = chunk(BODY[:20]) + chunk(BODY[20:]) + chunk(b"")

# Bytes of the answer, and the expected outcome.
HEADS: dict[str, tuple[Answer, Outcome]] = {
    "a good one": (Answer([headed(LENGTH)]), OK),
    "byte by byte": (Answer([bytes([each]) for each in headed(LENGTH)]), OK),
    "a folded line": (Answer([headed(b"X-A: b\r\n c", LENGTH)]), OK),
    "folded by a tab": (Answer([headed(LENGTH, b"X-A:\r\n\tb")]), OK),
    "a folded first line": (Answer([b"HTTP/1.1 200 OK\r\n X: y\r\n\r\n" + BODY]), MALFORMED),
    "lone line feeds": (Answer([headed(LENGTH, end=b"\n")]), OK),
    "empty lines in front": (Answer([b"\r\n\r\n" + headed(LENGTH)]), OK),
    "no reason": (Answer([headed(LENGTH, status=b"HTTP/1.1 200")]), OK),
    "a reason in Chinese": (Answer([headed(LENGTH, status="HTTP/1.1 200 好".encode())]), OK),
    "white space before a colon": (Answer([headed(LENGTH, b"X-A : b")]), OK),
    "a header without a name": (Answer([headed(LENGTH, b": b")]), MALFORMED),
    "a header without a colon": (Answer([headed(LENGTH, b"nonsense")]), MALFORMED),
    "a name with a space": (Answer([headed(LENGTH, b"X A: b")]), MALFORMED),
    "a zero byte": (Answer([headed(LENGTH, b"X-A: b\0c")]), MALFORMED),
    "an escape": (Answer([headed(LENGTH, b"X-A: \x1b[31m")]), MALFORMED),
    "a bell": (Answer([headed(LENGTH, b"X-A: \x07")]), MALFORMED),
    "a lone carriage return": (Answer([headed(LENGTH, b"X-A: b\rc")]), MALFORMED),
    "Latin-1 in a header": (Answer([headed(LENGTH, b"X-A: \xe9\xff")]), OK),
    "a length and chunks": (Answer([headed(LENGTH, CHUNKED, body=IN_CHUNKS)]), OK),
    "chunks and a wrong length": (Answer([headed(CHUNKED, b"Content-Length: 3", body=IN_CHUNKS)]), OK),
    "the same length twice": (Answer([headed(LENGTH, LENGTH)]), OK),
    "the same length in a list": (Answer([headed(LENGTH + b", %d" % len(BODY))]), OK),
    "two lengths": (Answer([headed(LENGTH, b"Content-Length: 3")]), MALFORMED),
    "a length below zero": (Answer([headed(b"Content-Length: -1")]), MALFORMED),
    "a length in hex": (Answer([headed(b"Content-Length: 0x10")]), MALFORMED),
    "a length of a plus": (Answer([headed(b"Content-Length: +%d" % len(BODY))]), MALFORMED),
    "a length of 40 digits": (Answer([headed(b"Content-Length: " + b"9" * 40)]), MALFORMED),
    "an empty length": (Answer([headed(b"Content-Length:")]), MALFORMED),
    "chunks in capitals": (Answer([headed(b"TRANSFER-ENCODING: Chunked", body=IN_CHUNKS)]), OK),
    "another coding": (Answer([headed(b"Transfer-Encoding: gzip")]), MALFORMED),
    "two codings": (Answer([headed(b"Transfer-Encoding: gzip, chunked", body=IN_CHUNKS)]), MALFORMED),
    "no length": (Answer([headed()]), OK),
    "HTTP/1.0": (Answer([headed(status=b"HTTP/1.0 200 OK")]), OK),
    "HTTP/1.2": (Answer([headed(LENGTH, status=b"HTTP/1.2 200 OK")]), MALFORMED),
    "HTTP/2.0": (Answer([headed(LENGTH, status=b"HTTP/2.0 200 OK")]), MALFORMED),
    "HTTP/0.9": (Answer([b"<html>hello</html>"]), MALFORMED),
    "HTTP/2": (Answer([b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x64"], HANG), MALFORMED),
    "ssh": (Answer([b"SSH-2.0-OpenSSH_9.6\r\n"], HANG), MALFORMED),
    "smtp": (Answer([b"220 mail.example ESMTP\r\n"], HANG), MALFORMED),
    "TLS": (Answer([b"\x15\3\1\0\2\2\x28"], HANG), MALFORMED),
    "JSON alone": (Answer([BODY]), MALFORMED),
    "lower case": (Answer([headed(LENGTH, status=b"http/1.1 200 OK")]), MALFORMED),
    "a status of two digits": (Answer([headed(LENGTH, status=b"HTTP/1.1 20 OK")]), MALFORMED),
    "a status of four digits": (Answer([headed(LENGTH, status=b"HTTP/1.1 2000 OK")]), MALFORMED),
    "a status of letters": (Answer([headed(LENGTH, status=b"HTTP/1.1 abc OK")]), MALFORMED),
    "a status of zero": (Answer([headed(LENGTH, status=b"HTTP/1.1 000 OK")]), MALFORMED),
    "an interim answer": (Answer([b"HTTP/1.1 100 Continue\r\n\r\n", headed(LENGTH)]), OK),
    "early hints": (Answer([b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 3 + headed(LENGTH)]), OK),
    "interim answers without an end": (Answer([b"HTTP/1.1 102 Processing\r\n\r\n" * 20_000], HANG), MALFORMED),
    "another protocol": (Answer([headed(b"Upgrade: websocket", status=b"HTTP/1.1 101 Switching")], HANG), MALFORMED),
    "a huge header": (Answer([headed(b"X-A: " + b"a" * 300_000, LENGTH)], HANG), MALFORMED),
    "a huge header that ends with the last read": (
        Answer([headed(b"X-A: " + b"a" * (262_144 + 60_000), LENGTH)], HANG),
        MALFORMED,
    ),
    "a head below the limit, and a body beyond it": (
        Answer([headed(b"X-A: " + b"a" * 258_000, LENGTH)]),
        OK,
    ),
    "many headers": (Answer([headed(*[b"X-%d: a" % i for i in range(40_000)], LENGTH)], HANG), MALFORMED),
    "headers without an end": (Answer([b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 40_000], HANG), MALFORMED),
    "a status line without an end": (Answer([b"HTTP/1.1 200 " + b"a" * 300_000], HANG), MALFORMED),
    "a large header": (Answer([headed(b"X-A: " + b"a" * 60_000, LENGTH)]), OK),
    "nothing": (Answer([]), Outcome.CONNECT),
    "nothing, and a reset": (Answer([], RESET), Outcome.CONNECT),
    "an empty line": (Answer([b"\r\n"]), Outcome.CONNECT),
    "half a status line": (Answer([b"HTTP/1.1 2"]), Outcome.CONNECT),
    "half a head": (Answer([headed(LENGTH)[:40]]), Outcome.CONNECT),
    "no answer": (Answer([], HANG), Outcome.TIMEOUT_TOTAL),
}  # fmt: skip
TWICE = gzip.compress(gzip.compress(BODY))
ONCE = gzip.compress(BODY)
BODIES: dict[str, tuple[Answer, Outcome]] = {
    "half a counted body": (Answer([headed(LENGTH)[:-5]]), CUT),
    "half a counted body, and a reset": (Answer([headed(LENGTH)[:-5]], RESET), CUT),
    "half a counted body, and silence": (Answer([headed(LENGTH)[:-5]], HANG), Outcome.TIMEOUT_TOTAL),
    "more than was counted": (Answer([headed(LENGTH) + b"more"]), OK),
    "a second answer": (Answer([headed(LENGTH) * 2]), OK),
    "half a chunk": (Answer([headed(CHUNKED, body=IN_CHUNKS[:30])]), CUT),
    "no last chunk": (Answer([headed(CHUNKED, body=chunk(BODY))]), CUT),
    "half a last chunk": (Answer([headed(CHUNKED, body=chunk(BODY) + b"0\r\n")]), CUT),
    "a chunk of no size": (Answer([headed(CHUNKED, body=b"zz\r\nabc\r\n")], HANG), CUT),
    "a chunk below zero": (Answer([headed(CHUNKED, body=b"-5\r\nabcde\r\n")], HANG), CUT),
    "a chunk of 30 digits": (Answer([headed(CHUNKED, body=b"f" * 30 + b"\r\nabc\r\n")], HANG), CUT),
    "a chunk in 0x": (Answer([headed(CHUNKED, body=b"0x5\r\nabcde\r\n")], HANG), CUT),
    "a chunk that is longer": (Answer([headed(CHUNKED, body=b"3\r\nabcde\r\n0\r\n\r\n")], HANG), CUT),
    "an extension": (Answer([headed(CHUNKED, body=b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))]), OK),
    "zeros in front": (Answer([headed(CHUNKED, body=b"000%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))]), OK),
    "a trailer": (Answer([headed(CHUNKED, body=chunk(BODY) + b"0\r\nX-A: b\r\n\r\n")]), OK),
    "trailers without an end": (Answer([headed(CHUNKED, body=LAST), b"X-A: b\r\n" * 50_000], HANG), CUT),
    "twice compressed": (compressed(b"gzip\r\nContent-Encoding: gzip", TWICE), OK),
    "twice compressed, in a list": (compressed(b"gzip, gzip", TWICE), OK),
    "twice compressed, said once": (compressed(b"gzip", TWICE), OK),
    "once compressed, said twice": (compressed(b"gzip, gzip", ONCE), OK),
    "compressed nine times": (compressed(b"gzip, " * 9, ONCE), OK),
    "not compressed as nobody could": (Answer([headed(b"Content-Encoding: br", LENGTH)]), OK),
    "compressed as nobody can": (compressed(b"br", b"\x1b\x03\x00\xf8" * 9), MALFORMED),
    "compressed once too rarely": (Answer([headed(b"Content-Encoding: gzip", LENGTH)]), OK),
    "a page": (Answer([counted("200 OK", b"<html></html>", content_type="text/html")]), MALFORMED),
    "a page of an error": (Answer([counted("502 Bad", b"<html>", content_type="text/html")]), Outcome.SERVER_ERROR),
    "half an error": (Answer([counted("500 Oops", b'{"error": {"message": "boom"}}')[:-5]]), Outcome.SERVER_ERROR),
    "204": (Answer([b"HTTP/1.1 204 No Content\r\n\r\n"]), MALFORMED),
    "304": (Answer([b"HTTP/1.1 304 Not Modified\r\n\r\n"]), Outcome.BAD_REQUEST),
    "a redirection": (Answer([b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"]), Outcome.BAD_REQUEST),
    "status 999": (Answer([headed(LENGTH, status=b"HTTP/1.1 999 What")]), Outcome.SERVER_ERROR),
}  # fmt: skip
STREAMS: dict[str, tuple[Answer, Outcome]] = {
    "a stream": (Answer([streamed("po", "ng")]), OK),
    "cut after a chunk": (Answer([STREAM_HEAD, chunk(event("po"))]), CUT),
    "reset after a chunk": (Answer([STREAM_HEAD, chunk(event("po"))], RESET), CUT),
    "silent after a chunk": (Answer([STREAM_HEAD, chunk(event("po"))], HANG), Outcome.TIMEOUT_TOTAL),
    "silent after the head": (Answer([STREAM_HEAD], HANG), Outcome.TIMEOUT_TTFT),
    "closed after the head": (Answer([STREAM_HEAD]), CUT),
    "a bad chunk after text": (Answer([STREAM_HEAD, chunk(event("po")), b"zz\r\n"], HANG), CUT),
    "open after the end": (Answer([STREAM_HEAD + STREAM[:-5]], HANG), OK),
    "until it closes": (Answer([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", *events("po")]), OK),
    "folded, with chunks": (Answer([STREAM_HEAD[:-2] + b"X-A: b\r\n c\r\n\r\n" + STREAM]), OK),
}

SILENT, LEAVES, RESETS, PLAIN = "silent", "leaves", "resets", "plain"
CERTIFICATES: dict[str, dict[str, Any]] = {
    "expired": {"begins": timedelta(days=-3), "ends": timedelta(days=-1)},
    "not valid yet": {"begins": timedelta(days=1)},
    "self-signed": {"self_signed": True},
    "for another host": {"host": "elsewhere.example"},
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates(name: str, tmp_path: Path) -> None:
    """Certificate errors have the same outcome and message in both transports."""
    authority = Authority(tmp_path)

    def serve(connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            authority.server(**CERTIFICATES[name]).wrap_socket(connection, server_side=True),
        ):
            pass

    with Peer(serve) as peer:
        prober, engine = ask(f"https://localhost:{peer.port}/v1", ca_file=str(authority.file))
    assert seen(engine) == seen(prober)
    assert prober.outcome is Outcome.TLS


@pytest.mark.parametrize("how", [SILENT, LEAVES, RESETS, PLAIN])
def test_handshakes(how: str) -> None:
    """A failed handshake has the same outcome and message in both transports."""

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.recv(1 if how == RESETS else 1 << 16)
            if how == PLAIN:
                connection.sendall(counted("400 Bad Request", b"{}"))
            if how in (SILENT, PLAIN):
                until_closed(connection)
            if how == RESETS:
                reset(connection)

    with Peer(serve) as peer:
        prober, engine = ask(f"https://localhost:{peer.port}/v1")
    assert seen(engine) == seen(prober)
    assert prober.outcome is (Outcome.TIMEOUT_CONNECT if how == SILENT else Outcome.TLS)


@pytest.mark.parametrize("host", ["no-such-name.invalid", f"{'a' * 64}.invalid", "a..b.invalid"])
def test_names(host: str) -> None:
    """Names that can't be resolved have the same outcome and message in both transports."""
    prober, engine = ask(f"http://{host}/v1")
    assert seen(engine) == seen(prober)
    assert prober.outcome is Outcome.DNS


def test_ports() -> None:
    """Refused and unanswered connections have the same outcome and message in both transports."""
    with unused_port() as port:
        refused = ask(f"http://127.0.0.1:{port}/v1")
    assert seen(refused.engine) == seen(refused.prober)
    assert refused.prober.outcome is Outcome.CONNECT
    with black_hole() as port:
        silent = ask(f"http://127.0.0.1:{port}/v1")
    assert seen(silent.engine) == seen(silent.prober)
    assert silent.prober.outcome is Outcome.TIMEOUT_CONNECT


@cache
def played(table: str) -> dict[str, Pair]:
    """All answers of a table, in one go."""
    answers = {"heads": HEADS, "bodies": BODIES, "streams": STREAMS}[table]
    pairs = play([answer for answer, _ in answers.values()], stream=table == "streams")
    return dict(zip(answers, pairs, strict=True))


def cases() -> Iterable[tuple[str, str, Outcome]]:
    """Table, name, outcome."""
    for table, answers in (("heads", HEADS), ("bodies", BODIES), ("streams", STREAMS)):
        for name, (_, outcome) in answers.items():
            yield table, name, outcome


@pytest.mark.parametrize(
    ("table", "name", "outcome"), [pytest.param(*case, id=f"{case[0]}: {case[1]}") for case in cases()]
)
def test_both_say_the_same(table: str, name: str, outcome: Outcome) -> None:
    """Both transports report the expected outcome, and the same text, tokens, times and error."""
    pair = played(table)[name]
    assert seen(pair.engine) == seen(pair.prober)
    assert pair.prober.outcome == outcome, pair.prober.error


assert {CLOSE, RESET, HANG} == {each.then for answers in (HEADS, BODIES, STREAMS) for each, _ in answers.values()}
