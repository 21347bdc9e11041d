"""A terminal for tests: a pseudo-terminal with a program on it, and what its screen shows."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import re
import struct
import subprocess
import termios
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from _typeshed import StrOrBytesPath

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b.|[\r\n]|[^\x1b\r\n]+", re.DOTALL)


class Terminal:
    """Runs a program whose stderr, and with `whole` stdout, is a terminal of this size; the rest are pipes."""

    def __init__(
        self,
        command: Sequence[StrOrBytesPath],
        size: tuple[int, int],
        env: Mapping[str, str],
        *,
        whole: bool = False,
    ) -> None:
        self._ours, theirs = os.openpty()
        columns, lines = size
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._theirs = theirs
        self.settings = termios.tcgetattr(theirs)
        self.output = ""
        self._grown = threading.Condition()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=theirs if whole else subprocess.PIPE, stderr=theirs, env=dict(env)
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()
        os.close(self._theirs)
        self._reader.join()
        os.close(self._ours)

    def wait_for(self, text: str, timeout: float = 20.0) -> None:
        """Waits until the program has written this text, escape sequences and all.

        Raises:
            AssertionError: it did not in time; the message holds what it has written.
        """
        with self._grown:
            assert self._grown.wait_for(lambda: text in self.output, timeout), self.output

    def echo(self, text: str) -> None:
        """Puts on the screen what the terminal itself would, such as the ^C of an interrupt."""
        os.write(self._theirs, text.encode())

    def settings_now(self) -> list[Any]:
        """What is set with `stty`."""
        return termios.tcgetattr(self._theirs)

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within a character
        with contextlib.suppress(OSError):  # EIO: all that had it open have closed it
            while data := os.read(self._ours, 65536):
                with self._grown:
                    self.output += decoder.decode(data)
                    self._grown.notify_all()


def screen(output: str) -> list[str]:
    """The lines that stay, with all that was scrolled away, of a terminal that is wide enough.

    Raises:
        AssertionError: a sequence that it does not know.
    """
    lines, row, column = [""], 0, 0
    for match in _TOKEN.finditer(output):
        token, (argument, final) = match[0], (match[1], match[2])
        if token == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif token == "\r":
            column = 0
        elif final == "A":
            row = max(0, row - int(argument or 1))
        elif final == "K":
            lines[row] = {"2": "", "": lines[row][:column]}[argument]
        elif final is None and not token.startswith("\x1b"):
            lines[row] = lines[row].ljust(column)[:column] + token + lines[row][column + len(token) :]
            column += len(token)
        else:
            assert final in {"m", "h", "l"}, f"unknown: {token!r}"
    return [line.rstrip() for line in lines]


def hidden_cursor(output: str) -> bool:
    """Whether the cursor is left invisible."""
    return output.rfind("\x1b[?25l") > output.rfind("\x1b[?25h")
