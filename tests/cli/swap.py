#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program of ten times the RAM, with children, has the same output under every policy and every store, and
the same events whenever it is run.
"""

import os
import shutil
import signal
import subprocess
import time

from world import DIR, SOURCE, build, carrel, equal
from tap import Skip, main, test

# 8 MiB, and three children that write half of theirs anew: 20 MiB at once.
FORKS = r'''
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
enum { PAGES = 2048, WORDS = 512 };
static uint64_t sum(const uint64_t *p)
{
	uint64_t s = 0;
	for (int i = 0; i < PAGES; i++)
		for (int k = 0; k < WORDS; k += 37)
			s = s * 31 + p[i * WORDS + k];
	return s;
}
static uint64_t child(uint64_t *p, int n)
{
	for (int i = n; i < PAGES; i += 2)
		for (int k = 0; k < 4; k++)
			p[i * WORDS + k * 37 + n] += i * 7 + n;
	return sum(p);
}
int main(void)
{
	uint64_t *p = aligned_alloc(4096, PAGES * WORDS * 8), got;
	int pipes[3][2];
	for (int i = 0; i < PAGES * WORDS; i += 37)
		p[i] = (uint64_t)i * 2654435761u;
	for (int n = 0; n < 3; n++) {
		if (pipe(pipes[n]) < 0)
			return 1;
		if (fork() == 0) {
			got = child(p, n);
			_exit(write(pipes[n][1], &got, 8) != 8);
		}
	}
	printf("%016lx\n", (unsigned long)sum(p));
	for (int n = 0; n < 3; n++) {
		int status;
		if (read(pipes[n][0], &got, 8) != 8 || wait(&status) < 0 || status)
			return 2;
		printf("%d: %016lx\n", n, (unsigned long)got);
	}
	return 0;
}
'''
POLICIES = ('clock', 'clock:entry=0', 'fifo', 'lru', 'nru', 'aging', 'random', '2q', 'sieve')


def wanted():
    r = carrel('run', '-m', '64M', build('forks', FORKS))
    equal(r.returncode, 0)
    return r.stdout


def check(text, *args):
    """The same output, in a tenth of what it needs; what was said is given back."""
    r = carrel('run', '-m', '2M', *args, build('forks', FORKS), timeout=250)
    if (r.returncode, r.stdout) != (0, text):
        raise AssertionError(f'{args}: status {r.returncode}, {r.stdout!r}, {r.stderr!r}')
    return r.stderr


@test
def ten_times_the_ram_has_the_same_output_under_every_policy():
    text = wanted()
    for policy in POLICIES:
        check(text, '--swap', 'zram:64M', '--policy', policy)
    check(text, '--swap', 'zram:64M', '--policy', 'lru', '--refs', 'exact')


@test
def ten_times_the_ram_has_the_same_output_under_a_policy_of_ones_own():
    check(wanted(), '--swap', 'zram:64M', '--policy', os.path.join(SOURCE, 'tests', 'policy', 'lifo.c'))


@test
def ten_times_the_ram_has_the_same_output_on_every_store():
    text = wanted()
    for store in ('file:swap.img,size=32M', 'zram:64M,dict=16K',
                  'faulty[write=every=100:fail,read=every=10:delay=1ms]:file:other.img,size=32M'):
        check(text, '--swap', store)
    # What does not fit into the first goes to the second.
    check(text, '--swap', 'file:swap.img,size=32M,prio=1', '--swap', 'zram:2M,prio=5')


@test
def ten_times_the_ram_has_the_same_output_over_the_network():
    if not shutil.which('nbdkit'):
        raise Skip('there is no nbdkit; Debian has it as nbdkit')
    text = wanted()
    socket, ready = os.path.join(DIR, 'sock'), os.path.join(DIR, 'pid')
    with subprocess.Popen(['nbdkit', '-f', '--exit-with-parent', '-U', socket, '-P', ready, 'memory', '32M']) as server:
        try:
            for _ in range(3000):
                if os.path.exists(ready):
                    break
                time.sleep(0.01)
            check(text, '--swap', f'nbd:nbd+unix:///?socket={socket}')
        finally:
            server.send_signal(signal.SIGKILL)


@test
def a_page_that_comes_back_different_is_never_used():
    program = build('forks', FORKS)
    for rule in ('read=300:corrupt', 'write=200:corrupt', 'write=200:tear', 'read=300:fail'):
        r = carrel('run', '-m', '2M', '--swap', f'faulty[{rule}]:zram:64M', program, timeout=250)
        good = (r.returncode, r.stdout) == (0, wanted())
        told = 'carrel: faulty[' in r.stderr
        if not (told or good):
            raise AssertionError(f'{rule}: status {r.returncode}, {r.stdout!r}, {r.stderr!r}')
        equal('SIGBUS' in r.stderr or good, True)


@test
def a_run_that_swaps_has_the_same_events_each_time():
    program, logs = build('forks', FORKS), []
    for name in ('first', 'second'):
        log = os.path.join(DIR, name)
        r = carrel('trace', '--jsonl', '-o', log, '-m', '2M', '--swap', 'zram:64M', '--policy', 'random', '--seed', '7',
                   program, timeout=250)
        equal(r.returncode, 0)
        with open(log, 'rb') as file:
            logs.append(file.read())
    equal(b'"swap' in logs[0], True)
    equal(logs[0] == logs[1], True)


main()
