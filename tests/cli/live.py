#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's own ps, pmap, vmstat, free, top and their like inside a machine that swaps, in the root that
CARREL_TEST_ROOT names, driven through tmux. What they show is held against /proc.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time

from world import CARREL, DIR, build
from tap import Skip, equal, main, test

ROOT = os.path.realpath(os.environ.get('CARREL_TEST_ROOT') or '/nonexistent')
LIMIT = 120  # seconds, far beyond any; nothing is measured
FRAMES, PAGES, SHARED, SLOTS = 3072, 4000, 100, 16384
SWAPS = f'''
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static volatile sig_atomic_t quiet;
static void stop(int number) {{ quiet = number; }}
int main(void)
{{
	char *p = mmap(0, {PAGES} * 4096L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *q = mmap(0, {SHARED} * 4096L, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGUSR1, stop);
	memset(q, 1, {SHARED} * 4096L);
	while (!quiet) {{
		for (long i = 0; i < {PAGES}; i++)
			p[i * 4096]++;
		usleep(20000);
	}}
	for (;;)
		pause();
}}
'''
# Writes its own counters as its last deed; what it does after that takes no page.
COUNTS = f'''
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
static char all[16384];
static unsigned put(const char *name, unsigned at)
{{
	int fd = open(name, O_RDONLY);
	long n = read(fd, all + at, sizeof all - at);
	return at + (unsigned)n;
}}
int main(void)
{{
	char *p = mmap(0, 1000 * 4096L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int n = 0; n < 3; n++)
		for (long i = 0; i < 1000; i++)
			p[i * 4096]++;
	for (unsigned i = 0; i < sizeof all; i += 4096)
		all[i] = 1;
	unsigned at = put("/proc/vmstat", put("/proc/self/stat", 0));
	write(1, all, at);
	_exit(0);
}}
'''


class Screen:
    """A terminal of tmux."""
    servers = 0

    def __init__(self, *argv):
        # Each its own server: one that ends takes its time.
        Screen.servers += 1
        self.name = f'carrel-{os.getpid()}-{Screen.servers}'
        self.count, self.text = 0, ''
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', '160', '-y', '50', *argv)

    def tmux(self, *words):
        return subprocess.run(['tmux', '-L', self.name, *words], cwd=DIR, capture_output=True, text=True, timeout=60,
                              check=True, env=dict(os.environ, XDG_RUNTIME_DIR=DIR, LC_ALL='C.UTF-8')).stdout

    def press(self, *keys):
        self.tmux('send-keys', *keys)

    def shown(self):
        return self.tmux('capture-pane', '-p', '-J', '-S', '-200')

    def until(self, pattern):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            match = re.search(pattern, self.shown(), re.MULTILINE | re.DOTALL)
            if match:
                return match
            time.sleep(0.1)
        raise AssertionError(f'{pattern!r} was never shown in {self.shown()!r}')

    def run(self, command):
        """What a command of the shell shows, without it."""
        self.tmux('clear-history')
        self.count += 1
        self.tmux('send-keys', '-l', f'clear; {command}; echo "over" {self.count}')
        self.press('Enter')
        self.text = self.until(rf'\A(.*)^over {self.count}$').group(1)
        return self.text

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.tmux('kill-server')


@contextlib.contextmanager
def machine():
    if not shutil.which('tmux'):
        raise Skip('no tmux')
    for program in ('bash', 'ps', 'top', 'vmstat', 'free', 'pmap', 'watch', 'clear'):
        if not os.path.exists(os.path.join(ROOT, 'usr', 'bin', program)):
            raise Skip(f'CARREL_TEST_ROOT names no root with {program} (scripts/check makes one)')
    build('swaps', SWAPS, '-static', '-O1')
    screen = Screen(CARREL, 'shell', '-L', ROOT, '-m', f'{FRAMES * 4}K', '--swap', 'file:live.swap,size=64M',
                    '--swap-device', 'nvme')
    try:
        screen.until(r'[$#] $')
        screen.run('./swaps & P=$!')
        yield screen
    finally:
        screen.close()


def fields(text):
    return {name: int(value) for name, value in re.findall(r'^(\w+):?\s+(\d+)', text, re.MULTILINE)}


def near(got, wanted, most, what):
    if abs(got - wanted) > most:
        raise AssertionError(f'{what} is {got}, not within {most} of {wanted}')


@test
def the_tools_of_debian_show_what_the_paging_system_does_while_it_swaps():
    with machine() as s:
        # While it swaps: si and so, in KiB a second, and the counters behind them.
        before = fields(s.run('grep -E "pswp|pgmaj" /proc/vmstat'))
        shown = s.run('vmstat 1 3')
        after = fields(s.run('grep -E "pswp|pgmaj" /proc/vmstat'))
        rows = [line.split() for line in shown.strip().split('\n')[-2:]]
        head = re.search(r'^ *r +b .*$', shown, re.MULTILINE).group(0).split()
        for column, counter in (('si', 'pswpin'), ('so', 'pswpout')):
            sums = sum(int(row[head.index(column)]) for row in rows)
            pages = after[counter] - before[counter]
            equal(0 < sums <= pages * 4, True, f'{column}: {sums} KiB in two seconds of {pages} pages')
        equal(all(int(row[head.index('swpd')]) > 0 for row in rows), True, 'swpd')
        # Quiet: what each says of one process.
        s.run('kill -USR1 $P; sleep 1')
        status = fields(s.run('ps -o vsz,rss -p $P; grep -E "^(Vm|Rss)" /proc/$P/status'))
        vsz, rss = [int(n) for n in re.search(r'^ *(\d+) +(\d+)$', s.text, re.MULTILINE).groups()]
        equal(vsz, status['VmSize'], 'VSZ of ps')
        near(rss, status['VmRSS'], 1200, 'RSS of ps')
        equal(status['VmRSS'], status['RssAnon'] + status['RssFile'] + status['RssShmem'], 'the parts of VmRSS')
        near(status['RssAnon'] + status['VmSwap'], (PAGES + SHARED) * 4, 500, 'anonymous memory in RAM and in swap')
        # Every page of the region is in RAM or in swap.
        region = re.search(rf'^[0-9a-f]+ rw-p .* {PAGES * 4} .*$', s.run('pmap -X $P'), re.MULTILINE).group(0).split()
        columns = re.search(r'Address +Perm.*$', s.text, re.MULTILINE).group(0).split()
        equal(int(region[columns.index('Rss')]) + int(region[columns.index('Swap')]), PAGES * 4, 'Rss and Swap of pmap -X')
        smaps = s.run(f'grep -A25 "^.*rw-p.*" /proc/$P/smaps | grep -A22 "Size: *{PAGES * 4} kB" | head -24')
        equal(fields(smaps)['Rss'] + fields(smaps)['Swap'], PAGES * 4, 'Rss and Swap of smaps')
        # The machine.
        shown = s.run('free -k; cat /proc/swaps')
        memory = [int(n) for n in re.search(r'^Mem:(.*)$', shown, re.MULTILINE).group(1).split()]
        swap = [int(n) for n in re.search(r'^Swap:(.*)$', shown, re.MULTILINE).group(1).split()]
        equal((memory[0], swap[0]), (FRAMES * 4, SLOTS * 4), 'the totals of free')
        used = int(re.search(r'file\s+(\d+)\s+(\d+)', shown).group(2))
        near(swap[1], used, 1500, 'the swap that is used')
        equal(s.run('pgrep -x swaps; echo $P').split()[0], s.run('echo $P').split()[0], 'pgrep')
        equal(bool(re.search(r'swaps', s.run('ps aux | grep swap[s]'))), True, 'ps aux')
        # Faults and processor time, as the counters of the process have them.
        shown = s.run('ps -o min_flt,maj_flt,cputimes -p $P; cut -d" " -f10,12,14 /proc/$P/stat')
        rows = [line.split() for line in shown.split('\n') if re.fullmatch(r'[\d ]+', line.strip() or '-')]
        near(int(rows[0][0]), int(rows[1][0]), 5, 'minor faults')
        near(int(rows[0][1]), int(rows[1][1]), 5, 'major faults')
        equal(int(rows[0][1]) > PAGES, True, 'major faults of a program that does not fit')
        near(int(rows[0][2]), int(rows[1][2]) // 100, 1, 'processor time')
        equal('load average' in s.run('uptime') and 'USER' in s.run('w'), True, 'uptime and w')


@test
def what_a_program_reads_of_itself_is_what_carrel_stat_counts():
    build('counts', COUNTS, '-static', '-O1')
    run = subprocess.run([CARREL, 'stat', '--json', '-o', 'counts.json', '-m', '2M', '--swap', 'zram:16M', './counts'], cwd=DIR,
                         capture_output=True, text=True, timeout=LIMIT, check=True)
    with open(os.path.join(DIR, 'counts.json'), encoding='utf-8') as file:
        total = json.load(file)['total']
    stat = run.stdout.split('\n')[0].split()
    vmstat = fields(run.stdout.split('\n', 1)[1])
    equal(total['swap-outs'] > 1000 and total['swap-ins'] > 1000, True, f'it swaps: {total}')
    near(int(stat[9]), total['minor'], 3, 'minflt')
    near(int(stat[11]), total['major'], 3, 'majflt')
    near((int(stat[13]) + int(stat[14])) * 10000000, total['instructions'], 20000000, 'utime and stime')
    near(vmstat['pswpin'], total['swap-ins'], 3, 'pswpin')
    near(vmstat['pswpout'], total['swap-outs'], 3, 'pswpout')
    near(vmstat['pgmajfault'], total['major'], 3, 'pgmajfault')
    near(vmstat['pgfault'], total['faults'], 5, 'pgfault')
    near(vmstat['pgsteal_anon'] + vmstat['pgsteal_file'], total['evictions'], 3, 'pgsteal')


@test
def what_fills_the_screen_works_and_ends_at_a_key():
    with machine() as s:
        s.run('kill -USR1 $P')
        s.press('top -d 1', 'Enter')
        s.until(r'Tasks:.*KiB Swap|Tasks:.*MiB Swap')
        s.until(r'^ *\d+ .* swaps *$')
        s.press('q')
        equal('carries on' in s.run('echo carries on'), True, 'the shell after top')
        s.press('watch -n 1 free', 'Enter')
        s.until(r'Every 1\.0s: free.*Swap:')
        s.press('C-c')
        equal('carries on' in s.run('echo carries on'), True, 'the shell after watch')
        s.press('less /proc/meminfo', 'Enter')
        s.until('MemTotal')
        s.press('q')
        equal('carries on' in s.run('echo carries on'), True, 'the shell after less')


main()
