"""The exit codes of every command; docs/command-line.md documents them."""

from typing import Final

GOOD: Final = 0
FAILED: Final = 1  # the thing measured failed: an endpoint is down, an SLO missed
USAGE: Final = 2  # usage or configuration
UNABLE: Final = 3  # aimon could not do its job: the gateway is unreachable, the history can't be written
INTERRUPTED: Final = 130  # Ctrl-C
READER_GONE: Final = 141  # as a shell reports a program that SIGPIPE ended
