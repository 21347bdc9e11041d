"""`aimon serve`: scheduled probes, their metrics, an API and a status page in one process.

service.py     builds everything from the configuration, runs it, reloads it, ends it
recording.py   one thread that writes results to the history, and tells observers of them
observers.py   who is told: a function and a table entry each
context.py     what routes may read and do
app.py         the table of routes; who may ask, and the headers of every answer
web_server.py  uvicorn in a thread of its own
"""
