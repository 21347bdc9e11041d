"""The streaming client of the load tests, and its pacing, on gevent's event loop.

    client       one call in, one Result out
    connection   a keep-alive connection whose loop callback reads, parses and feeds the Exchange
    dialing      opens connections: name resolution, TCP, proxy, TLS
    network/     requests as bytes, name resolution, TLS without a socket, receive times
    schedule     arrival times from rates; pure
    pacing       open and closed loops; precise_timer wakes them on time
    turn_pause   has a busy loop read more in each turn
    process_limits
                 open-file limit and garbage collector of a process with thousands of streams

Each connection has a loop callback instead of a blocking client. A greenlet switch for every chunk and the layers of
an ordinary client cost three to ten times as much as reading the chunk, and delay every chunk that waits behind it.
Here a greenlet is switched to once a request.
"""
