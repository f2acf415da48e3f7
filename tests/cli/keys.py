# SPDX-License-Identifier: MIT
"""A person at a terminal: presses keys, waits until something is shown, changes the window's size."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

LIMIT = 120  # seconds, far beyond any; nothing is measured


class Terminal:
    def __init__(self, argv, rows=24, cols=80, cwd=None, env=None):
        self.shown = ''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))
                os.chdir(cwd or '.')
                os.execvpe(argv[0], argv, dict(os.environ, TERM='dumb', **(env or {})))
            finally:
                os._exit(99)

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def line(self, text):
        self.press(text + '\n')

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))

    def read(self, wait):
        """Returns False at the end."""
        if not select.select([self.fd], [], [], wait)[0]:
            return True
        try:
            piece = os.read(self.fd, 4096)
        except OSError:
            return False
        self.shown += piece.decode(errors='replace')
        return bool(piece)

    def until(self, pattern):
        """Waits for it; returns what was shown up to its end, which is then behind us."""
        end = time.monotonic() + LIMIT
        while True:
            match = re.search(pattern, self.shown, re.MULTILINE)
            if match:
                before, self.shown = self.shown[:match.end()], self.shown[match.end():]
                return before
            if time.monotonic() > end or not self.read(1):
                raise AssertionError(f'{pattern!r} was never shown after {self.shown!r}')

    def end(self):
        """Waits until it has ended; returns its status, as subprocess has it."""
        end = time.monotonic() + LIMIT
        while self.read(1):
            if time.monotonic() > end:
                raise AssertionError(f'it did not end after {self.shown!r}')
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status

    def leave(self):
        """Whatever it is doing."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.fd)
        except (OSError, ChildProcessError):
            pass
