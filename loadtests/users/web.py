"""Locust's own web page beside a run: statistics, charts, failures and workers, of aimon's numbers. Imports Locust.

Its stop button ends the run, which then reports what it has; its start button is refused. Locust's page answers
programs of any web site (CORS), and has no password: so requests that a page from elsewhere has made are refused, and
so are names of this machine that are not loopback's, behind which another site may hide.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import gevent
from flask import Response, jsonify, request
from gevent import pywsgi
from locust.runners import STATE_STOPPED
from locust.stats import stats_history

from aimon.loadtests.console import say
from aimon.loadtests.users.web_statistics import WebStatistics
from aimon.network.server.listen import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from aimon.loadtests.protocol.job import Web
    from aimon.loadtests.protocol.stage import StatsDelta

WHY = "it was stopped on Locust's web page"
_REFUSED = "aimon runs this test: start another one with `aimon loadtest`"
# Seconds: for so long after its end an open page is told how the run ended. It asks every two seconds, and Locust
# answers with what it knew up to two seconds ago.
_LINGER, _STALE, _OPEN = 6.0, 2.0, 5.0


class WebPage:
    """Serves the page while the `with` block runs.

    Args:
        environment: Locust's, with its runner.
        web: where.
        name: of requests that have none.
        stop: ends the run, with a reason.

    Attributes:
        port: that is listened on.

    Raises:
        OSError: on entry, if the address can't be listened on.
    """

    def __init__(self, environment: Environment, web: Web, name: str, stop: Callable[[str], None]) -> None:
        self._environment, self._web, self._stop = environment, web, stop
        self._statistics = WebStatistics(environment.stats, name)
        self._asked = 0.0
        self._told = False
        self._ended: float | None = None
        self._history: gevent.Greenlet[..., object] | None = None
        page = environment.create_web_ui(web.host, web.port, delayed_start=True)
        app = page.app
        assert app is not None  # noqa: S101 - the page has just made it
        app.debug = False
        app.before_request(self._check)
        app.view_functions["locust.stop"] = self._on_stop
        app.view_functions["locust.swarm"] = self._on_swarm
        self._server = pywsgi.WSGIServer((web.host, web.port), app, log=None, error_log=None)
        page.server = self._server

    def __enter__(self) -> Self:
        self._server.start()
        self.port = int(self._server.server_port or 0)
        host = f"[{self._web.host}]" if ":" in self._web.host else self._web.host
        say(f"Locust's web page: http://{host}:{self.port}/")
        self._history = gevent.spawn(stats_history, self._environment.runner)
        return self

    def __exit__(self, *_: object) -> None:
        if self._history is not None:
            self._history.kill()
        self._server.stop(timeout=1)

    def add(self, began: float, delta: StatsDelta) -> None:
        """Adds what a worker reported of a run that began at that unix time."""
        self._statistics.add(began, delta)

    def finish(self) -> None:
        """The run has ended: tells a page that is open, for a few seconds at most."""
        runner = self._environment.runner
        assert runner is not None  # noqa: S101 - made before
        runner.update_state(STATE_STOPPED)
        self._ended = time.monotonic()
        while self._is_open() and not self._told and time.monotonic() - self._ended < _LINGER:
            gevent.sleep(0.1)

    def _is_open(self) -> bool:
        return bool(self._asked) and time.monotonic() - self._asked < _OPEN

    def _check(self) -> Response | None:
        """Refuses what a page of another web site asks for."""
        self._asked = time.monotonic()
        if self._ended is not None and request.path.endswith("/stats/requests"):
            self._told = self._told or time.monotonic() - self._ended > _STALE
        origin = request.headers.get("Origin")
        host = urlsplit(f"//{request.host}").hostname or ""
        foreign = origin is not None and urlsplit(origin).netloc != request.host
        if foreign or not (self._web.public or host == "localhost" or is_loopback(host)):
            return Response("this page answers no other web site\n", status=403, mimetype="text/plain")
        return None

    def _on_stop(self) -> Any:
        self._stop(WHY)
        return jsonify({"success": True, "message": "Test stopped"})

    def _on_swarm(self) -> Any:
        return jsonify({"success": False, "message": _REFUSED, "host": self._environment.host})
