# SPDX-License-Identifier: MIT
"""Tests that say what a user would lose, in Python: each function given to @test is one."""

import os
import sys
import traceback

tests = []


class Skip(Exception):
    pass


def test(function):
    tests.append(function)
    return function


def equal(got, wanted, what='value'):
    if got != wanted:
        raise AssertionError(f'{what} is {got!r}, not {wanted!r}')


def is_long(build):
    """Does CARREL_LONG ask for the whole of a test that takes a quarter of an hour or more?

    Where scripts/check makes several builds (it names each in CARREL_BUILD), the whole is for the one of them that it
    says most of, and the others make the quick choice: one night would not do for each in each.
    """
    return bool(os.environ.get('CARREL_LONG')) and os.environ.get('CARREL_BUILD') in (None, build)


def main():
    failed = 0
    chosen = [t for t in tests if len(sys.argv) < 2 or sys.argv[1] in t.__name__]
    for number, function in enumerate(chosen, 1):
        verdict, note = 'ok', ''
        try:
            function()
        except Skip as skip:
            note = f' # SKIP {skip}'
        except Exception:
            for line in traceback.format_exc().rstrip().split('\n'):
                print('#', line)
            verdict = 'not ok'
            failed += 1
        print(f'{verdict} {number} - {function.__name__}{note}', flush=True)
    print(f'1..{len(chosen)}')
    sys.exit(1 if failed else 0)
