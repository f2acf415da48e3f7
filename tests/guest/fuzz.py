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
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'scripts'))
from tap import Skip, equal, main, test  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('--carrel', required=True)
parser.add_argument('--guest', required=True)
options, rest = parser.parse_known_args()
sys.argv[1:] = rest

CARREL = os.path.abspath(options.carrel)
GUEST = os.path.abspath(options.guest)
LONG = os.environ.get('CARREL_LONG')
CALLS = 10_000_000 if LONG else 24_000
PART = 250_000 if LONG else 8_000
ENOUGH = 100
LIST = os.path.join(HERE, '../../src/kernel/syscalls.def')
MACHINES = [('-m', '64M'), ('-m', '8M', '--swap', 'zram:64M'), ('-m', '64M', '--paging', 'eager')]
# Refused whatever the arguments, though with more than one errno.
NEVER = {'clock_settime'}


def play(seed, calls, machine):
    """Returns {call: (tries, successes)}."""
    if not os.path.exists(os.path.join(GUEST, 'fuzz.rv')):
        raise Skip('no cross compiler')
    argv = [CARREL, 'run', '--timeout', '600s', *machine, '--bind', f'{GUEST}:/fuzz:ro', '-w', '/', '--', '/fuzz/fuzz.rv', str(seed), str(calls)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=3000, check=False)
    err = done.stderr.decode(errors='replace')
    # What it says of its children is no matter; what it says of itself is.
    wrong = re.findall(r'.*(?:ERROR: |runtime error|SUMMARY: |Assertion|verify).*', err)
    equal((wrong, done.returncode), ([], 0), f'seed {seed}, {" ".join(argv)}: end')
    lines = [line.split() for line in done.stdout.decode(errors='replace').splitlines()]
    return {words[0]: (int(words[1]), int(words[2])) for words in lines if len(words) == 3}


@test
def whatever_programs_ask_for_the_machine_goes_on():
    total, made, seed = {}, 0, 1
    while made < CALLS:
        for name, (tries, wins) in play(seed, PART, MACHINES[seed % len(MACHINES)]).items():
            before = total.get(name, (0, 0))
            total[name] = (before[0] + tries, before[1] + wins)
        made = sum(tries for tries, _ in total.values())
        seed += 1
    done = re.findall(r'^CALL\(\d+, (\w+)', open(LIST, encoding='utf-8').read(), re.MULTILINE)
    few = {name: total.get(name) for name in done if total.get(name, (0, 0))[1] < ENOUGH}
    print(f'# {made} calls, seeds 1 to {seed - 1}; {len(done) - len(few)} of {len(done)} calls succeeded {ENOUGH} times')
    if LONG:
        equal({name: few[name] for name in few if name not in NEVER}, {}, 'too few successes')


main()
