/* SPDX-License-Identifier: MIT */
/* How many minor faults each of many small operations takes, as getrusage tells: one line each, the
 * count and the operation. What Linux says of the same is in ../compare.py. */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { PAGE = 4096, PAGES = 1024 };
static const size_t SIZE = (size_t)PAGES * PAGE;
static volatile char sink;
static long start;

static long minor(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

static void begin(void) { start = minor(); }

static void end(const char *operation)
{
	long n = minor() - start;

	say("%ld %s", n, operation);
}

static char *map(int prot, int flags, int fd)
{
	char *p = mmap(NULL, SIZE, prot, flags, fd, 0);

	if (p == MAP_FAILED) {
		say("mmap: %s", strerrorname_np(errno));
		exit(1);
	}
	return p;
}

static char *anonymous(void) { return map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1); }

static void read_each(const char *p, int step, const char *operation)
{
	begin();
	for (int i = 0; i < PAGES; i += step)
		sink = p[(size_t)i * PAGE];
	end(operation);
}

static void write_each(char *p, int step, const char *operation)
{
	begin();
	for (int i = 0; i < PAGES; i += step)
		((volatile char *)p)[(size_t)i * PAGE] = 1;
	end(operation);
}

static void in_a_child(void (*what)(char *, int, const char *), char *p, int step, const char *operation)
{
	if (fork() == 0) {
		minor(); /* its own stack and data */
		begin();
		end("(warm)");
		what(p, step, operation);
		_exit(0);
	}
	wait(NULL);
}

static void read_it(char *p, int step, const char *operation) { read_each(p, step, operation); }

__attribute__((noinline)) static int descend(int n)
{
	volatile char frame[PAGE];

	frame[0] = (char)n;
	return n == 0 ? 0 : descend(n - 1) + frame[0];
}

static void stack(const char *operation)
{
	begin();
	sink = (char)descend(100);
	end(operation);
}

static void anonymous_memory(void)
{
	char *p = anonymous(), *to;

	write_each(p, 1, "anon write");
	write_each(p, 1, "anon write again");
	munmap(p, SIZE);
	p = anonymous();
	read_each(p, 1, "anon read");
	write_each(p, 1, "anon write after read");
	madvise(p, SIZE, MADV_DONTNEED);
	write_each(p, 1, "anon write after dontneed");
	mprotect(p, SIZE, PROT_READ);
	mprotect(p, SIZE, PROT_READ | PROT_WRITE);
	write_each(p, 1, "anon write after mprotect and back");
	in_a_child(read_it, p, 1, "fork child reads");
	in_a_child(write_each, p, 2, "fork child writes every second");
	in_a_child(write_each, p, 1, "fork child writes");
	write_each(p, 1, "fork parent writes after its children");
	write_each(p, 1, "fork parent writes again");
	to = mremap(p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, anonymous());
	read_each(to, 1, "mremap read at the new place");
	munmap(to, SIZE);
	p = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	write_each(p, 1, "shared write");
	in_a_child(write_each, p, 1, "shared child writes");
	munmap(p, SIZE);
	p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1);
	write_each(p, 1, "populated write");
	munmap(p, SIZE);
}

static void file_memory(void)
{
	char path[] = "/tmp/faultcounts-XXXXXX", *p = anonymous();
	int fd = mkstemp(path);

	unlink(path);
	if (write(fd, p, SIZE) != (ssize_t)SIZE)
		say("write: %s", strerrorname_np(errno));
	munmap(p, SIZE);
	p = map(PROT_READ, MAP_PRIVATE, fd);
	read_each(p, 1, "file private read");
	munmap(p, SIZE);
	p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	write_each(p, 1, "file private write");
	munmap(p, SIZE);
	p = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	read_each(p, 1, "file shared read");
	write_each(p, 1, "file shared write after read");
	munmap(p, SIZE);
	p = anonymous();
	lseek(fd, 0, SEEK_SET);
	begin();
	if (read(fd, p, SIZE) != (ssize_t)SIZE)
		say("read: %s", strerrorname_np(errno));
	end("read into fresh memory");
	munmap(p, SIZE);
	close(fd);
}

int main(void)
{
	char *heap;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	begin();
	end("(warm)");
	anonymous_memory();
	file_memory();
	stack("stack descent");
	stack("stack descent again");
	heap = sbrk(0);
	sbrk((PAGE - (long)heap % PAGE) % PAGE + (long)SIZE);
	heap += (PAGE - (long)heap % PAGE) % PAGE;
	write_each(heap, 1, "brk write");
	return 0;
}
