"""Runs Locust's users under aimon's profiles. Everything here but `settings` imports Locust.

settings       what a scenario may ask for: its `--set` values and the endpoints of the command line
loader         reads a scenario's file, or one that ships with aimon
hooks          the two places at which Locust's own loop of tasks asks a Driver
driver         one user: where an iteration begins and ends, and which of its calls has the scheduled time
requests       measures what other users than AIUser do, from Locust's request event
iterations     the users of one worker, as the worker's Iterations
distribution   how many users of each class there are
environment    Locust's Environment: its events and options
load           a scenario as what a process of a load test works on
"""
