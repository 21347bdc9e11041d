"""Load tests of AI APIs on gevent and Locust.

Importing Locust patches the standard library of the whole process (gevent's monkey patches). So this package imports it
only when AIUser or keep_report is used, and aimon's own commands run load tests in separate processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.loadtests.locust_plugin.report import keep_report as keep_report
    from aimon.loadtests.locust_plugin.user import AIUser as AIUser

__all__ = ["AIUser", "keep_report"]


def __getattr__(name: str) -> Any:
    if name == "AIUser":
        from aimon.loadtests.locust_plugin.user import AIUser  # noqa: PLC0415 - imports Locust, see above

        return AIUser
    if name == "keep_report":
        from aimon.loadtests.locust_plugin.report import keep_report  # noqa: PLC0415 - likewise

        return keep_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
