/* SPDX-License-Identifier: MIT */
/* mseal: what is sealed stays as it is. */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

enum { PAGE = 4096, SEAL = 462, RW = PROT_READ | PROT_WRITE };

static const char *r[8];

static int seal(const void *p, size_t size, unsigned long flags) { return (int)syscall(SEAL, p, size, flags); }

static char *map(int pages, int prot, int flags)
{
	return mmap(NULL, (size_t)pages * PAGE, prot, MAP_ANONYMOUS | flags, -1, 0);
}

/* A place of its own, so that no neighbour is alike: pages, with a hole on both sides. */
static char *alone(int pages, int prot)
{
	char *p = map(pages + 2, PROT_NONE, MAP_PRIVATE);

	munmap(p, PAGE);
	munmap(p + (pages + 1) * PAGE, PAGE);
	mprotect(p + PAGE, (size_t)pages * PAGE, prot);
	return p + PAGE;
}

/* The lines of maps within some pages, and which of them are sealed. */
static const char *lines(const char *p, int pages)
{
	static char text[8][96];
	static int i;
	char *s = text[i++ % 8], line[512];
	unsigned long from = 0, start, to, first = (unsigned long)p, last = first + (unsigned long)pages * PAGE;
	FILE *f = fopen("/proc/self/smaps", "r");
	size_t used = 0;
	char perms[8] = "";

	s[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &to, perms) != 3)
			start = 0;
		else if ((from = start) >= first && from < last)
			used += (size_t)snprintf(s + used, 96 - used, "%s%lu%s", used ? " " : "", (to - from) / PAGE, perms);
		if (strncmp(line, "VmFlags", 7) == 0 && from >= first && from < last && strstr(line, " sl"))
			used += (size_t)snprintf(s + used, 96 - used, "!");
	}
	fclose(f);
	return s;
}

static void arguments(void)
{
	char *p = alone(4, RW);

	munmap(p + 2 * PAGE, PAGE);
	r[0] = result(seal(p, PAGE, 1));
	r[1] = result(seal(p + 1, PAGE, 0));
	r[2] = result(seal(p, (size_t)-1, 0));
	r[3] = result(seal(p, (size_t)-4096, 0));
	r[4] = result(seal(p, 0, 0));
	r[5] = result(seal((void *)0x1000, 0, 0));
	say("flags %s, unaligned %s, length -1 %s, -4096 %s, 0 %s, 0 of nothing %s", r[0], r[1], r[2], r[3], r[4], r[5]);
	r[0] = result(seal(p, 4 * PAGE, 0));
	r[1] = result(seal(p - PAGE, 2 * PAGE, 0));
	r[2] = result(seal(p + PAGE, 2 * PAGE, 0));
	r[3] = result(seal((void *)-8192L, PAGE, 0));
	say("a hole within %s, before %s, behind %s, no such address %s: %s", r[0], r[1], r[2], r[3], lines(p, 4));
	r[0] = result(seal(p, 1, 0));
	r[1] = result(seal(p, PAGE, 0));
	say("one byte %s, again %s: %s", r[0], r[1], lines(p, 4));
}

/* What is refused, of a page in the middle. */
static void refusals(void)
{
	char *p = alone(6, RW), *q = map(8, RW, MAP_PRIVATE);

	memset(p, 'p', 6 * PAGE);
	r[0] = result(seal(p + 2 * PAGE, 2 * PAGE, 0));
	say("seal %s: %s", r[0], lines(p, 6));
	r[0] = result(munmap(p, 6 * PAGE));
	r[1] = result(munmap(p + 3 * PAGE, PAGE));
	r[2] = result(munmap(p + PAGE, 2 * PAGE));
	say("munmap all %s, one %s, some %s: %s", r[0], r[1], r[2], lines(p, 6));
	r[0] = result(mprotect(p, 6 * PAGE, PROT_READ));
	r[1] = result(mprotect(p + 3 * PAGE, PAGE, RW));
	r[2] = result(mprotect(p + 4 * PAGE, PAGE, PROT_NONE));
	say("mprotect all %s, as it is %s, beside %s: %s", r[0], r[1], r[2], lines(p, 6));
	r[0] = result(mremap(p + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	r[1] = result(mremap(p + 2 * PAGE, 2 * PAGE, PAGE, 0) == MAP_FAILED ? -1 : 0);
	r[2] = result(mremap(p + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == MAP_FAILED ? -1 : 0);
	r[3] = result(mremap(p + 2 * PAGE, PAGE, PAGE, 0) == MAP_FAILED ? -1 : 0);
	r[4] = result(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 2 * PAGE) == MAP_FAILED ? -1 : 0);
	r[5] = result(mremap(p + 1 * PAGE, 2 * PAGE, PAGE, 0) == MAP_FAILED ? -1 : 0);
	say("mremap: grow %s, shrink %s, move %s, leave %s, move over %s, shrink its neighbour %s: %s", r[0], r[1], r[2], r[3],
	    r[4], r[5], lines(p, 6));
	r[0] = result(mmap(p, 6 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0);
	r[1] = result(mmap(p + 3 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? -1 : 0);
	r[2] = result(mmap(p + 3 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	say("mmap over %s, if free %s, near %s: %s, still %c%c", r[0], r[1], r[2], lines(p, 6), p[2 * PAGE], p[3 * PAGE]);
}

/* What goes on working. */
static void allowed(void)
{
	char *p = alone(4, RW);

	r[0] = result(seal(p, 4 * PAGE, 0));
	p[0] = 'w';
	r[1] = result(mlock(p, PAGE));
	r[2] = result(munlock(p, PAGE));
	r[3] = result(madvise(p, PAGE, MADV_DONTDUMP));
	r[4] = result(madvise(p, PAGE, MADV_WILLNEED));
	r[5] = result(madvise(p, PAGE, MADV_COLD));
	say("seal %s, stored %c; mlock %s, munlock %s, advice %s %s %s: %s", r[0], p[0], r[1], r[2], r[3], r[4], r[5], lines(p, 4));
	r[0] = result(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	r[1] = result(madvise(p + PAGE, PAGE, MADV_FREE));
	r[2] = result(madvise(p + PAGE, PAGE, MADV_DONTFORK));
	r[3] = result(madvise(p + PAGE, PAGE, MADV_DOFORK));
	r[4] = result(madvise(p + PAGE, PAGE, MADV_WIPEONFORK));
	say("what may be written may be given up: %s %s %s %s %s", r[0], r[1], r[2], r[3], r[4]);
}

static void advice(const char *what, char *p)
{
	static const struct {
		int number;
		const char *name;
	} all[] = {{MADV_DONTNEED, "DONTNEED"}, {MADV_FREE, "FREE"},	       {MADV_REMOVE, "REMOVE"},
		   {MADV_DONTFORK, "DONTFORK"}, {MADV_WIPEONFORK, "WIPEONFORK"}, {24, "DONTNEED_LOCKED"},
		   {MADV_DOFORK, "DOFORK"},	{MADV_KEEPONFORK, "KEEPONFORK"}, {MADV_RANDOM, "RANDOM"},
		   {MADV_PAGEOUT, "PAGEOUT"},	{MADV_MERGEABLE, "MERGEABLE"}};
	char text[400];
	size_t used = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s %s", all[i].name,
					 result(madvise(p, PAGE, all[i].number)));
	say("%s:%s: %c", what, text, p[0]);
}

static void discards(void)
{
	char *p = alone(4, RW), *s = map(2, RW, MAP_SHARED);
	int f = memfd_create("seals", 0);
	char *file;

	ftruncate(f, 4 * PAGE);
	pwrite(f, "file", 4, 0);
	file = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, f, 0);
	file[0] = 'F';
	memset(p, 'p', 4 * PAGE);
	s[0] = 's';
	mprotect(p + PAGE, PAGE, PROT_READ);
	mprotect(s, PAGE, PROT_READ);
	mprotect(file, PAGE, PROT_READ);
	r[0] = result(seal(p, 4 * PAGE, 0));
	r[1] = result(seal(s, PAGE, 0));
	r[2] = result(seal(file, PAGE, 0));
	say("seal %s %s %s", r[0], r[1], r[2]);
	advice("read-only", p + PAGE);
	advice("of a file", file);
	advice("shared", s);
	r[0] = result(madvise(p, 4 * PAGE, MADV_DONTNEED));
	say("part of all %s: %d %c %c", r[0], p[0], p[PAGE], p[2 * PAGE]);
	close(f);
}

static void others(void)
{
	char *p = alone(3, RW), *heap = sbrk(2 * PAGE), *shared;
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
	pid_t pid;

	p[0] = 'p';
	r[0] = result(seal(p + PAGE, PAGE, 0));
	pid = fork();
	if (pid == 0) {
		r[2] = result(munmap(p + PAGE, PAGE));
		r[3] = result(munmap(p, PAGE));
		say("child: munmap %s, beside %s: %s", r[2], r[3], lines(p, 3));
		_exit(0);
	}
	wait_for(pid);
	say("seal %s: %s", r[0], lines(p, 3));
	heap = (char *)(((unsigned long)heap + PAGE - 1) & ~(unsigned long)(PAGE - 1));
	r[0] = result(seal(heap, PAGE, 0));
	r[1] = result((syscall(SYS_brk, heap) - (long)heap) / PAGE);
	r[2] = result((syscall(SYS_brk, heap + PAGE) - (long)heap) / PAGE);
	r[3] = result((syscall(SYS_brk, heap + 3 * PAGE) - (long)heap) / PAGE);
	say("heap: seal %s, shrink %s, as far as it goes %s, grow %s", r[0], r[1], r[2], r[3]);
	shared = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	r[0] = result(seal(shared, PAGE, 0));
	r[1] = result(shmdt(shared));
	say("segment: seal %s, detach %s: %s", r[0], r[1], lines(shared, 2));
	r[0] = result(seal(p, 3 * PAGE, 0));
	say("all of it %s: %s", r[0], lines(p, 3));
}

int main(void)
{
	arguments();
	refusals();
	allowed();
	discards();
	others();
	return 0;
}
