/* SPDX-License-Identifier: MIT */
/* Which pages were stored to since: clear_refs and bit 55 of pagemap. Many a Linux has it not, so that what it
 * must say stands in expected/. */
#include "guest.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static int pagemap;

static uint64_t word(const void *p)
{
	uint64_t w = 0;

	if (pread(pagemap, &w, 8, (off_t)((unsigned long)p / PAGE * 8)) != 8)
		say("pagemap: %s", strerrorname_np(errno));
	return w;
}

/* present, swapped, file, exclusive, soft-dirty; a dot where not. */
static const char *bits(const void *p)
{
	static char text[16][8];
	static int i;
	char *s = text[i++ % 16];
	uint64_t w = word(p);

	snprintf(s, sizeof(text[0]), "%c%c%c%c%c", w >> 63 & 1 ? 'p' : '.', w >> 62 & 1 ? 's' : '.',
		 w >> 61 & 1 ? 'f' : '.', w >> 56 & 1 ? 'x' : '.', w >> 55 & 1 ? 'd' : '.');
	return s;
}

static void restart(const char *what)
{
	int f = open("/proc/self/clear_refs", O_WRONLY);

	if (write(f, what, strlen(what)) < 0)
		say("clear_refs %s: %s", what, strerrorname_np(errno));
	close(f);
}

static void *map(int pages, int prot, int flags)
{
	void *p = mmap(NULL, (size_t)pages * PAGE, prot, MAP_ANONYMOUS | flags, -1, 0);

	madvise(p, (size_t)pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

int main(void)
{
	char *p = map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE), *s = map(4, PROT_READ | PROT_WRITE, MAP_SHARED), *q;
	volatile char c;
	char *moved, *place = map(8, PROT_NONE, MAP_PRIVATE);
	int status, f;

	pagemap = open("/proc/self/pagemap", O_RDONLY);
	memset(p, 1, 8 * PAGE);
	memset(s, 1, 4 * PAGE);
	say("new: %s %s", bits(p), bits(s));
	restart("4");
	say("cleared: %s %s", bits(p), bits(s));
	c = p[0];
	c += s[0];
	p[PAGE] = c;
	s[PAGE] = c;
	say("read %s %s, stored %s %s", bits(p), bits(s), bits(p + PAGE), bits(s + PAGE));
	f = open("/dev/zero", O_RDONLY);
	if (read(f, p + 2 * PAGE, 8) != 8)
		say("read");
	close(f);
	say("stored by a call: %s", bits(p + 2 * PAGE));
	mprotect(p, 8 * PAGE, PROT_READ);
	mprotect(p, 8 * PAGE, PROT_READ | PROT_WRITE);
	say("mprotect: %s %s", bits(p), bits(p + PAGE));
	if (fork() == 0) {
		pagemap = open("/proc/self/pagemap", O_RDONLY);
		say("child: %s %s", bits(p), bits(p + PAGE));
		p[0] = 2;
		say("child stored: %s", bits(p));
		restart("4");
		say("child cleared: %s %s", bits(p), bits(p + PAGE));
		p[PAGE] = 2;
		say("child stored: %s", bits(p + PAGE));
		_exit(0);
	}
	wait(&status);
	say("parent: %s %s", bits(p), bits(p + PAGE));
	p[3 * PAGE] = 3;
	say("after fork: %s", bits(p + 3 * PAGE));
	madvise(p + 4 * PAGE, PAGE, MADV_DONTNEED);
	say("given up: %s", bits(p + 4 * PAGE));
	p[4 * PAGE] = 1;
	say("stored: %s", bits(p + 4 * PAGE));
	q = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	q[0] = 1;
	say("mapped since: %s", bits(q));
	restart("4");
	moved = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	say("moved: %s", bits(moved));
	p[2 * PAGE] = 1;
	p[3 * PAGE] = 1;
	restart("4");
	for (int i = 2; i < 8; i++)
		c += p[i * PAGE];
	say("again: %s %s", bits(p + 2 * PAGE), bits(p + 3 * PAGE));
	p[3 * PAGE] = c;
	say("again: %s %s", bits(p + 2 * PAGE), bits(p + 3 * PAGE));
	return 0;
}
