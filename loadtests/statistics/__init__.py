"""Statistics of a load test, in memory that does not grow with the number of calls. Needs no gevent.

call_stats     everything counted of the calls; merges, and serialises for other processes
histogram      mergeable log-bucketed histograms
censoring      what is known of percentiles when calls timed out or failed
slo            objectives such as `p99<10s`, judged on a CallStats
self_check     whether the client and not the endpoint limited the results; cpu_usage is a part of it
concurrency    concurrency and throughput per second, and the interval in which concurrency was steady
token_usage, tpot_coverage
               tokens reported and estimated; calls with a known time per output token
blocks         the run in up to 64 equal intervals, for charts and comparisons
observation    what searches need of each call
formatting     these numbers as text
"""
