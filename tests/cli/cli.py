#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a person types and sees: exit statuses, options, help, completion, terminals."""

import glob
import json
import os
import pty
import shutil
import signal
import subprocess
import time

from world import CARREL, DIR, HELLO, MEM, SOURCE, build, carrel, golden, tiny
from tap import equal, main, test

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
    equal(r.stderr, 'carrel: --swap file:limited,size=64M: cannot make limited 65540K large: File too large; give it another size=\n')
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
                 ('maps', '--at', '?', 'x'), ('trace', '-e', 'faults,nonsense', 'x'),
                 ('trace', '-e', '!%files', 'x'), ('trace', '-s', '0', 'x'), ('trace', '--relative-timestamps=unix', 'x'),
                 ('trace', '--absolute-timestamps=noon', 'x'), ('trace', '-c', '--jsonl', 'x'), ('walk',), ('walk', 'main'),
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
    for verb, word in (('exec', '--user'), ('ps', '--json'), ('root', 'import'), ('trace', '--syscall-times')):
        equal(word in carrel('help', verb).stdout, True, f'{verb}: {word}')


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


main()
