# SPDX-License-Identifier: MIT
"""What the tests of programs larger than RAM have in common: the stores, a server for one of them, and runs."""

import argparse
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from tap import Skip, is_long  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
parser.add_argument('--guest', required=True, help='where larger.rv is')
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = os.path.abspath(options.carrel)
GUEST = os.path.abspath(options.guest)
ROOT = os.path.realpath(os.environ.get('CARREL_TEST_ROOT') or '/nonexistent')
LONG = is_long('gcc')
DIR = tempfile.mkdtemp(prefix='carrel-swap-')
LIMIT = 3600 if LONG else 300
atexit.register(shutil.rmtree, DIR, ignore_errors=True)


def need(path, what):
    if not os.path.exists(path):
        raise Skip(f'{path}, {what}, is not there')


def new(name):
    """The path of a file that is not there yet."""
    path = os.path.join(DIR, name)
    if os.path.exists(path):
        os.unlink(path)
    return path


def run(verb, words, program):
    return subprocess.run([CARREL, verb, *words, *program], cwd=DIR, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=LIMIT, check=False)


def policies():
    """The names of all there are."""
    return [p['name'] for p in json.loads(run('policies', ['--json'], []).stdout)['policies']]


def stores():
    """Command-line words for each store, on new files."""
    a, b = new('a'), new('b')
    return {
        'file': ['--swap', f'file:{a},size=256M'],
        'zram': ['--swap', 'zram:256M'],
        'zram with a dictionary': ['--swap', 'zram:256M,dict=16K'],
        'slow': ['--swap', f'faulty[read=every=10:delay=1ms,write=every=7:delay=2ms]:file:{a},size=256M'],
        'one after the other': ['--swap', f'file:{a},size=256M,prio=1', '--swap', 'zram:2M,prio=5'],
        'by turns': ['--swap', f'file:{a},size=4M,prio=5', '--swap', 'zram:8M,prio=5', '--swap', f'file:{b},size=256M'],
        'writes fail': ['--swap', f'faulty[write=7:fail,write=50:fail]:file:{a},size=256M'],
        'hdd': ['--swap', f'file:{a},size=256M', '--swap-device', 'hdd'],
        'none': ['--swap', f'file:{a},size=256M', '--swap-device', 'none'],
        'clusters': ['--swap', f'file:{a},size=256M', '--swap-cluster', '16', '--swap-readahead', '8'],
        'cleaner': ['--swap', f'file:{a},size=256M', '--cleaner', '16:64'],
    }


class Server:
    """nbdkit on a unix socket, with a file that outlives it. One thread answers sooner than several that wait for
    each other, where one request is under way at a time."""

    def __init__(self, size, *filters):
        if not shutil.which('nbdkit'):
            raise Skip('there is no nbdkit; Debian has it as nbdkit')
        self.socket, self.disk, self.process = new('sock'), new('disk'), None
        with open(self.disk, 'wb') as file:
            file.truncate(size)
        self.words = ['--swap', f'nbd:nbd+unix:///?socket={self.socket}']
        self.filters, self.slowness = filters[:1], filters[1:]

    def start(self):
        ready = new('ready')
        new('sock')
        self.process = subprocess.Popen(['nbdkit', '-f', '-t', '1', '--exit-with-parent', '-U', self.socket, '-P', ready,
                                         *self.filters, 'file', self.disk, *self.slowness])
        while not os.path.exists(ready):
            if self.process.poll() is not None:
                raise AssertionError('nbdkit ended before it served')
            time.sleep(0.01)

    def stop(self):
        """As the power cord does."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
