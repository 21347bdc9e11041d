"""A pool of workers in other processes, here or on other machines, over Locust's messages and heartbeats.

Importing this makes the standard library cooperative (gevent's monkey patches).
"""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import locust
from gevent.event import Event
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import STATE_MISSING

from aimon import __version__
from aimon.loadtests.console import say
from aimon.loadtests.distributed.sockets import SecureSockets
from aimon.loadtests.locust_plugin.statistics import without_statistics
from aimon.loadtests.protocol import messages
from aimon.loadtests.protocol.stage import Assignment, Stage, StatsDelta, even, unpack
from aimon.security.redact import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

    from aimon.loadtests.protocol.first_iteration import FirstIteration
    from aimon.loadtests.protocol.plan import Plan

LEAD_TIME = 0.5
_LOOK = 0.2
# Seconds until a new division takes effect, so that all workers have received it.
_NOTICE = 1.0
_LONGEST_HOST = 253


class WorkerPoolError(RuntimeError):
    """There are too few workers, or one of them can't run the plan."""


class _UnknownWorkerError(LookupError):
    """A message from a sender that has not registered as a worker."""


@dataclass(slots=True)
class _Member:
    """A worker.

    Attributes:
        id: Locust's.
        name: shown to the user.
        pid: of its process, if that is on this machine.
        ready: it has the plan, and can run it.
        at_work: it was sent the stage that is running.
        done: it has said that it is, of the assignment with this `serial`.
        quota: calls of a closed loop assigned to it; `started` of them have begun.
        spent: in the whole run.
        in_flight: its calls under way, by its last statistics.
    """

    id: str
    name: str
    pid: int | None = None
    ready: bool = False
    at_work: bool = False
    done: bool = True
    serial: int = 0
    quota: int = 0
    started: int = 0
    spent: float = 0.0
    in_flight: int = 0


class MasterPool:
    """The workers of a Locust master, as a WorkerPool.

    Args:
        plan: of the run; sent to every worker that registers.
        host: interface to listen on.
        port: to listen on; 0 takes a free one.
        expected: how many workers the run begins with.
        token: that workers must know; None takes everybody who can reach the port.

    Attributes:
        port: that is listened on.
        environment: Locust's.
        token: see above.
        model: that the run is about; workers whose own endpoint has another one are refused.

    Raises:
        OSError: the address can't be listened on.
    """

    lead_time = LEAD_TIME

    def __init__(self, plan: Plan, host: str, port: int, expected: int, *, token: str | None = None) -> None:
        # Workers that join or are lost are reported in the notes, in aimon's words.
        logging.getLogger("locust").setLevel(logging.ERROR)
        self._plan, self._expected = plan, expected
        self.model, self.token = "", token
        self._sockets = SecureSockets(token)
        self._unread, self._say_dropped, self._say_refused = 0, 1, 1
        try:
            environment = self.environment = Environment(events=locust.events)
            self._runner = without_statistics(environment, lambda: environment.create_master_runner(host, port))
        except (RPCError, SystemExit) as error:
            # Locust raises either.
            raise OSError(f"--master can't listen on {host}:{port}: {error}: choose another --bind-port") from None
        self.port = int(self._runner.server.port)
        self._members: dict[str, _Member] = {}
        self._joined = 0
        self._registered: set[str] = set()
        self._deltas: list[tuple[str, StatsDelta]] = []
        self._notes: list[str] = []
        self._changed = Event()
        self._first: FirstIteration | None = None
        self._problem: str | None = None
        self._gone: Callable[[], set[int]] = set
        self._lost_spending = 0.0
        self.lost_calls = 0
        self._stage = Stage(number=0)
        self._going_on = self._stopped = self._closed = False
        self._epoch = 0.0
        for message, handle in (
            (messages.Register, self._on_register),
            (messages.Ready, self._on_ready),
            (messages.FirstDone, self._on_first_done),
        ):
            self._handle(messages.kind(message), partial(messages.decode, message=message), handle)
        self._handle(messages.STATS, unpack, self._on_delta)

    def gather(self, seconds: float, gone: Callable[[], set[int]]) -> None:
        """Waits for the workers that are expected, or until it is stopped.

        Args:
            seconds: how long at most.
            gone: process ids of workers on this machine that have ended, sooner than their heartbeats are missed.

        Raises:
            WorkerPoolError: some did not come in that time, or one of them can't follow the plan.
        """
        self._gone = gone
        ends = monotonic() + seconds
        while len(self.workers) < self._expected and not self._stopped:
            if gone():
                raise WorkerPoolError("a worker's process ended before the run began; what it said is printed above")
            if monotonic() >= ends:
                raise WorkerPoolError(f"{len(self.workers)} of {self._expected} workers came within {seconds:g} s")
            for note in self._rejected_notes():
                say(f"aimon loadtest: {note}")
            self._pause(_LOOK)
            self._look()
            if self._problem is not None:
                raise WorkerPoolError(self._problem)

    # As a WorkerPool

    @property
    def workers(self) -> frozenset[str]:
        """See WorkerPool: those that are ready."""
        return frozenset(member.name for member in self._members.values() if member.ready)

    def run_first(self) -> FirstIteration:
        """See WorkerPool: one of the workers runs it.

        Raises:
            WorkerPoolError: all were lost before it had ended.
        """
        asked: _Member | None = None
        while self._first is None:
            if asked is None or asked.id not in self._members:
                asked = next((member for member in self._members.values() if member.ready), None)
                if asked is None:
                    raise WorkerPoolError("the last worker was lost before the first iteration had ended")
                self._send(asked, messages.RunFirst())
            self._pause(_LOOK)
            self._look()
        return self._first

    def start(self, stage: Stage) -> None:
        """See WorkerPool."""
        self._stage, self._going_on = stage, True
        self._epoch = monotonic() + LEAD_TIME
        for member in self._members.values():
            member.at_work, member.quota, member.started = False, 0, 0
        self._assign(0.0, stage.requests)

    def wait(self, seconds: float) -> bool:
        """See WorkerPool."""
        ends = monotonic() + seconds
        while True:
            self._look()
            if all(member.done for member in self._members.values()):
                self._going_on = False
                return True
            left = ends - monotonic()
            if left <= 0:
                return False
            self._pause(min(left, _LOOK))

    def deltas(self) -> list[tuple[str, StatsDelta]]:
        """See WorkerPool."""
        deltas, self._deltas = self._deltas, []
        return deltas

    def notes(self) -> list[str]:
        """See WorkerPool."""
        notes, self._notes = [*self._notes, *self._rejected_notes()], []
        return notes

    def stop(self, *, cut: bool) -> None:
        """See WorkerPool."""
        self._going_on, self._stopped = False, True
        for member in self._members.values():
            self._send(member, messages.StopCalls(cut=cut))

    def close(self) -> None:
        """See WorkerPool."""
        if not self._closed:
            self._closed = True
            self._runner.quit()

    # Workers that join and are lost

    def _look(self) -> None:
        """Finds lost and new workers, and divides the rest of the stage among those there are."""
        clients = self._runner.clients
        alive = {client.id for client in clients.values() if client.state != STATE_MISSING}
        gone = self._gone()
        lost = [member for member in self._members.values() if member.id not in alive or member.pid in gone]
        came = [member for member in self._members.values() if member.ready and not member.at_work]
        for member in lost:
            del self._members[member.id]
            self._lost_spending += member.spent
            self.lost_calls += member.in_flight
            self._notes.append(f"{member.name} was lost, {len(self.workers)} left")
        if self._going_on and self.workers and (lost or came):
            if self._stage.number and came:
                self._notes += [f"{member.name} joined the run" for member in came]
            unissued = None if self._stage.requests is None else sum(member.quota - member.started for member in lost)
            self._assign(monotonic() - self._epoch + _NOTICE, unissued)

    def _assign(self, since: float, extra_requests: int | None) -> None:
        """Gives everybody a assignment of the stage, from `since` on, and of `more` calls of a closed loop."""
        members = [member for member in self._members.values() if member.ready]
        users = even(self._stage.users, len(members))
        most = None if self._stage.max_in_flight is None else even(self._stage.max_in_flight, len(members))
        quotas = [None] * len(members) if extra_requests is None else even(extra_requests, len(members))
        budgets = self._budgets(members)
        for k, member in enumerate(members):
            member.serial += 1
            member.done = False
            member.quota += quotas[k] or 0
            assignment = Assignment(
                serial=member.serial,
                index=k,
                workers=len(members),
                delay=self._epoch - monotonic(),
                since=since,
                users=users[k],
                # A worker without a share would never start its arrivals.
                max_in_flight=None if most is None else max(1, most[k]),
                extra_requests=quotas[k],
                budget=budgets[k],
            )
            if member.at_work:
                self._send(member, messages.Rebalance(assignment=assignment))
            else:
                member.at_work = True
                self._send(member, messages.StartStage(stage=self._stage, assignment=assignment))

    def _budgets(self, members: Sequence[_Member]) -> list[float | None]:
        """The budget of each worker for the whole run; together they spend no more than the plan allows."""
        if self._plan.max_cost is None:
            return [None] * len(members)
        spent = self._lost_spending + sum(member.spent for member in members)
        left = max(0.0, self._plan.max_cost - spent) / len(members)
        return [member.spent + left for member in members]

    def _rejected_notes(self) -> list[str]:
        """Notes on dropped messages and refused connections: the first, and whenever there are ten times as many."""
        said = []
        dropped = self._sockets.dropped + self._unread
        if dropped >= self._say_dropped:
            self._say_dropped = dropped * 10
            said.append(f"messages dropped so far that no worker of this run would send: {dropped}")
        if self._sockets.refused >= self._say_refused:
            self._say_refused = self._sockets.refused * 10
            said.append(
                f"connections turned away so far that did not know this master's token: {self._sockets.refused}"
            )
        return said

    # Messages

    def _handle(self, kind: str, decode: Callable[[bytes], Any], handle: Callable[[_Member, Any], None]) -> None:
        def listen(msg: Any, **_: object) -> None:
            try:
                message = decode(msg.data)
                member = self._member(msg.node_id, kind)
            except (ValueError, RecursionError, _UnknownWorkerError):
                # Drop it; the next message may be from another sender.
                self._unread += 1
            else:
                handle(member, message)
                self._changed.set()

        self._runner.register_message(kind, listen)

    def _member(self, worker: str, kind: str) -> _Member:
        """The worker with that id, including one that was taken for lost.

        Raises:
            _UnknownWorkerError: it has not registered.
        """
        if kind == messages.kind(messages.Register):
            self._registered.add(worker)
        if worker not in self._registered:
            raise _UnknownWorkerError(worker)
        if worker not in self._members:
            self._joined += 1
            self._members[worker] = _Member(worker, f"worker {self._joined}")
        return self._members[worker]

    def _on_register(self, member: _Member, register: messages.Register) -> None:
        member.name = f"worker {self._joined} ({bounded(register.host, _LONGEST_HOST)})"
        member.pid = register.pid if register.host == socket.gethostname() else None
        if register.version != __version__:
            other = bounded(register.version, _LONGEST_HOST)
            self._problem = f"{member.name} is aimon {other}, and its master {__version__}: use the same"
            return
        self._send(member, messages.Configure(plan=self._plan, index=self._joined - 1, workers=self._expected))

    def _on_ready(self, member: _Member, ready: messages.Ready) -> None:
        problem = ready.problem
        if problem is None and ready.model != self.model:
            problem = f"it would call the model {ready.model or 'of no name'}, and this report is about {self.model}"
        if problem is None:
            member.ready = True
        else:
            self._problem = f"{member.name}: {bounded(problem)}"

    def _on_first_done(self, _: _Member, done: messages.FirstDone) -> None:
        self._first = done.first

    def _on_delta(self, member: _Member, delta: StatsDelta) -> None:
        if delta.problem is not None:
            delta.problem = bounded(delta.problem)
        self._deltas.append((member.name, delta))
        member.spent, member.in_flight = delta.spent, delta.in_flight
        if (client := self._runner.clients.get(member.id)) is not None:
            # For Locust's web page.
            client.user_classes_count = delta.users
        if delta.number == self._stage.number:
            member.started = delta.started
            if delta.serial == member.serial:
                member.done = delta.done

    def _send(self, member: _Member, message: msgspec.Struct) -> None:
        messages.send(self._runner, messages.kind(type(message)), messages.encode(message), member.id)

    def _pause(self, seconds: float) -> None:
        self._changed.clear()
        self._changed.wait(seconds)
