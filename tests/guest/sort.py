#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sort.py --carrel FILE --guest DIR [TEST] - Debian's sort of more than RAM, whose lines must be the same to the byte

CARREL_LONG=1 does so under every policy with every store, and prints what each moved: 64 MiB in 8 MiB. Each
request over nbd is a switch to another process and back, ten times what a file's costs: there it is 16 MiB in 4.
"""

import functools
import hashlib
import json
import os
import random
import time

from pressure import DIR, LONG, ROOT, Server, need, new, policies, run, stores
from tap import equal, main, test

# How many MiB, in how much RAM (compressed pages take RAM, too), and how many pages must at least be swapped out.
LARGE, LARGE_NBD, SMALL = (64, '8M', '40M', 10000), (16, '4M', '10M', 2500), (4, '2M', '4M', 500)
STORES = ('file', 'zram', 'slow', 'nbd')


@functools.cache
def sort_input(megabytes):
    """A file to sort, and the hash of what must come out."""
    path = new(f'input{megabytes}')
    rng = random.Random(megabytes)
    lines = [b'%016x: a line that compresses about as well as text does\n' % rng.getrandbits(64)
             for _ in range(megabytes * 15420)]
    with open(path, 'wb') as file:
        file.writelines(lines)
    return path, hashlib.sha256(b''.join(sorted(lines))).hexdigest()


def turns():
    """Which policies with which stores."""
    if not LONG:
        return [('clock', 'file'), ('2q', 'zram'), ('fifo', 'nbd'), ('lru', 'slow')]
    return [(policy, store) for store in STORES for policy in policies()]


def check(policy, name, words):
    megabytes, ram, roomy, least = SMALL if not LONG else LARGE_NBD if name == 'nbd' else LARGE
    path, wanted = sort_input(megabytes)
    started, stat = time.monotonic(), new('stat')
    r = run('stat', ['-L', ROOT, '--json', '-o', stat, '-m', roomy if name == 'zram' else ram, '--policy', policy,
                     '-E', 'LC_ALL=C', *words], ['sort', '-S', '256M', '--parallel=1', path])
    equal((r.returncode, hashlib.sha256(r.stdout).hexdigest()), (0, wanted),
          f'{policy}, {name}: {r.stderr.decode()[-500:]}')
    with open(stat, encoding='utf-8') as file:
        total = json.load(file)['total']
    out, came = total['swap-outs'], total['swap-ins']
    if LONG:
        print(f'# {policy}, {name}, {megabytes} MiB in {roomy if name == "zram" else ram}: {out} pages out, {came} in, '
              f'{time.monotonic() - started:.0f} s', flush=True)
    equal(out >= least, True, f'{policy}, {name}: {out} pages swapped out')


@test
def debians_sort_of_more_than_ram_gives_the_same_lines_under_every_policy_and_store():
    need(os.path.join(ROOT, 'usr/bin/sort'), 'in a root that CARREL_TEST_ROOT names')
    for policy, name in turns():
        if name != 'nbd':
            check(policy, name, stores()[name])
            continue
        with Server(256 << 20) as server:
            check(policy, name, [*server.words, '--swap-cluster', '16'])


main()
