#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""carrel shell with real key presses, in the root that CARREL_TEST_ROOT names."""

import os
import signal
import subprocess
import time

from keys import Terminal
from world import CARREL, DIR, build
from tap import Skip, equal, main, test

ROOT = os.path.realpath(os.environ.get('CARREL_TEST_ROOT') or '/nonexistent')
PROMPT = r'READY\d*[$#] '
ENV = {'XDG_RUNTIME_DIR': DIR}
WORK = os.path.join(DIR, 'work')


def need_root():
    if not os.path.exists(os.path.join(ROOT, 'bin', 'bash')):
        raise Skip('CARREL_TEST_ROOT names no root with bash (scripts/check makes one)')
    os.makedirs(WORK, exist_ok=True)


def shell(*args, rows=24, cols=80):
    need_root()
    t = Terminal([CARREL, 'shell', '-L', ROOT, *args], rows, cols, cwd=WORK, env=ENV)
    # A prompt that no output can be taken for; the words that are typed do not hold it.
    t.until(r'[$#] ')
    t.line("PS1='REA''DY\\$ '")
    t.until(PROMPT)
    return t


def run(t, line):
    """What a command shows."""
    t.line(line)
    return t.until(PROMPT).replace('\r\n', '\n')


@test
def a_command_can_be_interrupted_stopped_continued_and_brought_back():
    t = shell()
    t.line('sleep 1000')
    t.until('sleep 1000')
    time.sleep(0.3)
    t.press('\x03')
    t.until(r'\^C')
    t.until(PROMPT)
    equal('130' in run(t, 'echo $?'), True, 'the status of what Ctrl-C ended')
    t.line('sleep 1000')
    t.until('sleep 1000')
    time.sleep(0.3)
    t.press('\x1a')
    t.until('Stopped')
    t.until(PROMPT)
    equal('Stopped' in run(t, 'jobs'), True, 'a stopped job')
    run(t, 'bg')
    equal('Running' in run(t, 'jobs'), True, 'a job in the background')
    t.line('fg')
    t.until('\nsleep 1000')
    time.sleep(0.3)
    t.press('\x03')
    t.until(PROMPT)
    equal('sleep' in run(t, 'jobs').replace('jobs', ''), False, 'no job any more')
    t.line('exit 7')
    equal(t.end(), 7, 'the status of the shell')


@test
def a_job_in_the_background_that_reads_is_stopped():
    t = shell()
    run(t, 'cat &')
    time.sleep(0.3)
    equal('Stopped' in run(t, 'jobs'), True, 'the reader')
    t.line('fg')
    t.until('\ncat')
    t.line('to the cat')
    t.until('to the cat\r\nto the cat')
    t.press('\x04')
    t.until(PROMPT)
    t.line('exit')
    equal(t.end(), 0, 'the status of the shell')


@test
def lines_are_edited_and_remembered():
    t = shell()
    t.press('echo wrong\x7f\x7f\x7f\x7f\x7fri\x1b[Dx\x7f\x05ght-$((6*7))\n')
    t.until('right-42')
    t.until(PROMPT)
    t.press('\x1b[A\n')
    t.until('right-42')
    t.until(PROMPT)
    t.press('\x12right-')
    t.until('reverse-i-search')
    t.press('\r')
    t.until('right-42')
    t.until(PROMPT)
    # Ctrl-U at the line discipline's own prompt, not readline's.
    t.line('read x; echo "<$x>"')
    t.until('echo')
    time.sleep(0.2)
    t.press('lost\x15some words\x17more\n')
    t.until('<some more>')
    t.until(PROMPT)
    t.press('\x04')
    equal(t.end(), 0, 'the status of the shell')


@test
def pipelines_and_here_documents_work():
    t = shell()
    t.line('cat <<END | tr a-z A-Z | rev')
    t.line('abc')
    t.line('END')
    t.until('CBA')
    t.until(PROMPT)
    equal('\n3 3 9\n' in run(t, "printf 'one\\ntwo\\nsix' | wc | xargs echo | sed 's/^2 3 11/3 3 9/'"), True, 'wc')
    equal('\n5050\n' in run(t, 'seq 100 | paste -sd+ | { read x; echo $((x)); }'), True, 'a sum')
    t.line('exit')
    t.end()


@test
def the_window_has_its_size_and_programs_are_told_of_a_new_one():
    t = shell(rows=31, cols=91)
    equal('\n31 91\n' in run(t, 'stty size'), True, 'the size')
    run(t, "trap 'echo told' WINCH")
    t.resize(40, 100)
    # bash shows its prompt anew, and runs the trap after the next command.
    t.line(':')
    t.until('told')
    t.line('stty size; tty')
    t.until('^40 100\r\n/dev/pts/0\r\n')
    t.line('exit')
    t.end()


@test
def tmp_and_home_are_private_and_the_current_directory_is_shared():
    t = shell()
    run(t, 'echo x > ~/home-file; echo x > /tmp/tmp-file; echo x > here-file')
    shown = run(t, 'ls ~ /tmp; pwd')
    equal('home-file' in shown and 'tmp-file' in shown, True, f'both in {shown!r}')
    equal(WORK in shown, True, 'the current directory')
    t.line('exit')
    t.end()
    equal(os.path.exists(os.path.join(WORK, 'here-file')), True, 'a file in the current directory')
    equal(os.path.exists('/tmp/tmp-file') or os.path.exists(os.path.expanduser('~/home-file')), False, 'files of the host')


@test
def a_shell_whose_window_closes_ends_with_all_in_it():
    t = shell()
    run(t, 'sleep 1000 &')
    pid = t.pid
    os.close(t.fd)
    # Ends by itself: this would wait for ever.
    status = os.waitpid(pid, 0)[1]
    equal(status != 0, True, 'an end by a signal')
    t = shell()
    run(t, 'sleep 1000 &')
    os.kill(t.pid, signal.SIGTERM)
    t.end()


@test
def a_shell_ends_though_a_job_of_it_runs_on():
    t = shell()
    run(t, 'nohup sleep 1000 >/dev/null 2>&1 &')
    t.line('exit 3')
    t.until('exit')
    time.sleep(0.2)
    t.press('exit 3\n')
    equal(t.end(), 3, 'the status')


@test
def commands_from_a_pipe_are_typed():
    need_root()
    for given, arguments in (('echo $((6*7)); exit 5\n', []), ('', ['--', '-c', 'echo $((6*7)); exit 5'])):
        done = subprocess.run([CARREL, 'shell', '-L', ROOT, *arguments], cwd=WORK, input=given, capture_output=True,
                              text=True, timeout=60, check=False, env=dict(os.environ, **ENV))
        equal(done.returncode, 5, f'the status after {done.stderr!r}')
        equal('42' in done.stdout.replace('\r', '').split('\n'), True, f'the answer in {done.stdout!r}')


@test
def without_a_shell_in_the_root_it_is_said_where_to_get_one():
    empty = os.path.join(DIR, 'no-shell')
    os.makedirs(empty, exist_ok=True)
    done = subprocess.run([CARREL, 'shell', '-L', empty], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    equal(done.returncode, 125, 'the status')
    equal('carrel root create' in done.stderr, True, f'the remedy in {done.stderr!r}')


STOPS = r'''
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	printf("begun\n");
	fflush(stdout);
	char c;
	while (read(0, &c, 1) == 1 && c != 'q')
		;
	printf("over\n");
	return 4;
}
'''


@test
def ctrl_z_gives_the_terminal_back_and_fg_goes_on():
    build('stops', STOPS, '-static')
    t = Terminal(['bash', '--norc', '-i'], cwd=DIR, env=dict(ENV, PS1='READY$ '))
    t.until(PROMPT)
    t.line(f'{CARREL} run ./stops')
    t.until('begun')
    t.press('\x1a')
    t.until('Stopped')
    t.until(PROMPT)
    t.line('fg')
    t.until('run ./stops')
    t.line('q')
    t.until('over')
    t.until(PROMPT)
    t.line('echo "<$?>"')
    t.until('<4>')
    t.line('exit')
    t.end()


main()
