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
from both import Both, Ran, in_root, need_root  # noqa: E402
from programs_commands import LONG, QUICK, SMALL, SMALL_QUICK, STRESS, STRESS_SMALL  # noqa: E402
from tap import Skip, equal, is_long, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = options.carrel
MANY = is_long('gcc')
SANITIZE = os.environ.get('CARREL_BUILD') == 'sanitize'
LIMIT = 3600 if MANY else 300  # seconds: far beyond any; nothing is measured
RAM = ['-m', '1G' if MANY else '256M']


class Group:
    """Scripts that belong together, by their numbers among all."""

    def __init__(self, programs, scripts, first):
        self.programs = programs.split()
        self.scripts = [s for s in scripts if os.environ.get('CARREL_PROGRAMS', '') in s]
        self.which = range(first, first + len(self.scripts))

    def missing(self):
        return [program for program in self.programs if not in_root(program)]


GROUPS = {}
SCRIPTS = []
for name, (programs, scripts) in (QUICK | LONG if MANY else QUICK).items():
    scripts = [script.strip('\n') for script in scripts.split('\n----\n')]
    # The sanitizers take ten times as long: one script of each group is theirs.
    GROUPS[name] = Group(programs, scripts[:1] if SANITIZE else scripts, len(SCRIPTS))
    SCRIPTS += GROUPS[name].scripts


@functools.lru_cache(maxsize=None)
def all_of_them():
    return Both(CARREL, PLACE, [['sh', '-c', script] for script in SCRIPTS], LIMIT)


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
        equal([SCRIPTS[n] for n in group.which if wanted[n].status == 127], [], 'scripts that found no program')
        both.differences(both.under_carrel(*RAM, which=group.which), wanted, group.which)
        print(f'# {len(group.which)} scripts compared with qemu-riscv64')
    return body


for name, group in GROUPS.items():
    add(name, compare(group))


def swap(ram, policy):
    return ['-m', ram, '--swap', f'file:{os.path.join(PLACE, "swap-%d")},size=1G', '--policy', policy]


def without_carrel_s_words(ran):
    """What it tells of thrashing is for the person, and only there."""
    err = b''.join(line for line in ran.err.splitlines(True) if not line.startswith(b'carrel: thrashing'))
    return Ran(ran.status, ran.out, err, ran.left)


@test
def in_a_ram_too_small_for_them_they_say_the_same():
    need_root()
    both = all_of_them()
    which = [n for name, group in GROUPS.items() if (MANY or name in SMALL_QUICK) and not group.missing() for n in group.which]
    ram = {n: SMALL.get(name, '4M') for name, group in GROUPS.items() for n in group.which}
    whole = both.under_carrel(*RAM, which=which)
    for policy in ('clock',) if SANITIZE else ('clock', 'lru'):
        got = {}
        for size in sorted({ram[n] for n in which}):
            got |= both.under_carrel(*swap(size, policy), which=[n for n in which if ram[n] == size])
        both.differences({n: without_carrel_s_words(got[n]) for n in which}, whole, which)
    print(f'# {len(which)} scripts, under each policy')


# Those whose own size is 256M, and one that reads all of smaps after each page: minutes, otherwise.
SMALLER = {name: (f'--{name}-bytes', '8M') for name in ('memfd', 'mremap', 'msync', 'userfaultfd')}
SMALLER['madvise'] = ('--madvise-ops', '2')


def stress(names, given, options):
    need_root()
    if not in_root('stress-ng'):
        raise Skip('the root has no stress-ng')
    both = Both(CARREL, tempfile.mkdtemp(dir=PLACE), [
        ['stress-ng', '--verify', '--temp-path', '.', '--' + name, '1', *options(name)] for name in names], LIMIT)
    failed = {names[n]: ran.err[-1000:] + ran.out for n, ran in both.under_carrel(*given).items() if ran.status != 0}
    equal(failed, {}, 'those that failed')


def stress_ng_finds_its_memory_as_it_left_it():
    stress(STRESS, ['-m', '256M'], lambda name: [f'--{name}-ops', '20', '--vm-bytes', '8M', '--bigheap-bytes', '8M', '--mmap-bytes', '4M',
                                                 '--oom-avoid', *SMALLER.get(name, ())])


# Without --oom-avoid, which waits for RAM that is not there.
def and_when_it_is_swapped_meanwhile():
    for policy in ('clock', 'lru'):
        stress(list(STRESS_SMALL), swap('6M', policy), lambda name: ['--no-rand-seed', *STRESS_SMALL[name].split()])


if MANY:
    test(stress_ng_finds_its_memory_as_it_left_it)
    test(and_when_it_is_swapped_meanwhile)


with tempfile.TemporaryDirectory(prefix='carrel-programs-', dir='/tmp') as PLACE:
    PLACE = os.path.realpath(PLACE)
    main()
