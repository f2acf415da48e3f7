#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a person sees when there are more pages than frames: what it cost, where pages went, and that all
who tell of it say the same.
"""

import json
import os
import re
import signal

from world import build, carrel, equal, from_json, look, more
from tap import main, test

BEYOND = r'''
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
	int fd = memfd_create("m", 0);
	if (ftruncate(fd, 64 << 20) < 0)
		return 1;
	char *p = mmap(0, 64 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (long i = 0; i < 64 << 20; i += 4096)
		p[i] = 1;
	return 0;
}
'''
FULL = r'''
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char *p = malloc(600 * 4096);
	static char text[65536];
	int wrong = 0;
	for (int i = 0; i < 600; i++)
		p[i * 4096] = i;
	for (int i = 0; i < 600; i++)
		wrong |= p[i * 4096] != (char)i;
	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY);
		for (ssize_t n; (n = read(fd, text, sizeof(text))) > 0;)
			wrong |= write(1, text, n) != n;
	}
	return wrong;
}
'''


@test
def story_follows_a_page_to_its_slot_and_into_another_frame():
    look('story-swap.txt', 'story', 'pages', status=0, program=more)
    story, = from_json(carrel('story', '--json', 'pages', *more()))['stories']
    happened = [line['event'] for line in story['story'] if line['event']['event'] not in ('region_map', 'page_unmap')]
    equal([e['event'] for e in happened[:5]], ['page_fault', 'swap_out', 'evict', 'swap_in', 'page_fault'])
    first, out, _, back, again = happened[:5]
    equal((first['frame'], back['slot'], again['frame']), (out['frame'], out['slot'], back['frame']))
    equal({e['key'] for e in happened[:5]}, {first['key']})


@test
def walk_and_trace_name_the_slot_of_a_page_in_swap():
    lines = carrel('trace', '-e', 'swap-in', *more()).stderr.splitlines()
    address, frame, slot = re.search(r'cause=swap-in, .*addr=(0x\w+), .*frame=(\d+), slot=(\d+)', lines[-1]).groups()
    happened = [json.loads(line) for line in carrel('trace', '--jsonl', *more()).stderr.splitlines() if line[0] == '{']
    back = [e for e in happened if e.get('event') == 'swap_in'][-1]
    equal((int(frame), int(slot)), (back['frame'], back['slot']))
    first = [e for e in happened if e.get('event') == 'swap_in'][0]
    address = [e['addr'] for e in happened if e.get('cause') == 'swap-in'][0]
    at = ('--at', f'{first["time"] - first["took"] - 1000}ns', address, *more())
    walk, = from_json(carrel('walk', '--json', *at))['walks']
    equal((walk.get('slot'), walk['read'].get('cause')), (first['slot'], 'swap-in'), walk)
    text = carrel('walk', *at).stderr
    equal(f'the contents are in slot {walk["slot"]} of the swap space' in text, True, text)


@test
def frames_every_so_often_counts_who_has_ram():
    look('frames-every.txt', 'frames', '--every', '4ms', status=0, program=more)


@test
def stat_shows_what_paging_cost():
    look('stat-swap.txt', 'stat', status=0, program=more)


@test
def what_paging_cost_is_what_the_events_say():
    total = from_json(carrel('stat', '--json', *more()))['total']
    happened = [json.loads(line) for line in carrel('trace', '--jsonl', *more()).stderr.splitlines() if line[0] == '{']
    kinds = {kind: [e for e in happened if e.get('event') == kind]
             for kind in ('evict', 'refault', 'swap_in', 'swap_out')}
    equal(len(kinds['swap_out']) > 20, True)
    for name, file, dirty in (('anon-clean', False, False), ('anon-dirty', False, True), ('file-clean', True, False),
                              ('file-dirty', True, True)):
        equal(total[f'evicted-{name}'], len([e for e in kinds['evict'] if e['file'] == file and e['dirty'] == dirty]),
              name)
    equal(total['evictions'], len(kinds['evict']))
    equal(total['refaults'], len(kinds['refault']))
    equal((total['swap-ins'], total['swap-outs']), (len(kinds['swap_in']), len(kinds['swap_out'])))
    equal(total['device-read-time'], sum(e['took'] for e in kinds['swap_in']))
    equal(total['device-write-time'], sum(e['took'] for e in kinds['swap_out']))
    equal(total['access-time'] // 1000, (total['instructions'] + total['device-read-time']) // total['instructions'])


@test
def proc_tells_of_swap_what_stat_counts():
    build('full', FULL, '-static')
    r = carrel('stat', '--json', '-m', '1M', '--swap', 'file:swap.img,size=4M', './full', '/proc/swaps', '/proc/meminfo',
               '/proc/vmstat', '/proc/self/status', '/proc/self/smaps')
    equal(r.returncode, 0, r.stderr)
    kib = {name: int(value) for name, value in re.findall(r'^(\w+)(?:\(\w+\))?:\s+(\d+) kB$', r.stdout, re.MULTILINE)}
    count = {name: int(value) for name, value in re.findall(r'^([a-z_]+) (\d+)$', r.stdout, re.MULTILINE)}
    name, kind, size, used, priority = r.stdout.splitlines()[1].split()
    equal((os.path.basename(name) == 'swap.img', kind, int(size), priority), (True, 'file', 4096, '-2'))
    equal((kib['SwapTotal'], kib['SwapTotal'] - kib['SwapFree']), (4096, int(used)))
    equal(int(used) > 1000, True, used)
    equal(count['nr_swapcached'] * 4, kib['SwapCached'])
    total = from_json(r)['total']
    equal(count['pswpout'] * 4 >= int(used), True)
    equal(0 <= total['swap-outs'] - count['pswpout'] < 20, True, total)
    equal(0 <= total['swap-ins'] - count['pswpin'] < 20, True, total)
    equal(count['pgsteal_anon'] + count['pgsteal_file'], count['pgsteal_direct'])
    equal(0 <= total['refaults'] - count['workingset_refault_anon'] - count['workingset_refault_file'] < 20, True, total)
    swapped = sum(int(n) for n in re.findall(r'^Swap: +(\d+) kB$', r.stdout, re.MULTILINE))
    alone = sum(int(n) for n in re.findall(r'^SwapPss: +(\d+) kB$', r.stdout, re.MULTILINE))
    equal((swapped, alone - swapped), (alone, 0))
    equal(abs(kib['VmSwap'] - swapped) < 200, True, f'VmSwap {kib["VmSwap"]}, smaps {swapped}')


@test
def shared_memory_beyond_what_may_be_promised_is_sigbus_and_says_so():
    build('beyond', BEYOND)
    r = carrel('trace', '-e', 'faults', '-m', '16M', '--overcommit', '2', './beyond')
    equal(r.returncode, -signal.SIGBUS)
    equal('kind=fatal, cause=out-of-memory' in r.stderr, True, r.stderr[-300:])
    equal('a new page of memfd:m (deleted), and beyond what may be promised' in r.stderr, True, r.stderr[-300:])


main()
