# SPDX-License-Identifier: MIT
"""What the tests with debuggers have in common: a run that waits, gdb in batch mode, the protocol by hand."""

import os
import re
import shutil
import socket
import subprocess

from world import CARREL, DIR
from tap import Skip, equal

GDB = shutil.which('gdb-multiarch')


class Run:
    """carrel run -g, waiting."""

    def __init__(self, *args, spec='0'):
        self.process = subprocess.Popen([CARREL, 'run', '--timeout', '150s', '-g', spec, *args], cwd=DIR,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.said = self.process.stderr.readline()
        found = re.search(r"'target remote (.*)'", self.said)
        if not found:
            raise AssertionError(f'no word of where: {self.said + self.process.stderr.read()!r}')
        self.target = found.group(1)

    def end(self):
        self.out, err = self.process.communicate()
        self.err = self.said + err
        # A run that nobody ends is a failure with a name, not a slow success, whatever its test looks at.
        if self.process.returncode == 124:
            raise AssertionError(f'nobody ended the run; it says {self.err!r}')
        return self.process.returncode


def gdb(run, *commands, program=None, extended=False):
    """What gdb says to these commands; its sysroot is the guest's tree."""
    if not GDB:
        raise Skip('no gdb-multiarch')
    words = [GDB, '-batch', '-nx', '-iex', 'set debuginfod enabled off', '-iex', 'set remotetimeout 60', '-ex', 'set pagination off',
             '-ex', 'set width 0', '-ex', 'set confirm off',
             '-ex', f'target {"extended-" if extended else ""}remote {run.target}']
    for command in commands:
        words += ['-ex', command]
    if program:
        words.append(program)
    r = subprocess.run(words, cwd=DIR, timeout=200, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, check=False, env={**os.environ, 'LC_ALL': 'C'})
    return r.stdout


class Wire:
    """The protocol by hand."""

    def __init__(self, run):
        self.run = run
        if run.target.startswith('/'):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(run.target)
        else:
            host, port = run.target.split(':')
            self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(60)
        self.bytes = b''

    def start(self, features=b'multiprocess+;swbreak+;fork-events+;vfork-events+;exec-events+;no-resumed+'):
        self.ask(b'qSupported:' + features)
        equal(self.ask(b'QStartNoAckMode'), b'OK', 'no acknowledgements')
        return self.ask(b'?')

    def send(self, body):
        escaped = re.sub(b'[#$}*]', lambda m: b'}' + bytes([m.group()[0] ^ 0x20]), body)
        self.socket.sendall(b'$%s#%02x' % (escaped, sum(escaped) & 255))

    def packet(self):
        while True:
            found = re.search(rb'\$([^#]*)#..', self.bytes, re.S)
            if found:
                self.bytes = self.bytes[found.end():]
                return re.sub(rb'}(.)', lambda m: bytes([m.group(1)[0] ^ 0x20]), found.group(1), flags=re.S)
            more_bytes = self.socket.recv(65536)
            if not more_bytes:
                raise EOFError(f'the connection ended: {self.run.process.communicate()!r}')
            self.bytes += more_bytes

    def ask(self, body):
        self.send(body)
        return self.packet()

    def pc(self):
        return int.from_bytes(bytes.fromhex(self.ask(b'p20').decode()), 'little')

    def close(self):
        self.socket.close()


def symbol(program, name):
    out = subprocess.run(['riscv64-linux-gnu-nm', program], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf'^(\w+) \w {name}$', out, re.M).group(1), 16)
