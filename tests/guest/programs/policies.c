/* SPDX-License-Identifier: MIT */
/* Policies of regions on a machine of one node: what mbind asked for is kept, and told again. */
#include "guest.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, BITS = 1025, RW = PROT_READ | PROT_WRITE };
enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY, WEIGHTED };
enum { STATIC = 1 << 15, RELATIVE = 1 << 14, BALANCING = 1 << 13 };

static const char *r[8];
static unsigned long zero[16] = {1}, none[16], one[16] = {2}, both[16] = {3};
static char *base;
static int shown = 16; /* pages from base on */

static const char *bind_to(int page, int pages, unsigned long mode, const unsigned long *nodes)
{
	return result(syscall(SYS_mbind, base + page * PAGE, (size_t)pages * PAGE, mode, nodes, nodes ? BITS : 0, 0));
}

static const char *policy_at(int page)
{
	static char text[8][32];
	static int i;
	unsigned long got[16] = {0};
	int mode = 77;
	char *s = text[i++ % 8];

	if (syscall(SYS_get_mempolicy, &mode, got, BITS, base + page * PAGE, 2) != 0)
		snprintf(s, 32, "%s", strerrorname_np(errno));
	else
		snprintf(s, 32, "%x:%lx", (unsigned)mode, got[0]);
	return s;
}

/* How many pages each line of maps has, and its policy as numa_maps tells it. */
static void regions(const char *what)
{
	FILE *f = fopen("/proc/self/numa_maps", "r"), *maps = fopen("/proc/self/maps", "r");
	char line[512], name[64] = "", text[400] = "";
	unsigned long at, from, to;
	size_t used = 0;

	while (fgets(line, sizeof(line), maps)) {
		sscanf(line, "%lx-%lx", &from, &to);
		if (from < (unsigned long)base || from >= (unsigned long)base + (unsigned long)shown * PAGE)
			continue;
		rewind(f);
		snprintf(name, sizeof(name), "?");
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "%lx", &at) == 1 && at == from)
				sscanf(line, "%*x %63[^\n ]", name);
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %lu %s", (to - from) / PAGE, name);
	}
	fclose(f);
	fclose(maps);
	say("%s:%s", what, text);
}

/* Shared memory keeps them itself: who maps it elsewhere, later, or privately is told the same. */
static void shared(void)
{
	int fd = memfd_create("policies", 0), secret = (int)syscall(SYS_memfd_secret, 0);
	char *own = base;

	ftruncate(fd, 8 * PAGE);
	ftruncate(secret, 2 * PAGE);
	base = mmap(NULL, 8 * PAGE, RW, MAP_SHARED, fd, 0);
	char *there = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 4 * PAGE), *here = base;
	memset(base, 's', 8 * PAGE);
	shown = 8;
	r[0] = bind_to(2, 4, BIND, zero);
	say("shared %s: %s %s %s %s", r[0], policy_at(1), policy_at(2), policy_at(5), policy_at(6));
	regions("one mapping");
	base = there;
	shown = 4;
	say("the other: %s %s %s", policy_at(0), policy_at(1), policy_at(2));
	regions("the other");
	r[0] = bind_to(1, 2, PREFERRED, zero);
	say("asked there %s: %s %s %s", r[0], policy_at(0), policy_at(1), policy_at(2));
	base = here;
	say("seen here: %s %s %s %s", policy_at(4), policy_at(5), policy_at(6), policy_at(7));
	r[0] = bind_to(3, 1, DEFAULT, NULL);
	r[1] = bind_to(0, 1, LOCAL, NULL);
	say("the default %s, local %s: %s %s %s %s", r[0], r[1], policy_at(0), policy_at(2), policy_at(3), policy_at(4));
	r[0] = bind_to(0, 8, INTERLEAVE, zero);
	say("all %s: %s %s", r[0], policy_at(0), policy_at(7));
	r[0] = bind_to(0, 8, DEFAULT, NULL);
	r[1] = bind_to(1, 1, BIND, zero);
	r[2] = bind_to(3, 1, BIND | STATIC, zero);
	base = mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE, fd, 0);
	say("private: %s %s %s", policy_at(0), policy_at(1), policy_at(3));
	r[3] = bind_to(5, 1, PREFERRED_MANY, zero);
	munmap(base, 8 * PAGE);
	munmap(here, 8 * PAGE);
	munmap(there, 4 * PAGE);
	base = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 2 * PAGE);
	say("%s %s %s %s, mapped again: %s %s %s", r[0], r[1], r[2], r[3], policy_at(0), policy_at(1), policy_at(3));
	munmap(base, 4 * PAGE);
	base = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fork() == 0) {
		bind_to(0, 1, BIND, zero);
		_exit(0);
	}
	wait(NULL);
	say("what a child asked for: %s %s", policy_at(0), policy_at(1));
	munmap(base, 2 * PAGE);
	base = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, secret, 0);
	r[0] = bind_to(0, 1, BIND, zero);
	char *again = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, secret, 0);
	say("secrets %s: %s", r[0], policy_at(0));
	base = again;
	say("mapped again: %s", policy_at(0));
	base = own;
	close(fd), close(secret);
}

int main(void)
{
	base = mmap(NULL, 18 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	base += PAGE;
	mprotect(base, 16 * PAGE, RW);
	memset(base, 'b', 16 * PAGE);
	regions("at first");
	r[0] = bind_to(2, 4, BIND, zero);
	r[1] = bind_to(6, 2, INTERLEAVE, zero);
	r[2] = bind_to(8, 2, PREFERRED, none);
	r[3] = bind_to(10, 2, PREFERRED, zero);
	r[4] = bind_to(12, 1, PREFERRED_MANY, zero);
	r[5] = bind_to(13, 1, LOCAL, NULL);
	say("bind %s, interleave %s, prefer none %s, prefer %s, many %s, local %s", r[0], r[1], r[2], r[3], r[4], r[5]);
	say("%s %s %s %s %s %s %s", policy_at(0), policy_at(2), policy_at(5), policy_at(6), policy_at(8), policy_at(10), policy_at(12));
	say("%s %s", policy_at(13), policy_at(15));
	regions("bound");
	r[0] = bind_to(2, 1, BIND | STATIC, both);
	r[1] = bind_to(3, 1, BIND | RELATIVE, one);
	r[2] = bind_to(4, 1, BIND | STATIC, one);
	r[3] = bind_to(4, 1, BIND | STATIC | RELATIVE, zero);
	r[4] = bind_to(4, 1, BIND, both);
	r[5] = bind_to(5, 1, BIND | BALANCING, zero);
	r[6] = bind_to(5, 1, INTERLEAVE | BALANCING, zero);
	say("static %s, relative %s, not there %s, both %s, more than there are %s, balancing %s, not of it %s", r[0], r[1], r[2],
	    r[3], r[4], r[5], r[6]);
	say("%s %s %s %s", policy_at(2), policy_at(3), policy_at(4), policy_at(5));
	regions("with flags");
	r[0] = bind_to(0, 16, 99, zero);
	r[1] = bind_to(0, 16, LOCAL, zero);
	r[2] = bind_to(0, 16, DEFAULT, zero);
	r[3] = bind_to(0, 16, BIND | 1 << 12, zero);
	say("no such %s, local with nodes %s, default with nodes %s, flag %s", r[0], r[1], r[2], r[3]);
	munmap(base + 9 * PAGE, PAGE);
	r[0] = bind_to(8, 4, BIND, zero);
	r[1] = bind_to(9, 2, BIND, zero);
	r[2] = bind_to(7, 3, BIND, zero);
	r[3] = bind_to(9, 1, DEFAULT, NULL);
	r[4] = bind_to(8, 4, DEFAULT, NULL);
	say("past a hole %s, from it %s, to it %s; default in it %s, past it %s", r[0], r[1], r[2], r[3], r[4]);
	regions("default past it");
	r[0] = result(syscall(450, base + 2 * PAGE, 2 * PAGE, 0, 0));
	r[1] = result(syscall(450, base + 6 * PAGE, PAGE, 0, 0));
	r[2] = result(syscall(450, base + 14 * PAGE, PAGE, 0, 0));
	r[3] = result(syscall(450, base + 2 * PAGE, PAGE, 1, 0));
	r[4] = result(syscall(450, base + 2 * PAGE, PAGE, 0, 1));
	say("home %s, of another mode %s, of none %s, not there %s, flags %s", r[0], r[1], r[2], r[3], r[4]);
	r[0] = bind_to(0, 1, LOCAL, NULL);
	if (fork() == 0) {
		say("child: %s %s", policy_at(0), policy_at(5));
		_exit(0);
	}
	wait(NULL);
	r[1] = result(mremap(base, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 9 * PAGE) == MAP_FAILED ? -1 : 0);
	say("local %s, moved %s: %s", r[0], r[1], policy_at(9));
	r[0] = result(syscall(SYS_set_mempolicy, INTERLEAVE, zero, BITS));
	regions("of the task");
	r[1] = result(syscall(SYS_set_mempolicy, DEFAULT, NULL, 0));
	r[2] = bind_to(1, 8, DEFAULT, NULL);
	r[3] = bind_to(10, 6, DEFAULT, NULL);
	say("%s %s, and back %s %s", r[0], r[1], r[2], r[3]);
	regions("at last");
	shared();
	return 0;
}
