#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the looking verbs show: golden output of a program that is the same everywhere (tiny.S), and that JSON
and text agree.
"""

import json
import os
import re
import signal
import subprocess

from world import CARREL, DIR, MEM, SOURCE, build, carrel, from_json, has, look, threads, tiny
from tap import Skip, equal, main, test

STORY = r'''
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/wait.h>
int main(void)
{
	char *p = mmap((void *)0x30000000, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	p[0] = 1;
	madvise(p, 4096, MADV_DONTNEED);
	p[0] = 2;
	p = mremap(p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x31000000);
	mprotect(p, 4096, PROT_READ);
	if (fork() == 0)
		_exit(p[0]);
	wait(NULL);
	munmap(p, 4096);
	p = mmap(p, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return 0;
}
'''
CHILDREN = r'''
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	for (int i = 0; i < 7; i++)
		if (fork() == 0)
			_exit(0);
	while (wait(NULL) > 0)
		;
	return 0;
}
'''


MANY = r'''
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	for (int i = 0; i < 10005; i++) {
		if (fork() == 0)
			_exit(0);
		wait(NULL);
	}
	return 0;
}
'''
SLEEPS = r'''
#include <fcntl.h>
#include <time.h>
int main(void)
{
	struct timespec t = {.tv_sec = 1, .tv_nsec = 500000000};
	return open("/nowhere/at/all", O_RDONLY) == 3 || nanosleep(&t, NULL);
}
'''
FILES = r'''
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
	int fd = open("one", O_CREAT | O_RDWR, 0600);
	write(fd, "1", 1);
	int other = fcntl(fd, F_DUPFD, 10), s = socket(AF_UNIX, SOCK_STREAM, 0);
	close(dup(s));
	mkdir("sub", 0700);
	dup(other);
	close(fd);
	chdir("sub");
	access("../one", R_OK);
	return unlink("../one");
}
'''


@test
def trace_writes_calls_and_faults_as_the_manual_shows_them():
    equal(look('trace.txt', 'trace').stdout, 'hi\n')


@test
def trace_shows_only_what_was_asked_for():
    look('trace-filter.txt', 'trace', '-e', 'cow-copy,cow-reuse,clone')


@test
def trace_writes_the_times_of_the_programs_clock_as_strace_does():
    look('trace-times.txt', 'trace', '-tt', '-r', '-T', '-e', 'calls,cow-copy,exits')
    for words, line in ((['-t'], r'\[pid 2\] 00:00:00 execve'), (['-ttt'], r'\[pid 2\] 1767225600\.000000 execve'),
                        (['-r'], r'\[pid 2\]      0\.000000000 execve'), (['-T'], r'execve.* = 0 <0\.000000000>$'),
                        (['--absolute-timestamps=unix,ms'], r'\[pid 2\] 1767225600\.000 execve'),
                        (['--relative-timestamps=us'], r'\[pid 2\]      0\.000000 execve'),
                        (['--syscall-times=s'], r'execve.* = 0 <0>$'), (['-f'], r'\[pid 2\] execve')):
        has(carrel('trace', *words, '-e', 'calls', *tiny()).stderr, line)
    r = carrel('trace', '-rTe', 'calls', build('sleeps', SLEEPS, '-static'))
    has(r.stderr, r'clock_nanosleep\(.* <1\.500000000>$', r'^\[pid 2\]      1\.50')
    has(carrel('trace', '--clock', 'real', '-ttt', *tiny()).stderr, r'^\[pid 2\] 1[789]\d{8}\.\d{6} ')


@test
def trace_counts_calls_instead_of_showing_them():
    look('trace-summary.txt', 'trace', '-c')
    both = carrel('trace', '-C', '-e', 'clone,write', *tiny()).stderr
    has(both, r'^\[pid 2\] clone', r'^% time +seconds', r' 2 +write$', r' 1 +clone$', r'^100\.00|^  0\.00 .* 4 +total$')
    has(carrel('trace', '-c', build('sleeps', SLEEPS, '-static')).stderr, r'^100\.00 +1\.500000 +1500000 +1 +clock_nanosleep$',
        r' 1 +1 openat$', r' total$')


@test
def trace_names_the_files_behind_descriptors_and_shows_only_what_concerns_one():
    files = build('files', FILES, '-static')
    text = carrel('trace', '-y', '-e', 'calls', files).stderr
    has(text, rf'openat\(AT_FDCWD<{DIR}>, "one", .* = 3<{DIR}/one>$', rf'write\(3<{DIR}/one>, "1".* = 1$',
        r'fcntl\(3<.*/one>, F_DUPFD, 0xa\) += 10<.*/one>', r'socket\(AF_UNIX, .* = 4<socket:\[\d+\]>$', rf'close\(3<{DIR}/one>\)')
    plain = carrel('trace', '-e', 'calls', files).stderr
    equal('<' in plain.replace('<unfinished', ''), False, 'names without -y')
    for path in ('one', './sub/../one', f'{DIR}/one'):
        lines = carrel('trace', '-P', path, files).stderr.splitlines()
        equal([line.split()[2].split('(')[0] for line in lines if '+++' not in line],
              ['openat', 'write', 'fcntl', 'dup', 'close', 'faccessat', 'unlinkat'], path)
    equal(carrel('trace', '-P', 'nothing', files).stderr, '[pid 2] +++ exited with 0 +++\n')
    equal(carrel('trace', '-P', f'{DIR}/files', '-e', 'calls', files).stderr.split('(')[0], '[pid 2] execve', 'its exec')


@test
def trace_shows_as_much_of_a_string_as_is_asked_for():
    text = 'x' * 40
    program = build('strings', '#include <unistd.h>\nint main(void) { return write(1, "%s", 40) != 40; }\n' % text, '-static')
    has(carrel('trace', '-e', 'write', program).stderr, r'write\(1, "x{32}"\.\.\., 40\)')
    has(carrel('trace', '-s', '100', '-e', 'write', program).stderr, r'write\(1, "x{40}", 40\)')
    has(carrel('trace', '-s2', '-e', 'write', program).stderr, r'write\(1, "xx"\.\.\., 40\)')


@test
def trace_takes_kinds_of_calls_and_all_but_some():
    def names(what):
        lines = carrel('trace', '-e', what, build('files', FILES, '-static')).stderr.splitlines()
        return {line.split()[3 if '--- ' in line else 2].split('(')[0] for line in lines if '<... ' not in line}
    equal(names('%file') - {'readlinkat'}, {'execve', 'openat', 'faccessat', 'unlinkat', 'chdir', 'mkdirat'})
    equal(names('trace=%network'), {'execve', 'socket'}, 'and how it began')
    equal(names('%desc') >= {'openat', 'write', 'close', 'dup', 'socket'}, True)
    equal('chdir' in names('%desc'), False)
    every, but = names('calls,faults,signals,exits'), names('!%file,faults')
    equal(every - but, {'faccessat', 'unlinkat', 'chdir', 'mkdirat', 'page_fault', 'openat'} | (every & {'readlinkat'}))


@test
def trace_names_the_thread_of_each_line_and_ends_each_call_in_it():
    look('trace-threads.txt', 'trace', program=threads)


@test
def trace_tells_when_a_thread_takes_over_its_process_by_execve():
    look('trace-threads-exec.txt', 'trace', '-e', 'calls,exits', program=lambda: threads('anew'))


@test
def trace_of_other_calls_does_not_make_up_an_execve():
    lines = carrel('trace', '-e', 'getpid', *threads('anew')).stderr.splitlines()
    equal([line.split('(')[0] for line in lines], ['[pid 2] execve', '[pid 3] getpid', '[pid 6] getpid'])


@test
def events_as_json_have_the_process_and_the_thread():
    lines = [json.loads(line) for line in carrel('trace', '--jsonl', *threads('anew')).stderr.splitlines()[1:]]
    equal({e['pid'] for e in lines}, {0, 2})
    equal({e['tid'] for e in lines if e['pid'] == 0}, {0})
    told = [(e['event'], e['tid']) for e in lines if e['event'].startswith('thread_')]
    equal(told, [('thread_new', 3), ('thread_exit', 3), ('thread_new', 4), ('thread_new', 5), ('thread_exit', 4),
                 ('thread_lead', 2), ('thread_new', 6), ('thread_exit', 6), ('thread_new', 7), ('thread_exit', 7)])
    by_program = [e for e in lines if e['event'] == 'page_fault' and e['by'] == 'program']
    equal({e['tid'] for e in by_program}, {2, 3, 6})
    one = carrel('trace', '--pid', '3', '-e', 'calls', *threads()).stderr
    equal({line.split('] ')[0] for line in one.splitlines()}, {'[pid 3'})


@test
def each_line_of_jsonl_is_an_object_and_the_first_names_the_format():
    lines = [json.loads(line) for line in carrel('trace', '--jsonl', *tiny()).stderr.splitlines()]
    equal(lines[0], {'schema': 1, 'format': 'carrel-events', 'time': 'ns'})
    faults = [e for e in lines if e.get('event') == 'page_fault']
    text = carrel('trace', '-e', 'faults', *tiny()).stderr
    equal(len(faults), text.count('--- page_fault'), 'faults')
    equal({e['cause'] for e in faults} >= {'zero-fill', 'zero-map', 'cow-copy', 'cow-reuse'}, True)


@test
def maps_shows_each_process_as_it_ends():
    look('maps.txt', 'maps')


@test
def maps_at_main_shows_what_a_program_starts_with():
    look('maps-main.txt', 'maps', '--at', 'main', status=0)


@test
def maps_as_json_has_the_same_regions():
    out = carrel('maps', '--json', *tiny()).stderr
    regions = json.loads(out)['processes'][0]['regions']
    text = carrel('maps', '--pid', '2', *tiny()).stderr
    equal(['{}-{}'.format(r['start'][2:].zfill(8), r['end'][2:].zfill(8)) for r in regions],
          [line.split()[0] for line in text.splitlines()])


@test
def smaps_shows_what_each_region_has_and_shares():
    look('smaps.txt', 'smaps', '--pid', '2', '--at', 'syscall:wait4', status=0)


@test
def smaps_has_the_lines_of_linux_in_its_order():
    def names(text):
        lines = text.split('VmFlags:')[0].splitlines()[1:]
        return [line.split(':')[0] for line in lines if not line.startswith('ProtectionKey')]
    try:
        with open('/proc/self/smaps', encoding='utf-8') as file:
            linux = names(file.read())
    except OSError as error:
        raise Skip('no /proc/self/smaps') from error
    ours = names(carrel('smaps', '--pid', '2', *tiny()).stderr)
    equal([name for name in linux if name in ours], [name for name in ours if name in linux])


@test
def smaps_as_json_adds_up():
    for process in json.loads(carrel('smaps', '--json', *tiny()).stderr)['processes']:
        for r in process['regions']:
            equal(r['Shared_Clean'] + r['Shared_Dirty'] + r['Private_Clean'] + r['Private_Dirty'], r['Rss'], r)
            equal(r['Rss'] <= r['Size'] == (int(r['end'], 16) - int(r['start'], 16)) // 1024, True, r)


@test
def walk_names_each_level_and_says_what_a_touch_would_do():
    look('walk.txt', 'walk', 'counter,counter+4096,main,stack,0x8,poke')


@test
def walk_before_the_first_touch_says_where_it_stops():
    look('walk-main.txt', 'walk', 'counter', '--at', 'main', status=0)


@test
def walk_in_every_format_of_page_tables():
    for mode in ('sv39', 'sv57'):
        look(f'walk-{mode}.txt', 'walk', 'counter', '--mmu', mode)


@test
def walk_brief_shows_one_address_in_two_frames():
    look('walk-brief.txt', 'walk', '--brief', 'counter,main', '-n', '2')


@test
def pagetable_shows_every_entry_and_who_shares_a_table():
    look('pagetable.txt', 'pagetable', '--at', 'syscall:wait4', status=0)
    look('pagetable-sv39.txt', 'pagetable', '--mmu', 'sv39')


@test
def pagetable_has_the_entries_that_walk_reads():
    for mode in ('sv39', 'sv48', 'sv57'):
        at = ('--mmu', mode, '--at', 'syscall:wait4', *tiny())
        process = json.loads(carrel('pagetable', '--json', *at).stderr)['processes'][0]
        walk = json.loads(carrel('walk', '--json', 'counter', *at).stderr)['walks'][0]
        equal((process['pid'], process['root_frame'], process['format']), (2, walk['root_frame'], walk['format']))
        entries = process['entries']
        for step in walk['steps']:
            entry, = [e for e in entries if e['index'] == step['index']]
            equal({key: entry[key] for key in ('level', 'entry', 'flags')},
                  {key: step[key] for key in ('level', 'entry', 'flags')})
            entries = entry.get('entries')
        equal(entry['frame'], walk['frame'])


@test
def frames_names_the_owner_of_each_and_adds_up():
    look('frames.txt', 'frames')
    look('frames-fork.txt', 'frames', '--at', 'syscall:wait4', status=0)


@test
def frames_as_json_adds_up_to_what_m_says():
    for at in ('main', 'exit', 'fault:3', 'syscall:wait4'):
        out = carrel('frames', '--json', '-m', '1M', '--at', at, *tiny()).stderr
        seen = json.loads(out)['looks'][0]
        equal(sum(seen[kind] for kind in ('anon', 'file', 'table', 'kernel', 'zero', 'reserved', 'free')), 256, at)
        equal(sum(run['count'] for run in seen['runs']), 256, at)
        for kind in ('anon', 'file', 'table', 'free'):
            equal(sum(run['count'] for run in seen['runs'] if run['kind'] == kind), seen[kind], f'{at}: {kind}')


@test
def frames_every_second_writes_a_line_and_the_program_goes_on():
    build('mem', MEM)
    r = carrel('frames', '--every', '1s', '--for', '3500ms', './mem')
    lines = r.stderr.splitlines()
    equal([line.split()[0] for line in lines], ['time', '1.000', '2.000', '3.000', '3.500'])
    equal({line.split()[-1] for line in lines[1:]}, {'16384'})
    equal(r.stdout.splitlines()[-1].endswith('p: 3'), True, r.stdout)


@test
def story_tells_of_one_page_from_its_reservation_to_its_end():
    look('story.txt', 'story', 'counter')
    look('story-child.txt', 'story', 'counter', '--pid', '3')
    look('story-zero.txt', 'story', 'counter+4096')


@test
def story_says_which_thread_touched_a_page():
    look('story-threads.txt', 'story', 'shared', program=threads)


@test
def story_follows_a_page_that_is_dropped_and_moved():
    build('story', STORY, '-static')
    r = carrel('story', '0x31000000', './story')
    told = [line.split(' s  ')[1] for line in r.stderr.splitlines()[1:]]
    wanted = ['reserved: pid 2 maps 0x30000000', 'pid 2 writes it', 'pid 2 drops', 'pid 2 writes it',
              'pid 2 moves it to 0x31000000', 'pid 2 protects 0x31000000-0x31001000: r--', 'pid 2 forks: pid 3 has it too',
              'pid 2 unmaps', 'reserved: pid 2 maps 0x31000000', 'pid 2 ends']
    for sentence in wanted:
        while told and not told[0].startswith(sentence):
            told.pop(0)
        equal(bool(told), True, f'{sentence}\n{r.stderr}')


@test
def story_as_json_has_the_events():
    story, = json.loads(carrel('story', '--json', 'counter', *tiny()).stderr)['stories']
    faults = [line['event']['cause'] for line in story['story'] if line['event']['event'] == 'page_fault']
    equal(faults, ['zero-fill', 'cow-copy', 'cow-reuse'])


@test
def stat_counts_faults_by_cause_and_process():
    look('stat.txt', 'stat')


@test
def stat_as_json_agrees_with_the_events():
    figures = json.loads(carrel('stat', '--json', *tiny()).stderr)
    text = carrel('trace', *tiny()).stderr
    equal(figures['total']['faults'], text.count('--- page_fault'))
    for cause, count in figures['total']['causes'].items():
        equal(text.count(f'cause={cause},'), count, cause)
    equal(sum(p['faults'] for p in figures['processes']), figures['total']['faults'])


@test
def an_expectation_that_fails_is_status_1_and_a_sentence():
    equal(carrel('stat', '--expect', 'cow-copy<=512', *tiny()).returncode, 3)
    r = carrel('stat', '--expect', 'cow-copy<1', *tiny())
    equal(r.returncode, 1)
    equal('expected cow-copy < 1, but it is' in r.stderr, True, r.stderr)


@test
def an_expectation_may_be_about_one_process_and_its_time():
    equal(carrel('stat', '--pid', '3', '--expect', 'cow-copy=1', '--expect', 'time<=1ms', *tiny()).returncode, 3)
    r = carrel('stat', '--pid', '3', '--expect', 'time<=1ns', *tiny())
    equal((r.returncode, r.stderr.splitlines()[-1]), (1, 'carrel: expected time of pid 3 <= 1 ns, but it is 11 ns'))
    equal(carrel('stat', '--pid', '9', '--expect', 'faults>0', *tiny()).returncode, 125)


@test
def what_like_has_set_stands_above_what_a_verb_says():
    with open(os.path.join(SOURCE, 'src', 'cli', 'options.def'), encoding='utf-8') as file:
        help_text = re.search(r'OPTION\(like, .*', file.read()).group()
    linux, textbook = (f'like {name}: ' + re.search(rf'{name}: (--.*?)[.,] ', help_text).group(1)
                       for name in ('linux', 'textbook'))
    for verb in ('trace', 'stat', 'maps', 'smaps', 'pagetable', 'frames', 'explain'):
        equal(carrel(verb, '--like', 'linux', *tiny()).stderr.splitlines()[0], linux, verb)
    for verb in ('walk', 'story'):
        equal(carrel(verb, '--like', 'textbook', 'counter', *tiny()).stderr.splitlines()[0], textbook, verb)


@test
def stat_of_many_processes_has_a_row_for_each():
    build('children', CHILDREN, '-static')
    rows = [line.split() for line in carrel('stat', './children').stderr.split('peak\n')[1].splitlines()]
    equal([row[:2] for row in rows], [[str(pid), 'children'] for pid in range(2, 10)])
    figures = json.loads(carrel('stat', '--json', './children').stderr)
    equal([row[2] for row in rows], [str(p['faults']) for p in figures['processes']])


@test
def looks_at_a_fault_and_at_a_call():
    equal(carrel('maps', '--at', 'fault:2', *tiny()).stdout, '')
    equal(carrel('maps', '--at', 'syscall:openat', *tiny()).stdout, 'hi\n')
    r = carrel('maps', '--at', 'syscall:mremap', *tiny())
    equal((r.returncode, 'ended before' in r.stderr), (125, True), r.stderr)


@test
def ctrl_c_makes_a_looking_verb_look_print_and_end():
    build('mem', MEM)
    with subprocess.Popen([CARREL, 'maps', './mem'], cwd=DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as p:
        p.stdout.readline()
        p.send_signal(signal.SIGINT)
        p.stdout.close()
        equal('[heap]' in p.stderr.read(), True)
        equal(p.wait(), 0)


@test
def stat_counts_every_process_of_very_many_and_keeps_the_figures_of_the_first():
    many = build('many', MANY, '-O1', '-static')
    r = carrel('stat', '--json', many)
    told = from_json(r)
    equal((len(told['processes']), told['total']['processes'], r.returncode), (10000, 10006, 0))
    equal(told['total']['calls'] > 3 * 10005, True, 'calls of all of them')
    text = carrel('stat', '--expect', 'processes=10006', '--pid', '10006', '--expect', 'calls<100', many)
    has(text.stderr, '^and 9,?906 more: --json has the first 10,000 of all$')
    equal(text.returncode, 0, 'the one that was asked for is kept')


main()
