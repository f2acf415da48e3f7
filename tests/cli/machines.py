#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""carrel ps and carrel exec: machines that run, seen and entered from elsewhere."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from keys import Terminal
from world import CARREL, DIR, build
from tap import equal, main, test

RUNTIME = os.path.join(DIR, 'runtime')
os.makedirs(RUNTIME, exist_ok=True)
PLACE = os.path.join(RUNTIME, 'carrel')
ENV = dict(os.environ, XDG_RUNTIME_DIR=RUNTIME)

WAITS = r'''
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char page[400][4096];
int main(int argc, char **argv)
{
	memset(page, 1, sizeof(page));
	printf("waits\n");
	fflush(stdout);
	if (argc > 1)
		for (volatile long i = 0;; i++)
			;
	char c;
	return read(0, &c, 1) == 1 ? c : 0;
}
'''
TELLS = r'''
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
static void got(int number)
{
	printf("got %d\n", number);
	fflush(stdout);
	if (number != SIGWINCH)
		_exit(40 + number);
}
int main(int argc, char **argv)
{
	char dir[4096], line[100];
	struct winsize w = {0};
	if (argc > 1 && strcmp(argv[1], "processes") == 0) {
		DIR *d = opendir("/proc");
		for (struct dirent *e; (e = readdir(d));)
			if (e->d_name[0] >= '2' && e->d_name[0] <= '9')
				printf("%s ", e->d_name);
		printf("parent %d\n", getppid());
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "computes") == 0) {
		for (volatile int i = 0; i < 20000000; i++)
			;
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "waits") == 0) {
		int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
		for (int i = 0; i < 4; i++)
			signal(signals[i], got);
		printf("waits\n");
		fflush(stdout);
		for (;;)
			pause();
	}
	if (argc > 1)
		raise(atoi(argv[1]));
	ioctl(0, TIOCGWINSZ, &w);
	printf("tty %d%d%d %dx%d cwd %s VAR %s\n", isatty(0), isatty(1), isatty(2), w.ws_row, w.ws_col,
	       getcwd(dir, sizeof(dir)), getenv("VAR") ? getenv("VAR") : "none");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		fputs(line, stdout);
	fprintf(stderr, "to stderr\n");
	return 23;
}
'''


def programs():
    build('waits', WAITS, '-static')
    build('tells', TELLS, '-static')


@contextlib.contextmanager
def machine(*args, program='./waits'):
    programs()
    p = subprocess.Popen([CARREL, 'run', *args, '--', program], cwd=DIR, env=ENV, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        equal(p.stdout.readline(), 'waits\n', 'its first line')
        yield p
    finally:
        with contextlib.suppress(OSError):
            p.stdin.write('\n')
            p.stdin.close()
        p.kill()
        p.wait()
        p.stdout.close()
        p.stderr.close()


def call(*args, given='', env=None):
    return subprocess.run([CARREL, *args], cwd=DIR, env=dict(ENV, **(env or {})), input=given, capture_output=True,
                          text=True, timeout=60, check=False)


def listed():
    done = call('ps', '--json')
    equal(done.returncode, 0, f'the status of ps after {done.stderr!r}')
    return json.loads(done.stdout)['runs']


@test
def ps_lists_the_machines_that_run_and_what_they_use():
    equal(listed(), [], 'nothing runs')
    with machine('-m', '8M') as p:
        run = listed()[0]
        equal((run['run'], run['name'], run['memory'], run['processes'], run['frames']),
              (p.pid, 'waits', 8 << 20, 1, 2048), 'the run')
        equal(400 < run['frames_used'] < 600, True, f'{run["frames_used"]} frames for 400 pages of a program')
        lines = call('ps').stdout.split('\n')
        equal(lines[0].split(), ['RUN', 'SINCE', 'MEMORY', 'USED', 'PROCESSES', 'PROGRAM'], 'the head')
        equal((lines[1].split()[0], lines[1].split()[2], lines[1].split()[-1]), (str(p.pid), '8M', './waits'), 'the line')
        with machine('-n', '2'):
            runs = listed()
            equal([(r['run'] == p.pid, r['processes']) for r in runs], [(True, 1), (False, 2)], 'the older one first')
        p.stdin.write('A')
        p.stdin.flush()
        equal(p.wait(), 65, 'its status')
        equal(listed(), [], 'it is gone')
        equal(os.listdir(PLACE), [], 'it left nothing')


@test
def ps_removes_what_a_killed_machine_left():
    with machine() as p:
        p.kill()
        p.wait()
        equal(sorted(os.listdir(PLACE)), [f'{p.pid}.json', f'{p.pid}.sock'], 'what is left')
        equal(listed(), [], 'the list')
        equal(os.listdir(PLACE), [], 'what is left then')


@test
def a_machine_that_is_stopped_is_listed_without_counts():
    with machine() as p:
        os.kill(p.pid, signal.SIGSTOP)
        line = call('ps').stdout.split('\n')[1].split()
        equal((line[0], line[3:5]), (str(p.pid), ['-', '-']), 'the line')
        os.kill(p.pid, signal.SIGCONT)
        equal(listed()[0]['processes'], 1, 'later')


class Played:
    """A machine that the test itself plays: what is asked of it, and what it says."""

    def __init__(self, number):
        self.paths = [os.path.join(PLACE, f'{number}.{ending}') for ending in ('json', 'sock')]
        os.makedirs(PLACE, mode=0o700, exist_ok=True)
        with open(self.paths[0], 'w', encoding='utf-8') as file:
            json.dump({'name': 'played', 'memory': 4096, 'since': number, 'argv': ['played']}, file)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.paths[1])
        self.listener.listen(16)
        self.listener.settimeout(60)

    def question(self):
        """Waits until something is asked; who only looks whether somebody listens asks nothing."""
        while True:
            self.peer = self.listener.accept()[0]
            size = self.peer.recv(4, socket.MSG_WAITALL)
            if size:
                return json.loads(self.peer.recv(int.from_bytes(size, 'little'), socket.MSG_WAITALL))
            self.peer.close()

    def answer(self, **what):
        text = json.dumps(what).encode()
        self.peer.sendall(len(text).to_bytes(4, 'little') + text)
        self.peer.close()

    def remove(self):
        self.listener.close()
        for path in self.paths:
            os.remove(path)


@test
def all_machines_are_asked_before_one_is_waited_for():
    machines = [Played(number) for number in (1, 2, 3)]
    p = subprocess.Popen([CARREL, 'ps', '--json'], cwd=DIR, env=ENV, stdout=subprocess.PIPE, text=True)
    for m in machines:
        equal(m.question(), {'ask': 'status'}, 'the question')
    for m in machines[1:]:
        m.answer(processes=5)
    runs = json.loads(p.communicate(timeout=60)[0])['runs']
    equal([r.get('processes') for r in runs], [None, 5, 5], 'answers')
    machines[0].peer.close()
    for m in machines:
        m.remove()


@test
def machines_that_are_stopped_hide_nothing_of_those_that_run():
    with machine() as one, machine() as two, machine() as three:
        for p in (one, two):
            os.kill(p.pid, signal.SIGSTOP)
        runs = {r['run']: r for r in listed()}
        equal([runs[p.pid].get('processes') for p in (one, two, three)], [None, None, 1], 'processes')
        for p in (one, two):
            os.kill(p.pid, signal.SIGCONT)
        equal([r['processes'] for r in listed()], [1, 1, 1], 'later')


@test
def who_waits_for_a_machine_that_is_stopped_is_told_and_can_give_up():
    with machine() as p:
        os.kill(p.pid, signal.SIGSTOP)
        t = Terminal([CARREL, 'exec', str(p.pid), '--', './tells'], cwd=DIR, env={'XDG_RUNTIME_DIR': RUNTIME})
        t.until('does not answer; it may be stopped')
        t.press('\x03')
        # Not its end(): the terminal is open in what was sent to the machine, which takes nothing in.
        equal(os.waitstatus_to_exitcode(os.waitpid(t.pid, 0)[1]), -signal.SIGINT, 'the status')
        os.close(t.fd)
        # Another waits, and gets what it asked for.
        x = subprocess.Popen([CARREL, 'exec', str(p.pid), '--', './tells'], cwd=DIR, env=ENV, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        equal('does not answer' in x.stderr.readline(), True, 'what is said')
        os.kill(p.pid, signal.SIGCONT)
        out, err = x.communicate(timeout=60)
        equal((out.startswith('tty 000'), err, x.returncode), (True, 'to stderr\n', 23), 'later')


@test
def more_questions_than_a_stopped_machine_has_places_for_wait_for_nothing():
    with machine() as p:
        os.kill(p.pid, signal.SIGSTOP)
        waiting = []
        while True:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            waiting.append(s)
            try:
                s.connect(os.path.join(PLACE, f'{p.pid}.sock'))
            except BlockingIOError:
                break
        equal([(r['run'], 'processes' in r) for r in listed()], [(p.pid, False)], 'the list')
        done = call('exec', '--', './tells')
        equal((done.returncode, 'is it stopped?' in done.stderr), (125, True), done.stderr)
        for s in waiting:
            s.close()
        os.kill(p.pid, signal.SIGCONT)
        # Until it has looked at them there is no place for one more.
        for _ in range(600):
            entry = listed()[0]
            if 'processes' in entry:
                break
            time.sleep(0.1)
        equal(entry.get('processes'), 1, 'later')


@test
def exec_joins_the_machine_with_its_own_files_and_gives_its_status():
    with machine() as p:
        done = call('exec', '-E', 'VAR=x', str(p.pid), '--', './tells', given='a\nb\n')
        equal(done.stdout, f'tty 000 0x0 cwd {DIR} VAR x\na\nb\n', 'standard output')
        equal((done.stderr, done.returncode), ('to stderr\n', 23), 'standard error, and the status')
        equal(call('exec', '--', './tells', 'processes').stdout, '2 4 parent 1\n', 'the processes that it sees')
        equal(call('exec', 'waits', '--', './tells', '9').returncode, -9, 'a death')
        equal(call('exec', '-TEVAR=z', '--', './tells').stdout.split()[-1], 'z', 'options in other forms')
        equal(call('exec', '--clean-env', '--', './tells', env={'VAR': 'y'}).stdout.split()[-1], 'none', 'no environment')
        equal(call('exec', '--', './tells', env={'VAR': 'y'}).stdout.split()[-1], 'y', 'the environment')
        p.stdin.write('B')
        p.stdin.flush()
        equal(p.wait(), 66, 'the status of the machine')


@test
def words_of_any_bytes_reach_the_command():
    with machine():
        done = subprocess.run([CARREL, 'exec', '-E', b'VAR=\xff\xc3\xbc\xc2', '--', './tells'], cwd=DIR, env=ENV, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        equal(done.stdout[-9:], b'VAR \xff\xc3\xbc\xc2\n', 'a variable')
        done = call('exec', '--', './tells', '9')
        equal(done.returncode, -9, 'a word behind')


@test
def exec_finds_a_machine_that_computes_all_the_time():
    programs()
    p = subprocess.Popen([CARREL, 'run', './waits', 'busy'], cwd=DIR, env=ENV, stdout=subprocess.PIPE, text=True)
    try:
        p.stdout.readline()
        equal(call('exec', '--', './tells', 'processes').stdout, '2 3 parent 1\n', 'the processes')
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


@test
def exec_says_what_is_wrong():
    programs()
    done = call('exec', '--', './tells')
    equal((done.returncode, 'no machine of yours runs' in done.stderr), (125, True), f'none: {done.stderr!r}')
    with machine() as p:
        for words, status, text in [(['1', '--', './tells'], 125, 'no run 1'), (['--', './nothing'], 127, 'no such file'),
                                    (['--', 'nothing'], 127, 'not found'), (['--', './waits.c'], 126, 'no executable'),
                                    ([str(p.pid)], 125, 'wants a command'), (['-x', '--', 'y'], 125, 'no option -x'),
                                    (['-Ex', '--', 'y'], 125, '-E x: must be VARIABLE=VALUE'), (['--bird', '--', 'y'], 125, 'no option --bird'),
                                    (['-u'], 125, '-u wants a value'), (['-tx', '--', 'y'], 125, 'no option -x'),
                                    (['-u', 'nobodythere', '--', './tells'], 127, 'no such user')]:
            done = call('exec', *words)
            equal((done.returncode, text in done.stderr), (status, True), f'{words}: {done.stderr!r}')
        with machine():
            for words, text in [([], '2 machines run'), (['waits'], '2 runs are called waits')]:
                done = call('exec', *words, '--', './tells')
                equal((done.returncode, text in done.stderr), (125, True), f'{words}: {done.stderr!r}')


@test
def signals_reach_what_was_started_and_the_end_of_the_machine_is_told():
    with machine() as p:
        for number in (signal.SIGINT, signal.SIGTERM):
            x = subprocess.Popen([CARREL, 'exec', '--', './tells', 'waits'], cwd=DIR, env=ENV, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, text=True)
            equal(x.stdout.readline(), 'waits\n', 'its first line')
            x.send_signal(number)
            equal((x.stdout.read(), x.wait()), (f'got {int(number)}\n', 40 + number), 'what it got')
            x.stdout.close()
        # Its caller is killed: it is told by SIGHUP, and the machine is empty again.
        x = subprocess.Popen([CARREL, 'exec', '--', './tells', 'waits'], cwd=DIR, env=ENV, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True)
        x.stdout.readline()
        x.kill()
        equal(x.stdout.read(), 'got 1\n', 'what it got')
        x.wait()
        x.stdout.close()
        equal(listed()[0]['processes'], 1, 'processes')
        x = subprocess.Popen([CARREL, 'exec', '--', './tells', 'waits'], cwd=DIR, env=ENV, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        x.stdout.readline()
        p.kill()
        out, err = x.communicate()
        equal((x.returncode, 'is gone' in err), (125, True), f'the end: {err!r}')


@test
def on_a_terminal_exec_gives_one_of_the_machine_s_own():
    with machine() as p:
        t = Terminal([CARREL, 'exec', str(p.pid), '--', './tells'], 30, 70, cwd=DIR, env={'XDG_RUNTIME_DIR': RUNTIME})
        t.until('tty 111 30x70')
        t.line('typed')
        t.until('typed\r\ntyped')
        t.press('\x04')
        t.until('to stderr')
        equal(t.end(), 23, 'the status')
        t = Terminal([CARREL, 'exec', '--', './tells', 'waits'], 30, 70, cwd=DIR, env={'XDG_RUNTIME_DIR': RUNTIME})
        t.until('waits')
        t.resize(20, 60)
        t.until('got 28')
        t.press('\x03')
        t.until('got 2\r')
        equal(t.end(), 42, 'the status')
        t = Terminal([CARREL, 'exec', '-T', '--', './tells'], 30, 70, cwd=DIR, env={'XDG_RUNTIME_DIR': RUNTIME})
        t.until('tty 000')
        t.press('\x04')
        equal(t.end(), 23, 'the status')


@test
def a_run_is_the_same_whether_or_not_somebody_lists_it():
    programs()
    words = ['trace', '--clean-env', './tells', 'computes']
    alone = call(*words, env={'XDG_RUNTIME_DIR': '/nonexistent'})
    equal(alone.returncode, 0, 'the status')
    p = subprocess.Popen([CARREL, *words], cwd=DIR, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    seen = 0
    while p.poll() is None:
        seen += any('processes' in run for run in listed())
    out, err = p.communicate()
    equal(seen > 0, True, 'somebody listed it')
    equal(out == alone.stdout and err == alone.stderr, True, 'the same run')


@test
def a_directory_that_others_could_change_is_not_used():
    programs()
    for mode in (0o755, 0o770):
        other = os.path.join(DIR, f'open-{mode:o}')
        os.makedirs(os.path.join(other, 'carrel'), exist_ok=True)
        os.chmod(os.path.join(other, 'carrel'), mode)
        p = subprocess.Popen([CARREL, 'run', './waits'], cwd=DIR, env=dict(ENV, XDG_RUNTIME_DIR=other),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        p.stdout.readline()
        equal(os.listdir(os.path.join(other, 'carrel')), [], 'what is in it')
        p.communicate('\n')


@test
def a_second_machine_with_the_same_program_says_so_to_a_person_and_once():
    programs()
    shutil.rmtree(PLACE, ignore_errors=True)
    t = Terminal(['bash', '--norc', '-i'], cwd=DIR, env={'XDG_RUNTIME_DIR': RUNTIME, 'PS1': 'READY$ '})
    t.until(r'READY\$ ')
    t.line(f'{CARREL} run ./waits busy & {CARREL} run ./waits busy & sleep 1000')
    shown = ''
    while shown.count('waits\r\n') < 2 or not re.search('carrel exec [0-9]+ -- ./waits', shown):
        shown += t.until(r'\n')
    equal((shown.count('runs already'), 'carrel run -n 2 ./waits' in shown), (1, True), f'what is said in {shown!r}')
    t.press('\x03')
    t.until(r'READY\$ ')
    t.line('kill %1 %2; wait')
    t.until(r'READY\$ ')
    # A script is not bothered, nor is who runs another program.
    with open(os.path.join(DIR, 'script'), 'w', encoding='utf-8') as script:
        script.write(f'{CARREL} run ./waits busy & a=$!\n{CARREL} run ./waits busy & b=$!\n'
                     f'until [ $({CARREL} ps | wc -l) = 3 ]; do :; done\nkill $a $b\nwait\necho "script" "is over"\n')
    t.line('sh ./script')
    equal('runs already' in t.until('script is over'), False, 'nothing is said')
    t.until(r'READY\$ ')
    t.line('exit')
    t.end()


main()
