"""The network layer of the prober: phases, kernel receive timestamps, exact failures."""

from aimon.probes.network.backend import NetworkBackend
from aimon.probes.network.errors import (
    BrokenError,
    BrokenTLSError,
    NotHTTPError,
    ProxyError,
    ResolveError,
    TCPError,
    TimedOutError,
    TLSError,
)
from aimon.probes.network.fresh_connection import FreshConnection
from aimon.probes.network.lag import watch_lag
from aimon.probes.network.marks import NetworkMarks

__all__ = [
    "BrokenError",
    "BrokenTLSError",
    "FreshConnection",
    "NetworkBackend",
    "NetworkMarks",
    "NotHTTPError",
    "ProxyError",
    "ResolveError",
    "TCPError",
    "TLSError",
    "TimedOutError",
    "watch_lag",
]
