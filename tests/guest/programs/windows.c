/* SPDX-License-Identifier: MIT */
/* Windows into memory: /proc/PID/mem, pagemap. Needs root, as Linux does for some of it. */
#include "guest.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

static int pagemap;
static const char *r[8];

static uint64_t word(const void *p)
{
	uint64_t w = 0;

	if (pread(pagemap, &w, 8, (off_t)((unsigned long)p / PAGE * 8)) != 8)
		say("pagemap: %s", strerrorname_np(errno));
	return w;
}

/* present, swapped, file, exclusive; a dot where not. */
static const char *bits(const void *p)
{
	static char text[16][8];
	static int i;
	char *s = text[i++ % 16];
	uint64_t w = word(p);

	snprintf(s, sizeof(text[0]), "%c%c%c%c", w >> 63 & 1 ? 'p' : '.', w >> 62 & 1 ? 's' : '.',
		 w >> 61 & 1 ? 'f' : '.', w >> 56 & 1 ? 'x' : '.');
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

static void maps(void)
{
	char *p = map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE), *s = map(4, PROT_READ | PROT_WRITE, MAP_SHARED);
	volatile char c;
	uint64_t some[4];
	int status;

	p[PAGE] = 1;
	c = p[2 * PAGE];
	s[0] = c;
	say("untouched %s, stored %s, zero %s, shared %s, shared untouched %s", bits(p), bits(p + PAGE), bits(p + 2 * PAGE),
	    bits(s), bits(s + PAGE));
	say("frames differ: %d, are named: %d", (word(p + PAGE) ^ word(s)) << 9 != 0, word(p + PAGE) << 9 != 0);
	if (fork() == 0) {
		pagemap = open("/proc/self/pagemap", O_RDONLY);
		say("child: %s, shared %s", bits(p + PAGE), bits(s));
		c = s[0];
		say("child touched: shared %s, one frame: %d", bits(s), word(s) << 9 != 0);
		_exit(0);
	}
	wait(&status);
	r[0] = result(pread(pagemap, some, 7, 0));
	r[1] = result(pread(pagemap, some, 8, 4));
	r[2] = result(pread(pagemap, some, 32, (off_t)1 << 60));
	say("pagemap: odd %s %s, beyond %s", r[0], r[1], r[2]);
	say("nowhere: %s", bits((void *)0x1000));
	munmap(p, 8 * PAGE);
	munmap(s, 4 * PAGE);
}

static void mem(void)
{
	char *p = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE), some[16] = "";
	static const char constant[16] = "constant";
	int f = open("/proc/self/mem", O_RDWR), status, to[2], from[2];
	volatile const char *look = constant;
	char path[64];
	pid_t child;

	strcpy(p + PAGE - 4, "across pages");
	r[0] = result(pread(f, some, 13, (off_t)(unsigned long)(p + PAGE - 4)));
	say("read %s: %s", r[0], some);
	r[0] = result(pwrite(f, "WRITTEN", 7, (off_t)(unsigned long)(p + PAGE - 4)));
	say("write %s: %s", r[0], p + PAGE - 4);
	mprotect(p, 2 * PAGE, PROT_NONE);
	r[0] = result(pread(f, some, 13, (off_t)(unsigned long)(p + PAGE - 4)));
	say("what cannot be read %s: %s", r[0], some);
	r[0] = result(pwrite(f, "forced", 6, (off_t)(unsigned long)(p + PAGE - 4)));
	mprotect(p, 2 * PAGE, PROT_READ);
	say("what cannot be written %s: %s", r[0], p + PAGE - 4);
	r[0] = result(pwrite(f, "Changed.", 8, (off_t)(unsigned long)constant));
	say("a constant %s: %c%c", r[0], look[0], look[1]);
	munmap(p + 2 * PAGE, PAGE);
	r[0] = result(pread(f, some, 16, (off_t)(unsigned long)(p + 2 * PAGE)));
	r[1] = result(pread(f, some, 16, (off_t)(unsigned long)(p + 2 * PAGE - 4)));
	r[2] = result(pread(f, some, 16, 0));
	say("a hole %s, into it %s, nowhere %s", r[0], r[1], r[2]);
	close(f);
	/* Of a child, which sees what is written, and then is gone. */
	pipe(to);
	pipe(from);
	child = fork();
	if (child == 0) {
		char c;

		p[3 * PAGE] = 'c';
		write(from[1], "r", 1);
		read(to[0], &c, 1);
		say("child: %s", p + 3 * PAGE);
		_exit(0);
	}
	read(from[0], some, 1);
	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	f = open(path, O_RDWR);
	pread(f, some, 1, (off_t)(unsigned long)(p + 3 * PAGE));
	say("of the child: %c", some[0]);
	pwrite(f, "from outside", 13, (off_t)(unsigned long)(p + 3 * PAGE));
	say("here: %d", p[3 * PAGE]);
	write(to[1], "g", 1);
	wait(&status);
	say("gone: %s", result(pread(f, some, 1, (off_t)(unsigned long)(p + 3 * PAGE))));
	close(f);
}

int main(void)
{
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	maps();
	restart("1");
	restart("2\n");
	restart("3");
	restart("5");
	restart("6");
	restart("44");
	mem();
	return 0;
}
