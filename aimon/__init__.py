"""aimon: watches AI APIs from the outside and finds their limits.

The core: what is asked and how it went (`call`), the wire formats of AI APIs (`dialects`), from bytes to a Result
(`exchange`), and from Results to Prometheus (`metrics`). It imports nothing of `aimon.probes`, `aimon.loadtests` or
`aimon.cli`.
"""

__version__ = "0.1.0"
