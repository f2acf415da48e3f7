/* SPDX-License-Identifier: MIT */
/* poll, ppoll, select, pselect6 and epoll as calls: times, masks, signals, limits, bad pointers. */
#include "polling.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { MS = 1000000 };

static volatile int signals;
static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	signals++;
}

static long ppoll_raw(void *p, unsigned long n, void *time, void *mask, unsigned long size)
{
	return syscall(SYS_ppoll, p, n, time, mask, size);
}

static long select_raw(int n, void *r, void *w, void *x, void *time, void *mask)
{
	return syscall(SYS_pselect6, n, r, w, x, time, mask);
}

/* What is left of a time: none, some, or as it was. */
static const char *left(const struct timespec *now, long seconds, long ns)
{
	if (now->tv_sec == seconds && now->tv_nsec == ns)
		return "untouched";
	return now->tv_sec == 0 && now->tv_nsec == 0 ? "none left" : "less";
}

static void bad_polls(void)
{
	int p[2];
	struct rlimit few = {20, 20};
	struct pollfd f[32];
	struct timespec wrong = {0, 1000 * MS}, negative = {-1, 0}, zero = {0, 0}, ms = {0, MS};
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigset_t none;

	sigemptyset(&none);
	pipe(p);
	write(p[1], "x", 1);
	for (int i = 0; i < 32; i++)
		f[i] = (struct pollfd){.fd = p[0], .events = POLLIN};
	say("ppoll");
	say("  many of one: %s", result(ppoll_raw(f, 32, &zero, NULL, 0)));
	say("  none: %s", result(ppoll_raw(NULL, 0, &zero, NULL, 0)));
	long r = ppoll_raw((void *)8, 0, &ms, NULL, 0);
	say("  none, and a time: %s, %s", result(r), left(&ms, 0, MS));
	say("  nowhere: %s", result(ppoll_raw((void *)8, 1, &zero, NULL, 0)));
	mprotect(page + 4096, 4096, PROT_NONE);
	memcpy(page + 4096 - 12, f, 12);
	say("  half there: %s", result(ppoll_raw(page + 4096 - 12, 2, &zero, NULL, 0)));
	say("  the first: %s", result(ppoll_raw(page + 4096 - 12, 1, &zero, NULL, 0)));
	memcpy(page, f, 8);
	mprotect(page, 4096, PROT_READ);
	say("  read only: %s", result(ppoll_raw(page, 1, &zero, NULL, 0)));
	say("  the time nowhere: %s", result(ppoll_raw(f, 1, (void *)8, NULL, 0)));
	say("  too many ns: %s", result(ppoll_raw(f, 1, &wrong, NULL, 0)));
	say("  a negative time: %s", result(ppoll_raw(f, 1, &negative, NULL, 0)));
	say("  a mask of 4: %s", result(ppoll_raw(f, 1, &zero, &none, 4)));
	say("  a mask of 128: %s", result(ppoll_raw(f, 1, &zero, &none, 128)));
	say("  no mask of 4: %s", result(ppoll_raw(f, 1, &zero, NULL, 4)));
	say("  the mask nowhere: %s", result(ppoll_raw(f, 1, &zero, (void *)8, 8)));
	f[0].events = POLLPRI;
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
	*(struct timespec *)page = (struct timespec){0, MS};
	mprotect(page, 4096, PROT_READ);
	say("  a time that cannot be changed: %s", result(ppoll_raw(f, 1, page, NULL, 0)));
	f[0] = (struct pollfd){.fd = -7, .events = POLLIN, .revents = 77};
	r = ppoll_raw(f, 1, &zero, NULL, 0);
	say("  a negative file: %s, %x", result(r), f[0].revents);
	setrlimit(RLIMIT_NOFILE, &few);
	say("  more than files may be open: %s", result(ppoll_raw(f, 21, &zero, NULL, 0)));
	say("  as many: %s", result(ppoll_raw(f, 20, &zero, NULL, 0)));
	say("  more, and the time is wrong: %s", result(ppoll_raw(f, 21, (void *)8, NULL, 0)));
	say("  more, and the mask is: %s", result(ppoll_raw(f, 21, &zero, (void *)8, 8)));
	say("  2^32 and one: %s", result(ppoll_raw(f, (1UL << 32) + 1, &zero, NULL, 0)));
	say("  2^31: %s", result(ppoll_raw(f, 1UL << 31, &zero, NULL, 0)));
}

static void bad_selects(void)
{
	int p[2];
	fd_set set;
	struct timespec wrong = {0, 1000 * MS}, negative = {-1, 0}, zero = {0, 0}, ms = {0, MS};
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t none = 0, mask[2] = {(uintptr_t)&none, 8}, bad_mask[2] = {8, 8}, short_mask[2] = {(uintptr_t)&none, 4},
		 no_mask[2] = {0, 4}, word;

	pipe(p);
	say("pselect6");
	say("  none: %s", result(select_raw(0, NULL, NULL, NULL, &zero, NULL)));
	say("  fewer: %s", result(select_raw(-1, NULL, NULL, NULL, &zero, NULL)));
	say("  fewer, and no time: %s", result(select_raw(-1, NULL, NULL, NULL, (void *)8, NULL)));
	say("  fewer, and no mask: %s", result(select_raw(-1, NULL, NULL, NULL, &zero, (void *)8)));
	say("  no time and a wrong mask: %s", result(select_raw(0, NULL, NULL, NULL, (void *)8, short_mask)));
	long r = select_raw(0, (void *)8, NULL, NULL, &ms, NULL);
	say("  a time: %s, %s", result(r), left(&ms, 0, MS));
	say("  nowhere: %s", result(select_raw(1, (void *)8, NULL, NULL, &zero, NULL)));
	say("  too many ns: %s", result(select_raw(0, NULL, NULL, NULL, &wrong, NULL)));
	say("  a negative time: %s", result(select_raw(0, NULL, NULL, NULL, &negative, NULL)));
	say("  masks: %s %s %s %s", result(select_raw(0, NULL, NULL, NULL, &zero, mask)),
	    result(select_raw(0, NULL, NULL, NULL, &zero, bad_mask)),
	    result(select_raw(0, NULL, NULL, NULL, &zero, short_mask)),
	    result(select_raw(0, NULL, NULL, NULL, &zero, no_mask)));
	mprotect(page + 4096, 4096, PROT_NONE);
	for (int n = 1; n <= 66; n += n == 1 ? 62 : 1) {
		memset(page + 4096 - 8, 0, 8);
		say("  a word for %d files: %s", n, result(select_raw(n, page + 4096 - 8, NULL, NULL, &zero, NULL)));
	}
	word = 1UL << p[1];
	memcpy(page, &word, 8);
	mprotect(page, 4096, PROT_READ);
	say("  read only: %s", result(select_raw(10, NULL, page, NULL, &zero, NULL)));
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	FD_SET(40, &set);
	r = select_raw(41, &set, NULL, NULL, &zero, NULL);
	say("  one is closed: %s, set %d", result(r), FD_ISSET(p[0], &set) != 0);
	r = select_raw(40, &set, NULL, NULL, &zero, NULL);
	say("  not among so few: %s, set %d %d", result(r), FD_ISSET(p[0], &set) != 0, FD_ISSET(40, &set) != 0);
	FD_ZERO(&set);
	FD_SET(p[1], &set);
	say("  beyond any: %s %s", result(select_raw(1 << 30, NULL, &set, NULL, &zero, NULL)),
	    result(select_raw(INT32_MAX, NULL, &set, NULL, &zero, NULL)));
	FD_ZERO(&set);
	FD_SET(900, &set);
	r = select_raw(1024, &set, NULL, NULL, &zero, NULL);
	say("  what no table holds: %s, set %d", result(r), FD_ISSET(900, &set) != 0);
	dup2(p[0], 300);
	FD_ZERO(&set);
	FD_SET(290, &set);
	say("  what the table holds, closed: %s", result(select_raw(1024, &set, NULL, NULL, &zero, NULL)));
	FD_ZERO(&set);
	FD_SET(300, &set);
	say("  open: %s", result(select_raw(1024, NULL, &set, NULL, &zero, NULL)));
}

/* More files than an fd_set holds. */
static void large_select(void)
{
	struct rlimit many;
	struct timespec zero = {0, 0};
	int p[2];
	static uint64_t set[64];

	getrlimit(RLIMIT_NOFILE, &many);
	if (many.rlim_max < 4096)
		many.rlim_max = 4096;
	many.rlim_cur = 4096;
	setrlimit(RLIMIT_NOFILE, &many);
	pipe(p);
	write(p[1], "x", 1);
	if (dup2(p[0], 3000) != 3000)
		return;
	set[3000 / 64] |= 1UL << 3000 % 64;
	long r = select_raw(3001, set, NULL, NULL, &zero, NULL);
	say("the three thousandth: %s, set %d", result(r), (int)(set[3000 / 64] >> 3000 % 64 & 1));
	memset(set, 0, sizeof(set));
	set[3001 / 64] |= 1UL << 3001 % 64;
	say("the next, which is closed: %s", result(select_raw(4096, set, NULL, NULL, &zero, NULL)));
	close(3000);
}

static void fd_sizes(void)
{
	static char text[4000];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *line = n > 0 ? strstr(text, "FDSize:") : NULL;

	say("%.*s", line ? (int)strcspn(line, "\n") : 0, line);
	close(fd);
}

static void tables(void)
{
	fd_sizes();
	dup2(1, 63), fd_sizes();
	dup2(1, 64), fd_sizes();
	dup2(1, 700), fd_sizes();
	in_child("with seven hundred", fd_sizes);
	close(700);
	in_child("with less", fd_sizes);
	close(64);
	in_child("with few", fd_sizes);
	fd_sizes();
}

/* --- times, signals, masks --- */

static void on_time(void)
{
	int p[2];
	struct timespec time = {0, 5 * MS};
	struct timeval tv = {0, 5000};
	struct pollfd f;

	say("times");
	pipe(p);
	f = (struct pollfd){.fd = p[0], .events = POLLIN, .revents = 9};
	long r = poll(&f, 1, 5);
	say("  poll: %s, %d", result(r), f.revents);
	r = ppoll_raw(&f, 1, &time, NULL, 0);
	say("  ppoll: %s, %s", result(r), left(&time, 0, 5 * MS));
	r = select(0, NULL, NULL, NULL, &tv);
	say("  select: %s, left %d", result(r), (int)tv.tv_usec);
	time = (struct timespec){1000, 0};
	write(p[1], "x", 1);
	r = ppoll_raw(&f, 1, &time, NULL, 0);
	say("  at once: %s", result(r));
	time = (struct timespec){INT64_MAX, 999999999};
	say("  as long as can be: %s", result(ppoll_raw(&f, 1, &time, NULL, 0)));
	say("  minus five: %s", result(poll(&f, 1, -5)));
}

/* Again and again, since the first may come before the call. */
static void after(int us, int flags)
{
	struct itimerval t = {.it_value = {0, us}, .it_interval = {0, us}};

	signals = 0;
	handle(SIGALRM, on_signal, flags);
	setitimer(ITIMER_REAL, &t, NULL);
}

static void by_signals(void)
{
	int p[2], ep = epoll_create1(0);
	struct timespec time;
	struct pollfd f;
	struct epoll_event e = {.events = EPOLLIN};
	fd_set set;

	say("signals");
	pipe(p);
	f = (struct pollfd){.fd = p[0], .events = POLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		after(20000, flags);
		f.revents = 77;
		long r = poll(&f, 1, -1);
		say("  poll: %s, %d, events %d", result(r), signals > 0, f.revents);
		after(20000, flags);
		time = (struct timespec){100, 0};
		r = ppoll_raw(&f, 1, &time, NULL, 0);
		say("  ppoll: %s, %d, %s", result(r), signals > 0, left(&time, 100, 0));
		after(20000, flags);
		time = (struct timespec){100, 0};
		FD_ZERO(&set);
		FD_SET(p[0], &set);
		r = select_raw(10, &set, NULL, NULL, &time, NULL);
		say("  pselect6: %s, %d, %s, set %d", result(r), signals > 0, left(&time, 100, 0), FD_ISSET(p[0], &set) != 0);
		after(20000, flags);
		r = epoll_wait(ep, &e, 1, -1);
		say("  epoll_wait: %s, %d", result(r), signals > 0);
	}
	signal(SIGALRM, SIG_IGN);
	struct itimerval soon = {.it_value = {0, 5000}};
	setitimer(ITIMER_REAL, &soon, NULL);
	time = (struct timespec){0, 30 * MS};
	long r = ppoll_raw(&f, 1, &time, NULL, 0);
	say("  ignored: %s, %s", result(r), left(&time, 0, 30 * MS));
}

static void masks(void)
{
	struct timespec zero = {0, 0}, late = {10, 0};
	sigset_t none, all, now;
	struct pollfd f = {.fd = -1};
	struct epoll_event e;
	int fd = eventfd(1, 0), ep = epoll_create1(0);
	uint64_t in[2] = {(uintptr_t)&none, 8}, out[2] = {(uintptr_t)&all, 8};

	say("masks");
	sigemptyset(&none);
	sigfillset(&all);
	handle(SIGUSR1, on_signal, 0);
	block(SIG_BLOCK, SIGUSR1);
	signals = 0;
	raise(SIGUSR1);
	long r = ppoll_raw(&f, 1, &late, &none, 8);
	say("  pending and let in: %s, %d", result(r), signals);
	raise(SIGUSR1);
	r = ppoll_raw(&f, 1, &zero, &none, 8);
	say("  with no time at all: %s, %d", result(r), signals);
	raise(SIGUSR1);
	r = select_raw(0, NULL, NULL, NULL, &zero, in);
	say("  pselect6, with no time: %s, %d", result(r), signals);
	raise(SIGUSR1);
	r = epoll_pwait(ep, &e, 1, 10000, &none);
	say("  epoll_pwait: %s, %d", result(r), signals);
	raise(SIGUSR1);
	r = epoll_pwait(ep, &e, 1, 0, &none);
	say("  epoll_pwait, with no time: %s, %d", result(r), signals);
	f = (struct pollfd){.fd = fd, .events = POLLIN};
	raise(SIGUSR1);
	r = ppoll_raw(&f, 1, &late, &none, 8);
	say("  something there: %s, %d", result(r), signals);
	sigprocmask(SIG_BLOCK, NULL, &now);
	say("  blocked as before: %d", sigismember(&now, SIGUSR1));
	block(SIG_UNBLOCK, SIGUSR1);
	say("  in the end: %d", signals);
	after(5000, 0);
	late = (struct timespec){0, 30 * MS};
	r = select_raw(0, NULL, NULL, NULL, &late, out);
	say("  kept out of select: %s", result(r));
	say("  and come behind it: %d", signals > 0);
	signal(SIGALRM, SIG_IGN);
	close(fd), close(ep);
}

/* select is not ended by what poll always tells. */
static void only_what_is_asked(void)
{
	int p[2];
	fd_set set;
	struct timespec time = {0, 20 * MS};

	say("an end that was not asked for");
	pipe(p);
	close(p[1]);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	long r = select_raw(p[0] + 1, NULL, NULL, &set, &time, NULL);
	say("  select: %s, %s", result(r), left(&time, 0, 20 * MS));
	time = (struct timespec){0, 20 * MS};
	FD_SET(p[0], &set);
	r = select_raw(p[0] + 1, NULL, &set, NULL, &time, NULL);
	say("  for room: %s, %s", result(r), left(&time, 0, 20 * MS));
	struct pollfd f = {.fd = p[0]};
	say("  poll: %s", result(poll(&f, 1, 20)));
	close(p[0]);
}

static void everything(void)
{
	tables();
	in_child("bad polls", bad_polls);
	in_child("bad selects", bad_selects);
	in_child("large sets", large_select);
	on_time();
	by_signals();
	masks();
	only_what_is_asked();
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* What was inherited shows in the size of a table, but not in that of a child. */
	close_range(3, ~0U, 0);
	in_child("end", everything);
	return 0;
}
