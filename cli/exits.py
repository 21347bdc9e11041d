"""What the exit codes mean, and how a command ends early with one."""

GOOD = 0
FAILED = 1  # the thing measured failed: an endpoint is down, an SLO missed
USAGE = 2  # usage or configuration
UNABLE = 3  # aimon could not do its job: the gateway is unreachable, the history can't be written
INTERRUPTED = 130
READER_GONE = 141  # as a shell has it for a program that SIGPIPE ended


class Stop(Exception):  # noqa: N818  # it is an ending, not always an error
    """Ends the command with a code; the message goes to stderr."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
