"""Load tests of AI APIs on gevent and Locust.

Importing Locust patches the standard library of the whole process (gevent's monkey patches). So this package imports it
only when AIUser or keep_report is used, and aimon's own commands run load tests in separate processes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.loadtests.locust_plugin.report import keep_report as keep_report
    from aimon.loadtests.locust_plugin.user import AIUser as AIUser
    from aimon.loadtests.users.settings import endpoints as endpoints
    from aimon.loadtests.users.settings import setting as setting

__all__ = ["AIUser", "endpoints", "keep_report", "setting"]

_HOME = {
    "AIUser": "locust_plugin.user",
    "keep_report": "locust_plugin.report",
    "endpoints": "users.settings",
    "setting": "users.settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"aimon.loadtests.{_HOME[name]}"), name)
