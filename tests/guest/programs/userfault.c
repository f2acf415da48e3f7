/* SPDX-License-Identifier: MIT */
/* userfaultfd: a thread of the program brings in what is missing, and is told of stores to what it
 * guards. */
#include "guest.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef UFFDIO_REGISTER_MODE_MINOR
#define UFFDIO_REGISTER_MODE_MINOR ((__u64)1 << 2)
#endif

enum { PAGE = 4096, PAGES = 16 };

static int fd;
static char *area, *source;
static const char *r[8];

static int open_fd(int flags) { return (int)syscall(SYS_userfaultfd, flags); }

static int api(int f, unsigned long long features)
{
	struct uffdio_api a = {.api = UFFD_API, .features = features};

	return ioctl(f, UFFDIO_API, &a);
}

static int enroll(void *at, int pages, unsigned long long mode)
{
	struct uffdio_register g = {.range = {(unsigned long)at, (unsigned long)pages * PAGE}, .mode = mode};

	return ioctl(fd, UFFDIO_REGISTER, &g);
}

static int range_do(unsigned long request, void *at, int pages)
{
	struct uffdio_range g = {(unsigned long)at, (unsigned long)pages * PAGE};

	return ioctl(fd, request, &g);
}

static long copied;

static int copy(void *to, const void *from, int pages, unsigned long long mode)
{
	struct uffdio_copy c = {.dst = (unsigned long)to, .src = (unsigned long)from,
				.len = (unsigned long)pages * PAGE, .mode = mode};
	int n = ioctl(fd, UFFDIO_COPY, &c);

	copied = (long)c.copy;
	return n;
}

static int zero(void *at, int pages)
{
	struct uffdio_zeropage z = {.range = {(unsigned long)at, (unsigned long)pages * PAGE}};

	return ioctl(fd, UFFDIO_ZEROPAGE, &z);
}

static int guard(void *at, int pages, unsigned long long mode)
{
	struct uffdio_writeprotect w = {.range = {(unsigned long)at, (unsigned long)pages * PAGE}, .mode = mode};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &w);
}

/* The next message, as text; the page it is about in *page. */
static char *message(int *page)
{
	static char text[64];
	struct uffd_msg m;

	if (read(fd, &m, sizeof(m)) != sizeof(m)) {
		snprintf(text, sizeof(text), "read: %s", strerrorname_np(errno));
		*page = -1;
		return text;
	}
	*page = (int)(((char *)(unsigned long)m.arg.pagefault.address - area) / PAGE);
	snprintf(text, sizeof(text), "event %x flags %llx page %d at %d", m.event, m.arg.pagefault.flags, *page,
		 (int)(m.arg.pagefault.address % PAGE));
	return text;
}

/* A thread that does one thing and tells what came of it. */
struct toucher {
	pthread_t thread;
	int page, how; /* 'r', 'w', or 's': a system call writes there */
	long result;
};

static int null;

static void *touch(void *arg)
{
	struct toucher *t = arg;
	volatile char *at = area + t->page * PAGE;

	if (t->how == 'r')
		t->result = at[5];
	else if (t->how == 'w')
		at[5] = (char)(t->result = 'W');
	else
		t->result = pread(null, (char *)at + 5, 8, 0) == 8 ? at[5] : -errno;
	return NULL;
}

static struct toucher *start(int page, int how)
{
	static struct toucher all[32];
	static int n;
	struct toucher *t = &all[n++ % 32];

	*t = (struct toucher){.page = page, .how = how};
	pthread_create(&t->thread, NULL, touch, t);
	return t;
}

static long end(struct toucher *t)
{
	pthread_join(t->thread, NULL);
	return t->result;
}

static void refusals(void)
{
	struct uffd_msg m;
	char *file;
	int f = open_fd(O_CLOEXEC | O_NONBLOCK), memory;

	r[0] = result(open_fd(0x100));
	r[1] = result(read(f, &m, sizeof(m)));
	r[2] = result(api(f, 1ULL << 60));
	r[3] = result(ioctl(f, UFFDIO_API, (void *)8));
	say("bad flags %s, read too early %s, no such feature %s, bad pointer %s", r[0], r[1], r[2], r[3]);
	fd = f;
	r[0] = result(enroll(area, 1, UFFDIO_REGISTER_MODE_MISSING));
	r[1] = result(api(f, 0));
	r[2] = result(api(f, 0));
	r[3] = result(read(f, &m, sizeof(m)));
	r[4] = result(read(f, &m, sizeof(m) - 1));
	say("register too early %s, begin %s, twice %s, nothing to read %s, too short %s", r[0], r[1], r[2], r[3], r[4]);
	r[0] = result(enroll(area, 1, 0));
	r[1] = result(enroll(area, 1, 64));
	r[2] = result(enroll(area + 1, 1, UFFDIO_REGISTER_MODE_MISSING));
	r[3] = result(enroll(area, 0, UFFDIO_REGISTER_MODE_MISSING));
	say("no mode %s, bad mode %s, unaligned %s, nothing %s", r[0], r[1], r[2], r[3]);
	memory = open("/proc/self/exe", O_RDONLY);
	file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);
	r[0] = result(enroll(file, 1, UFFDIO_REGISTER_MODE_MISSING));
	munmap(file, PAGE);
	r[1] = result(enroll(file, 1, UFFDIO_REGISTER_MODE_MISSING) == 0);
	close(memory);
	say("a file %s, nothing there %s", r[0], strcmp(r[1], "0") ? "done" : "refused");
	r[0] = result(enroll(area, 2, UFFDIO_REGISTER_MODE_MISSING));
	fd = open_fd(O_NONBLOCK);
	api(fd, 0);
	r[1] = result(enroll(area, 1, UFFDIO_REGISTER_MODE_MISSING));
	r[2] = result(copy(area, source, 1, 0));
	close(fd);
	fd = f;
	say("register %s, for another too %s, and his copy %s", r[0], r[1], r[2]);
	r[0] = result(copy(area, source, 1, 4));
	r[1] = result(copy(area, source, 1, UFFDIO_COPY_MODE_WP));
	r[2] = result(copy(area + 1, source, 1, 0));
	r[3] = result(copy(area, (void *)8, 1, 0));
	r[4] = result(copy(area + 4 * PAGE, source, 1, 0));
	r[5] = result(guard(area, 1, UFFDIO_WRITEPROTECT_MODE_WP));
	say("copy: bad mode %s, not guarded %s, unaligned %s, from nowhere %s, to elsewhere %s; guard %s", r[0], r[1],
	    r[2], r[3], r[4], r[5]);
	close(f);
	area[0] = 1;
	say("closed: %d", area[0]);
	madvise(area, PAGES * PAGE, MADV_DONTNEED);
}

static void missing(void)
{
	struct pollfd p;
	struct toucher *a, *b, *c;
	int page;

	fd = open_fd(O_CLOEXEC);
	api(fd, 0);
	say("register %s", result(enroll(area, 8, UFFDIO_REGISTER_MODE_MISSING)));
	a = start(1, 'r');
	say("%s", message(&page));
	strcpy(source + 5, "copied");
	r[0] = result(copy(area + page * PAGE, source, 1, 0));
	r[1] = result(copy(area + page * PAGE, source, 1, 0));
	say("copy %s (%s again, %ld): read %c", r[0], r[1], copied, (int)end(a));
	a = start(2, 'w');
	say("%s", message(&page));
	r[0] = result(zero(area + page * PAGE, 1));
	say("zeros %s: wrote %c", r[0], (int)end(a));
	say("around it %d %d", area[2 * PAGE + 4], area[2 * PAGE + 6]);
	a = start(3, 's');
	say("%s", message(&page));
	r[0] = result(copy(area + page * PAGE, source, 1, 0));
	say("copy %s: a call read %c", r[0], (int)end(a));
	/* Two at one page, one at the next: a copy of both pages, quietly; then they are woken. */
	a = start(4, 'r');
	say("%s", message(&page));
	b = start(4, 'w');
	say("%s", message(&page));
	c = start(5, 'r');
	say("%s", message(&page));
	strcpy(source + PAGE + 5, "second");
	r[0] = result(copy(area + 4 * PAGE, source, 2, UFFDIO_COPY_MODE_DONTWAKE));
	r[1] = result(range_do(UFFDIO_WAKE, area + 4 * PAGE, 2));
	say("copy %s %ld, wake %s: %c", r[0], copied, r[1], (int)end(c));
	end(a);
	end(b);
	/* Woken for nothing it asks again. */
	a = start(6, 'r');
	say("%s", message(&page));
	range_do(UFFDIO_WAKE, area + 6 * PAGE, 1);
	say("again: %s", message(&page));
	r[0] = result(copy(area + 3 * PAGE, source, 2, 0));
	say("partly: %s, %ld", r[0], copied);
	r[0] = result(zero(area + 6 * PAGE, 1));
	say("zeros %s: %d", r[0], (int)end(a));
	/* What was given up is missing again. */
	madvise(area + PAGE, PAGE, MADV_DONTNEED);
	a = start(1, 'w');
	say("%s", message(&page));
	r[0] = result(range_do(UFFDIO_UNREGISTER, area, 8));
	end(a);
	say("unregister %s: %c, %d", r[0], area[PAGE + 5], area[PAGE + 6]);
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	page = poll(&p, 1, 0);
	say("poll of one that blocks: %d %x", page, (unsigned)p.revents);
	close(fd);
	madvise(area, PAGES * PAGE, MADV_DONTNEED);
}

static void guarded(void)
{
	struct toucher *a;
	struct pollfd p;
	int page;

	fd = open_fd(O_CLOEXEC | O_NONBLOCK);
	api(fd, 0);
	memset(area, 'x', 4 * PAGE);
	say("register %s", result(enroll(area, 8, UFFDIO_REGISTER_MODE_WP)));
	r[0] = result(guard(area, 6, UFFDIO_WRITEPROTECT_MODE_WP));
	r[1] = result(guard(area, 6, UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE));
	r[2] = result(guard(area + 8 * PAGE, 1, UFFDIO_WRITEPROTECT_MODE_WP));
	say("guard %s, bad mode %s, not watched %s", r[0], r[1], r[2]);
	say("reading is free: %c", area[PAGE]);
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	say("poll: %d", poll(&p, 1, 0));
	a = start(1, 'w');
	r[0] = poll(&p, 1, 10000) == 1 && p.revents == POLLIN ? "in" : "no";
	say("poll: %s", r[0]);
	r[0] = message(&page);
	say("%s, still %c", r[0], area[PAGE + 5]);
	r[0] = result(guard(area + PAGE, 1, 0));
	say("let go %s: %c", r[0], (int)end(a));
	area[PAGE] = 'y';
	say("and now freely: %c", area[PAGE]);
	a = start(2, 's');
	poll(&p, 1, 10000);
	say("%s", message(&page));
	r[0] = result(guard(area, 4, 0));
	say("let go %s: %c", r[0], (int)end(a));
	/* A fork's child is free of it; the parent is not. */
	guard(area, 1, UFFDIO_WRITEPROTECT_MODE_WP);
	if (fork() == 0) {
		area[0] = 'c';
		_exit(area[0]);
	}
	wait(&page);
	say("a child wrote %c", WEXITSTATUS(page));
	a = start(0, 'w');
	poll(&p, 1, 10000);
	say("%s", message(&page));
	close(fd);
	say("closed: %c", (int)end(a));
	madvise(area, PAGES * PAGE, MADV_DONTNEED);
}

static void shared(void)
{
	int memory = (int)syscall(SYS_memfd_create, "watched", 0), page;
	char *other, *old = area;
	struct toucher *a;

	ftruncate(memory, PAGES * PAGE);
	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	other = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	fd = open_fd(O_CLOEXEC);
	api(fd, 0);
	other[3 * PAGE] = 'o';
	say("register %s", result(enroll(area, 8, UFFDIO_REGISTER_MODE_MISSING)));
	say("there already: %c", area[3 * PAGE]);
	a = start(1, 'r');
	say("%s", message(&page));
	r[0] = result(copy(area + PAGE, source, 1, 0));
	end(a);
	say("copy %s: %c, seen elsewhere %s", r[0], (int)a->result, other + PAGE + 5);
	a = start(2, 'w');
	say("%s", message(&page));
	r[0] = result(zero(area + 2 * PAGE, 1));
	say("zeros %s: %c", r[0], (int)end(a));
	close(fd);
	close(memory);
	munmap(area, PAGES * PAGE);
	munmap(other, PAGES * PAGE);
	area = old;
}

static volatile int signals;

static void count(int n, siginfo_t *info, void *uc)
{
	(void)n;
	(void)info;
	(void)uc;
	signals++;
}

/* A signal reaches a thread that sleeps on a fault of its own. */
static void interrupted(void)
{
	struct toucher *a;
	int page;

	handle(SIGUSR1, count, 0);
	fd = open_fd(O_CLOEXEC);
	api(fd, 0);
	enroll(area, 8, UFFDIO_REGISTER_MODE_MISSING);
	a = start(1, 'r');
	message(&page);
	pthread_kill(a->thread, SIGUSR1);
	while (!signals)
		usleep(1000);
	strcpy(source + 5, "late");
	r[0] = result(copy(area + PAGE, source, 1, 0));
	end(a);
	say("copy %s: %c after %d signal", r[0], (int)a->result, signals);
	/* And who is killed leaves nothing behind. */
	if (fork() == 0) {
		fd = open_fd(0);
		api(fd, 0);
		enroll(area + 8 * PAGE, 8, UFFDIO_REGISTER_MODE_MISSING);
		alarm(1);
		area[9 * PAGE] = 1;
		_exit(0);
	}
	wait(&page);
	say("alone with its fault: %s", how_it_ended(page));
	close(fd);
}

int main(void)
{
	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	source = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, PAGES * PAGE, MADV_NOHUGEPAGE);
	null = open("/proc/self/exe", O_RDONLY);
	memset(source, 's', 4 * PAGE);
	refusals();
	missing();
	guarded();
	shared();
	interrupted();
	return 0;
}
