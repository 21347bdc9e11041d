"""The streaming client of the load tests, and its pacing, on gevent's event loop.

    client       one call in, one Result out
    connection   a keep-alive connection whose loop callback reads, parses and feeds the Exchange
    dialing      name, TCP, proxy, TLS: from a route to a connection
    network/     requests as bytes, name resolution, TLS without a socket, when bytes were received
    schedule     which arrivals, when: pure
    pacing, precise_timer
                 arrivals started on time, or a number of users kept busy
    process      what a process needs before it can hold a thousand streams

Why a callback per connection and not a blocking client: a greenlet switch per chunk, and the layers of a usual
client above it, cost three to ten times the work of reading the chunk, and the time they take is added to every
arrival that waits behind them. Here a greenlet is switched to once per request.
"""
