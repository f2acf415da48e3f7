# SPDX-License-Identifier: MIT
"""make prove must not pass where the code breaks its contract: here the code is broken by hand.

The proof itself takes minutes and runs with CARREL_LONG=1; always run are the tests of what scripts/prove
makes of Frama-C's words.
"""

import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

from tap import Skip, equal, main, test

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
PROVE = os.path.join(SOURCE, 'scripts/prove')

PASS = '[wp] Running WP plugin...\n[wp] {total} goals scheduled\n{failed}[wp] Proved goals:   {proved} / {total}\n' \
       '  Qed:            {proved}  (1ms-2ms-3ms)\n'
FAILED = '[wp] [Failed] Goal typed_slots_put_ensures\n  Z3 4.8.12: Failed Unknown error\n'


# The proof takes minutes.
long_test = test if os.environ.get('CARREL_LONG') else lambda function: function


def result_of(output):
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader('prove', PROVE)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('prove', loader))
    loader.exec_module(module)
    result = module.Result()
    result.read(output)
    return result


@test
def a_goal_that_only_its_parts_prove_is_proved():
    result = result_of(PASS.format(total=10, proved=9, failed=FAILED))
    result.settle(result_of(PASS.format(total=3, proved=3, failed='')))
    equal((result.proved, result.total, result.failed, result.trouble), (10, 10, {}, []))


@test
def a_goal_that_is_not_proved_is_told_by_name():
    result = result_of(PASS.format(total=10, proved=9, failed=FAILED))
    result.settle(result_of(PASS.format(total=3, proved=2, failed=FAILED.replace('ensures', 'ensures_part02'))))
    equal((result.proved, result.total, list(result.failed)), (9, 10, ['typed_slots_put_ensures']))


@test
def a_goal_that_is_counted_and_not_named_is_no_proof():
    equal(result_of(PASS.format(total=10, proved=9, failed='')).trouble, ['1 goals that WP does not name'])


@test
def a_contract_that_is_ignored_is_no_proof():
    warning = '[kernel:annot-error] slots.h:93: Warning: Ignoring specification of function slots_put\n'
    equal(len(result_of(warning + PASS.format(total=1, proved=1, failed='')).trouble), 1)


@test
def no_goal_at_all_is_no_proof():
    equal(result_of('').trouble, ['no goal was tried'])


def broken(file, function, what, instead):
    """Proves one function after a change to the code: it must fail."""
    if not shutil.which('frama-c'):
        raise Skip('frama-c is not installed; "make prove" installs it')
    with tempfile.TemporaryDirectory() as top:
        for room in ('base', 'vm'):
            shutil.copytree(os.path.join(SOURCE, 'src', room), os.path.join(top, 'src', room))
        path = os.path.join(top, file)
        with open(path, encoding='utf-8') as source:
            text = source.read()
        equal(text.count(what), 1, f'the number of times that {file} says {what!r}')
        with open(path, 'w', encoding='utf-8') as source:
            source.write(text.replace(what, instead))
        done = subprocess.run([PROVE, '--source', top, '--function', function, file],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    equal(done.returncode, 1, f'the status after\n{done.stdout}')
    if f'not proved: typed_{function}' not in done.stdout:
        raise AssertionError(f'nobody said that {function} is wrong in\n{done.stdout}')


@long_test
def a_slot_that_stays_counted_after_it_was_put_is_found():
    broken('src/vm/slots.c', 'slots_put', '\ts->used--;\n', '')


@long_test
def a_region_split_that_shows_other_bytes_is_found():
    broken('src/vm/interval.h', 'extent_above', 'va, e.end, extent_shown(e, va)', 'va, e.end, e.offset')


@long_test
def a_frame_that_is_taken_from_below_the_others_is_found():
    broken('src/vm/frame_pool.c', 'frame_pool_take', 'p->frame[places - 1].stacked', 'p->frame[0].stacked')


@long_test
def a_reference_too_few_is_found():
    broken('src/vm/refs.h', 'refs_put', 'return --*refs == 0', 'return --*refs <= 1')


main()
