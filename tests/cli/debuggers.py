#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run -g: what debuggers besides gdb's own prompt need (VS Code through gdb's machine interface, lldb), thread-local
variables, stops at system calls by name, and a second debugger.
"""

import json
import os
import re
import shutil
import socket
import subprocess

from debugging import GDB, Run, Wire, gdb
from world import CARREL, DIR, SOURCE, build, has
from tap import Skip, equal, main, test

LLDB = shutil.which('lldb') or shutil.which('lldb-14')

LIBRARY = r'''
__thread int of_library = 30;
int bump(int n) { return of_library += n; }
'''
PROGRAM = r'''
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
extern int bump(int n);
extern __thread int of_library;
__thread int of_program = 11;
__thread char name[16];
struct pair { int a; double b; } pair = {1, 2.5};
static void handler(int number) { pair.a += number; }
__attribute__((noinline)) void here(int n) { __asm__ volatile("" : : "r"(n) : "memory"); }
static void *work(void *arg)
{
	of_program += 5;
	bump(5);
	sprintf(name, "second");
	here(2);
	return arg;
}
int main(void)
{
	pthread_t t;
	signal(SIGUSR1, handler);
	sprintf(name, "first");
	bump(1);
	raise(SIGUSR1);
	here(1);
	pthread_create(&t, NULL, work, NULL);
	pthread_join(t, NULL);
	printf("%d\n", pair.a);
	return 7;
}
'''


def static():
    return build('tls', PROGRAM + LIBRARY.replace('of_library =', 'of_library __attribute__((weak)) ='), '-O0', '-static',
                 '-pthread')


def dynamic():
    library = os.path.join(DIR, 'libtls.so')
    if not os.path.exists(library):
        build('libtls.so', LIBRARY, '-shared', '-fPIC')
    return build('tls-dynamic', PROGRAM, '-O0', '-pthread', library, f'-Wl,-rpath,{DIR}')


THREAD_LOCAL = ('print of_program', 'print name', 'print of_library')


@test
def gdb_prints_thread_local_variables_of_program_and_library_in_each_thread():
    for program in (static(), dynamic()):
        run = Run(program)
        out = gdb(run, 'handle SIGUSR1 nostop noprint', 'break here', 'continue', *THREAD_LOCAL, 'continue', *THREAD_LOCAL,
                  'thread 1', *THREAD_LOCAL, 'set var of_library = 77', 'print of_library', 'thread 2', 'print of_library',
                  'continue', program=program)
        has(out, r'\$1 = 11$', r'\$2 = "first', r'\$3 = 31$', r'\$4 = 16$', r'\$5 = "second', r'\$6 = 35$', r'\$7 = 11$',
            r'\$8 = "first', r'\$9 = 31$', r'\$10 = 77$', r'\$11 = 35$', r'exited with code 07')
        equal((run.end(), run.out), (7, '11\n'), 'the end')


@test
def an_address_of_thread_local_storage_that_cannot_be_is_an_error():
    run = Run(dynamic())
    wire = Wire(run)
    wire.start()
    equal(wire.ask(b'qGetTLSAddr:p2.2,0,0'), b'E0b', 'before there is any')
    equal(wire.ask(b'qSymbol::')[:8], b'qSymbol:', 'what it wants to know')
    for value in (b'', b'8', b'ffffffffffffffff'):
        equal(wire.ask(b'qSymbol:' + value + b':5f'), b'OK', 'a symbol')
        for what in (b'', b'p2.2', b'p2.2,0', b'p2.2,0,8', b'p2.9,0,0', b'p2.2,0,ffffffffffffffff', b'p2.2,x,0', b'p2.2,0,0,0'):
            equal(wire.ask(b'qGetTLSAddr:' + what)[:1], b'E', f'{value} {what}')
    equal(wire.ask(b'vKill;2'), b'OK', 'a kill')
    run.end()


@test
def monitor_catch_stops_at_system_calls_by_name_and_shows_them():
    program = static()
    run = Run(program)
    out = gdb(run, 'handle SIGUSR1 nostop noprint', 'monitor catch', 'monitor catch nonsense', 'monitor catch write, getpid',
              'continue', 'continue', 'continue', 'print $a7', 'continue', 'monitor catch none', 'continue', program=program)
    has(out, r'^stops at no system call', r'^nonsense is no system call', r'^stops before and behind write, getpid$',
        r'^\[pid 2\] getpid\(\)$', r'^\[pid 2\] getpid\(\) = 2$', r'^\[pid 2\] write\(1, "11\\n", 3\)$', r'\$1 = 64',
        r'^\[pid 2\] write\(1, "11\\n", 3\) = 3$', r'^stops at no system call', r'exited with code 07')
    run.end()


@test
def a_second_debugger_is_told_that_there_is_one_and_the_first_goes_on():
    program = static()
    run = Run(program)
    wire = Wire(run)
    wire.start()
    for _ in range(3):
        host, port = run.target.split(':')
        with socket.create_connection((host, int(port)), timeout=60) as other:
            answer = b''
            while more := other.recv(4096):
                answer += more
        equal(answer[:4] == b'+$E.' and b'another debugger is connected' in answer, True, f'{answer}')
    has(gdb(run, 'info threads', program=program), r'Remote failure reply: E\.another debugger is connected')
    equal(wire.ask(b'QPassSignals:1e'), b'OK', 'signals')
    wire.send(b'vCont;c')
    has(gdb(run, program=program), r'another debugger|onnection')
    equal(wire.packet(), b'W07;process:2', 'its end')
    equal(run.end(), 7, 'exit status')


@test
def carrel_ps_knows_a_machine_that_stands_still_for_a_debugger():
    # A place of their own: ps waits two seconds for each machine of the user that does not answer.
    os.environ['XDG_RUNTIME_DIR'] = DIR
    run = Run(static())
    wire = Wire(run)
    wire.start()
    listed = json.loads(subprocess.run([CARREL, 'ps', '--json'], capture_output=True, text=True, timeout=60, check=True).stdout)
    found = [r for r in listed['runs'] if r['run'] == run.process.pid]
    equal([r.get('processes') for r in found], [1], 'its processes')
    equal(wire.ask(b'vKill;2'), b'OK', 'a kill')
    run.end()


# --- VS Code ---

class Mi:
    """gdb's machine interface, as VS Code's C++ extension drives it."""

    def __init__(self):
        if not GDB:
            raise Skip('no gdb-multiarch')
        self.process = subprocess.Popen([GDB, '-nx', '-iex', 'set remotetimeout 60', '--interpreter=mi2'], cwd=DIR, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env={**os.environ, 'LC_ALL': 'C'})
        self.token = 1000

    def until(self, pattern):
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if re.match(pattern, line):
                return line
        raise AssertionError(f'no {pattern!r} in:\n{"".join(seen)}')

    def ask(self, command, then=None):
        self.token += 1
        self.process.stdin.write(f'{self.token}{command}\n')
        self.process.stdin.flush()
        answer = self.until(rf'{self.token}\^')
        equal(re.match(r'\d+\^(done|connected|running|exit)', answer) is not None, True, f'{command}: {answer}')
        return self.until(then) if then else answer

    def end(self):
        self.ask('-gdb-exit')
        self.process.communicate(timeout=60)


def launch():
    """The configuration that carrel-run(1) shows."""
    with open(os.path.join(SOURCE, 'man', 'carrel-run.1.scd'), encoding='utf-8') as file:
        block = re.search(r'^```\n(\{\n.*?"cppdbg".*?\n\})\n```$', file.read(), re.M | re.S).group(1)
    return json.loads(block)['configurations'][0]


def session(program, run, setup, address):
    mi = Mi()
    for command in setup:
        mi.ask(command['text'] if command['text'].startswith('-') else f'-interpreter-exec console "{command["text"]}"')
    mi.ask('-gdb-set target-async on')
    mi.ask(f'-environment-cd {DIR}')
    mi.ask(f'-file-exec-and-symbols {program}')
    mi.ask(f'-target-select remote {address}')
    has(mi.ask('-break-insert -f here'), r'bkpt=\{number="1"')
    mi.ask('-interpreter-exec console "handle SIGUSR1 nostop noprint pass"')
    has(mi.ask('-exec-continue', r'\*stopped'), r'reason="breakpoint-hit"', r'func="here"', r'value="1"', r'thread-id="1"')
    has(mi.ask('-stack-list-frames 0 10'), r'func="here"', r'func="main"')
    has(mi.ask('-stack-list-variables 2'), r'name="n"')
    has(mi.ask('-var-create - * pair'), r'name="var1"', r'numchild="2"')
    has(mi.ask('-var-list-children --simple-values var1'), r'exp="a".*value="11"', r'exp="b".*value="2.5"')
    has(mi.ask('-data-evaluate-expression of_program'), r'value="11"')
    has(mi.ask('-exec-finish', r'\*stopped'), r'reason="function-finished"', r'func="main"')
    has(mi.ask('-exec-next', r'\*stopped'), r'reason="end-stepping-range"')
    has(mi.ask('-exec-continue', r'\*stopped'), r'reason="breakpoint-hit"', r'value="2"', r'thread-id="2"')
    has(mi.ask('-thread-info'), r'id="1".*func="main"', r'id="2".*func="here"', r'current-thread-id="2"')
    has(mi.ask('-var-assign var1.a 5'), r'value="5"')
    mi.ask('-break-delete 1')
    mi.ask('-exec-continue', r'\*stopped,reason="exited",exit-code="07"')
    mi.end()
    equal(run.wait(timeout=60), 7, 'exit status')


@test
def vs_code_debugs_with_the_configuration_of_the_manual():
    program = static()
    configuration = launch()
    equal((configuration['type'], configuration['MIMode'], configuration['request']), ('cppdbg', 'gdb', 'launch'))
    equal(os.path.basename(configuration['miDebuggerPath']), 'gdb-multiarch', 'the debugger')
    equal(configuration['debugServerPath'], 'carrel', 'the server')
    port = re.search(r':(\d+)$', configuration['miDebuggerServerAddress']).group(1)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        ours = str(free.getsockname()[1])
    words = ['run', '--timeout', '100s', *configuration['debugServerArgs'].replace(port, ours).replace('${workspaceFolder}/prog', program).split()[1:]]
    if not GDB:
        raise Skip('no gdb-multiarch')
    with subprocess.Popen([CARREL, *words], cwd=DIR, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as run:
        said = run.stderr.readline()
        equal(re.search(configuration['serverStarted'], said) is not None, True, said)
        try:
            session(program, run, configuration['setupCommands'], configuration['miDebuggerServerAddress'].replace(port, ours))
        finally:
            run.kill()
        equal(run.stdout.read(), '5\n', 'what it wrote')


@test
def exec_interrupt_stops_a_program_that_computes():
    busy = build('busy', 'volatile long n; int main(void) { for (;;) n++; }\n', '-static')
    run = Run(busy)
    mi = Mi()
    mi.ask('-gdb-set mi-async on')
    mi.ask(f'-file-exec-and-symbols {busy}')
    mi.ask(f'-target-select remote {run.target}')
    mi.ask('-exec-continue')
    mi.until(r'\*running')
    has(mi.ask('-exec-interrupt', r'\*stopped'), r'signal-name="SIGINT"')
    mi.ask('-interpreter-exec console kill')
    mi.end()
    run.end()


@test
def ctrl_c_that_comes_with_the_packet_before_is_not_lost():
    busy = build('busy', 'volatile long n; int main(void) { for (;;) n++; }\n', '-static')
    run = Run(busy)
    wire = Wire(run)
    wire.start()
    wire.socket.sendall(b'$vCont;c#a8\x03')
    equal(wire.packet()[:3], b'T02', 'a stop')
    equal(wire.ask(b'vKill;2'), b'OK', 'a kill')
    run.end()


# --- lldb ---

@test
def lldb_sets_breakpoints_steps_and_shows_threads_and_variables():
    if not LLDB:
        raise Skip('no lldb')
    run = Run(static())
    words = [LLDB, '--batch', '--no-lldbinit', '--no-use-colors', static()]
    for command in (f'gdb-remote {run.target}', 'breakpoint set -n here', 'process handle SIGUSR1 -s false -p true', 'continue', 'bt',
                    'register read pc', 'print pair.b', 'finish', 'step', 'continue', 'thread list', 'memory region $pc',
                    'continue'):
        words += ['-o', command]
    out = subprocess.run(words, cwd=DIR, timeout=100, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, check=False).stdout
    if 'print pair.b' not in out:
        raise Skip(f'this lldb does not know riscv64: {out.splitlines()[-1:]}')
    has(out, r'_start', r'stop reason = breakpoint 1\.1', r'tls`here\(', r'frame #1: .*`main', r'pc = 0x\w+ +tls`here',
        r'\(double\) \$0 = 2\.5', r'stop reason = step out', r'stop reason = step', r'tls`here\(', r'\* thread #2: tid = 3', r'r-x', r'exited with status = 7')
    equal((run.end(), run.out), (7, '11\n'), 'the end')


main()
