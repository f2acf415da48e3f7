/* SPDX-License-Identifier: MIT */
/* Memory that is locked as it is mapped, or as it grows, is there at once, though others must first go to swap. */
#include "guest.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, FULL = 1200, LOCKED = 100 };

static void resident(const char *what, char *p, unsigned pages)
{
	unsigned char in[2 * LOCKED];
	unsigned n = 0;
	mincore(p, pages * PAGE, in);
	for (unsigned i = 0; i < pages; i++)
		n += in[i] & 1;
	say("%s: %u of %u", what, n, pages);
}

static char *map(unsigned pages, int flags)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* Touched by one, and then what they are to a child, who has not locked them. */
static void secrets(char *full)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);
	ftruncate(fd, LOCKED * PAGE);
	char *p = mmap(NULL, LOCKED * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	resident("secrets", p, LOCKED);
	memset(p, 's', LOCKED * PAGE);
	memset(full, 5, FULL * PAGE);
	resident("touched", p, LOCKED);
	if (fork() == 0) {
		for (unsigned i = 0; i < FULL; i++)
			if (full[i * PAGE] != 5)
				say("lost: %u", i);
		resident("in a child", p, LOCKED);
		_exit(0);
	}
	wait(NULL);
}

int main(void)
{
	char *full = map(FULL, 0);
	memset(full, 1, FULL * PAGE);
	char *p = map(LOCKED, MAP_LOCKED);
	resident("mapped", p, LOCKED);
	memset(full, 2, FULL * PAGE);
	p = mremap(p, LOCKED * PAGE, 2 * LOCKED * PAGE, MREMAP_MAYMOVE);
	resident("grown", p, 2 * LOCKED);
	munmap(p, 2 * LOCKED * PAGE);
	memset(full, 3, FULL * PAGE);
	mlockall(MCL_FUTURE);
	p = map(LOCKED, 0);
	resident("by mlockall", p, LOCKED);
	munmap(p, LOCKED * PAGE);
	munlockall();
	memset(full, 4, FULL * PAGE);
	mlockall(MCL_FUTURE);
	p = sbrk(LOCKED * PAGE);
	p += -(unsigned long)p % PAGE;
	resident("the heap", p, LOCKED - 1);
	munlockall();
	secrets(full);
	return 0;
}
