/* SPDX-License-Identifier: MIT */
/* Descriptors of threads (PIDFD_THREAD), signals to threads, processes and groups through them, and the files
 * that an epoll watches (KCMP_EPOLL_TFD). */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

enum { OPEN = 434, SEND = 424, THREAD = O_EXCL };
enum { TO_THREAD = 1, TO_PROCESS = 2, TO_GROUP = 4 };

static const char *r[10];

static int open_(pid_t pid, unsigned flags) { return (int)syscall(OPEN, pid, flags); }

static const char *polled(int fd)
{
	static char text[4][32];
	static int i;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n = poll(&p, 1, 500);
	char *s = text[i++ % 4];

	snprintf(s, 32, "%d%s%s", n, p.revents & POLLIN ? " in" : "", p.revents & POLLHUP ? " hup" : "");
	return s;
}

static volatile int got, who, code, value;

static void on_signal(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	code = info->si_code;
	value = info->si_value.sival_int;
	who = (int)syscall(SYS_gettid);
	got = n;
}

static volatile int stop, tid;
static int parts[2];

static void *thread(void *arg)
{
	(void)arg;
	tid = (int)syscall(SYS_gettid);
	while (!stop)
		usleep(1000);
	return NULL;
}

static const char *sent(int fd, int signal, const siginfo_t *info, unsigned flags)
{
	static char text[8][64];
	static int i;
	char *s = text[i++ % 8];
	const char *n;

	got = who = 0;
	code = 77;
	n = result(syscall(SEND, fd, signal, info, flags));
	for (int i = 0; i < 100 && signal && *n == '0' && !got; i++)
		usleep(1000);
	snprintf(s, 64, "%s%s%s code %d", n, got ? " came" : "", who == tid && tid ? " to the thread" : who == getpid() ? " to the first" : "", code);
	return s;
}

static void threads(void)
{
	pthread_t t;
	int fd, self, mine, again;
	struct pollfd p;
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE, .si_value = {.sival_int = 5}};

	handle(SIGUSR1, on_signal, 0);
	pthread_create(&t, NULL, thread, NULL);
	while (!tid)
		usleep(1000);
	r[0] = result(open_(tid, 0));
	r[1] = result(fd = open_(tid, THREAD)) ? "0" : "";
	r[2] = result(open_(tid, 1 << 5));
	r[3] = result(open_(0x3ffffff0, THREAD));
	r[4] = result(open_(0, THREAD));
	self = open_(getpid(), 0);
	mine = open_(getpid(), THREAD | O_NONBLOCK);
	again = open_(tid, THREAD);
	say("of a thread %s, as one %d, flags %s, of nobody %s, of 0 %s; flags %x %x", r[0], fd >= 0, r[2], r[3], r[4],
	    (unsigned)fcntl(fd, F_GETFL) & ~02u, (unsigned)fcntl(mine, F_GETFL) & ~02u);
	say("lives %s %s", polled(fd), polled(self));
	block(SIG_BLOCK, SIGUSR1);
	say("process: %s", sent(self, SIGUSR1, NULL, 0));
	block(SIG_UNBLOCK, SIGUSR1);
	say("thread: %s", sent(fd, SIGUSR1, NULL, 0));
	say("first: %s", sent(mine, SIGUSR1, NULL, 0));
	say("first, asked: %s", sent(self, SIGUSR1, NULL, TO_THREAD));
	say("thread, asked for the process: %s", sent(fd, 0, NULL, TO_PROCESS));
	r[0] = sent(mine, SIGUSR1, &info, 0);
	say("with a value, itself: %s %d", r[0], value);
	say("with a value, the thread: %s", sent(fd, SIGUSR1, &info, 0));
	info.si_code = SI_USER;
	say("with the kernel's code, itself: %s", sent(mine, SIGUSR1, &info, 0));
	say("with the kernel's code, the thread: %s", sent(fd, SIGUSR1, &info, 0));
	r[0] = sent(self, 0, NULL, TO_THREAD | TO_PROCESS);
	r[1] = sent(self, 0, NULL, 8);
	r[2] = sent(self, 99, NULL, TO_THREAD);
	say("two %s, unknown %s, no such signal %s", r[0], r[1], r[2]);
	stop = 1;
	pthread_join(t, NULL);
	while (syscall(SYS_tgkill, getpid(), tid, 0) == 0)
		usleep(1000);
	say("ended %s %s", polled(fd), polled(again));
	p = (struct pollfd){.fd = self, .events = POLLIN};
	say("the process lives: %d", poll(&p, 1, 0));
	say("to who is gone: %s, asked for the process: %s", sent(fd, 0, NULL, 0), sent(fd, 0, NULL, TO_PROCESS));
	close(fd);
	close(again);
	close(self);
	close(mine);
}

/* A directory of /proc stands for its process. */
static void directories(void)
{
	int self = open("/proc/self", O_RDONLY | O_DIRECTORY), path = open("/proc/self", O_PATH | O_DIRECTORY);
	int other = open("/proc", O_RDONLY | O_DIRECTORY), below = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);

	say("of /proc: %s", sent(self, SIGUSR1, NULL, 0));
	r[0] = sent(path, 0, NULL, 0);
	r[1] = sent(other, 0, NULL, 0);
	r[2] = sent(below, 0, NULL, 0);
	say("as a path %s, none %s, below %s", r[0], r[1], r[2]);
	close(self);
	close(path);
	close(other);
	close(below);
}

static void groups(void)
{
	pid_t a, b, c;
	char x;
	int fd, other;

	pipe(parts);
	a = fork();
	if (a == 0) {
		setpgid(0, 0);
		write(parts[1], "x", 1);
		pause();
		_exit(0);
	}
	read(parts[0], &x, 1);
	b = fork();
	if (b == 0) {
		setpgid(0, a);
		write(parts[1], "x", 1);
		pause();
		_exit(0);
	}
	read(parts[0], &x, 1);
	c = fork();
	if (c == 0) {
		pause();
		_exit(0);
	}
	fd = open_(a, 0);
	other = open_(b, 0);
	r[0] = result(syscall(SEND, other, 0, NULL, TO_GROUP));
	r[1] = result(syscall(SEND, fd, 0, NULL, TO_GROUP));
	r[2] = result(syscall(SEND, fd, SIGTERM, NULL, TO_GROUP));
	say("not its leader %s, there %s, sent %s", r[0], r[1], r[2]);
	say("%s", wait_for(a));
	say("%s", wait_for(b));
	kill(c, SIGKILL);
	say("%s", wait_for(c));
	close(fd);
	close(other);
}

/* ---- kcmp ---- */

struct slot {
	unsigned epoll, fd, offset;
};

static const char *compared(int file, int epoll, int fd, unsigned offset)
{
	struct slot s = {(unsigned)epoll, (unsigned)fd, offset};
	static char text[8][24];
	static int i;
	char *t = text[i++ % 8];
	long n = syscall(SYS_kcmp, getpid(), getpid(), 7, file, &s);

	snprintf(t, 24, "%s", n < 0 ? result(n) : n ? "other" : "same");
	return t;
}

static void epolls(void)
{
	int e = epoll_create1(0), a[2], b[2], copy;
	struct epoll_event event = {.events = EPOLLIN};

	pipe(a);
	pipe(b);
	epoll_ctl(e, EPOLL_CTL_ADD, a[0], &event);
	epoll_ctl(e, EPOLL_CTL_ADD, b[0], &event);
	copy = dup(a[0]);
	say("same %s, a copy %s, other %s, the second %s, not watched %s, no epoll %s, closed %s %s", compared(a[0], e, a[0], 0),
	    compared(copy, e, a[0], 0), compared(b[0], e, a[0], 0), compared(a[0], e, a[0], 1), compared(a[0], e, a[1], 0),
	    compared(a[0], a[1], a[0], 0), compared(a[0], 999, a[0], 0), compared(999, e, a[0], 0));
	/* The same number, of two files. */
	dup2(b[0], a[0]);
	epoll_ctl(e, EPOLL_CTL_ADD, a[0], &event);
	r[0] = compared(copy, e, a[0], 0);
	r[1] = compared(copy, e, a[0], 1);
	say("one of two: %d, a third %s", (strcmp(r[0], "same") == 0) + (strcmp(r[1], "same") == 0), compared(copy, e, a[0], 2));
	say("pointer %s", result(syscall(SYS_kcmp, getpid(), getpid(), 7, a[0], (void *)8)));
}

int main(void)
{
	threads();
	directories();
	groups();
	epolls();
	return 0;
}
