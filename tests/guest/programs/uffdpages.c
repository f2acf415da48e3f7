/* SPDX-License-Identifier: MIT */
/* What a userfaultfd does with pages besides filling them: moving, poisoning; and private mappings of files
 * in RAM. As root. */
#include "guest.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE };

/* linux/userfaultfd.h of Linux 6.8. */
struct move_arg {
	uint64_t dst, src, len, mode;
	int64_t moved;
};
struct poison_arg {
	uint64_t start, len, mode;
	int64_t updated;
};
#define MOVE _IOWR(0xAA, 0x05, struct move_arg)
#define POISON _IOWR(0xAA, 0x08, struct poison_arg)
#ifndef UFFDIO_REGISTER_MODE_MINOR
#define UFFDIO_REGISTER_MODE_MINOR ((__u64)1 << 2)
#endif
enum { DONTWAKE = 1, ALLOW_SRC_HOLES = 2 };

static int fd;
static const char *r[10];
static long how;

static void begin(void)
{
	struct uffdio_api a = {.api = UFFD_API};

	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	ioctl(fd, UFFDIO_API, &a);
	say("features %llx, ioctls %llx", a.features & ~(1ULL << 17), (unsigned long long)a.ioctls);
}

static int enroll(void *at, int pages, unsigned long long mode)
{
	struct uffdio_register g = {.range = {(unsigned long)at, (unsigned long)pages * PAGE}, .mode = mode};
	int n = ioctl(fd, UFFDIO_REGISTER, &g);

	how = (long)g.ioctls;
	return n;
}

static const char *copy(void *to, const char *text)
{
	static char page[PAGE] __attribute__((aligned(4096)));
	struct uffdio_copy c = {.dst = (unsigned long)to, .src = (unsigned long)page, .len = PAGE};

	strcpy(page, text);
	return result(ioctl(fd, UFFDIO_COPY, &c));
}

static const char *zero(void *to)
{
	struct uffdio_zeropage z = {.range = {(unsigned long)to, PAGE}};

	return result(ioctl(fd, UFFDIO_ZEROPAGE, &z));
}

static const char *go_on(void *to)
{
	struct uffdio_continue z = {.range = {(unsigned long)to, PAGE}};

	return result(ioctl(fd, UFFDIO_CONTINUE, &z));
}

static const char *move(void *to, void *from, int pages, uint64_t mode)
{
	struct move_arg m = {(uint64_t)to, (uint64_t)from, (uint64_t)pages * PAGE, mode, 77};
	static char text[8][64];
	static int i;
	char *s = text[i++ % 8];
	int n = ioctl(fd, MOVE, &m);

	snprintf(s, 64, "%s(%ld)", result(n), (long)m.moved);
	return s;
}

static const char *poison(void *at, int pages, uint64_t mode)
{
	struct poison_arg m = {(uint64_t)at, (uint64_t)pages * PAGE, mode, 77};
	static char text[8][64];
	static int i;
	char *s = text[i++ % 8];
	int n = ioctl(fd, POISON, &m);

	snprintf(s, 64, "%s(%ld)", result(n), (long)m.updated);
	return s;
}

static char *map(int pages, int prot, int flags, int file)
{
	char *p = mmap(NULL, (size_t)(pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + PAGE;

	mmap(p, (size_t)pages * PAGE, prot, flags | MAP_FIXED | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
	madvise(p, (size_t)pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static sigjmp_buf back;
static volatile int signals;

static void on_bus(int n, siginfo_t *info, void *uc)
{
	(void)info;
	(void)uc;
	signals++;
	siglongjmp(back, n);
}

/* A byte, or SIGBUS. */
static const char *peek(const volatile char *p)
{
	static char text[16][8];
	static int i;
	char *s = text[i++ % 16];

	if (sigsetjmp(back, 1))
		return "BUS";
	snprintf(s, 8, "%c", *p ? *p : '0');
	return s;
}

static void moving(void)
{
	char *to = map(8, RW, MAP_PRIVATE, -1), *from = map(8, RW, MAP_PRIVATE, -1), *other;

	begin();
	r[0] = result(enroll(to, 8, UFFDIO_REGISTER_MODE_MISSING));
	say("register %s, ioctls %lx", r[0], how & ~1L);
	memset(from, 'f', 4 * PAGE);
	from[PAGE] = 'g';
	r[0] = move(to, from, 1, 0);
	say("one %s: %s, %s", r[0], peek(to), peek(to + 4095));
	say("what is left: %s", peek(from));
	r[0] = move(to, from + PAGE, 1, 0);
	r[1] = move(to + PAGE, from + 5 * PAGE, 1, 0);
	r[2] = move(to + PAGE, from + 5 * PAGE, 1, ALLOW_SRC_HOLES);
	r[3] = move(to + PAGE, from + PAGE, 1, 4);
	say("over another %s, of a hole %s, allowed %s, bad mode %s", r[0], r[1], r[2], r[3]);
	r[0] = move(to + 1, from, 1, 0);
	r[1] = move(to, from + 1, 1, 0);
	r[2] = move(to, from, 0, 0);
	r[3] = move(to + 7 * PAGE, from, 2, 0);
	r[4] = move(from, to, 1, 0);
	r[5] = move(to + 7 * PAGE, from + 7 * PAGE, 2, 0);
	r[6] = move(to + PAGE, (void *)0x7000000, 1, 0);
	say("unaligned %s %s, nothing %s, too far %s, the other way %s, from too far %s, from nowhere %s", r[0], r[1], r[2], r[3],
	    r[4], r[5], r[6]);
	r[0] = move(to + PAGE, from + PAGE, 4, 0);
	say("three of four %s: %s %s", r[0], peek(to + PAGE), peek(to + 3 * PAGE));
	from[6 * PAGE] = 'h';
	r[0] = move(to + 5 * PAGE, from + 5 * PAGE, 3, ALLOW_SRC_HOLES);
	say("with holes %s: %s", r[0], peek(to + 6 * PAGE));
	from[6 * PAGE] = 'i';
	mprotect(from, 8 * PAGE, PROT_READ);
	r[0] = move(to + 7 * PAGE, from + 6 * PAGE, 1, 0);
	mprotect(from, 8 * PAGE, RW);
	other = map(1, RW, MAP_SHARED, -1);
	other[0] = 's';
	r[1] = move(to + 7 * PAGE, other, 1, 0);
	r[2] = result(mlock(from, 8 * PAGE));
	r[3] = move(to + 7 * PAGE, from + 6 * PAGE, 1, 0);
	munlock(from, 8 * PAGE);
	say("read-only %s, shared %s, locked (%s) %s", r[0], r[1], r[2], r[3]);
	from[PAGE] = 'j';
	if (fork() == 0) {
		sleep(1);
		_exit(0);
	}
	r[0] = move(to + 7 * PAGE, from + PAGE, 1, 0);
	wait(NULL);
	from[PAGE] = 'k';
	r[1] = move(to + 7 * PAGE, from + PAGE, 1, 0);
	say("shared with a child %s, alone again %s: %s", r[0], r[1], peek(to + 7 * PAGE));
	close(fd);
}

static void poisoning(void)
{
	char *p = map(8, RW, MAP_PRIVATE, -1), *q;
	int status, null = open("/dev/zero", O_RDONLY);

	begin();
	p[4 * PAGE] = 'p';
	say("register %s", result(enroll(p, 8, UFFDIO_REGISTER_MODE_MISSING)));
	r[0] = poison(p, 2, 0);
	r[1] = poison(p, 1, 0);
	r[2] = poison(p + 3 * PAGE, 2, 0);
	r[3] = poison(p, 1, 2);
	r[4] = poison(p + 7 * PAGE, 2, 0);
	r[5] = poison(p + 1, 1, 0);
	say("poison %s, again %s, what is there %s, bad mode %s, too far %s, unaligned %s", r[0], r[1], r[2], r[3], r[4], r[5]);
	r[0] = peek(p);
	r[1] = peek(p + PAGE);
	r[2] = peek(p + 4 * PAGE);
	r[3] = result(read(null, p + PAGE, 1));
	say("read %s %s %s, by a call %s", r[0], r[1], r[2], r[3]);
	status = fork();
	if (status == 0)
		_exit(strcmp(peek(p), "BUS") == 0);
	say("a child, too: %s", wait_for(status));
	q = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map(1, RW, MAP_PRIVATE, -1));
	say("moved %s", peek(q));
	madvise(p + PAGE, PAGE, MADV_DONTNEED);
	r[0] = zero(p + PAGE);
	say("given up and filled %s: %s", r[0], peek(p + PAGE));
	r[0] = copy(p + 3 * PAGE, "c");
	say("filled over it %s: %s", r[0], peek(p + 3 * PAGE));
	close(fd);
	close(null);
}

struct toucher {
	pthread_t thread;
	volatile char *at;
	int store;
	char found;
};

static void *touch(void *arg)
{
	struct toucher *t = arg;

	if (t->store)
		*t->at = 't';
	t->found = *t->at;
	return NULL;
}

static const char *fault(const char *base)
{
	static char text[2][64];
	static int i;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct uffd_msg m;
	char *s = text[i++ % 2];

	if (poll(&p, 1, 3000) != 1 || read(fd, &m, sizeof(m)) != sizeof(m))
		return "none";
	snprintf(s, 64, "flags %llx at %d", m.arg.pagefault.flags,
		 (int)(((long)m.arg.pagefault.address - (long)base) / PAGE));
	return s;
}

/* A private mapping of a file in RAM: what is missing there is missing in the file. */
static void private_file(void)
{
	int file = memfd_create("uffdpages", 0);
	struct toucher t = {0};
	char *p, c;

	ftruncate(file, 6 * PAGE);
	pwrite(file, "file", 4, PAGE);
	p = map(8, RW, MAP_PRIVATE, file);
	begin();
	say("register %s", result(enroll(p, 8, UFFDIO_REGISTER_MODE_MISSING)));
	say("there %s", peek(p + PAGE));
	for (int i = 0; i < 2; i++) {
		t.at = p + (2 + i) * PAGE;
		t.store = i;
		pthread_create(&t.thread, NULL, touch, &t);
		r[0] = fault(p);
		r[1] = copy(p + (2 + i) * PAGE, "mine");
		pthread_join(t.thread, NULL);
		c = 'x';
		pread(file, &c, 1, (2 + i) * PAGE);
		say("%s: copy %s: %c, in the file %c", r[0], r[1], t.found, c ? c : '0');
	}
	r[0] = copy(p + PAGE, "x");
	r[1] = copy(p + 2 * PAGE, "x");
	pwrite(file, "late", 4, 4 * PAGE);
	r[2] = copy(p + 4 * PAGE, "x");
	r[3] = copy(p + 7 * PAGE, "x");
	say("over what is mapped %s %s, over what the file has %s: %s, beyond its end %s", r[0], r[1], r[2], peek(p + 4 * PAGE), r[3]);
	r[0] = zero(p + 5 * PAGE);
	pread(file, &c, 1, 5 * PAGE);
	say("zeros %s: %s", r[0], peek(p + 5 * PAGE));
	close(fd);
	/* And what the file has, but no entry shows. */
	munmap(p, 8 * PAGE);
	p = map(6, RW, MAP_PRIVATE, file);
	begin();
	r[0] = result(enroll(p, 6, UFFDIO_REGISTER_MODE_MINOR));
	t.at = p + PAGE;
	t.store = 0;
	pthread_create(&t.thread, NULL, touch, &t);
	r[1] = fault(p);
	r[2] = go_on(p + PAGE);
	pthread_join(t.thread, NULL);
	p[PAGE] = 'q';
	c = 'x';
	pread(file, &c, 1, PAGE);
	say("register %s, %s, go on %s: %c, and its own %c of %c", r[0], r[1], r[2], t.found, p[PAGE], c);
	close(fd);
	close(file);
	munmap(p, 6 * PAGE);
}

int main(void)
{
	struct sigaction a = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &a, NULL);
	moving();
	poisoning();
	private_file();
	return 0;
}
