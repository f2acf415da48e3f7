# SPDX-License-Identifier: MIT
"""make bench must not rot unseen: it is run here with the smallest counts there are, and nobody looks at times.

    bench.py BUILD
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from tap import Skip, equal, main, test

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
BUILD = os.path.abspath(sys.argv.pop(1))


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)


def bench(*options, build=BUILD):
    return run(os.path.join(TOP, 'scripts/bench'), *options, build)


def refused(sentence, *options, **more):
    done = bench(*options, **more)
    equal((done.returncode != 0, sentence in done.stderr, 'Traceback' in done.stderr), (True, True, False), done.stderr)


def needs_compilers():
    for compiler in ('gcc', 'riscv64-linux-gnu-gcc'):
        if not shutil.which(compiler):
            raise Skip(f'there is no {compiler}')


def one_kernel(kernel, *options):
    needs_compilers()
    with tempfile.TemporaryDirectory(prefix='carrel-bench-test-') as place:
        kept = os.path.join(place, 'kept.json')
        done = bench('--only', kernel, '--rounds', '1', '--seconds', '0.001', '--json', kept, *options)
        equal(done.returncode, 0, done.stderr)
        with open(kept, encoding='utf-8') as file:
            return done.stdout, json.load(file)


@test
def a_kernel_gives_the_same_sum_on_every_side_and_a_sample_a_round():
    out, kept = one_kernel('getppid')
    equal((kept['schema'], kept['rounds'], [row['kernel'] for row in kept['rows']]), (1, 1, ['getppid']))
    row = kept['rows'][0]
    equal(set(row['samples']) - {'qemu', 'system'}, {'native', 'carrel'})
    equal({len(samples) for samples in row['samples'].values()}, {1})
    equal(type(row['sum']), int, 'the sum that the sides agree on')
    equal('getppid' in out and 'load at the end' in out, True, out)


@test
def sides_that_do_not_agree_are_told():
    needs_compilers()
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(TOP, 'scripts'))
    import importlib.machinery
    loader = importlib.machinery.SourceFileLoader('bench', os.path.join(TOP, 'scripts/bench'))
    module = loader.load_module()
    one = module.Bench.__new__(module.Bench)
    one.run = lambda side, *_: (0, 0, {'native': 1, 'carrel': 2}[side], 0)
    try:
        one.measure('vm', 'getppid', ['native', 'carrel'], 1)
    except RuntimeError as why:
        equal('disagree' in str(why), True, str(why))
    else:
        raise AssertionError('nobody noticed')


@test
def options_that_make_no_sense_are_refused_with_what_would():
    refused('--rounds and --seconds are positive', '--rounds', '0')
    refused('--rounds and --seconds are positive', '--seconds', '-1')
    refused('no kernel is named nonsense; there are first-touch-fresh', '--only', 'nonsense')
    refused("invalid choice: 'sun'", '--clock', 'sun')
    refused('build it first', build='/nowhere')


def lines(program, *args):
    program = os.path.join(BUILD, 'bench', program)
    if not os.path.exists(program):
        raise Skip('built without libzstd')
    done = run(program, *args)
    equal(done.returncode, 0, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@test
def swapping_and_stores_can_be_measured_and_give_every_byte_back():
    with tempfile.TemporaryDirectory(prefix='carrel-bench-test-') as place:
        swap = lines('bench_whole', 'swap', place, '1')
        equal([row['swap'] for row in swap], ['file', 'zram'])
        equal(all(row['faults'] > 0 and row['moves'] >= row['faults'] for row in swap), True, swap)
        equal([row['store'] for row in lines('bench_paging', place, '1')], ['zram', 'file'])


@test
def victims_can_be_measured_under_every_policy():
    rows = lines('bench_whole', 'victims', '16')
    equal({row['frames'] for row in rows}, {4096})
    equal(len({row['policy'] for row in rows}), 8)


main()
