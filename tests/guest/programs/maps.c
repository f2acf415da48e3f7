/* SPDX-License-Identifier: MIT */
/* What mmap and its family promise. */
#include "guest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };
static sigjmp_buf out;

static void fault(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)uc;
	siglongjmp(out, info->si_code);
}

/* What a touch does: 0, or the si_code. */
static int touch(volatile char *p, int write)
{
	int code = sigsetjmp(out, 1);

	if (code)
		return code;
	if (write)
		*p = 'w';
	else
		(void)*p;
	return 0;
}

static char *anonymous(int pages, int prot, int flags)
{
	return mmap(NULL, (size_t)pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0);
}

static int zero(const char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i])
			return 0;
	return 1;
}

static const char *mapped(void *p) { return p == MAP_FAILED ? strerrorname_np(errno) : "ok"; }

static void private_memory(void)
{
	char *p = anonymous(8, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	say("anonymous: zero %d", zero(p, 8 * PAGE));
	memset(p, 'a', 8 * PAGE);
	munmap(p + 2 * PAGE, 3 * PAGE);
	say("  a hole in the middle: %d %d %d %d", touch(p + 2 * PAGE - 1, 1), touch(p + 2 * PAGE, 0), touch(p + 5 * PAGE - 1, 0), touch(p + 5 * PAGE, 1));
	say("  the ends as they were: %c %c", p[0], p[8 * PAGE - 1]);
	char *q = mmap(p + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	say("  fixed into the hole: %d, zero %d", q == p + 3 * PAGE, zero(q, PAGE));
	q = mmap(p + 3 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	say("  not in place of another: %s", mapped(q));
	q = mmap(p + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("  a wish is granted: %d", q == p + 2 * PAGE);
	madvise(p + 5 * PAGE, 2 * PAGE, MADV_DONTNEED);
	say("  given up: zero %d, the rest %c", zero(p + 5 * PAGE, 2 * PAGE), p[7 * PAGE]);
	say("  munmap twice: %s %s", result(munmap(p, 8 * PAGE)), result(munmap(p, 8 * PAGE)));
	say("  munmap of nothing: %s, misaligned: %s", result(munmap(p, 0)), result(munmap(p + 1, PAGE)));
}

static void protection(void)
{
	char *p = anonymous(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	say("mprotect");
	p[0] = p[PAGE] = 'x';
	mprotect(p, PAGE, PROT_READ);
	say("  read-only: read %d write %d, beside it %d", touch(p, 0), touch(p, 1), touch(p + PAGE, 1));
	mprotect(p, 2 * PAGE, PROT_NONE);
	say("  none: %d %d", touch(p, 0), touch(p + PAGE, 0));
	mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE);
	say("  back: %c", p[0]);
	munmap(p + 2 * PAGE, PAGE);
	say("  over a hole: %s", result(mprotect(p, 4 * PAGE, PROT_READ)));
	say("  misaligned: %s", result(mprotect(p + 1, PAGE, PROT_READ)));
}

static void sharing(void)
{
	char *s = anonymous(2, PROT_READ | PROT_WRITE, MAP_SHARED), *p = anonymous(2, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	say("fork");
	strcpy(s, "before");
	strcpy(p, "before");
	if (fork() == 0) {
		say("  child: %s %s", s, p);
		strcpy(s, "child");
		strcpy(p, "child");
		_exit(0);
	}
	wait(NULL);
	say("  parent: %s %s", s, p);
	madvise(p, PAGE, MADV_WIPEONFORK);
	madvise(p + PAGE, PAGE, MADV_DONTFORK);
	if (fork() == 0) {
		say("  wiped %d, not there %d", zero(p, PAGE), touch(p + PAGE, 0));
		_exit(0);
	}
	wait(NULL);
}

static void files(void)
{
	char path[] = "/tmp/maps-XXXXXX", text[16] = {0};
	int fd = mkstemp(path), ro;
	char *s, *p;

	say("files");
	if (fd < 0 || ftruncate(fd, 3 * PAGE) != 0 || pwrite(fd, "file", 4, 0) != 4)
		return;
	ro = open(path, O_RDONLY);
	unlink(path);
	s = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	say("  both see it: %.4s %.4s", s, p);
	memcpy(s, "SHARED", 6);
	say("  a store to the shared one is in the file: %zd %.6s, and here: %.6s", pread(fd, text, 6, 0), text, p);
	memcpy(p, "copy..", 6);
	say("  a store to the private one is not: %zd %.6s %.6s", pread(fd, text, 6, 0), text, s);
	if (pwrite(fd, "WRITE", 5, PAGE) != 5)
		return;
	say("  a write is seen by both: %.5s %.5s", s + PAGE, p + PAGE);
	say("  msync: %s", result(msync(s, PAGE, MS_SYNC)));
	say("  the rest of the last page is zero: %d", zero(s + 2 * PAGE, PAGE));
	say("  from the middle: %.5s", (char *)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ro, PAGE));
	say("  shared, writable, of a file open for reading: %s", mapped(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0)));
	s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	say("  and made writable later: %s", result(mprotect(s, PAGE, PROT_READ | PROT_WRITE)));
	say("  private and writable: %s", mapped(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0)));
	say("  offset misaligned: %s", mapped(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100)));
	say("  no file: %s", mapped(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 77, 0)));
	say("  no length: %s", mapped(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0)));
	say("  neither private nor shared: %s", mapped(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0)));
	say("  more than there is: %s", mapped(mmap(NULL, (size_t)1 << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
	close(fd);
	close(ro);
}

static void moving(void)
{
	char *p = anonymous(4, PROT_READ | PROT_WRITE, MAP_PRIVATE), *q, *r;

	say("mremap");
	memset(p, 'm', 4 * PAGE);
	q = mremap(p, 4 * PAGE, 2 * PAGE, 0);
	say("  smaller: in place %d, cut off %d", q == p, touch(p + 2 * PAGE, 0));
	anonymous(1, PROT_READ, MAP_PRIVATE);
	r = mmap(p + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	say("  no room to grow: %d %s", r == p + 2 * PAGE, mapped(mremap(p, 2 * PAGE, 64 * PAGE, 0)));
	q = mremap(p, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	say("  moved: %d, contents %c %c, new ones zero %d, left %d", q != p, q[0], q[2 * PAGE - 1], zero(q + 2 * PAGE, 62 * PAGE), touch(p, 0));
	r = anonymous(64, PROT_NONE, MAP_PRIVATE);
	p = mremap(q, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r);
	say("  to a place: %d %c", p == r, p[PAGE]);
	say("  onto itself: %s", mapped(mremap(p, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE)));
	say("  nothing there: %s", mapped(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE)));
}

static void heap(void)
{
	char *b = sbrk(0);

	say("brk");
	say("  grows: %d", sbrk(3 * PAGE) == b);
	say("  zero: %d", zero(b, 3 * PAGE));
	memset(b, 'h', 3 * PAGE);
	sbrk(-2 * PAGE);
	sbrk(2 * PAGE);
	say("  kept %c, given back and fresh: %d", b[0], zero(b + 2 * PAGE, PAGE / 2));
	say("  not below its start: %d", syscall(SYS_brk, 8) == (long)sbrk(0));
}

static void residence(void)
{
	unsigned char v[4] = {9, 9, 9, 9};
	char *p = anonymous(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	p[PAGE] = 1;
	p[3 * PAGE] = 1;
	say("mincore: %s", result(mincore(p, 4 * PAGE, v)));
	say("  %d %d %d %d", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
	say("  locked: %s", result(mlock(p, 4 * PAGE)));
	mincore(p, 4 * PAGE, v);
	say("  %d %d %d %d", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
	munmap(p, 4 * PAGE);
	say("  of nothing: %s", result(mincore(p, PAGE, v)));
	say("madvise: unknown %s, misaligned %s, of nothing %s", result(madvise(p, PAGE, 77)), result(madvise(p + 1, PAGE, MADV_NORMAL)), result(madvise(p, PAGE, MADV_DONTNEED)));
}

int main(void)
{
	handle(SIGSEGV, fault, SA_NODEFER);
	handle(SIGBUS, fault, SA_NODEFER);
	private_memory();
	protection();
	sharing();
	files();
	moving();
	heap();
	residence();
	return 0;
}
