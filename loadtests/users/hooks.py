"""The two places at which Locust's loop of tasks asks a user's Driver. Imports Locust.

`TaskSet.run` is final, and goes on for ever: it executes a task, waits, and executes the next one. An iteration is what
a user does between two of these waits, so the hooks are `execute_next_task`, where one begins, and `wait`, where it has
ended. Users without a Driver, as under Locust's own command, are not affected.
"""

from __future__ import annotations

from gevent import GreenletExit
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import TaskSet

from aimon.loadtests.locust_plugin.driven import driver_of

_CONTROL = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser, GreenletExit)
_execute_next_task = TaskSet.execute_next_task
_wait = TaskSet.wait


def install() -> None:
    """Puts the hooks in place, for all task sets of this process."""
    TaskSet.execute_next_task = _hooked_execute_next_task  # type: ignore[method-assign]
    TaskSet.wait = _hooked_wait  # type: ignore[method-assign]


def _hooked_execute_next_task(self: TaskSet) -> None:
    driver = driver_of(self.user)
    if driver is None:
        _execute_next_task(self)  # type: ignore[no-untyped-call]
        return
    driver.enter(self)
    try:
        _execute_next_task(self)  # type: ignore[no-untyped-call]
    except _CONTROL:
        raise
    except StopTest as error:
        driver.stop_test(error)
        raise
    except Exception as error:
        driver.note_error(error)
        raise
    finally:
        driver.leave()


def _hooked_wait(self: TaskSet) -> None:
    driver = driver_of(self.user)
    # A task that waits itself, as people pause in the middle of what they do, is still at it.
    if driver is None or driver.is_in(self):
        _wait(self)  # type: ignore[no-untyped-call]
    else:
        driver.pause(self)
