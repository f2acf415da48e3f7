#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""debian.py --carrel FILE --guest DIR [TEST] - Debian's own riscv64 programs, compared with qemu-riscv64

Each command of debian_commands.py runs twice in the root that CARREL_TEST_ROOT names: under Carrel, and
under qemu-riscv64 (see both.py). Carrel alone then runs all of them in a small RAM, and with mappings
taken away, and must say what it said before. programs.py does the same with larger programs.
"""

import argparse
import functools
import os
import re
import shlex
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from both import ROOT, Both, need_root  # noqa: E402
from debian_commands import EDIT, FILES, SHELL, SUMS, TEXT  # noqa: E402
from tap import Skip, equal, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
parser.add_argument('--guest', required=True, help='where mem.rv and vector.rv are')
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = os.path.abspath(options.carrel)
GUEST = os.path.abspath(options.guest)
LIMIT = 300  # seconds: far beyond any; nothing is measured

GROUPS = {
    'text_tools_say_what_they_say_on_linux': [shlex.split(line) for line in TEXT.strip().split('\n')],
    'sums_and_codes_are_right': [shlex.split(line) for line in SUMS.strip().split('\n')],
    'files_are_made_moved_and_described_as_on_linux': [shlex.split(line) for line in FILES.strip().split('\n')],
    'sed_grep_awk_find_and_diff_work_on_real_files': [shlex.split(line) for line in EDIT.strip().split('\n')],
    'shells_with_pipelines_traps_and_jobs_do_what_they_do_on_linux':
        [['sh', '-c', script.strip('\n')] for script in SHELL.split('\n----\n')],
}
COMMANDS = [command for group in GROUPS.values() for command in group]
# What is run again in other machines; the sanitizers, which take ten times as long, run a fifth of it.
AGAIN = range(0, len(COMMANDS), 5 if os.environ.get('CARREL_BUILD') == 'sanitize' else 1)

# Programs that start others: without the namespace there is nothing to compare them with.
STARTERS = {'sh', 'xargs', 'env', 'nice', 'nohup', 'timeout', 'sdiff', 'diff3', 'install'}


def starts(command):
    return command[0] in STARTERS or 'getline' in ' '.join(command)


def commands(given, *programs):
    """Commands with a place of their own for their files."""
    return Both(CARREL, tempfile.mkdtemp(dir=PLACE), given, LIMIT, programs)


@functools.lru_cache(maxsize=None)
def all_of_them():
    return commands(COMMANDS)


def add(name, body):
    body.__name__ = name
    test(body)


def compare(group):
    which = [n for n, command in enumerate(COMMANDS) if command in GROUPS[group]]

    def body():
        need_root()
        both = all_of_them()
        wanted = both.under_qemu(starts)
        if not any(wanted[n] for n in which):
            raise Skip(both.why_alone)
        both.differences(both.under_carrel(), wanted, which)
        print(f'# {sum(wanted[n] is not None for n in which)} of {len(which)} commands compared with qemu-riscv64')
    return body


for group in GROUPS:
    add(group, compare(group))


@test
def a_small_ram_whose_page_cache_comes_and_goes_changes_nothing():
    need_root()
    both = all_of_them()
    both.differences(both.under_carrel('-m', '4M', which=AGAIN), both.under_carrel(), AGAIN)


@test
def dropping_mappings_changes_nothing_for_any_of_them():
    need_root()
    both = all_of_them()
    both.differences(both.under_carrel('--drop-mappings', '20', which=AGAIN), both.under_carrel(), AGAIN)


def in_both(command, program):
    """One command under Carrel and in the namespace, in a directory with this program of the tests."""
    need_root()
    file = os.path.join(GUEST, program)
    if not os.path.exists(file):
        raise Skip('no cross compiler')
    both = commands([command], file)
    if both.why_alone:
        raise Skip(both.why_alone)
    return both.under_carrel()[0], both.under_qemu(starts)[0]


@test
def the_two_programs_of_the_book_count_apart_until_the_shell_ends_them():
    script = './mem.rv & a=$!; ./mem.rv & b=$!; sleep 3; kill $a $b; wait $a; echo $?; wait $b; echo $?'
    got, wanted = in_both(['sh', '-c', script], 'mem.rv')
    for ran in (got, wanted):
        # How far they come in three seconds, and whose turn it is, is the scheduler's affair.
        by = {}
        for pid, said in re.findall(r'\((\d+)\) (.*)', ran.out.decode()):
            by.setdefault(pid, []).append(said)
        equal(len(by), 2, f'the number of programs in {ran.out!r}')
        for said in by.values():
            equal(bool(re.fullmatch('my int lies at 0x[0-9a-f]+', said[0])), True, said[0])
            equal(said[1:], [f'it holds {n}' for n in range(1, len(said))], 'the counts of one')
        equal(ran.out.decode().split('\n')[-3:], ['143', '143', ''], 'how they ended')
    equal(len(set(re.findall(rb'lies at (0x[0-9a-f]+)', got.out))), 1, 'the number of addresses under Carrel')
    equal(got.status, wanted.status, 'the status')
    # dash says "Terminated" of whoever ends before it waits for him, which is the scheduler's affair, too.
    for ran in (got, wanted):
        equal(ran.err.replace(b'Terminated\n', b''), b'', 'standard error')


@test
def a_cxx_program_sorts_a_vector_and_catches_an_exception_with_debian_s_library():
    need_root()
    if not os.path.exists(os.path.join(ROOT, 'usr/lib/riscv64-linux-gnu/libstdc++.so.6')):
        raise Skip('the root has no libstdc++6')
    got, wanted = in_both(['./vector.rv'], 'vector.rv')
    equal(got.differs(wanted), '', 'the difference')


@test
def a_trace_of_today_is_that_of_later_to_the_byte():
    need_root()
    given = [['date'], ['ls', '-l'], ['sh', '-c', '(date; ls -l | wc) & sort words | head -n 2; wait']]
    both = commands(given)
    both.fresh(range(len(given)))
    first = [both.carrel(command, both.files_of(n), verb='trace') for n, command in enumerate(given)]
    time.sleep(1.2)
    second = [both.carrel(command, both.files_of(n), verb='trace') for n, command in enumerate(given)]
    for number, command in enumerate(given):
        equal(first[number], second[number], f'the second run of {command}')
        equal(b'execve(' in b''.join(first[number][1:]), True, 'a trace')


with tempfile.TemporaryDirectory(prefix='carrel-debian-', dir='/tmp') as PLACE:
    PLACE = os.path.realpath(PLACE)
    main()
