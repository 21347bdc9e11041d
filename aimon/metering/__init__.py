"""Meters an application's own calls of AI APIs, in the same metrics as probes and load tests.

    client = OpenAI(http_client=aimon.http_client())    a client whose calls are metered
    aimon.instrument(client)                            one that exists already
    with aimon.observe(model="m", endpoint="chat"):     by hand, for other SDKs
    aimon.start_http_server(9464)                       /metrics

`docs/metering.md` has the rest. All names are those of `aimon` itself, which loads them on first use.
"""
