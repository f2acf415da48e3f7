#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that take whatever there is: they are told, and end; and the host is at ease meanwhile. What one
may cost the host is said in docs/limits.md.
"""

import os
import re
import signal
import subprocess

from world import CARREL, DIR, build, carrel
from tap import equal, main, test

BOMBS = r'''
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static long n;
static void say(const char *what)
{
	printf("%s: %ld, then %s\n", what, n, strerrorname_np(errno));
	fflush(stdout);
}
static void *hang(void *arg)
{
	pause();
	return arg;
}
static void limit(int which, long value)
{
	if (setrlimit(which, &(struct rlimit){value, value}) != 0)
		perror("setrlimit");
}
static void fill(int fd, long most)
{
	static char bytes[65536];
	memset(bytes, 1, sizeof(bytes));
	while (n < most && write(fd, bytes, sizeof(bytes)) > 0)
		n++;
}
static void xcpu(int number)
{
	struct rlimit l;
	getrlimit(RLIMIT_CPU, &l);
	printf("SIG%s at a soft limit of %ld of %ld s\n", sigabbrev_np(number), (long)l.rlim_cur, (long)l.rlim_max);
	fflush(stdout);
}
static int make(const char *what)
{
	int two[2];
	struct sigevent silent = {.sigev_notify = SIGEV_NONE};
	timer_t timer;
	if (!strcmp(what, "pipe"))
		return pipe(two);
	if (!strcmp(what, "file"))
		return open("/dev/null", O_RDONLY);
	if (!strcmp(what, "eventfd"))
		return eventfd(0, 0);
	if (!strcmp(what, "epoll"))
		return epoll_create1(0);
	if (!strcmp(what, "timerfd"))
		return timerfd_create(CLOCK_MONOTONIC, 0);
	if (!strcmp(what, "memfd"))
		return memfd_create("x", 0);
	if (!strcmp(what, "timer"))
		return timer_create(CLOCK_MONOTONIC, &silent, &timer);
	if (!strcmp(what, "signal"))
		return sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
	if (!strcmp(what, "region"))
		return mmap(NULL, 4096, n & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
	if (!strcmp(what, "child")) {
		pid_t pid = fork();
		if (pid == 0)
			pause();
		return pid;
	}
	if (!strcmp(what, "thread")) {
		pthread_attr_t a;
		pthread_t t;
		pthread_attr_init(&a);
		pthread_attr_setstacksize(&a, 16384);
		errno = pthread_create(&t, &a, hang, NULL);
		return -errno;
	}
	if (!strcmp(what, "directory"))
		return mkdir("a", 0700) == 0 ? chdir("a") : -1;
	return -1;
}
int main(int argc, char **argv)
{
	if (!strcmp(argv[1], "forever"))
		for (;;)
			fork();
	if (!strcmp(argv[1], "shm"))
		fill(open("/dev/shm/x", O_RDWR | O_CREAT, 0600), 1 << 30);
	if (!strcmp(argv[1], "output")) {
		fill(1, 1 << 30);
		return 3;
	}
	if (!strcmp(argv[1], "compute")) {
		if (argc > 2)
			signal(SIGXCPU, xcpu);
		if (argc > 3)
			limit(RLIMIT_CPU, 1);
		for (;;)
			;
	}
	if (argc > 3)
		limit(atoi(argv[2]), atol(argv[3]));
	if (!strcmp(argv[1], "signal")) {
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
	}
	if (!strcmp(argv[1], "directory") && chdir("/tmp") != 0)
		return 1;
	while (make(argv[1]) >= 0)
		n++;
	say(argv[1]);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	_exit(0);
}
'''
NOFILE, NPROC, SIGPENDING = 7, 6, 11


def bombs():
    return build('bombs', BOMBS, '-O1', '-static', '-pthread')


def sanitized():
    with open(CARREL, 'rb') as file:
        return b'__asan_init' in file.read()


def bomb(*args, given=(), timeout='60s'):
    """Its output, status and sentences, and the host's memory in MiB."""
    with open(os.path.join(DIR, 'out'), 'w+', encoding='utf-8') as out, \
         open(os.path.join(DIR, 'err'), 'w+', encoding='utf-8') as err:
        process = subprocess.Popen([CARREL, 'run', '--timeout', timeout, *given, bombs(), *args], cwd=DIR,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return out.read(), process.returncode, err.read(), usage.ru_maxrss / 1024


def at_ease(memory, most):
    """RAM of 64 MiB is in it, and the program itself."""
    if not sanitized():
        equal(memory < most, True, f'{memory:.0f} MiB of the host, at most {most}')


@test
def whatever_can_be_had_in_numbers_has_an_end_that_linux_has_too():
    for what, limit, most, error in (('file', NOFILE, 3000, 'EMFILE'), ('eventfd', NOFILE, 3000, 'EMFILE'),
                                     ('epoll', NOFILE, 3000, 'EMFILE'), ('timerfd', NOFILE, 3000, 'EMFILE'),
                                     ('memfd', NOFILE, 3000, 'EMFILE'), ('timer', SIGPENDING, 2000, 'EAGAIN'),
                                     ('signal', SIGPENDING, 2000, 'EAGAIN')):
        out, status, err, memory = bomb(what, str(limit), str(most))
        found = re.fullmatch(rf'{what}: (\d+), then {error}\n', out)
        equal(bool(found), True, f'{out!r} {err!r} {status}')
        equal(most - 5 < int(found.group(1)) <= most, True, f'{what}: {found.group(1)} of {most}')
        at_ease(memory, 120)


@test
def a_million_descriptors_take_seconds_and_not_the_host():
    out, status, err, memory = bomb('eventfd', str(NOFILE), str(1 << 20))
    equal(out, f'eventfd: {(1 << 20) - 3}, then EMFILE\n', err)
    at_ease(memory, 400)


@test
def a_million_mappings_end_at_max_map_count():
    out, status, err, memory = bomb('region')
    found = re.fullmatch(r'region: (\d+), then ENOMEM\n', out)
    equal(bool(found) and 65400 < int(found.group(1)) < 65530, True, f'{out!r} {err!r}')
    at_ease(memory, 120)


@test
def a_bomb_of_processes_or_threads_fills_the_ram_of_its_machine_and_nothing_else():
    for what in ('child', 'thread'):
        out, status, err, memory = bomb(what, given=['-m', '4M'], timeout='2s')
        equal('RAM is full (' in err or 'EAGAIN' in out or 'ENOMEM' in out, True, f'{what}: {out!r} {err[-300:]!r} {status}')
        at_ease(memory, 150)
    out, status, err, memory = bomb('forever', given=['-m', '4M'], timeout='2s')
    equal(status in (124, -signal.SIGKILL), True, f'{status} {err[-300:]!r}')
    at_ease(memory, 150)


@test
def dev_shm_is_full_at_half_of_ram_and_directories_end_where_paths_do():
    out, _, err, memory = bomb('shm', given=['-m', '8M'])
    equal(out, 'shm: 64, then ENOSPC\n', err)
    at_ease(memory, 60)
    out, _, err, memory = bomb('directory')
    found = re.fullmatch(r'directory: (\d+), then (\w+)\n', out)
    equal(bool(found) and found.group(2) == 'ENAMETOOLONG', True, f'{out!r} {err!r}')


@test
def endless_output_ends_where_its_reader_or_its_disk_does():
    r = subprocess.run(f"'{CARREL}' run '{bombs()}' output | head -c 1000000 | wc -c", shell=True, cwd=DIR, timeout=60,
                       capture_output=True, text=True, check=False)
    equal(r.stdout.strip(), '1000000', r.stderr)
    if os.path.exists('/dev/full'):
        with open('/dev/full', 'w', encoding='utf-8') as full:
            r = subprocess.run([CARREL, 'run', bombs(), 'output'], cwd=DIR, timeout=60, stdin=subprocess.DEVNULL, stdout=full,
                               stderr=subprocess.PIPE, check=False)
        equal(r.returncode, 3, 'the status of a program whose output fits nowhere')


@test
def the_cpu_limit_signals_first_and_kills_at_the_hard_limit():
    out, status, err, _ = bomb('compute', given=['--cpu-limit', '20ms'])
    equal((out, status), ('', -signal.SIGXCPU), err)
    equal(re.sub(r'\n$', '', err),
          'carrel: bombs (pid 2) has used 0.020 s of processor time, as much as --cpu-limit gives: SIGXCPU', 'what is said')
    out, status, err, _ = bomb('compute', 'catch', 'hard', given=['--cpu-limit', '20ms'])
    equal((out, status, err.count('SIGKILL')), ('', -signal.SIGKILL, 1), err)
    out, status, err, _ = bomb('compute', 'catch', given=['--cpu-limit', '20ms', '--for', '30ms'])
    equal(out, 'SIGXCPU at a soft limit of 2 of 2 s\n', err)


@test
def the_timeout_ends_whoever_sleeps_waits_or_computes():
    waits = build('waits', '#include <stdlib.h>\n#include <unistd.h>\nint main(int argc, char **argv) { char c; '
                  'if (argc > 2) { for (;;) getppid(); } if (argc > 1) { for (;;) sleep(1000); } '
                  'return read(0, &c, 1) + (pause(), 0); }\n', '-static')
    read_end, write_end = os.pipe()
    for args, given, stdin in (([], [], read_end), (['x'], [], subprocess.DEVNULL), (['x', 'y'], [], subprocess.DEVNULL),
                               (['x'], ['--clock', 'real'], subprocess.DEVNULL), ([], [], subprocess.DEVNULL)):
        r = subprocess.run([CARREL, 'run', '--timeout', '50ms', *given, waits, *args], cwd=DIR, timeout=60, stdin=stdin,
                           capture_output=True, text=True, check=False)
        equal((r.returncode, 'carrel: --timeout: the time is over\n' in r.stderr), (124, True), f'{args}: {r.stderr}')
    os.close(read_end)
    os.close(write_end)


@test
def the_timeout_and_an_alarm_end_a_call_of_seconds():
    """Each moves 2 GiB by a single call, and would end with status 0 if that were not done in pieces."""
    long_call = build('long_call', r'''
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	static struct iovec iov[1024];
	char *p = mmap(0, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 1024; i++)
		iov[i] = (struct iovec){p, 2 << 20};
	if (argc > 2)
		ualarm(50000, 0);
	if (argv[1][0] == 'x')
		return readv(open("/dev/urandom", O_RDONLY), iov, 1023) != 1023l << 21;
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	ftruncate(fd, 0x7ffff000);
	return sendfile(open("/dev/null", O_WRONLY), fd, 0, 0x7ffff000) != 0x7ffff000;
}
''', '-static')
    for what in 'x', 's':
        r = carrel('run', '--timeout', '100ms', long_call, what)
        equal((r.returncode, 'carrel: --timeout: the time is over\n' in r.stderr), (124, True), f'{what}: {r.stderr}')
    equal(carrel('run', long_call, 'x', 'alarm').returncode, -signal.SIGALRM, 'an alarm')


@test
def what_is_locked_is_all_there_however_much_it_is_and_nothing_where_there_is_a_hole():
    locks = build('locks', r'''
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
static const size_t size = 40 << 20;
static long resident(char *p)
{
	unsigned char in;
	long n = 0;
	for (size_t at = 0; at < size; at += 4096)
		n += mincore(p + at, 4096, &in) == 0 && in & 1;
	return n;
}
int main(void)
{
	char *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), line[256];
	int locked = mlock(p + 100, size - 200), mine = 0;
	FILE *f = fopen("/proc/self/smaps", "r");
	printf("%d, %ld", locked, resident(p));
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			mine = start < (unsigned long)p + size && end > (unsigned long)p;
		else if (mine && strncmp(line, "VmFlags:", 8) == 0)
			printf(", %s%s", strstr(line, " lo") ? "locked" : "not", strstr(line, " lf") ? " on fault" : "");
	}
	munlock(p, size);
	madvise(p, size, MADV_DONTNEED);
	munmap(p + (20 << 20), 4096);
	printf("\n%s, %ld\n", mlock(p, size) ? strerrorname_np(errno) : "done", resident(p));
	return 0;
}
''', '-static')
    r = carrel('run', '--user', '0:0', '-m', '128M', locks)
    equal((r.stdout, r.returncode), ('0, 10240, locked\nENOMEM, 0\n', 0), r.stderr)


main()
