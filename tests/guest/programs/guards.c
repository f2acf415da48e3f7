/* SPDX-License-Identifier: MIT */
/* Guard pages: MADV_GUARD_INSTALL, and what ends them. */
#include "guest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, INSTALL = 102, REMOVE = 103, PAGES = 16 };

static sigjmp_buf back;
static volatile int code, sig;

static void caught(int number, siginfo_t *info, void *context)
{
	(void)context;
	sig = number;
	code = info->si_code;
	siglongjmp(back, 1);
}

/* What a touch of each page does: . nothing, its first byte where that is a letter, S and B signals. */
static const char *touch(char *p, int pages, int write)
{
	static char text[4][PAGES * 2 + 1];
	static int next;
	char *s = text[next++ % 4], *at = s;

	for (volatile int i = 0; i < pages; i++) {
		if (sigsetjmp(back, 1)) {
			at += sprintf(at, "%c%d", sig == SIGSEGV ? 'S' : 'B', code);
			continue;
		}
		if (write)
			p[i * PAGE] = (char)('a' + i);
		char c = ((volatile char *)p)[i * PAGE];
		*at++ = c ? c : '.';
	}
	*at = 0;
	return s;
}

static char *map(int prot, int flags, int fd)
{
	return mmap(NULL, (size_t)PAGES * PAGE, prot, flags, fd, 0);
}

static const char *bar(char *p, int from, int pages) { return result(madvise(p + from * PAGE, (size_t)pages * PAGE, INSTALL)); }
static const char *free_of(char *p, int from, int pages) { return result(madvise(p + from * PAGE, (size_t)pages * PAGE, REMOVE)); }

/* Which pages pagemap calls guard pages, or there. */
static const char *words(const char *p)
{
	static char text[PAGES + 1];
	unsigned long long word[PAGES];
	int fd = open("/proc/self/pagemap", O_RDONLY);
	ssize_t n = pread(fd, word, sizeof(word), (off_t)((unsigned long)p / PAGE * 8));

	close(fd);
	for (int i = 0; i < PAGES; i++)
		text[i] = n != sizeof(word) ? '?' : word[i] >> 58 & 1 ? 'g' : word[i] >> 63 ? 'p' : '-';
	return text;
}

static void memory(void)
{
	char *p = map(RW, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char there[PAGES];

	say("new: %s", touch(p, 4, 1));
	say("install: %s %s, again: %s", bar(p, 1, 2), bar(p, 8, 1), bar(p, 1, 1));
	say("read: %s", touch(p, PAGES, 0));
	say("write: %s", touch(p, PAGES, 1));
	say("pagemap: %s", words(p));
	mincore(p, (size_t)PAGES * PAGE, there);
	say("mincore: %d%d%d%d", there[0] & 1, there[1] & 1, there[2] & 1, there[3] & 1);
	say("dropped: %s", result(madvise(p, (size_t)PAGES * PAGE, MADV_DONTNEED)));
	say("read: %s", touch(p, PAGES, 0));
	say("free, cold, paged out: %s %s %s", result(madvise(p, (size_t)PAGES * PAGE, MADV_FREE)),
	    result(madvise(p, (size_t)PAGES * PAGE, MADV_COLD)), result(madvise(p, (size_t)PAGES * PAGE, MADV_PAGEOUT)));
	say("read: %s", touch(p, 4, 0));
	say("populate: %s, clear of them %s", result(madvise(p, 4 * PAGE, MADV_POPULATE_WRITE)), result(madvise(p + 3 * PAGE, PAGE, MADV_POPULATE_READ)));
	say("may be read only: %s", result(mprotect(p, 4 * PAGE, PROT_READ)));
	say("read, write: %s %s", touch(p, 4, 0), touch(p, 4, 1));
	mprotect(p, 4 * PAGE, RW);
	say("by the kernel: %s", result(read(open("/dev/zero", O_RDONLY), p, 3 * PAGE)));
	say("all of it: %s", result(read(open("/dev/zero", O_RDONLY), p + PAGE, PAGE)));
	struct iovec here = {there, 1}, far = {p + PAGE, 1};
	say("by another's hand: %s", result(process_vm_readv(getpid(), &here, 1, &far, 1, 0)));
	say("moved: %d", mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 12 * PAGE) == p + 12 * PAGE);
	say("there: %s", touch(p + 8 * PAGE, 8, 0));
	say("where it was: %d", mmap(p, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	say("new: %s", touch(p, 8, 0));
	say("remove: %s", free_of(p, 0, PAGES));
	say("read: %s", touch(p, PAGES, 0));
	munmap(p, (size_t)PAGES * PAGE);
}

static void children(void)
{
	char *p = map(RW, MAP_PRIVATE | MAP_ANONYMOUS, -1), *shared = map(RW, MAP_SHARED | MAP_ANONYMOUS, -1);

	touch(p, PAGES, 1);
	touch(shared, PAGES, 1);
	bar(p, 1, 1);
	bar(p, 5, 1);
	bar(p, 9, 1);
	bar(shared, 2, 1);
	madvise(p + 4 * PAGE, 4 * PAGE, MADV_WIPEONFORK);
	madvise(p + 8 * PAGE, 4 * PAGE, MADV_DONTFORK);
	fflush(stdout);
	if (fork() == 0) {
		say("child: %s", touch(p, 4, 0));
		say("  wiped: %s", touch(p + 4 * PAGE, 4, 0));
		mmap(p + 8 * PAGE, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		say("  not there, and made: %s", touch(p + 8 * PAGE, 4, 1));
		say("  shared: %s", touch(shared, 4, 0));
		say("  gone: %s", free_of(p, 0, 4));
		say("  read: %s", touch(p, 4, 0));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	say("parent: %s", touch(p, PAGES, 0));
	say("shared: %s", touch(shared, 4, 0));
	munmap(p, (size_t)PAGES * PAGE);
	munmap(shared, (size_t)PAGES * PAGE);
}

static void files(void)
{
	char name[] = "/tmp/guards-XXXXXX", bytes[PAGE];
	int fd = mkstemp(name);

	unlink(name);
	for (int i = 0; i < PAGES; i++) {
		memset(bytes, 'A' + i, sizeof(bytes));
		if (write(fd, bytes, sizeof(bytes)) != PAGE)
			say("write");
	}
	char *p = map(RW, MAP_SHARED, fd), *mine = map(RW, MAP_PRIVATE, fd);
	say("file: %s %s", touch(p, 4, 0), touch(mine, 4, 1));
	say("install: %s %s", bar(p, 1, 2), bar(mine, 2, 1));
	say("read: %s %s", touch(p, 6, 0), touch(mine, 6, 0));
	say("neighbours: %s", touch(p, PAGES, 0));
	say("remove: %s %s", free_of(p, 0, PAGES), free_of(mine, 0, PAGES));
	say("read: %s %s", touch(p, 6, 0), touch(mine, 6, 0));
	bar(p, 1, 1);
	say("cut short: %s", result(ftruncate(fd, PAGE)));
	say("read: %s", touch(p, 3, 0));
	munmap(p, (size_t)PAGES * PAGE);
	munmap(mine, (size_t)PAGES * PAGE);
	close(fd);
}

static void refused(void)
{
	char *p = map(RW, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	say("not aligned: %s, nothing: %s, too much: %s", result(madvise(p + 1, PAGE, INSTALL)), result(madvise(p, 0, INSTALL)),
	    result(madvise(p, (size_t)-PAGE, INSTALL)));
	munmap(p + 4 * PAGE, PAGE);
	say("across a hole: %s", bar(p, 3, 3));
	say("read: %s %s", touch(p, 4, 0), touch(p + 5 * PAGE, 4, 0));
	say("remove: %s", free_of(p, 3, 3));
	say("read: %s %s", touch(p, 4, 0), touch(p + 5 * PAGE, 4, 0));
	mlock(p, 2 * PAGE);
	say("locked: %s, removed: %s", bar(p, 0, 1), free_of(p, 0, 1));
	munlock(p, 2 * PAGE);
	bar(p, 0, 1);
	say("lock: %s", result(mlock(p, 2 * PAGE)));
	munmap(p, (size_t)PAGES * PAGE);
	p = map(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	say("of none: %s", bar(p, 0, 2));
	say("read: %s", touch(p, 1, 0));
	mprotect(p, PAGE, RW);
	say("allowed: %s", touch(p, 1, 0));
	munmap(p, (size_t)PAGES * PAGE);
}

int main(void)
{
	struct sigaction a = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGBUS, &a, NULL);
	memory();
	children();
	files();
	refused();
	return 0;
}
