/* SPDX-License-Identifier: MIT */
/* Calls that move so much that a signal finds them at work: which it ends, and with what count. */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { MIB = 1 << 20, PIECES = 256 };

static char *bytes; /* 1 MiB, which each part of a long call names again */
static volatile sig_atomic_t alarms;

static void on_alarm(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
	alarms++;
}

static void every(long us)
{
	const struct itimerval v = {{0, us}, {0, us}};
	setitimer(ITIMER_REAL, &v, NULL);
}

static int parts(struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++)
		iov[i] = (struct iovec){bytes, MIB};
	return n;
}

/* Once a call was cut short a page or more had come: so all do here that stop for a signal. */
static const char *cut(long n, long whole)
{
	return n < 0 ? strerrorname_np(errno) : n == whole ? "whole" : n >= 4096 ? "cut short" : "nearly nothing";
}

/* Again until a signal meets it, if ever it does. */
#define UNTIL_CUT(n, whole, call)                                                                  \
	do {                                                                                       \
		n = (call);                                                                        \
		for (int try_ = 0; try_ < 50 && n == (whole); try_++)                              \
			n = (call);                                                                \
	} while (0)

static void a_device(const char *name, int many)
{
	struct iovec iov[1024];
	int fd = open(name, O_RDONLY), count = parts(iov, many);
	long n;

	alarms = 0;
	every(2000);
	UNTIL_CUT(n, (long)count * MIB, readv(fd, iov, count));
	every(0);
	say("%s: a signal leaves the read %s, it was met: %d", name, cut(n, (long)count * MIB), alarms > 0);
	close(fd);
}

static void random_bytes(void)
{
	const long size = 32 * MIB;
	char *p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	long n;

	every(2000);
	UNTIL_CUT(n, size, getrandom(p, (size_t)size, 0));
	every(0);
	say("getrandom: a signal leaves it %s", cut(n, size));
	munmap(p, (size_t)size);
}

static int temporary(void)
{
	char name[] = "/tmp/longcallsXXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	return fd;
}

/* A file is read and written whole, whatever handlers have to say: many programs take that for granted. */
static void a_file(int fd)
{
	struct iovec iov[16];
	int count = parts(iov, 16);

	for (int i = 0; i < MIB; i++)
		bytes[i] = (char)(i * 31 ^ i >> 12);
	alarms = 0;
	every(1000);
	for (int i = 0; i < 2; i++)
		say("a file: the write is %s", cut(pwritev(fd, iov, count, 0), 16l * MIB));
	for (int i = 0; i < 2; i++)
		say("a file: the read is %s", cut(preadv(fd, iov, count, 0), 16l * MIB));
	every(0);
	say("signals were met: %d", alarms > 0);
}

static int same(int a, off_t at, int b, off_t to, long size)
{
	static char x[65536], y[65536];

	for (long done = 0; done < size; done += (long)sizeof(x)) {
		size_t part = size - done < (long)sizeof(x) ? (size_t)(size - done) : sizeof(x);
		if (pread(a, x, part, at + done) != (ssize_t)part || pread(b, y, part, to + done) != (ssize_t)part ||
		    memcmp(x, y, part))
			return 0;
	}
	return 1;
}

/* The positions, the file's own and the program's, stand where the bytes that were moved end. */
static void between_files(int in)
{
	int out = temporary(), null = open("/dev/null", O_WRONLY);
	off_t at = 12345;
	loff_t from = 4097, to = 8191;
	long n, size = 16l * MIB - 20000;

	n = sendfile(out, in, &at, (size_t)size);
	say("sendfile: %ld, the offset has moved by %ld, the file's by %ld", n, (long)at - 12345,
	    (long)lseek(in, 0, SEEK_CUR));
	say("all of it arrived: %d", same(in, 12345, out, 0, size));
	lseek(in, 7, SEEK_SET);
	lseek(out, 0, SEEK_SET);
	n = sendfile(out, in, NULL, (size_t)size);
	say("sendfile: %ld, in is at %ld, out at %ld", n, (long)lseek(in, 0, SEEK_CUR), (long)lseek(out, 0, SEEK_CUR));
	say("all of it arrived: %d", same(in, 7, out, 0, size));
	n = copy_file_range(in, &from, out, &to, (size_t)size, 0);
	say("copy_file_range: %ld, from %ld, to %ld", n, (long)from, (long)to);
	say("all of it arrived: %d", same(in, 4097, out, 8191, size));
	every(500);
	do {
		at = 0;
		n = sendfile(null, in, &at, 16ul * MIB);
	} while (n == 16l * MIB);
	every(0);
	say("sendfile: a signal leaves it %s, the offset tells how short: %d", cut(n, 16l * MIB), n == at);
	close(out);
	close(null);
}

/* Signals that end the process end every call. */
static void deaths(int file)
{
	struct iovec iov[PIECES];
	int count = parts(iov, PIECES), zero = open("/dev/zero", O_RDONLY), status;

	for (int kind = 0; kind < 2; kind++) {
		pid_t pid = fork();
		if (pid == 0) {
			signal(SIGALRM, SIG_DFL);
			every(2000);
			for (;;) {
				if (kind == 0 && readv(zero, iov, count) < 0)
					_exit(1);
				if (kind == 1 && preadv(file, iov, 16, 0) < 0)
					_exit(2);
			}
		}
		waitpid(pid, &status, 0);
		say("%s: %s", kind ? "a file" : "a device", how_it_ended(status));
	}
	close(zero);
}

/* From another process, whose turn comes while the call is at work. */
static void from_outside(void)
{
	struct iovec iov[PIECES];
	int count = parts(iov, PIECES), zero = open("/dev/zero", O_RDONLY);
	pid_t parent = getpid(), pid = fork();
	long n;

	if (pid == 0) {
		for (;;)
			kill(parent, SIGALRM);
	}
	UNTIL_CUT(n, (long)count * MIB, readv(zero, iov, count));
	say("a signal of another process leaves the read %s", n == -1 && errno == EINTR ? "cut short" : cut(n, (long)count * MIB));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(zero);
}

/* What the kernel does for a program is the system's time, which ITIMER_VIRTUAL does not count. */
static void whose_time(void)
{
	const struct itimerval v = {{0, 0}, {0, 15000}};
	struct iovec iov[1024];
	int count = parts(iov, 1024), zero = open("/dev/zero", O_RDONLY);
	struct rusage u;

	handle(SIGVTALRM, on_alarm, SA_RESTART);
	alarms = 0;
	setitimer(ITIMER_VIRTUAL, &v, NULL);
	long n = readv(zero, iov, count);
	getrusage(RUSAGE_SELF, &u);
	say("undisturbed: %s, system time was used: %d, user time was not: %d", cut(n, 1024l * MIB),
	    u.ru_stime.tv_sec > 0 || u.ru_stime.tv_usec > 0, alarms == 0);
	close(zero);
}

/* A file that was stored to through a mapping is written back whole, by pieces as it may be. */
static void write_back(void)
{
	const long size = 20l * MIB;
	int fd = temporary(), again = 0;
	char got;

	say("ftruncate: %s", result(ftruncate(fd, size)));
	char *p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (long at = 0; at < size; at += 4096)
		p[at] = (char)(at >> 12);
	say("fsync: %s", result(fsync(fd)));
	for (long at = 0; at < size; at += 4096)
		p[at] = (char)(at >> 12 ^ 85);
	say("msync: %s", result(msync(p, (size_t)size, MS_SYNC)));
	for (long at = 0; at < size; at += 4096)
		again += pread(fd, &got, 1, at) == 1 && got == (char)(at >> 12 ^ 85);
	say("pages that are right: %d", again);
	munmap(p + 9l * MIB, 4096);
	say("msync with a hole: %s", result(msync(p, (size_t)size, MS_SYNC)));
	munmap(p, (size_t)size);
	close(fd);
}

int main(void)
{
	bytes = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	handle(SIGALRM, on_alarm, SA_RESTART);
	a_device("/dev/zero", PIECES);
	a_device("/dev/urandom", 16);
	random_bytes();
	int file = temporary();
	a_file(file);
	between_files(file);
	deaths(file);
	from_outside();
	whose_time();
	write_back();
	return 0;
}
