#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a person sees: golden output of a program that is the same everywhere (tiny.S), exit statuses,
options, and the examples of the manual pages.
"""

import glob
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time

from world import CARREL, CROSS, DIR, SOURCE, build, carrel, golden, look, tiny
from tap import Skip, equal, main, test

MEM = r'''
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	int *p = malloc(sizeof(int));
	*p = 0;
	printf("(%d) address pointed to by p: %p\n", getpid(), (void *)p);
	for (;;) {
		sleep(1);
		*p = *p + 1;
		printf("(%d) p: %d\n", getpid(), *p);
		fflush(stdout);
	}
}
'''
PROMISE = r'''
#include <stdio.h>
#include <sys/mman.h>
static int setting(const char *name)
{
	int value = -1;
	char path[64];
	snprintf(path, sizeof(path), "/proc/sys/vm/overcommit_%s", name);
	FILE *f = fopen(path, "r");
	if (f && fscanf(f, "%d", &value) == 1)
		fclose(f);
	return value;
}
static const char *ask(unsigned long size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	return p == MAP_FAILED ? "refused" : "given";
}
int main(void)
{
	printf("%d %d: ", setting("memory"), setting("ratio"));
	printf("%s, ", ask(17 << 20, 0));
	printf("%s\n", ask(17 << 20, MAP_NORESERVE));
	return 0;
}
'''
HELLO = '#include <stdio.h>\nint main(void) { printf("hello\\n"); return 0; }\n'
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
STATUS = r'''
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	int n = atoi(argv[1]);
	if (n >= 128) {
		raise(n - 128);
		return 1;
	}
	if (argc > 2) /* each copy its own: pid 2 ends with 0, pid 3 with n */
		return getpid() == 2 ? 0 : n;
	return n;
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
TTY = r'''
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
int main(void)
{
	struct winsize w = {0};
	int r = ioctl(1, TIOCGWINSZ, &w);
	printf("tty %d %d, size %d %dx%d\n", isatty(0), isatty(1), r, w.ws_row, w.ws_col);
	return 9;
}
'''


@test
def trace_writes_calls_and_faults_as_the_manual_shows_them():
    equal(look('trace.txt', 'trace').stdout, 'hi\n')


@test
def trace_shows_only_what_was_asked_for():
    look('trace-filter.txt', 'trace', '-e', 'cow-copy,cow-reuse,clone')


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


def example(name):
    """A program of examples/, built."""
    with open(os.path.join(SOURCE, 'examples', f'{name}.c'), encoding='utf-8') as file:
        return build(name, file.read())


@test
def addresses_reach_as_far_as_va_and_the_page_tables_say():
    example('reach')
    for options, reach in ((['--va', '4G'], '4 GB'), (['--va', '1G'], '1 GB'), ([], '128 TB'),
                           (['--mmu', 'sv39'], '256 GB'), (['--mmu', 'sv57'], '64 PB')):
        r = carrel('run', '-m', '4M', *options, './reach')
        equal((r.returncode, r.stdout.split(' of ')[0], r.stderr), (0, reach, ''), ' '.join(options))


@test
def eager_paging_brings_everything_in_first_and_demand_paging_only_what_is_touched():
    example('few')
    figures = {}
    for mode in 'demand', 'eager':
        r = carrel('stat', '--clean-env', '--paging', mode, '--json', './few')
        equal(r.returncode, 0, r.stderr)
        figures[mode] = json.loads(r.stderr)['total']
    demand, eager = figures['demand'], figures['eager']
    equal((demand['ahead'], eager['ahead']), (0, eager['faults']), 'pages that came before their touch')
    equal(eager['frames-used'] > 10 * demand['frames-used'], True, 'frames')
    equal(eager['causes']['cow-copy'] > 1024 > demand['causes']['cow-copy'], True, 'pages copied by fork')
    equal(eager['major'] > 2 * demand['major'], True, 'pages read')
    # A copy of everything does not fit into what is enough for demand paging: fork fails.
    equal(carrel('run', '-m', '6M', '--clean-env', './few').returncode, 0)
    equal(carrel('run', '-m', '6M', '--clean-env', '--paging', 'eager', './few').returncode, 1)


@test
def promises_of_memory_follow_the_rule_that_was_asked_for():
    build('promise', PROMISE)
    for options, said in (([], '0 50: refused, given'),
                          (['--overcommit', '1'], '1 50: given, given'),
                          (['--overcommit', '2', '--overcommit-ratio', '80'], '2 80: refused, refused')):
        r = carrel('run', '-m', '16M', *options, './promise')
        equal((r.returncode, r.stdout), (0, f'{said}\n'), r.stderr)
    equal(carrel('run', '--overcommit', '3', './promise').returncode, 125)


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
def the_exit_status_is_the_programs():
    build('status', STATUS, '-static')
    for status in (0, 1, 77, 255 - 128):
        equal(carrel('run', './status', str(status)).returncode, status)
    equal(carrel('run', '-n', '2', './status', '5', 'each').returncode, 5)


@test
def a_program_killed_by_a_signal_kills_carrel_by_the_same_and_leaves_no_core():
    build('status', STATUS, '-static')
    for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM):
        equal(carrel('run', './status', str(128 + number)).returncode, -number)
    equal(glob.glob(os.path.join(DIR, 'core*')), [])


@test
def own_failures_have_their_own_statuses():
    with open(os.path.join(DIR, 'text'), 'w', encoding='utf-8') as file:
        file.write('no program\n')
    equal(carrel('run', './nothing').returncode, 127)
    equal(carrel('run', './text').returncode, 126)
    equal(carrel('run', '-L', '/nowhere', './text').returncode, 125)
    build('mem', MEM)
    started = time.monotonic()
    endless = subprocess.run([CARREL, 'run', '--timeout', '0.2s', './mem'], cwd=DIR, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, timeout=60, check=False)
    equal(endless.returncode, 124)
    equal(time.monotonic() - started >= 0.2, True)


@test
def a_store_that_cannot_be_opened_is_told_before_the_program_starts():
    build('mem', MEM)
    with open(os.path.join(DIR, 'letter'), 'w', encoding='utf-8') as file:
        file.write('no swap area\n')
    r = carrel('run', '--swap', 'file:letter', './mem')
    equal((r.returncode, r.stdout), (125, ''))
    equal(r.stderr, 'carrel: --swap file:letter: letter has something in it and is no swap area, so it is left alone; '
                    'choose another name\n')
    # Beyond ulimit -f is an error like others, not the end of Carrel.
    r = subprocess.run(['sh', '-c', 'ulimit -f 100; exec "$0" run --swap file:limited,size=64M ./mem', CARREL], cwd=DIR,
                       capture_output=True, text=True, timeout=60, check=False)
    equal((r.returncode, r.stdout), (125, ''))
    equal(r.stderr, 'carrel: --swap file:limited,size=64M: cannot make limited 65540K large: File too large\n')
    equal(os.path.exists(os.path.join(DIR, 'limited')), False)


@test
def wrong_options_are_named_with_what_to_write_instead():
    said = []
    for args in (('rnu', 'x'), ('run',), ('run', '--memroy', '1M', 'x'), ('run', '--memory', '3q', 'x'),
                 ('run', '-m', '1K', 'x'), ('run', '-m'), ('run', '-q', 'x'), ('run', '--expect', 'a', 'x'),
                 ('stat', '--expect', 'foo', 'x'), ('stat', '--expect', 'foo<3', 'x'), ('run', '-n', '0', 'x'),
                 ('run', '--mmu', 'sv32', 'x'), ('run', '--va', '100T', '--mmu', 'sv39', 'x'),
                 ('run', '--for', 'ever', 'x'), ('run', '--timeout', '0', 'x'), ('run', '--policy', 'best', 'x'),
                 ('run', '--policy', 'clock:entry=2', 'x'), ('run', '--policy', 'fifo:size=1', 'x'),
                 ('run', '--swap', 'file:/s,prio=x', 'x'),
                 ('run', '--swap-device', 'tape', 'x'), ('run', '--swap-device', 'ssd:seek=1ms', 'x'),
                 ('run', '--refs', 'some', 'x'), ('run', '--local', 'none', 'x'),
                 ('run', '--like', 'macos', 'x'), ('run', '--clean-env=1', 'x'), ('run', '-E', 'A', 'x'),
                 ('run', '--fault-around', '17', 'x'), ('run', '--bind', '/usr:relative', 'x'),
                 ('maps', '--at', '?', 'x'), ('trace', '-e', 'faults,nonsense', 'x'), ('walk',), ('walk', 'main'),
                 ('help', 'me')):
        r = carrel(*args)
        equal((r.returncode, r.stdout), (125, ''), ' '.join(args))
        said.append(f'$ carrel {" ".join(args)}\n{r.stderr}')
    golden('errors.txt', ''.join(said))


@test
def options_stop_at_the_program():
    build('status', STATUS, '-static')
    equal(carrel('run', './status', '7').returncode, 7)
    equal(carrel('run', '--', './status', '7').returncode, 7)
    equal(carrel('run', '-vm8M', '--memory=8M', './status', '--help').returncode, 0)


@test
def help_lists_every_verb_and_its_options():
    equal(carrel('--version').stdout.split()[0], 'carrel')
    text = carrel('help').stdout
    for verb in ('run', 'trace', 'stat', 'maps', 'smaps', 'walk', 'pagetable', 'frames', 'story', 'explain', 'policies', 'cc', 'root',
                 'completion', 'help'):
        equal(f'\n  {verb} ' in text, True, verb)
    equal('--memory SIZE' in carrel('run', '--help').stdout, True)


def bash_completes(*words):
    """What bash offers in place of the last word."""
    script = ('. <("$CARREL" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _carrel; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    r = subprocess.run(['bash', '-c', script, 'bash', 'carrel', *words], cwd=DIR, env=dict(os.environ, CARREL=CARREL),
                       capture_output=True, text=True, check=True)
    equal(r.stderr, '')
    return r.stdout.split()


@test
def policies_lists_each_with_its_paper_and_its_parameters():
    policies = json.loads(carrel('policies', '--json').stdout)['policies']
    text = carrel('policies').stdout
    equal(len([p for p in policies if p['default']]), 1)
    for policy in policies:
        for shown in (policy['name'], policy['summary'], policy['paper'], *(p['help'] for p in policy['parameters'])):
            equal(shown in text, True, shown)
        equal(carrel('policies', policy['name']).stdout in text, True, policy['name'])
        params = ','.join(f'{p["name"]}={p["normal"]}{"ns" if p["kind"] == "ns" else ""}' for p in policy['parameters'])
        equal(carrel('stat', '--policy', f'{policy["name"]}:{params}', *tiny()).returncode, 3, policy['name'])
    equal(carrel('policies', 'best').returncode, 125)


@test
def the_completions_for_each_shell_are_scripts_of_that_shell():
    for shell, parse in (('bash', ['-n']), ('zsh', ['-n']), ('fish', ['--no-execute'])):
        script = os.path.join(DIR, f'completion.{shell}')
        with open(script, 'w', encoding='utf-8') as file:
            file.write(carrel('completion', shell).stdout)
        with open(script, encoding='utf-8') as file:
            text = file.read()
        for word in ('explain', 'fault-around', 'sv57'):
            equal(word in text, True, f'{word} for {shell}')
        if shutil.which(shell):
            r = subprocess.run([shell, *parse, script], capture_output=True, text=True, check=False)
            equal((r.returncode, r.stderr), (0, ''), shell)
    equal(carrel('completion', 'csh').returncode, 125)


@test
def bash_completes_verbs_options_values_and_programs():
    build('hello', HELLO)
    equal(bash_completes('st'), ['stat', 'story'])
    equal(bash_completes('run', '--mm'), ['--mmu'])
    equal(bash_completes('run', '--mmu', ''), ['sv39', 'sv48', 'sv57'])
    equal(bash_completes('run', '--mmu', '=', 'sv5'), ['sv57'])
    equal(bash_completes('run', '-m', '8M', '--mmu', 'sv4'), ['sv48'])
    equal(bash_completes('run', '-m', '8M', 'hell'), ['hello', 'hello.c'])
    equal(bash_completes('run', 'hello', '--mm'), [])
    equal(bash_completes('run', '--', '--mm'), [])
    equal(bash_completes('walk', 'st'), ['stack'])
    equal(bash_completes('walk', 'stack', '--bri'), ['--brief'])
    equal(bash_completes('walk', 'stack', 'hello', '--bri'), [])
    equal(bash_completes('stat', '--expec'), ['--expect'])
    equal(bash_completes('run', '--expec'), [])
    equal(bash_completes('policies', 'lr'), ['lru'])
    equal(bash_completes('help', 'page'), ['pagetable'])


def written_pages_are_true(script):
    r = subprocess.run([os.path.join(SOURCE, 'scripts', script), '--check'], capture_output=True, text=True,
                       check=False)
    return r.returncode, r.stderr


@test
def the_options_in_the_manual_are_those_that_exist():
    equal(written_pages_are_true('man-options'), (0, ''))


@test
def the_page_of_system_calls_says_what_the_list_says():
    equal(written_pages_are_true('syscalls'), (0, ''))


@test
def two_copies_print_one_address_and_count_by_themselves():
    build('mem', MEM)
    lines = carrel('run', '-n', '2', '--for', '3500ms', '--brk', '0x200000', './mem').stdout.splitlines()
    addresses = [line.split(': ')[1] for line in lines if 'address' in line]
    equal(len(addresses), 2)
    equal(addresses[0], addresses[1])
    equal(addresses[0].startswith('0x200'), True, addresses[0])
    for pid in (2, 3):
        equal([line for line in lines if line.startswith(f'({pid}) p:')], [f'({pid}) p: {n}' for n in (1, 2, 3)])


@test
def a_c_file_is_compiled_and_seen_beside_its_source():
    build('hello', HELLO)
    r = carrel('run', 'hello.c')
    equal((r.stdout, r.returncode), ('hello\n', 0), r.stderr)


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
def a_terminal_of_its_own_has_the_size_of_the_outer_one():
    build('tty', TTY, '-static')
    outer, inner = pty.openpty()
    subprocess.run(['stty', 'rows', '30', 'cols', '90'], stdin=inner, check=True)
    before = subprocess.run(['stty', '-g'], stdin=inner, capture_output=True, check=True).stdout
    p = subprocess.run([CARREL, 'run', '-t', './tty'], cwd=DIR, stdin=inner, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    after = subprocess.run(['stty', '-g'], stdin=inner, capture_output=True, check=True).stdout
    os.close(outer)
    os.close(inner)
    equal(p.stdout.replace('\r', ''), 'tty 1 1, size 0 30x90\n')
    equal((p.returncode, after), (9, before))


def examples():
    """(page, command) for each line of an EXAMPLES section that runs carrel."""
    for page in sorted(glob.glob(os.path.join(SOURCE, 'man', '*.scd'))):
        with open(page, encoding='utf-8') as file:
            section = re.search(r'^# EXAMPLES\n(.*?)(?=^# |\Z)', file.read(), re.MULTILINE | re.DOTALL)
        for line in section.group(1).split('\n') if section else ():
            if line.startswith('carrel root create') or ' ./lab ' in line:
                continue  # they need the network; tests/scripts/root.py makes roots without
            if line == 'carrel run bash' and not os.environ.get('CARREL_TEST_ROOT'):
                continue
            if line.startswith('carrel '):
                yield os.path.basename(page), line


@test
def every_example_of_the_manual_pages_works():
    build('mem', MEM)
    build('hello', HELLO)
    tools = os.path.join(DIR, 'bin')
    os.makedirs(tools, exist_ok=True)
    if not os.path.exists(os.path.join(tools, 'carrel')):
        os.symlink(CARREL, os.path.join(tools, 'carrel'))
    environment = dict(os.environ, PATH=f'{tools}:{os.environ["PATH"]}')
    root = {'CARREL_ROOT': os.environ.get('CARREL_TEST_ROOT', '')}
    count = 0
    for page, command in examples():
        r = subprocess.run(['sh', '-c', command], cwd=DIR, env=environment | (root if command == 'carrel run bash' else {}), stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=60, check=False)
        equal((r.returncode, [line for line in r.stderr.splitlines() if line.startswith('carrel:')]), (0, []),
              f'{page}: {command}')
        count += 1
    equal(count > 10, True, 'examples found')


def shape(text):
    """What stays the same with another C library: all but numbers and runs of blanks."""
    return [re.sub(r' +', ' ', re.sub(r'0x[0-9a-f]+|\d+', 'N', line)).strip() for line in text.splitlines()]


def shows(said, shown):
    """Is what is shown all that was said, but for what "[...]" stands for? Returns the part that is missing."""
    at, lines = 0, shape(said)
    for number, part in enumerate(shown.split('[...]\n')):
        wanted = shape(part)
        while lines[at:at + len(wanted)] != wanted:
            at += 1
            if number == 0 or at + len(wanted) > len(lines):
                return part
        at += len(wanted)
    return None if shown.endswith('[...]\n') or at == len(lines) else '\n'.join(lines[at:])


@test
def the_readme_shows_what_really_comes():
    if not shutil.which(CROSS):
        raise Skip(f'{CROSS} is not installed')
    for path in glob.glob(os.path.join(SOURCE, 'examples', '*.c')):
        shutil.copy(path, DIR)
    with open(os.path.join(SOURCE, 'README.md'), encoding='utf-8') as file:
        blocks = re.findall(r'^```\n\$ (carrel .*)\n((?:.*\n)*?)```$', file.read(), re.MULTILINE)
    for command, shown in blocks:
        words = command.split()
        r = subprocess.run([CARREL] + words[1:], cwd=DIR, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        said = r.stdout
        if words[1] == 'walk':
            said = ''.join(line for line in said.splitlines(True) if not line.startswith('('))
        missing = shows(said, shown)
        if missing is not None:
            raise AssertionError(f'{command}: not as README.md shows it:\n{missing}\nit says:\n{said}')
    equal(len(blocks), 7, 'commands in README.md')


def documents():
    """(name, text) of each document for people."""
    for path in sorted(glob.glob(os.path.join(SOURCE, '*.md')) + glob.glob(os.path.join(SOURCE, 'docs', '*.md'))):
        with open(path, encoding='utf-8') as file:
            yield os.path.relpath(path, SOURCE), file.read()


@test
def what_the_documents_name_is_there():
    with open(os.path.join(SOURCE, 'Makefile'), encoding='utf-8') as file:
        targets = set(re.findall(r'^([a-z-]+):', file.read(), re.MULTILINE))
    verbs = set(re.findall(r'^  (\w+) ', carrel('help').stdout, re.MULTILINE))
    named = 0
    for name, text in documents():
        code = re.findall(r'^```\n(.*?)^```$', text, re.MULTILINE | re.DOTALL) + re.findall(r'`([^`\n]+)`', text)
        for line in '\n'.join(code).split('\n'):
            words = re.sub(r'^\$ ', '', line).split()
            if words[:1] == ['make'] and len(words) > 1 and re.fullmatch('[a-z-]+', words[1]):
                equal(words[1] in targets, True, f'{name}: make {words[1]}')
            elif words[:1] == ['carrel'] and len(words) > 1 and words[1].isalpha() and words[1].islower():
                equal(words[1] in verbs, True, f'{name}: carrel {words[1]}')
                known = carrel(words[1], '--help').stdout if words[1] not in ('cc', 'root', 'help', 'policies') else None
                for option in re.findall(r' \[?(--[a-z-]+)', line.split(' -- ')[0]) if known else ():
                    equal(f'{option}' in known, True, f'{name}: {line}: {option}')
            elif words and re.fullmatch(r'scripts/[\w-]+', words[0]):
                equal(os.path.exists(os.path.join(SOURCE, words[0])), True, f'{name}: {words[0]}')
            else:
                continue
            named += 1
    equal(named > 30, True, f'{named} commands in the documents')


@test
def links_of_the_documents_lead_somewhere():
    for name, text in documents():
        for link in re.findall(r'\]\(([^)#:]+)\)', text):
            there = os.path.join(SOURCE, os.path.dirname(name), link)
            equal(os.path.exists(there), True, f'{name}: {link}')


main()
