"""Load from one process: starts calls, counts them, reports, and stops early when it must. Needs gevent."""
