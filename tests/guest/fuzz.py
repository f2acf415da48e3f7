#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fuzz.py --carrel FILE --guest DIR [TEST] - random system calls, and what becomes of the machine

programs/fuzz.c makes them, with arguments of the types that syscalls.def names. With CARREL_LONG there
are ten million, and each call that is done at all must have succeeded a hundred times: a call that
never succeeds has not been tried.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from tap import Skip, equal, is_long, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
parser.add_argument('--guest', required=True)
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = os.path.abspath(options.carrel)
GUEST = os.path.abspath(options.guest)
LONG = is_long('sanitize')
LIMIT = 3000 if LONG else 600  # seconds for a part: far beyond any; nothing is measured
CALLS = 10_000_000 if LONG else 24_000
PART = 250_000 if LONG else 8_000
ENOUGH = 100
LIST = os.path.join(HERE, '../../src/kernel/syscalls.def')
MACHINES = [('-m', '64M'), ('-m', '8M', '--swap', 'zram:64M'), ('-m', '64M', '--paging', 'eager')]
# Refused whatever the arguments, though with more than one errno.
NEVER = {'clock_settime'}
WRONG = []


def play(seed, calls, machine):
    """Returns {call: (tries, successes)}; an end that is not as it should be goes to WRONG."""
    if not os.path.exists(os.path.join(GUEST, 'fuzz.rv')):
        raise Skip('no cross compiler')
    # A child whose threads wrote over each other may kill everybody, as on Linux: then another seed.
    for start in range(seed, seed + 3000, 1000):
        argv = [CARREL, 'run', '--timeout', f'{LIMIT}s', *machine, '--bind', f'{GUEST}:/fuzz:ro', '-w', '/', '--', '/fuzz/fuzz.rv', str(start), str(calls)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT + 100, check=False)
        err = done.stderr.decode(errors='replace')
        # What it says of its children is no matter; what it says of itself is.
        wrong = re.findall(r'.*(?:ERROR: |runtime error|SUMMARY: |Assertion|verify).*', err)
        if wrong or done.returncode != -signal.SIGKILL:
            break
    if wrong or done.returncode != 0:
        WRONG.append(f'seed {seed}, {" ".join(argv)}: status {done.returncode}, {wrong}')
    lines = [line.split() for line in done.stdout.decode(errors='replace').splitlines()]
    return {words[0]: (int(words[1]), int(words[2])) for words in lines if len(words) == 3}


@test
def whatever_programs_ask_for_the_machine_goes_on():
    done = re.findall(r'^CALL\(\d+, (\w+)', open(LIST, encoding='utf-8').read(), re.MULTILINE)
    total, few = {}, {}
    with ThreadPoolExecutor(2) as pool:
        # A part makes a few calls more than it is asked for.
        seeds = range(1, CALLS // PART + 1)
        for seed, part in zip(seeds, pool.map(lambda n: play(n, PART, MACHINES[n % len(MACHINES)]), seeds)):
            for name, (tries, wins) in part.items():
                before = total.get(name, (0, 0))
                total[name] = (before[0] + tries, before[1] + wins)
            few = {name: total.get(name) for name in done if total.get(name, (0, 0))[1] < ENOUGH}
            made = sum(tries for tries, _ in total.values())
            print(f'# seeds 1 to {seed}: {made} calls, {len(WRONG)} wrong ends; '
                  f'{len(done) - len(few)} of {len(done)} calls succeeded {ENOUGH} times'
                  + (f', but not {" ".join(sorted(few))}' if len(few) < 10 else ''), flush=True)
    equal(WRONG, [], 'ends')
    if LONG:
        equal({name: few[name] for name in few if name not in NEVER}, {}, 'too few successes')


main()
