"""What a load test counts, in memory that does not grow with the number of calls.

histogram    mergeable log-bucketed histograms
call_stats   one record of everything counted; merges, and serialises for other processes
slo          objectives such as `p99<10s`: read, and judged on a CallStats
"""
