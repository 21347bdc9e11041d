"""How a command ends early, with one of the exit codes of `aimon.exit_codes`."""

from aimon.exit_codes import FAILED, GOOD, INTERRUPTED, READER_GONE, UNABLE, USAGE

__all__ = ["FAILED", "GOOD", "INTERRUPTED", "READER_GONE", "UNABLE", "USAGE", "Stop"]


class Stop(Exception):  # noqa: N818 - it is an ending, not always an error
    """Ends the command with a code; the message goes to stderr."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
