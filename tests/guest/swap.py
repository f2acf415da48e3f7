#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""swap.py --carrel FILE --guest DIR [TEST] - programs larger than RAM, and what they must say all the same

Each program runs in a RAM that holds it, and then in one that does not, with pages that move in every way
there is: what it writes and its status must be the same to the byte. What the host's clock says must
never be seen: each run twice has the same event log. tests/cli/swap.py has each policy and store by itself.

CARREL_LONG=1 runs Debian's sort over 64 MiB in 8 MiB under every policy and store.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from tap import Skip, equal, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
parser.add_argument('--guest', required=True, help='where larger.rv is')
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = os.path.abspath(options.carrel)
LARGER = os.path.join(os.path.abspath(options.guest), 'larger.rv')
ROOT = os.path.realpath(os.environ.get('CARREL_TEST_ROOT') or '/nonexistent')
LONG = bool(os.environ.get('CARREL_LONG'))
DIR = tempfile.mkdtemp(prefix='carrel-swap-')
LIMIT = 3600 if LONG else 300

POLICIES = ['fifo', 'clock', 'lru', 'nru', 'aging', 'random', '2q', 'sieve']
LOCAL = [[], ['--local', 'fixed'], ['--local', 'pff'], ['--local', 'ws']]


def stores():
    """Command-line words for each store, on new files."""
    for name in ('a', 'b'):
        path = os.path.join(DIR, name)
        if os.path.exists(path):
            os.unlink(path)
    a, b = os.path.join(DIR, 'a'), os.path.join(DIR, 'b')
    return {
        'file': ['--swap', f'file:{a},size=256M'],
        'zram': ['--swap', 'zram:256M'],
        'several': ['--swap', f'file:{a},size=4M,prio=5', '--swap', 'zram:8M,prio=5', '--swap', f'file:{b},size=256M'],
        'writes fail': ['--swap', f'faulty[write=7:fail,write=50:fail]:file:{a},size=256M'],
        'hdd': ['--swap', f'file:{a},size=256M', '--swap-device', 'hdd'],
        'none': ['--swap', f'file:{a},size=256M', '--swap-device', 'none'],
        'clusters': ['--swap', f'file:{a},size=256M', '--swap-cluster', '16', '--swap-readahead', '8'],
        'cleaner': ['--swap', f'file:{a},size=256M', '--cleaner', '16:64'],
    }


def run(verb, words, program, stdin=None):
    return subprocess.run([CARREL, verb] + words + program, cwd=DIR, stdin=stdin, capture_output=True,
                          timeout=LIMIT, check=False)


def said(r):
    return r.returncode, r.stdout


def need(path, what):
    if not os.path.exists(path):
        raise Skip(f'{path}, {what}, is not there')


def larger(pages='2700'):
    need(LARGER, 'which the cross compiler makes')
    shutil.copy(LARGER, DIR)
    return ['./larger.rv', pages]


def ample(program, *words):
    """What it says in a RAM that holds it."""
    r = run('run', ['-m', '64M', *words], program)
    equal(r.returncode, 0, r.stderr.decode())
    return said(r)


@test
def a_program_of_ten_times_the_ram_and_its_children_say_the_same_however_pages_move():
    program = larger()
    whole = ample(program)
    for name in ('several', 'writes fail', 'hdd', 'none', 'clusters', 'cleaner'):
        ram = '2M' if name == 'several' else '1M'
        r = run('run', ['-m', ram] + stores()[name], program)
        equal(said(r), whole, f'{name}: {r.stderr.decode()}')


@test
def and_when_each_program_evicts_only_its_own_pages():
    program = larger()
    whole = ample(program, '-n', '2')
    for local in LOCAL:
        r = run('run', ['-m', '2M', '-n', '2'] + local + stores()['file'], program)
        equal(sorted(r.stdout.split(b'\n')), sorted(whole[1].split(b'\n')), f'{local}: {r.stderr.decode()}')


@test
def however_pages_move_the_events_are_the_same_each_time():
    program = larger('600')
    for name in ('several', 'hdd', 'clusters', 'cleaner'):
        logs = []
        for turn in ('1', '2'):
            log = os.path.join(DIR, 'log' + turn)
            r = run('trace', ['--jsonl', '-o', log, '-m', '1M'] + stores()[name], program)
            equal(r.returncode, 0, r.stderr.decode())
            with open(log, 'rb') as file:
                logs.append(hashlib.sha256(file.read()).hexdigest())
        equal(logs[0], logs[1], name)


@test
def a_page_that_cannot_be_read_back_kills_only_who_needs_it_and_the_device_is_named():
    program = larger()
    for fault, why in (('read=40:fail', 'could not read'), ('read=40:corrupt', 'other bytes')):
        swap = ['--swap', f'faulty[{fault}]:file:{os.path.join(DIR, "a")},size=256M']
        stores()
        r = run('run', ['-m', '1M'] + swap, program)
        text = r.stderr.decode()
        equal(bool(re.search(rf'swap device .*{why}.*SIGBUS', text)) or b'EFAULT' in r.stdout, True, text)


@test
def swap_that_is_full_ends_one_process_with_a_sentence():
    program = larger('3000')
    stores()
    r = run('run', ['-m', '1M', '--overcommit', '1', '--swap', f'file:{os.path.join(DIR, "a")},size=2M'], program)
    text = r.stderr.decode()
    equal(bool(re.search(r'swap is full .* was killed\. About .* more would have been enough', text)), True, text)


def sort_input(megabytes):
    path = os.path.join(DIR, f'input{megabytes}')
    if not os.path.exists(path):
        rng = random.Random(megabytes)
        with open(path, 'wb') as file:
            for _ in range(megabytes * 15420):
                file.write(b'%016x: a line that compresses about as well as text does\n' % rng.getrandbits(64))
    return path


def sort(words, path):
    need(os.path.join(ROOT, 'usr/bin/sort'), 'in a root that CARREL_TEST_ROOT names')
    return run('stat', ['-L', ROOT, '--json', '-o', os.path.join(DIR, 'stat')] + words,
               ['sort', '-S', '256M', '--parallel=1', path])


def swapped_out():
    with open(os.path.join(DIR, 'stat'), encoding='utf-8') as file:
        return json.load(file)['total']['swap-outs']


@test
def debians_sort_of_more_than_ram_gives_the_same_lines():
    megabytes, ram, least = (64, '8M', 10000) if LONG else (4, '2M', 500)
    path = sort_input(megabytes)
    with open(path, 'rb') as file:
        wanted = hashlib.sha256(b''.join(sorted(file.readlines()))).hexdigest()
    runs = [(p, s) for p in POLICIES for s in ('file', 'zram', 'several')] if LONG else \
        [('clock', 'file'), ('2q', 'zram')]
    for policy, name in runs:
        words = stores()[name]
        if LONG:
            words = [w.replace('zram:8M', 'zram:64M') for w in words]
        roomy = '32M' if LONG else '3M'  # compressed pages take RAM, too
        r = sort(['-m', ram if name == 'file' else roomy, '--policy', policy, '-E', 'LC_ALL=C'] + words, path)
        equal(hashlib.sha256(r.stdout).hexdigest(), wanted, f'{policy}, {name}: {r.stderr.decode()[-500:]}')
        out = swapped_out()
        equal(out >= least, True, f'{policy}, {name}: {out} pages swapped out')


try:
    main()
finally:
    shutil.rmtree(DIR, ignore_errors=True)
