"""The Grafana dashboards as data; `grafana` turns them into Grafana's JSON with the Grafana Foundation SDK.

Only `aimon.dashboards.build` and the tests import this package: the SDK is a development dependency.
"""
