"""Directs a run: which stage comes next, who carries it out, how it goes. Needs gevent."""
