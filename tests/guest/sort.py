#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sort.py --carrel FILE --guest DIR [TEST] - Debian's sort of more than RAM, whose lines must be the same to the byte

CARREL_LONG=1 sorts 64 MiB in 8 MiB under every policy with every store, and prints what each moved. The
sanitizers take ten times as long: there each policy and each store has its turn, but not each with each.
"""

import hashlib
import json
import os
import random
import time

from pressure import DIR, LONG, ROOT, Server, need, new, policies, run, stores
from tap import equal, main, test

# How much, in how much RAM, and how many pages must at least be swapped out. Compressed pages take RAM, too.
MEGABYTES, RAM, ROOMY, LEAST = (64, '8M', '40M', 10000) if LONG else (4, '2M', '4M', 500)
STORES = ('file', 'zram', 'nbd', 'slow')


def sort_input():
    path = new('input')
    rng = random.Random(MEGABYTES)
    with open(path, 'wb') as file:
        for _ in range(MEGABYTES * 15420):
            file.write(b'%016x: a line that compresses about as well as text does\n' % rng.getrandbits(64))
    return path


def turns():
    """Which policies with which stores."""
    if not LONG:
        return [('clock', 'file'), ('2q', 'zram'), ('fifo', 'nbd'), ('lru', 'slow')]
    rounds = 1 if os.environ.get('CARREL_BUILD') == 'sanitize' else len(STORES)
    return [(policy, STORES[(i + shift) % len(STORES)]) for shift in range(rounds) for i, policy in enumerate(policies())]


def check(policy, name, words, path, wanted):
    started, stat = time.monotonic(), new('stat')
    r = run('stat', ['-L', ROOT, '--json', '-o', stat, '-m', ROOMY if name == 'zram' else RAM, '--policy', policy,
                     '-E', 'LC_ALL=C', *words], ['sort', '-S', '256M', '--parallel=1', path])
    equal((r.returncode, hashlib.sha256(r.stdout).hexdigest()), (0, wanted),
          f'{policy}, {name}: {r.stderr.decode()[-500:]}')
    with open(stat, encoding='utf-8') as file:
        total = json.load(file)['total']
    out, came = total['swap-outs'], total['swap-ins']
    if LONG:
        print(f'# {policy}, {name}: {out} pages out, {came} in, {time.monotonic() - started:.0f} s', flush=True)
    equal(out >= LEAST, True, f'{policy}, {name}: {out} pages swapped out')


@test
def debians_sort_of_more_than_ram_gives_the_same_lines_under_every_policy_and_store():
    need(os.path.join(ROOT, 'usr/bin/sort'), 'in a root that CARREL_TEST_ROOT names')
    path = sort_input()
    with open(path, 'rb') as file:
        wanted = hashlib.sha256(b''.join(sorted(file.readlines()))).hexdigest()
    for policy, name in turns():
        if name != 'nbd':
            check(policy, name, stores()[name], path, wanted)
            continue
        with Server(256 << 20) as server:
            # A request for each page would take minutes of nothing but answers.
            check(policy, name, [*server.words, '--swap-cluster', '16', '--swap-readahead', '8'], path, wanted)


main()
