/* SPDX-License-Identifier: MIT */
/* pieces.c - a pipe has room in pieces of a page, packets stay apart, and a user has so many pages */
#include "guest.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { PAGE = 4096 };

static char bytes[32 * PAGE] __attribute__((aligned(4096)));

static void take(int fd, size_t size)
{
	char text[2 * PAGE] = "";
	ssize_t n = read(fd, text, size);
	say("  read %zu: %s '%.8s'", size, result(n), n > 0 ? text : "");
}

static void there(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	int n = -1;
	ioctl(fd, FIONREAD, &n);
	poll(&p, 1, 0);
	say("  there are %d, poll says %x", n, p.revents);
}

static void packets(void)
{
	int p[2];
	say("packets: %s", result(pipe2(p, O_DIRECT | O_NONBLOCK)));
	say("  flags %x %x", fcntl(p[0], F_GETFL) & O_DIRECT, fcntl(p[1], F_GETFL) & O_DIRECT);
	say("  %s", result(write(p[1], "first", 5)));
	say("  %s", result(write(p[1], "second", 6)));
	say("  none: %s", result(write(p[1], "", 0)));
	there(p[0]);
	take(p[0], 100);
	take(p[0], 3);
	take(p[0], 100);
	memset(bytes, 'x', sizeof(bytes));
	say("  long: %s", result(write(p[1], bytes, PAGE + 100)));
	take(p[0], 2 * PAGE);
	take(p[0], 2 * PAGE);
	struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cd", 2}};
	say("  of several: %s", result(writev(p[1], v, 3)));
	write(p[1], "next", 4);
	char a[3] = "", b[8] = "";
	struct iovec to[2] = {{a, 2}, {b, 7}};
	say("  to several: %s '%s' '%s'", result(readv(p[0], to, 2)), a, b);
	take(p[0], 0);
	take(p[0], 8);
	say("  a stream again: %s", result(fcntl(p[1], F_SETFL, O_NONBLOCK)));
	write(p[1], "one", 3);
	write(p[1], "two", 3);
	fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
	write(p[1], "three", 5);
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	write(p[1], "four", 4);
	take(p[0], 7);
	take(p[0], 100);
	take(p[0], 100);
	for (int i = 0; i < 20; i++) {
		fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
		if (write(p[1], "x", 1) < 0) {
			say("  full after %d", i);
			break;
		}
	}
	there(p[1]);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	say("  nobody: %s", result(write(p[1], "x", 1)));
	close(p[1]);
}

static int how_many(int fd, size_t size)
{
	int n = 0;
	while (n < 1000 && write(fd, bytes, size) == (ssize_t)size)
		n++;
	return n;
}

static void writes(void)
{
	int p[2];
	say("writes");
	static const size_t sizes[] = {1000, 3001, 4095, 4096, 4097, 6000, 8192, 65535, 65536};
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int n = -1, more;
		pipe2(p, O_NONBLOCK);
		more = how_many(p[1], sizes[i]);
		ioctl(p[0], FIONREAD, &n);
		say("  of %zu: %d of them, %d bytes", sizes[i], more, n);
		more = how_many(p[1], 1);
		say("  and of one %d", more);
		there(p[1]);
		take(p[0], 1);
		there(p[1]);
		take(p[0], PAGE);
		there(p[1]);
		close(p[0]);
		close(p[1]);
	}
	/* As the program has it in memory does not matter. */
	pipe2(p, O_NONBLOCK);
	say("  not aligned: %s", result(write(p[1], bytes + 7, 16 * PAGE)));
	close(p[0]);
	close(p[1]);
}

static void splices(void)
{
	int p[2], q[2], n = 0;
	char name[] = "/tmp/piecesXXXXXX";
	int f = mkstemp(name);
	say("splices");
	unlink(name);
	say("  file of %s", result(write(f, bytes, 5 * PAGE)));
	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);
	loff_t at = 100;
	say("  from the middle of a page: %s", result(splice(f, &at, p[1], NULL, 3 * PAGE, 0)));
	say("  pieces left: %d", how_many(p[1], PAGE));
	for (n = 0; read(p[0], bytes, PAGE) > 0;)
		n++;
	say("  reads: %d", n);
	for (n = 0, at = 0; splice(f, &at, p[1], NULL, 1, 0) == 1;)
		n++;
	say("  single bytes: %d, %s", n, result(-1));
	there(p[0]);
	say("  written behind: %s", result(write(p[1], "x", 1)));
	say("  tee: %s", result(tee(p[0], q[1], 5, 0)));
	say("  more than there is: %s", result(tee(p[0], q[1], 100, 0)));
	there(q[0]);
	say("  behind what is shared: %s", result(write(q[1], "x", 1)));
	say("  splice: %s", result(splice(p[0], NULL, q[1], NULL, 100, SPLICE_F_NONBLOCK)));
	while (read(q[0], bytes, sizeof(bytes)) > 0)
		;
	say("  splice: %s", result(splice(p[0], NULL, q[1], NULL, 100, SPLICE_F_NONBLOCK)));
	there(p[0]);
	there(q[0]);
	while (read(q[0], bytes, sizeof(bytes)) > 0)
		;
	write(p[1], "merges", 6);
	say("  whole: %s", result(splice(p[0], NULL, q[1], NULL, 6, 0)));
	for (n = 0; n < 100 && write(q[1], "x", 1) == 1;)
		n++;
	say("  behind it: %d", n);
	struct iovec v[2] = {{bytes + PAGE - 10, 20}, {bytes, 3}};
	while (read(p[0], bytes, sizeof(bytes)) > 0)
		;
	int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
	say("  a directory: %s", result(splice(directory, NULL, p[1], NULL, 1, 0)));
	close(directory);
	say("  vmsplice: %s", result(vmsplice(p[1], v, 2, 0)));
	say("  pieces left: %d", how_many(p[1], PAGE));
	take(p[0], PAGE);
	close(p[0]);
	close(p[1]);
	pipe2(p, 0);
	for (n = 0; vmsplice(p[1], v + 1, 1, SPLICE_F_NONBLOCK) == 3;)
		n++;
	say("  vmspliced: %d, %s", n, result(-1));
	struct iovec big = {bytes, 20 * PAGE};
	while (ioctl(p[0], FIONREAD, &n) == 0 && n > 0)
		if (read(p[0], bytes, sizeof(bytes)) < 0)
			break;
	say("  more than there is room for: %s", result(vmsplice(p[1], &big, 1, 0)));
	struct iovec bad = {(void *)16, 20};
	read(p[0], bytes, sizeof(bytes));
	say("  bad memory: %s", result(vmsplice(p[1], &bad, 1, 0)));
	there(p[0]);
	fcntl(p[1], F_SETFL, O_DIRECT);
	write(p[1], "packet", 6);
	write(p[1], "other", 5);
	say("  tee of a packet: %s", result(tee(p[0], q[1], 3, SPLICE_F_NONBLOCK)));
	while (read(q[0], bytes, sizeof(bytes)) > 0)
		;
	say("  tee of a packet: %s", result(tee(p[0], q[1], 9, SPLICE_F_NONBLOCK)));
	take(q[0], 100);
	take(q[0], 100);
	close(f);
}

static void sizes(void)
{
	int p[2];
	say("sizes");
	pipe2(p, O_NONBLOCK);
	say("  at first %s", result(fcntl(p[0], F_GETPIPE_SZ)));
	say("  1: %s", result(fcntl(p[0], F_SETPIPE_SZ, 1)));
	say("  0: %s", result(fcntl(p[0], F_SETPIPE_SZ, 0)));
	say("  a byte %s", result(write(p[1], "x", 1)));
	there(p[1]);
	say("  a page %s", result(write(p[1], bytes, PAGE)));
	say("  what fits %s", result(write(p[1], bytes, PAGE - 1)));
	say("  5000: %s", result(fcntl(p[0], F_SETPIPE_SZ, 5000)));
	say("  a page %s", result(write(p[1], bytes, PAGE)));
	there(p[1]);
	say("  smaller than full: %s", result(fcntl(p[1], F_SETPIPE_SZ, PAGE)));
	take(p[0], PAGE);
	say("  smaller: %s", result(fcntl(p[1], F_SETPIPE_SZ, PAGE)));
	say("  a mebibyte: %s", result(fcntl(p[1], F_SETPIPE_SZ, 1 << 20)));
	say("  too much: %s", result(fcntl(p[1], F_SETPIPE_SZ, 0x80000001u)));
	say("  more: %s", result(fcntl(p[1], F_SETPIPE_SZ, (1 << 20) + 1)));
	close(p[0]);
	close(p[1]);
	say("  closed: %s", result(fcntl(p[1], F_SETPIPE_SZ, PAGE)));
	int n = open("/dev/null", O_RDWR);
	say("  no pipe: %s", result(fcntl(n, F_SETPIPE_SZ, PAGE)));
	say("  no pipe: %s", result(fcntl(n, F_GETPIPE_SZ)));
	close(n);
}

static int names(void)
{
	char name[64];
	snprintf(name, sizeof(name), "/tmp/pieces-fifo-%d", getpid());
	mkfifo(name, 0600);
	int r = open(name, O_RDONLY | O_NONBLOCK);
	say("a FIFO: %s", result(open(name, O_WRONLY | O_DIRECT) < 0 ? -1 : 0));
	int w = open(name, O_WRONLY | O_NONBLOCK);
	say("  %s", result(fcntl(w, F_SETFL, O_DIRECT | O_NONBLOCK)));
	write(w, "one", 3);
	write(w, "two", 3);
	take(r, 100);
	take(r, 100);
	say("  %s", result(fcntl(r, F_SETPIPE_SZ, 3 * PAGE)));
	close(r);
	close(w);
	return unlink(name);
}

static void show(const char *name)
{
	char text[64] = "";
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n > 0)
		text[n - 1] = '\0';
	say("  %s: %s", name, text);
	close(fd);
}

/* A user with 16,384 pages in all his pipes. */
static void user(void)
{
	enum { NOBODY_ELSE = 54321, PIPES = 200 };
	static int p[PIPES][2];
	struct rlimit l = {1024, 1024};
	int big = 0, i;
	say("a user");
	show("/proc/sys/fs/pipe-max-size");
	show("/proc/sys/fs/pipe-user-pages-soft");
	show("/proc/sys/fs/pipe-user-pages-hard");
	setrlimit(RLIMIT_NOFILE, &l);
	pipe2(p[0], O_NONBLOCK);
	say("  root's pipe %s", result(setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE)));
	say("  beyond the limit of one: %s", result(fcntl(p[0][0], F_SETPIPE_SZ, 2 << 20)));
	say("  at it: %s", result(fcntl(p[0][0], F_SETPIPE_SZ, 1 << 20)));
	for (i = 1; i < PIPES && pipe2(p[i], O_NONBLOCK) == 0; i++) {
		if (fcntl(p[i][0], F_SETPIPE_SZ, 1 << 20) < 0)
			break;
		big++;
	}
	say("  pipes of a mebibyte: %d, %s", big, result(-1));
	say("  the last has %s", result(fcntl(p[i][0], F_GETPIPE_SZ)));
	say("  but may have less: %s", result(fcntl(p[i][0], F_SETPIPE_SZ, PAGE)));
	say("  and no more: %s", result(fcntl(p[i][0], F_SETPIPE_SZ, 2 * PAGE)));
	for (int k = 1; k < 40; k++) {
		i++;
		if (pipe2(p[i], O_NONBLOCK) < 0) {
			say("  pipe: %s", result(-1));
			break;
		}
		int size = fcntl(p[i][0], F_GETPIPE_SZ);
		if (size != fcntl(p[i - 1][0], F_GETPIPE_SZ))
			say("  from %d more on a new one has %d", k, size);
	}
	say("  which takes %d of a page", how_many(p[i][1], PAGE));
	say("  and %d of two", how_many(p[i - 1][1], 2 * PAGE));
}

/* Not every root has it. */
static void lose_resource(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];
	if (syscall(SYS_capget, &h, d) == 0) {
		d[0].effective &= ~(1u << CAP_SYS_RESOURCE);
		if (syscall(SYS_capset, &h, d) != 0)
			say("capset: %s", result(-1));
	}
}

int main(void)
{
	lose_resource();
	packets();
	writes();
	splices();
	sizes();
	names();
	in_child("user", user);
	return 0;
}
