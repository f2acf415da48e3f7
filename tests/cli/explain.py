#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What carrel explain tells: golden output of programs that are the same everywhere (tiny.S, crash.S),
and, of programs that a C library is part of, that each number is that of the events and of the machine.
"""

import json
import os
import re
import shutil

from world import CROSS, DIR, SOURCE, assembled, build, carrel, equal, golden, look, more, threads, tiny
from tap import Skip, main, test

HELLO = '#include <stdio.h>\nint main(void) { printf("hello\\n"); return 0; }\n'
FORKS = r'''
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile char big[3 << 20];
int main(void)
{
	for (unsigned i = 0; i < sizeof(big); i += 4096)
		big[i] = 1;
	pid_t child = fork();
	if (child == 0) {
		big[8192] = 2;
		_exit(7);
	}
	waitpid(child, NULL, 0);
	big[8192] = 3;
	return 0;
}
'''
READS = r'''
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
	char *p = mmap(NULL, 100000, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return read(open("/dev/zero", O_RDONLY), p, 100000) != 100000;
}
'''
HANDLED = r'''
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>
static sigjmp_buf back;
static void on_segv(int number) { siglongjmp(back, 1); }
int main(void)
{
	char *volatile nowhere = (char *)8;
	if (write(1, nowhere, 3) == 3)
		return 1;
	signal(SIGSEGV, on_segv);
	if (sigsetjmp(back, 1) == 0)
		*(volatile char *)16 = 1;
	return 0;
}
'''
MANY = r'''
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	for (int i = 0; i < 100; i++)
		if (fork() == 0)
			_exit(0);
	while (wait(NULL) > 0)
		;
	return 0;
}
'''


def told(*args):
    """The tale of each process, by pid."""
    r = carrel('explain', '--json', *args)
    return {p['pid']: p for p in json.loads(r.stderr[r.stderr.index('{'):])['processes']}


def step(tale, kind):
    found = [s for s in tale['steps'] if s['kind'] == kind]
    equal(bool(found), True, f'a step "{kind}" among {[s["kind"] for s in tale["steps"]]}')
    return found[0], ' '.join(found[0]['text'])


def events(*args):
    return [json.loads(line) for line in carrel('trace', '--jsonl', *args).stderr.splitlines()]


def in_order(wanted, kinds):
    rest = iter(kinds)
    equal([w for w in wanted if w not in rest], [], f'steps that are missing, or too late, in {kinds}')


@test
def explain_says_that_a_child_of_vfork_begins_in_its_parents_space():
    program = build('vfork', '#include <unistd.h>\n#include <sys/wait.h>\nint main(int argc, char **argv) { if (argc > 1) return 4; '
                    'if (vfork() == 0) { execl("/proc/self/exe", argv[0], "x", (char *)0); _exit(1); } return wait(0) < 0; }\n',
                    '-static')
    out = carrel('explain', '--json', program).stderr
    child, = [p for p in json.loads(out)['processes'] if p['pid'] == 3]
    equal([s['kind'] for s in child['steps']][:1], ['borrow'])
    parent, = [p for p in json.loads(out)['processes'] if p['pid'] == 2]
    equal('borrow' in [s['kind'] for s in parent['steps']], False, 'the parent')


@test
def explain_tells_what_a_thread_shares_and_what_it_has_of_its_own():
    look('explain-threads.txt', 'explain', program=threads)


@test
def a_run_is_told_step_by_step():
    look('explain.txt', 'explain')


@test
def pages_that_go_to_swap_and_come_back_are_told():
    look('explain-swap.txt', 'explain', status=0, program=more)
    evict, text = step(told(*more())[2], 'evict')
    fault = evict['events'][0]
    equal(f'in frame {fault["evicted_frame"]}' in text, True, text)
    back, text = step(told(*more())[2], 'swap-in')
    fault = back['events'][0]
    equal(f'from slot {fault["slot"]} into frame {fault["frame"]}' in text, True, text)


@test
def one_process_of_a_run_is_told():
    look('explain-child.txt', 'explain', '--pid', '3')


@test
def all_of_a_run_is_told():
    look('explain-all.txt', 'explain', '--all')


@test
def a_tale_ends_where_at_says():
    look('explain-main.txt', 'explain', '--at', 'main', status=0)


@test
def each_death_is_explained():
    crash = assembled('crash', '-g')
    with open(os.path.join(DIR, 'three'), 'w', encoding='utf-8') as file:
        file.write('abc')
    deaths = []
    for arguments in range(11):
        r = carrel('explain', '--bind', f'{DIR}/three:/three', *crash, *['x'] * arguments)
        equal(r.returncode < 0, True, f'{arguments} arguments: {r.stderr}')
        deaths.append(re.search(r'^ *\d+\. SIG.*?(?=^ *\d+\. SIG)', r.stderr, re.MULTILINE | re.DOTALL).group())
    golden('explain-deaths.txt', ''.join(deaths))


@test
def what_a_program_survives_is_no_death():
    build('handled', HANDLED, '-static')
    tale = told('./handled')[2]
    refused = [' '.join([s['title'], *s['text']]) for s in tale['steps'] if s['kind'] == 'refused']
    equal(len(refused), 2, refused)
    equal('EFAULT' in refused[0] and '0x8' in refused[0], True, refused)
    equal('handler' in refused[1] and 'writes to 0x10' in refused[1], True, refused)
    equal((tale['end'], [s for s in tale['steps'] if s['kind'] == 'death']), ('ended with status 0', []))


@test
def each_step_is_told_from_events_of_the_run():
    happened = events(*tiny())
    for tale in told(*tiny()).values():
        for s in tale['steps']:
            equal(bool(s['events']) or s['kind'] in ('shared', 'death'), True, s['title'])
            for event in s['events']:
                equal(event in happened, True, event)


@test
def the_sums_are_those_of_stat():
    stat = json.loads(carrel('stat', '--json', *tiny()).stderr)
    tales = told(*tiny())
    for process in stat['processes']:
        sums = tales[process['pid']]['sums']
        equal(sums.startswith(f'{process["faults"]} page fault'), True, sums)
        equal(f'; {process["calls"]} system call' in sums, True, sums)
        for cause, count in process['causes'].items():
            equal(f'{cause} {count}' in sums, count > 0, f'{cause} in {sums}')


@test
def a_static_program_is_told_from_execve_to_exit():
    build('hello-static', HELLO, '-static')
    tale = told('./hello-static')[2]
    in_order(['execve', 'touch', 'heap', 'touch', 'write', 'exit'], [s['kind'] for s in tale['steps']])
    text = step(tale, 'execve')[1]
    for part in ('hello-static text', 'hello-static data', 'hello-static bss', '[stack]'):
        equal(part in text, True, part)
    equal('library' in [s['kind'] for s in tale['steps']], False)


@test
def a_dynamic_program_is_told_with_its_loader_and_its_library():
    build('hello', HELLO)
    tale = told('./hello')[2]
    in_order(['execve', 'touch', 'library', 'touch', 'heap', 'write', 'exit'], [s['kind'] for s in tale['steps']])
    equal('loader text' in step(tale, 'touch')[1], True)
    equal('libc.so.6 text' in step(tale, 'library')[1], True)
    lines = carrel('explain', './hello').stderr.splitlines()
    equal(len(lines) < 80, True, f'{len(lines)} lines')


@test
def the_buffer_of_write_lies_where_walk_finds_it():
    build('hello', HELLO)
    write, text = step(told('./hello')[2], 'write')
    address, physical = re.search(r'buffer, (0x\w+),.*physical address (0x\w+),', text).groups()
    walk = json.loads(carrel('walk', '--json', '--at', 'syscall:write', address, './hello').stderr)['walks'][0]
    equal(physical, walk['physical'])
    for level in walk['steps']:
        line, = [t for t in write['text'] if t.startswith(f'level {level["level"]} ')]
        equal(int(level['entry'], 16) == int(line.split(': ')[1].split()[0], 16), True, line)


@test
def a_read_into_an_untouched_buffer_faults_inside_the_kernel():
    build('reads', READS, '-static')
    faults = [s for s in told('./reads')[2]['steps'] if s['kind'] == 'kernel-fault']
    fault, = [s for s in faults if s['events'][-1].get('name') == 'read']
    text = ' '.join(fault['text'])
    inside = [e for e in events('./reads') if e.get('event') == 'page_fault' and e['by'] == 'kernel'
              and e['access'] == 'write' and e['pc'] == '0x0' and e['addr'].startswith('0x7fff')][1:]
    equal('100000) = 100000' in text, True, text)
    equal(re.search(r'frame (\d+), filled with zeros', text).group(1) in [str(e['frame']) for e in inside], True, text)
    more = int(re.search(r'has (\d+) more such fault', text).group(1))
    equal(more, 24, text)
    equal(fault['events'][-1]['event'], 'syscall_exit')


@test
def fork_copies_nothing_and_the_first_write_one_page():
    build('forks', FORKS, '-static')
    tales = told('./forks')
    happened = events('./forks')
    fork, = [e for e in happened if e.get('event') == 'space_fork']
    text = step(tales[2], 'fork')[1]
    equal(f'{fork["resident"]} resident pages' in text, True, text)
    equal(f'{fork["tables_shared"]} of them, each for 2 MiB' in text, True, text)
    for pid, kind in ((3, 'cow-copy'), (2, 'cow-reuse')):
        event = [s['events'][0] for s in tales[pid]['steps'] if s['kind'] == 'copy-on-write'
                 and s['events'][0]['cause'] == kind]
        equal(len(event), 1, f'steps of {kind} in pid {pid}')
        told_of = [s for s in tales[pid]['steps'] if event[0] in s['events']][0]
        equal(f'frame {event[0]["frame"]}' in ' '.join(told_of['text']), True, told_of['text'])
    equal(tales[3]['ends'], 'exit')


@test
def two_copies_share_their_text_and_not_their_heap():
    if not shutil.which(CROSS):
        raise Skip(f'no {CROSS}')
    shutil.copy(os.path.join(SOURCE, 'examples', 'mem.c'), DIR)
    run = ('-n', '2', '--for', '2500ms', 'mem.c')
    tales = told(*run)
    equal((tales[2]['like'], tales[3]['like'], tales[2]['ends']), (0, 2, 'running'))
    for pid, other in ((2, 3), (3, 2)):
        text = step(tales[pid], 'shared')[1]
        equal(re.search(rf'libc.so.6 +\d+ pages in RAM; all in the same frames as in pid {other}', text) is None, False,
              text)
        address, mine, theirs = re.search(rf'page at (0x\w+), .* in frame (\d+) here, and in frame (\d+) in pid {other}',
                                          text).groups()
        walks = json.loads(carrel('walk', '--json', '--brief', address, *run).stderr)['walks']
        equal({w['pid']: w['frame'] for w in walks}, {pid: int(mine), other: int(theirs)})


@test
def many_processes_are_counted_and_not_told_one_by_one():
    build('many', MANY, '-static')
    lines = carrel('explain', './many').stderr.splitlines()
    equal([line for line in lines if line.startswith('And 8')], ['And 87 more processes such as these; --all tells of each.'])
    equal(len(lines) < 180, True, f'{len(lines)} lines')


@test
def a_shell_and_its_children_are_told():
    root = os.environ.get('CARREL_TEST_ROOT')
    if not root:
        raise Skip('CARREL_TEST_ROOT names no guest root')
    tales = told('-L', root, '--', '/bin/sh', '-c', 'ls / | wc -l; kill -9 $$')
    equal([t['name'] for t in tales.values()], ['dash', 'ls', 'wc'])
    equal(tales[2]['end'], 'killed by SIGKILL')
    in_order(['begin', 'execve', 'touch', 'library', 'shared', 'exit'], [s['kind'] for s in tales[3]['steps']])
    equal('libc.so.6' in step(tales[3], 'shared')[1], True)


main()
