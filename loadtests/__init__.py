"""Load tests of AI APIs on gevent and Locust.

Importing Locust patches the standard library of the whole process (gevent's monkey patches). So this package imports it
only when AIUser or keep_report is used, and aimon's own commands run load tests in separate processes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.call.call import Message as Message
    from aimon.loadtests.locust_plugin.report import keep_report as keep_report
    from aimon.loadtests.locust_plugin.settings import endpoints as endpoints
    from aimon.loadtests.locust_plugin.settings import setting as setting
    from aimon.loadtests.locust_plugin.user import AIUser as AIUser
    from aimon.loadtests.workload.questions import document as document
    from aimon.loadtests.workload.questions import question as question

__all__ = ["AIUser", "Message", "document", "endpoints", "keep_report", "question", "setting"]

_HOME = {
    "AIUser": "aimon.loadtests.locust_plugin.user",
    "Message": "aimon.call.call",
    "document": "aimon.loadtests.workload.questions",
    "endpoints": "aimon.loadtests.locust_plugin.settings",
    "keep_report": "aimon.loadtests.locust_plugin.report",
    "question": "aimon.loadtests.workload.questions",
    "setting": "aimon.loadtests.locust_plugin.settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
