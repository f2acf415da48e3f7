#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""swap.py --carrel FILE --guest DIR [TEST] - programs larger than RAM, and what they must say all the same

A program with children runs in a RAM that holds it, and then in a tenth of that, under each policy and with
pages that move in every way there is: what it writes and its status must be the same to the byte. What the
host's clock says must never be seen: each run twice has the same event log. sort.py does the same with
Debian's sort.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess

from pressure import CARREL, DIR, GUEST, HERE, LIMIT, Server, need, new, policies, run, stores
from tap import equal, main, test

LARGER = os.path.join(GUEST, 'larger.rv')
LOCAL = [[], ['--local', 'fixed'], ['--local', 'pff'], ['--local', 'ws']]


def said(r):
    return r.returncode, r.stdout


def larger(pages='2700'):
    need(LARGER, 'which the cross compiler makes')
    shutil.copy(LARGER, DIR)
    return ['./larger.rv', pages]


def ample(program, *words):
    """What it says in a RAM that holds it."""
    r = run('run', ['-m', '64M', *words], program)
    equal(r.returncode, 0, r.stderr.decode())
    return said(r)


def check(name, words, program, wanted):
    r = run('run', words, program)
    equal(said(r), wanted, f'{name}: {r.stderr.decode()[-2000:]}')


@test
def a_program_of_ten_times_the_ram_and_its_children_say_the_same_under_every_policy():
    program = larger()
    whole = ample(program)
    own = os.path.join(os.path.dirname(HERE), 'policy', 'lifo.c')
    for policy in [*policies(), 'clock:entry=0', own]:
        check(policy, ['-m', '1M', '--policy', policy] + stores()['file'], program, whole)
    check('exact', ['-m', '1M', '--policy', 'lru', '--refs', 'exact'] + stores()['file'], program, whole)


@test
def and_however_its_pages_move():
    program = larger()
    whole = ample(program)
    for name in stores():
        # Compressed pages lie in RAM, too.
        ram = '8M' if name.startswith('zram') else '2M' if name in ('by turns', 'one after the other') else '1M'
        check(name, ['-m', ram] + stores()[name], program, whole)


@test
def and_when_each_program_evicts_only_its_own_pages():
    program = larger()
    whole = ample(program, '-n', '2')
    for local in LOCAL:
        r = run('run', ['-m', '2M', '-n', '2'] + local + stores()['file'], program)
        equal(sorted(r.stdout.split(b'\n')), sorted(whole[1].split(b'\n')), f'{local}: {r.stderr.decode()}')


def crew():
    """Threads and processes on pages that they share."""
    path = os.path.join(GUEST, 'crew.rv')
    need(path, 'which the cross compiler makes')
    shutil.copy(path, DIR)
    return ['./crew.rv', '120']


def events(name, words, program):
    """The hash of a run's list of events, in which pages must have been swapped."""
    log = new('log')
    r = run('trace', ['--jsonl', '-o', log, *words], program)
    equal(r.returncode, 0, f'{name}: {r.stderr.decode()}')
    with open(log, 'rb') as file:
        text = file.read()
    equal((b'"swap_out"' in text, b'"swap_in"' in text), (True, True), f'{name}: pages were swapped')
    return hashlib.sha256(text).hexdigest()


@test
def however_pages_move_the_events_are_the_same_each_time():
    """Each store, and each policy with one of them; threads, and several processes, and two programs."""
    names, rules = list(stores()), [*policies(), 'clock:entry=0', 'random']
    for i, name in enumerate(names):
        policy = rules[i % len(rules)]
        ram = '2M' if name in ('by turns', 'one after the other') or name.startswith('zram') else '1M'
        words = ['-m', ram, '-n', '2', '--policy', policy, '--seed', str(i), *LOCAL[i % len(LOCAL)]]
        said = f'{name} with {policy} {LOCAL[i % len(LOCAL)]}'
        equal(*(events(said, words + stores()[name], crew()) for _ in range(2)), said)


@test
def what_is_behind_a_store_or_how_fast_it_answers_is_never_seen_in_the_events():
    program, words = crew(), ['-m', '1M', '-n', '2', '--swap-cluster', '4', '--swap-readahead', '4', '--policy', '2q']
    file = events('file', [*words, '--swap', f'file:{new("a")},size={(32 << 20) - 4096}'], program)
    faulty = f'faulty[read=1000000000:fail]:file:{new("b")},size={(32 << 20) - 4096}'
    equal(events('faulty', [*words, '--swap', faulty], program), file, 'a store around another that does nothing')
    for name, filters in (('nbd', ()), ('a slow nbd', ('--filter=delay', 'rdelay=1ms', 'wdelay=2ms'))):
        with Server(32 << 20, *filters) as server:
            equal(events(name, [*words, *server.words], program), file, name)


@test
def nor_that_a_network_device_died_and_came_back():
    program, words = larger('600'), ['--jsonl', '-o', new('log'), '-m', '1M']
    hashes = []
    with Server(32 << 20) as server:
        for deaths in (0, 3):
            with running([*words, *server.words], program, 'trace') as (p, _):
                for _ in range(deaths):
                    p.send_signal(signal.SIGSTOP)
                    server.stop()
                    server.start()
                    p.send_signal(signal.SIGCONT)
                text = p.communicate(timeout=LIMIT)[1].decode()
            equal(p.returncode, 0, text)
            with open(os.path.join(DIR, 'log'), 'rb') as log:
                hashes.append(hashlib.sha256(log.read()).hexdigest())
    equal(*hashes)


@test
def a_page_that_comes_back_different_is_never_used_and_the_device_is_named():
    program = larger()
    whole = ample(program)
    for fault, why in (('read=40:fail', 'could not read'), ('read=40:corrupt', 'other bytes'),
                       ('write=40:corrupt', 'other bytes'), ('write=40:tear', 'other bytes')):
        r = run('run', ['-m', '1M', '--swap', f'faulty[{fault}]:file:{new("a")},size=256M'], program)
        text = r.stderr.decode()
        told = re.search(rf'swap device .*{why}.*SIGBUS', text) or b'EFAULT' in r.stdout
        # A page that was written wrong may never be asked for.
        equal(bool(told) or (fault.startswith('write') and said(r) == whole), True, f'{fault}: {text}')


@test
def a_device_that_fails_hundreds_of_times_fills_no_screen_but_is_counted():
    program, rules = larger(), 'write=every=20:fail,seed=1'
    for path, name in (('many', f'faulty[{rules}]:file:many'), (new('a' * 60), 'faulty[...]:file:')):
        r = run('trace', ['--jsonl', '-o', 'many.log', '-m', '1M', '--swap', f'faulty[{rules}]:file:{path},size=64M'], program)
        with open(os.path.join(DIR, 'many.log'), encoding='utf-8') as log:
            failed = sum('"swap_failed"' in line for line in log)
        lines = [line for line in r.stderr.decode().splitlines() if 'faulty' in line]
        equal((failed > 20, len(lines)), (True, 4), f'{failed} failures: {lines}')
        equal([name in line for line in lines], [True] * 4, lines)
        equal(['the rule write=every=20:fail struck write 20' in lines[0], 'told at the end' in lines[2],
               f'{failed - 3} more times' in lines[3], f'{failed} in all' in lines[3]], [True] * 4, lines)


@test
def what_is_locked_is_there_at_once_though_others_must_go_to_swap_first():
    program = os.path.join(GUEST, 'locked.rv')
    need(program, 'which the cross compiler makes')
    shutil.copy(program, DIR)
    r = run('run', ['-m', '4M'] + stores()['hdd'], ['./locked.rv'])
    equal(said(r), (0, b'mapped: 100 of 100\ngrown: 200 of 200\nby mlockall: 100 of 100\nthe heap: 99 of 99\n'
                       b'secrets: 0 of 100\ntouched: 100 of 100\nin a child: 100 of 100\n'), r.stderr.decode())


@test
def a_locked_segment_stays_in_ram_while_nobody_has_it_and_waiting_for_swap_is_told():
    program = os.path.join(GUEST, 'kept.rv')
    need(program, 'which the cross compiler makes')
    shutil.copy(program, DIR)
    r = run('run', ['-m', '4M'] + stores()['hdd'], ['./kept.rv'])
    equal(said(r), (0, b'lost before: 0 0\nlock 0\nfetched of what is locked: 0\nunlock 0\nfetched of what is not: 1\n'
                       b'lost: 1, by all 1, the processor 0\n'), r.stderr.decode())


@test
def swap_that_is_full_ends_one_process_with_a_sentence():
    r = run('run', ['-m', '1M', '--overcommit', '1', '--swap', f'file:{new("a")},size=2M'], larger('3000'))
    text = r.stderr.decode()
    equal(bool(re.search(r'swap is full .* was killed\. About .* more would have been enough', text)), True, text)


@test
def a_full_disk_is_named_and_its_pages_go_to_the_next_or_someone_ends():
    program, full = larger(), f'faulty[write=100+:full]:file:{new("a")},size=64M'
    whole = ample(program)
    r = run('run', ['-m', '1M', '--swap', full + ',prio=9', '--swap', f'file:{new("b")},size=64M'], program)
    equal(said(r), whole, r.stderr.decode())
    equal('the rule write=100+:full struck write 100' in r.stderr.decode(), True, r.stderr.decode())
    r = run('run', ['-m', '1M', '--swap', full], program)
    text = r.stderr.decode()
    equal(bool(re.search(r'struck write 100.*swap cannot be written to .* was killed', text, re.S)), True, text)


@test
def a_network_device_that_is_named_twice_is_refused():
    with Server(8 << 20) as server:
        r = run('run', [*server.words, server.words[0], server.words[1] + ',prio=3'], larger())
        equal((r.returncode, 'is named twice' in r.stderr.decode()), (125, True), r.stderr.decode())


@contextlib.contextmanager
def running(words, program, verb='run'):
    """A run that has written its first line, and the line."""
    with subprocess.Popen([CARREL, verb, *words, *program], cwd=DIR, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as p:
        try:
            yield p, p.stdout.readline()
        finally:
            p.kill()


@test
def a_program_does_not_see_that_its_network_device_died_and_came_back():
    program = larger()
    whole = ample(program)
    with Server(32 << 20) as server:
        check('nbd', ['-m', '1M', *server.words], program, whole)
        with running(['-m', '1M', *server.words], program) as (p, first):
            # While the program stands still, so that no transfer knocks at a door that nobody opens; what is on its
            # way is lost.
            for _ in range(3):
                p.send_signal(signal.SIGSTOP)
                server.stop()
                server.start()
                p.send_signal(signal.SIGCONT)
            out, text = p.communicate(timeout=LIMIT)
            equal((p.returncode, first + out), whole, text.decode())


@test
def a_network_device_that_died_is_named_and_only_who_needs_its_pages_ends():
    program = larger()
    with Server(32 << 20) as server:
        with running(['-m', '1M', *server.words], program) as (p, _):
            p.send_signal(signal.SIGSTOP)
            server.stop()
            p.send_signal(signal.SIGCONT)
            text = p.communicate(timeout=LIMIT)[1].decode()
            equal(bool(re.search(r'swap device .*could not read.*SIGBUS', text)), True, text)
            equal(f'unix:///?socket={server.socket}' in text, True, text)
            equal(p.returncode in (-signal.SIGBUS, 1), True, f'{p.returncode}: {text}')


main()
