#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run -g: what a person with gdb sees, in batch mode; and the protocol itself, spoken by hand, where gdb
would not go: catches that it lacks names for, connections that end, and bytes that mean nothing.
"""

import os
import random
import re
import shutil
import signal
import subprocess

from debugging import GDB, Run, Wire, gdb, symbol
from world import CARREL, DIR, build, carrel, golden, has, more, tiny
from tap import Skip, equal, main, test

ROOT = '/usr/riscv64-linux-gnu'

THREADS = r'''
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int counter;
double ratio = 1.5;
static pthread_barrier_t all;
static void *work(void *arg)
{
	pthread_barrier_wait(&all);
	__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	return arg;
}
__attribute__((noinline)) int twice(int x)
{
	return 2 * x;
}
int main(void)
{
	pthread_t t[3];
	volatile int before = twice(21);
	pthread_barrier_init(&all, NULL, 3);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, work, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("%d %d\n", before, counter);
	return 7;
}
'''
FORKS = r'''
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int shared = 1;
__attribute__((noinline)) void child(int n)
{
	shared = n;
}
int main(int argc, char **argv)
{
	int status;
	if (argc > 1)
		return 9;
	if (fork() == 0) {
		child(2);
		_exit(shared);
	}
	wait(&status);
	if (vfork() == 0) {
		execl("/proc/self/exe", argv[0], "again", NULL);
		_exit(1);
	}
	wait(&status);
	child(3);
	return shared;
}
'''
SIGNALS = r'''
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
volatile int seen;
static void handler(int number) { seen = number; }
int main(void)
{
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	raise(SIGCHLD);
	printf("%d\n", seen);
	fflush(stdout);
	volatile int *nowhere = (int *)16;
	return *nowhere;
}
'''

COUNTS = r'''
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
char untouched[65536], touched[65536];
__attribute__((noinline)) void middle(int n)
{
	touched[n * 4096] = n;
	getppid();
}
int main(void)
{
	struct rusage u;
	struct timespec now;
	for (int i = 0; i < 3; i++)
		middle(i);
	getrusage(RUSAGE_SELF, &u);
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%ld %ld %ld.%09ld\n", u.ru_minflt, u.ru_majflt, now.tv_sec, now.tv_nsec);
	return 0;
}
'''


def threads():
    return build('threads', THREADS, '-O1', '-pthread', '-static')


def forks():
    return build('forks', FORKS, '-O1', '-static')


@test
def breakpoints_threads_and_values_are_what_the_source_says():
    program = threads()
    run = Run(program)
    said = gdb(run, 'break twice', 'continue', 'backtrace', 'print x', 'finish', 'break work', 'continue', 'continue',
               'continue', 'info threads', 'print counter', 'print ratio', 'delete 1', 'print twice(4)', 'set var counter = 10',
               'print $fcsr', 'info auxv', 'info proc mappings', 'delete', 'continue', program=program)
    has(said, r'Breakpoint 1, twice \(x=.*21\)', r'#1 .* in main', r'\$1 = 21', r'Value returned is \$2 = 42',
        r'Thread 2 .* hit Breakpoint 2, work', r'Thread 3 .* hit Breakpoint 2', r'Thread 4 .* hit Breakpoint 2',
        r'1 +Thread 2\.2 "threads"', r'4 +Thread 2\.5 ', r'\$3 = 0', r'\$4 = 1\.5', r'\$5 = 8', r'\$6 = ',
        r'AT_PAGESZ +System page size +4096', r'0x10000 .*/threads', r'\[stack\]',
        r'exited with code 07')
    equal(run.end(), 7, 'exit status')
    equal(run.out, '42 13\n', 'what it says')


@test
def watchpoints_stop_behind_the_store_of_whichever_thread_it_is():
    program = threads()
    run = Run(program)
    said = gdb(run, 'watch counter', 'rwatch ratio', 'continue', 'continue', 'continue', 'print $_thread', 'delete',
               'continue', program=program)
    has(said, r'Hardware watchpoint 1: counter', r'Old value = 0\nNew value = 1\n', r'Old value = 1\nNew value = 2\n',
        r'Old value = 2\nNew value = 3\n', r'exited with code 07')
    equal(run.end(), 7, 'exit status')


@test
def single_steps_go_through_calls_faults_and_system_calls():
    program = threads()
    run = Run(program)
    said = gdb(run, 'break main', 'continue', 'next', 'step', 'next', 'next', 'stepi', 'stepi', 'info line', 'tbreak work',
               'continue', 'set scheduler-locking step', 'next', 'kill', program=program)
    has(said, r'Breakpoint 1, main', r'hit Temporary breakpoint 2, work')
    equal(run.end(), -signal.SIGKILL, 'the end of what gdb killed')


@test
def gdb_follows_either_side_of_a_fork_and_an_exec():
    program = forks()
    run = Run(program)
    said = gdb(run, 'set follow-fork-mode child', 'break child', 'continue', 'print n', 'continue', program=program)
    has(said, r'Detaching after fork from parent process 2', r'hit Breakpoint 1, child \(n=.*2\)', r'\$1 = 2',
        r'process 3\) exited with code 02')
    equal(run.end(), 3, 'exit status of the parent, which nobody debugs any more')

    run = Run(program)
    said = gdb(run, 'break child', 'continue', 'print n', 'continue', program=program)
    has(said, r'Detaching after fork from child process 3', r'Detaching after vfork from child process 4',
        r'Breakpoint 1, child \(n=.*3\)', r'exited with code 03')
    equal(run.end(), 3, 'exit status')

    run = Run(program)
    said = gdb(run, 'set detach-on-fork off', 'set schedule-multiple on', 'catch vfork', 'catch exec', 'break child',
               'continue', 'info inferiors', 'continue', 'kill inferiors 1', program=program, extended=True)
    has(said, r'hit Breakpoint 3(\.\d)?, child \(n=.*2\)', r'process 2 .*\n.* 2 +process 3')
    run.end()


@test
def gdb_is_told_of_an_exec_and_stops_in_the_new_program():
    program = forks()
    run = Run(program)
    said = gdb(run, 'tcatch vfork', 'continue', 'set follow-fork-mode child', 'catch exec', 'continue', 'tbreak main',
               'continue', 'print argc', 'continue', program=program)
    has(said, r'catchpoint 1 \(vforked process 4\)', r'is executing new program: .*/forks',
        r'Catchpoint 2 \(exec\'d .*/forks\)', r'Temporary breakpoint 3, main \(argc=2', r'\$1 = 2',
        r'process 4\) exited with code 011')
    equal(run.end(), 3, 'exit status of the parent')


@test
def signals_are_caught_passed_and_dropped_as_gdb_says():
    program = build('signals', SIGNALS, '-O1', '-static')
    run = Run(program)
    said = gdb(run, 'catch signal SIGCHLD', 'continue', 'print $_siginfo.si_signo', 'continue', 'print seen', 'continue',
               'print $_siginfo._sifields._sigfault.si_addr', 'x/i $pc', 'continue', program=program)
    has(said, r'received signal SIGUSR1', r'\$1 = 10', r'Catchpoint 1 \(signal SIGCHLD\)', r'\$2 = 10',
        r'received signal SIGSEGV', r'\$3 = \(void \*\) 0x10', r'lw\s', r'terminated with signal SIGSEGV')
    equal(run.end(), -signal.SIGSEGV, 'its end')
    equal(run.out, '10\n', 'what it says')

    run = Run(program)
    gdb(run, 'handle SIGUSR1 nopass', 'continue', 'continue', 'signal 0', 'kill', program=program)
    run.end()
    equal(run.out, '0\n', 'what it says when the signal was dropped')


@test
def without_a_file_gdb_finds_program_and_libraries_in_the_guests_tree():
    program = build('dynamic', THREADS, '-O1', '-pthread')
    run = Run('-L', ROOT, program)
    said = gdb(run, 'break twice', 'continue', 'info sharedlibrary', 'backtrace', 'kill')
    has(said, r'Breakpoint 1, twice', r'target:/lib/ld-linux', r'target:/lib/libc\.so\.6', r'#1 .* in main')
    run.end()


@test
def monitor_walks_maps_and_tells_stories():
    run = Run('-m', '2M', *tiny())
    wire = Wire(run)
    wire.start()

    def monitor(command):
        wire.send(b'qRcmd,' + command.encode().hex().encode())
        text = b''
        while (packet := wire.packet()) != b'OK':
            text += bytes.fromhex(packet[1:].decode())
        return text.decode()

    text = ''
    for command in ('help', 'maps', 'walk _start', 'walk 0x10', 'walk nothing', 'story stack', 'bird'):
        text += f'(gdb) monitor {command}\n{monitor(command)}'
    golden('gdb-monitor.txt', text)
    wire.close()
    run.process.terminate()
    run.end()


@test
def pages_in_swap_are_read_where_they_are_and_written_where_they_must_be():
    args = more()
    if not shutil.which('riscv64-linux-gnu-nm'):
        raise Skip('no riscv64-linux-gnu-nm')
    program = os.path.join(DIR, 'more')
    pages = symbol(program, 'pages')
    run = Run(*args)
    wire = Wire(run)
    wire.start()
    # Behind the loop that wrote them: the first lla of the second.
    start, code = symbol(program, '_start'), b''
    while len(code) < 200:
        code += bytes.fromhex(wire.ask(b'm%x,8' % (start + len(code))).decode())
    equal(wire.ask(b'Z2,%x,8' % (pages + 99 * 4096)), b'OK', 'a watchpoint')
    stop = wire.ask(b'vCont;c')
    equal(b'watch:%x;' % (pages + 99 * 4096) in stop, True, f'the last page in {stop}')
    for i in range(100):
        value = bytes.fromhex(wire.ask(b'm%x,8' % (pages + i * 4096)).decode())
        equal(int.from_bytes(value, 'little'), i + 1, f'page {i}')
    equal(wire.ask(b'M%x,8:%s' % (pages, (5).to_bytes(8, 'little').hex().encode())), b'OK', 'a write')
    equal(wire.ask(b'm%x,8' % pages), (5).to_bytes(8, 'little').hex().encode(), 'what was written')
    equal(wire.ask(b'M%x,1:00' % start), b'OK', 'a write to text')
    equal(wire.ask(b'M%x,1:%02x' % (start, code[0])), b'OK', 'a write to text')
    equal(wire.ask(b'm10,8'), b'E0e', 'what is nowhere')
    equal(wire.ask(b'z2,%x,8' % (pages + 99 * 4096)), b'OK', 'no watchpoint')
    equal(wire.ask(b'vCont;c'), b'W04;process:2', 'its status: 1 ^ 5, seen by the program')
    equal(run.end(), 4, 'exit status')


@test
def looking_and_stepping_change_no_count_and_no_time_that_the_program_sees():
    program = build('counts', COUNTS, '-O1', '-static')
    plain = carrel('run', program)
    run = Run(program)
    wire = Wire(run)
    wire.start()
    untouched = symbol(program, 'untouched')
    equal(wire.ask(b'Z0,%x,2' % symbol(program, 'middle')), b'OK', 'a breakpoint')
    for _ in range(3):
        equal(wire.ask(b'vCont;c')[:3], b'T05', 'a stop')
        for _ in range(30):
            equal(wire.ask(b'vCont;s:p2.2')[:3], b'T05', 'a step')
            equal(wire.ask(b'm%x,4000' % untouched), b'00' * 0x4000, 'a page that nobody touched')
            wire.ask(b'g')
    equal(wire.ask(b'z0,%x,2' % symbol(program, 'middle')), b'OK', 'no breakpoint')
    equal(wire.ask(b'vCont;c'), b'W00;process:2', 'its end')
    equal(run.end(), 0, 'exit status')
    equal(run.out, plain.stdout, 'faults and time')


@test
def calls_are_caught_by_number_before_and_behind():
    run = Run(threads())
    wire = Wire(run)
    wire.start()
    equal(wire.ask(b'QCatchSyscalls:1;40;5e'), b'OK', 'write and exit_group')
    stop = wire.ask(b'vCont;c')
    equal(b'syscall_entry:40;' in stop, True, f'{stop}')
    stop = wire.ask(b'vCont;c')
    equal(b'syscall_return:40;' in stop, True, f'{stop}')
    stop = wire.ask(b'vCont;c')
    equal(b'syscall_entry:5e;' in stop, True, f'{stop}')
    equal(wire.ask(b'QCatchSyscalls:0'), b'OK', 'none')
    equal(wire.ask(b'vCont;c'), b'W07;process:2', 'its end')
    equal(run.end(), 7, 'exit status')


@test
def ctrl_c_stops_who_computes_and_who_waits_and_a_call_that_waited_goes_on():
    busy = build('busy', 'volatile long n; int main(void) { while (n < 1000000000) n++; return 5; }\n', '-static')
    run = Run(busy)
    wire = Wire(run)
    wire.start()
    wire.send(b'vCont;c')
    wire.socket.sendall(b'\x03')
    equal(wire.packet()[:3], b'T02', 'a stop by Ctrl-C')
    equal(wire.ask(b'M%x,8:%s' % (symbol(busy, 'n'), (10**9).to_bytes(8, 'little').hex().encode())), b'OK', 'n')
    # Its increment may be half done.
    while (stop := wire.ask(b'vCont;s:p2.2'))[:3] == b'T05' and wire.pc() >= symbol(busy, 'main') + 200:
        pass
    equal(wire.ask(b'vKill;2'), b'OK', 'a kill')
    run.end()
    asleep = build('asleep', '#include <stdio.h>\n#include <unistd.h>\nint main(void) { char c; int p[2]; pipe(p); '
                   'return fork() ? (read(p[0], &c, 1), c) : (pause(), 0); }\n', '-static')
    run = Run(asleep)
    wire = Wire(run)
    wire.start()
    wire.send(b'vCont;c')
    stop = wire.packet()
    equal(b'fork:p3.3;' in stop, True, f'{stop}')
    equal(wire.ask(b'D;3'), b'OK', 'the child by itself')
    wire.send(b'vCont;c')
    wire.socket.sendall(b'\x03')
    equal(wire.packet()[:3], b'T02', 'a stop of one that waits')
    equal(wire.ask(b'qThreadExtraInfo,p2.2'), b'asleep: waiting in read'.hex().encode(), 'where it is')
    equal(wire.ask(b'vAttach;3')[:1], b'T', 'the child again')
    wire.send(b'k') # has no answer
    equal(run.end(), -signal.SIGKILL, 'its end')


@test
def one_thread_may_step_while_the_others_stand_still():
    program = threads()
    run = Run(program)
    wire = Wire(run)
    wire.start()
    work = symbol(program, 'work')
    equal(wire.ask(b'Z0,%x,2' % work), b'OK', 'a breakpoint')
    stop = wire.ask(b'vCont;c')
    equal(b'thread:p2.3;' in stop and b'swbreak:;' in stop, True, f'{stop}')
    equal(wire.pc(), work, 'where it is')
    equal(wire.ask(b'z0,%x,2' % work), b'OK', 'none')
    for _ in range(3):
        stop = wire.ask(b'vCont;s:p2.3')
        equal(b'thread:p2.3;' in stop, True, f'{stop}')
    stop = wire.ask(b'vCont;r%x,%x:p2.3' % (work, work + 8))
    equal(work <= wire.pc() < work + 8, False, 'outside of the range')
    # It waits for a barrier that the others, who stand still, do not reach.
    wire.send(b'vCont;c:p2.3')
    wire.socket.sendall(b'\x03')
    equal(wire.packet()[:3], b'T02', 'a stop by Ctrl-C')
    equal(wire.ask(b'vCont;c'), b'W07;process:2', 'all go on')
    equal(run.end(), 7, 'exit status')


@test
def a_lost_connection_leaves_a_stopped_program_for_the_next():
    path = os.path.join(DIR, 'socket')
    run = Run(threads(), spec=f'unix:{path}')
    equal(os.path.realpath(path), run.target, 'the socket')
    for piece in (b'', b'$g', b'+$qSupported#37', b'\x03\x03', b'$' + b'x' * 200000 + b'#00', b'-' * 50):
        wire = Wire(run)
        wire.socket.sendall(piece)
        wire.close()
    wire = Wire(run)
    wire.start()
    equal(wire.ask(b'D'), b'OK', 'let go')
    wire.close()
    equal(run.end(), 7, 'exit status')
    equal(os.path.exists(path), False, 'the socket is left behind')


@test
def what_means_nothing_is_answered_and_harms_nothing():
    chosen = random.Random(6)
    words = [b'm', b'M', b'X', b'g', b'G', b'p', b'P', b'H', b'T', b'Z', b'z', b'vCont;s', b'vCont;t', b'vFile:open:',
             b'vFile:pread:', b'vFile:fstat:', b'vFile:readlink:', b'vFile:close:', b'qXfer:features:read:target.xml:',
             b'qXfer:auxv:read::', b'qXfer:threads:read::', b'qXfer:exec-file:read:', b'qXfer:siginfo:read::',
             b'qThreadExtraInfo,', b'QCatchSyscalls:', b'QPassSignals:', b'vAttach;', b'D;', b'qAttached:', b'qC', b'?',
             b'vCont', b'qRcmd,', b'vKill;9', b'c9', b's', b'!', b'qfThreadInfo', b'QProgramSignals:']
    run = Run(threads())
    wire = Wire(run)
    wire.start()
    seen = 0
    for _ in range(1500):
        body = chosen.choice(words)
        for _ in range(chosen.randrange(4)):
            body += chosen.choice([b',', b':', b';', b'p', b'-1', b'0', b'1', b'2', b'2f', b'p2.2', b'10000', b'=',
                                   b'ffffffffffffffff', b'7fffffffffff', b'2f70726f632f322f6d617073',
                                   bytes(chosen.randrange(256) for _ in range(chosen.randrange(20)))])
        if body in (b'c9', b'D', b'k') or body.startswith((b'D;2', b'vCont;c')):
            continue
        answer = wire.ask(body)
        seen += 1
        if answer[:1] in (b'W', b'X'):
            break
    equal(seen > 20, True, 'answers')
    wire.close()
    run.process.send_signal(signal.SIGTERM)
    run.end()


@test
def a_run_that_waits_for_gdb_ends_at_its_timeout_and_by_ctrl_c():
    r = carrel('run', '--timeout', '100ms', '-g', '0', threads())
    equal(r.returncode, 124, 'status')
    run = Run(threads())
    run.process.send_signal(signal.SIGINT)
    equal(run.end(), -signal.SIGINT, 'its end')
    for wrong in ('x', '65536', 'unix:', '-1'):
        r = carrel('run', '-g', wrong, threads())
        equal((r.returncode, r.stderr.startswith(f'carrel: -g {wrong}: ')), (125, True), r.stderr)


@test
def gdb_may_start_carrel_itself_and_speak_through_a_pipe():
    if not GDB:
        raise Skip('no gdb-multiarch')
    program = threads()
    r = subprocess.run([GDB, '-batch', '-nx', '-iex', 'set remotetimeout 60', '-ex', f"target remote | '{CARREL}' run -g - '{program}'", '-ex', 'break twice',
                        '-ex', 'continue', '-ex', 'print x', '-ex', 'continue', program], cwd=DIR, timeout=100, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    has(r.stdout, r'Breakpoint 1, twice', r'\$1 = 21', r'exited with code 07')
    equal('42 3\n' in r.stdout, True, 'the output of the program, on standard error')


main()
