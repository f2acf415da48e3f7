/* SPDX-License-Identifier: MIT */
/* Names that a program gives its memory, as /proc/self/maps shows them. */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

enum { PAGE = 4096 };

/* The lines of a file like maps that meet the pages from p on: pages from p, protection, name. */
static void read_lines(const char *file, const char *p, unsigned pages, char *said, size_t size)
{
	char line[512], permissions[8];
	unsigned long start, end, at = (unsigned long)p;
	FILE *f = fopen(file, "r");
	said[0] = 0;
	while (f && fgets(line, sizeof(line), f)) {
		int name = 0;
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %n", &start, &end, permissions, &name) < 3)
			continue;
		if (end <= at || start >= at + pages * PAGE)
			continue;
		line[strcspn(line, "\n")] = 0;
		/* How far it goes beyond the pages is nobody's affair. */
		start = start < at ? at : start;
		end = end > at + pages * PAGE ? at + pages * PAGE : end;
		snprintf(said + strlen(said), size - strlen(said), " %lu-%lu %s %s;", (start - at) / PAGE,
			 (end - at) / PAGE, permissions, name ? line + name : "");
	}
	if (f)
		fclose(f);
}

/* What maps says, and that smaps has the same lines above its numbers. */
static void show(const char *what, const char *p, unsigned pages)
{
	char maps[1024], smaps[1024];
	read_lines("/proc/self/maps", p, pages, maps, sizeof(maps));
	read_lines("/proc/self/smaps", p, pages, smaps, sizeof(smaps));
	say("%s:%s", what, maps);
	if (strcmp(maps, smaps) != 0)
		say("%s in smaps:%s", what, smaps);
}

static const char *name(const void *p, size_t size, const char *text)
{
	return result(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (unsigned long)p, size, (unsigned long)text));
}

static char *map(unsigned pages, int flags)
{
	/* With a hole on either side. */
	char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mmap(p + PAGE, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void refusals(char *p)
{
	char longest[81];
	memset(longest, 'x', sizeof(longest));
	longest[80] = 0;
	say("80 characters: %s", name(p, PAGE, longest));
	longest[79] = 0;
	say("79: %s", name(p, PAGE, longest));
	show("79", p, 1);
	say("none: %s", name(p, PAGE, ""));
	show("none", p, 1);
	say("taken away: %s", name(p, PAGE, NULL));
	show("taken away", p, 1);
	for (const char *const *bad = (const char *const[]){"a\nb", "a\\", "`", "$", "[", "]", "\x7f", "\xc3\xa9", NULL}; *bad; bad++)
		say("a character that is not allowed: %s", name(p, PAGE, *bad));
	say("allowed: %s", name(p, PAGE, "~!@#%^&*() {}|;:'\"<>,./?-_=+"));
	show("allowed", p, 1);
	say("no pointer: %s", name(p, PAGE, (const char *)8));
	say("no pointer to no page: %s", name(p + 1, PAGE, (const char *)8));
	say("not aligned: %s", name(p + 1, PAGE, "n"));
	say("nothing: %s", name(p, 0, "n"));
	say("too much: %s", name(p, (size_t)-1, "n"));
	say("another option: %s", result(prctl(PR_SET_VMA, 1, (unsigned long)p, PAGE, 0)));
	int fd = open("/proc/self/exe", O_RDONLY);
	char *file = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	say("a file: %s", name(file, PAGE, "n"));
}

int main(void)
{
	char *p = map(6, MAP_PRIVATE), *s = map(2, MAP_SHARED);
	if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, PAGE, "here") < 0 && errno == EINVAL) {
		say("this kernel knows no names");
		return 0;
	}
	show("one", p, 6);
	say("in the midst: %s", name(p + 2 * PAGE, 2 * PAGE, "here"));
	show("two", p, 6);
	name(p + PAGE, PAGE + 1, "here"); /* rounded up */
	show("joined", p, 6);
	name(p + 3 * PAGE, PAGE, "there");
	show("cut", p, 6);
	p[0] = 1;
	mprotect(p, PAGE, PROT_READ);
	show("protected", p, 6);
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
	munmap(p + PAGE, PAGE);
	say("over a hole: %s", name(p, 3 * PAGE, "new"));
	show("over a hole", p, 6);
	mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	show("mapped anew", p, 6);
	name(s, 2 * PAGE, "ours");
	show("shared", s, 2);
	if (fork() == 0) {
		show("child", p, 6);
		name(p, PAGE, "mine");
		show("its own", p, 6);
		_exit(0);
	}
	wait(NULL);
	show("parent", p, 6);
	char *q = mremap(p + 3 * PAGE, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	show("moved", q, 4);
	refusals(p);
	char *heap = sbrk(4 * PAGE);
	heap = (char *)(((unsigned long)heap + PAGE - 1) & -(unsigned long)PAGE);
	say("the heap: %s", name(heap, PAGE, "n"));
	show("the heap", heap, 1);
	return 0;
}
