"""aimon: watches AI APIs from the outside and finds their limits.

The core package: what is asked (`call`), how bytes become an answer (`sse`, `exchange`, `dialects`), what came
back (`result`, `outcome`) and where it goes (`metrics`, `export`). It imports nothing of `aimon.probes`,
`aimon.loadtests` or `aimon.cli`.
"""

__version__ = "0.1.0"
