#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""programs.py --carrel FILE [TEST] - larger programs of Debian, compared with qemu-riscv64 on this Linux

Each script of programs_commands.py runs under Carrel and under qemu-riscv64 (see both.py) in the root that
CARREL_TEST_ROOT names: what is said, the status and the files that are left must be the same to the byte.

CARREL_LONG=1 adds the scripts of LONG, and runs everything once more in a RAM too small for it, with
swap, under two policies. CARREL_PROGRAMS=WORD takes the scripts in which WORD stands, for who looks
for a difference.
"""

import argparse
import functools
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from both import Both, in_root, need_root  # noqa: E402
from programs_commands import LONG, QUICK  # noqa: E402
from tap import Skip, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

MANY = bool(os.environ.get('CARREL_LONG'))
LIMIT = 3600 if MANY else 300  # seconds: far beyond any; nothing is measured
RAM = ['-m', '1G' if MANY else '256M']


class Group:
    """Scripts that belong together, by their numbers among all."""

    def __init__(self, programs, scripts, first):
        self.programs = programs.split()
        scripts = [script.strip('\n') for script in scripts.split('\n----\n')]
        self.scripts = [s for s in scripts if os.environ.get('CARREL_PROGRAMS', '') in s]
        self.which = range(first, first + len(self.scripts))

    def missing(self):
        return [program for program in self.programs if not in_root(program)]


GROUPS = {}
SCRIPTS = []
for name, (programs, scripts) in (QUICK | LONG if MANY else QUICK).items():
    GROUPS[name] = Group(programs, scripts, len(SCRIPTS))
    SCRIPTS += GROUPS[name].scripts


@functools.lru_cache(maxsize=None)
def all_of_them():
    return Both(options.carrel, PLACE, [['sh', '-c', script] for script in SCRIPTS], LIMIT)


def add(name, body):
    body.__name__ = name
    test(body)


def compare(group):
    def body():
        need_root()
        if group.missing():
            raise Skip('the root has no ' + ' '.join(group.missing()))
        both = all_of_them()
        if both.why_alone:
            raise Skip(both.why_alone)
        wanted = both.under_qemu(lambda command: True, group.which)
        both.differences(both.under_carrel(*RAM, which=group.which), wanted, group.which)
        print(f'# {len(group.which)} scripts compared with qemu-riscv64')
    return body


for name, group in GROUPS.items():
    add(name, compare(group))


with tempfile.TemporaryDirectory(prefix='carrel-programs-', dir='/tmp') as PLACE:
    PLACE = os.path.realpath(PLACE)
    main()
