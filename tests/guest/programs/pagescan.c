/* SPDX-License-Identifier: MIT */
/* PAGEMAP_SCAN: which pages of a range are what, and guarding them anew; cachestat. As root. */
#include "guest.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, CACHESTAT = 451, RW = PROT_READ | PROT_WRITE };

/* linux/fs.h of Linux 6.7. */
enum { WPALLOWED = 1, WRITTEN = 2, FILE_PAGE = 4, PRESENT = 8, SWAPPED = 16, ZERO = 32, SOFT_DIRTY = 128 };
enum { WP_MATCHING = 1, CHECK_WPASYNC = 2 };
#define WP_UNPOPULATED (1ULL << 13)
#define WP_ASYNC (1ULL << 15)

struct page_span {
	uint64_t start, end, categories;
};
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, anyof, returned;
};
#define SCAN _IOWR('f', 16, struct scan)

static int pagemap;
static const char *r[8];
static struct page_span spans[32];

static struct scan ask(const char *p, int pages)
{
	return (struct scan){.size = sizeof(struct scan), .start = (uint64_t)p, .end = (uint64_t)p + (uint64_t)pages * PAGE,
			     .vec = (uint64_t)spans, .vec_len = 32, .returned = 0x7f};
}

/* Asks, and says what came: "from+pages:categories ...", how far it went. */
static void tell(const char *what, struct scan s)
{
	char text[400] = "";
	size_t used = 0;
	uint64_t start = s.start;
	int n;

	s.walk_end = 77;
	n = ioctl(pagemap, SCAN, &s);
	for (int i = 0; i < n && s.vec; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %d+%d:%x", (int)((spans[i].start - start) / PAGE),
					 (int)((spans[i].end - spans[i].start) / PAGE), (unsigned)spans[i].categories);
	say("%s: %s%s, to %d", what, result(n), text, s.walk_end == 77 ? -1 : (int)((s.walk_end - start) / PAGE));
}

static char *map(int pages, int prot, int flags, int fd)
{
	char *p = mmap(NULL, (size_t)pages * PAGE, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	madvise(p, (size_t)pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static void refusals(void)
{
	char *p = map(4, RW, MAP_PRIVATE, -1);
	struct scan s = ask(p, 4);

	p[0] = 1;
	s.size--;
	tell("size", s);
	s = ask(p, 4);
	s.flags = 4;
	tell("flags", s);
	s = ask(p, 4);
	s.mask = 1 << 12;
	tell("mask", s);
	s = ask(p, 4);
	s.returned = 1 << 12;
	tell("returned", s);
	s = ask(p, 4);
	s.start++;
	tell("unaligned", s);
	s = ask(p, 4);
	s.end = 1ULL << 63;
	tell("too far", s);
	s = ask(p, 4);
	s.vec = 0;
	tell("a length of nothing", s);
	s = ask(p, 4);
	s.vec = 1ULL << 63;
	tell("a vector nowhere", s);
	s = ask(p, 4);
	s.vec = 8;
	s.mask = PRESENT;
	tell("a vector that is not mapped", s);
	s = ask(p, 4);
	s.end = s.start;
	tell("nothing", s);
	s = ask(p, 4);
	s.flags = CHECK_WPASYNC;
	tell("not watched", s);
	s = ask(p, 4);
	s.flags = WP_MATCHING;
	tell("not watched, quietly", s);
	r[0] = result(ioctl(pagemap, SCAN, (void *)8));
	r[1] = result(ioctl(pagemap, _IO('f', 99), 0));
	say("bad pointer %s, no such request %s", r[0], r[1]);
	munmap(p, 4 * PAGE);
}

static void categories(void)
{
	char *p = map(12, RW, MAP_PRIVATE, -1), *s = map(4, RW, MAP_SHARED, -1), *f;
	int fd = memfd_create("pagescan", 0);
	struct scan q;
	volatile char c;

	ftruncate(fd, 4 * PAGE);
	f = map(4, RW, MAP_PRIVATE, fd);
	munmap(p + 10 * PAGE, PAGE);
	p[PAGE] = p[2 * PAGE] = p[6 * PAGE] = 1;
	c = p[4 * PAGE];
	s[PAGE] = 1;
	f[0] = 1;
	c = f[2 * PAGE];
	(void)c;
	q = ask(p, 12);
	q.mask = PRESENT;
	tell("present", q);
	q.anyof = ZERO | FILE_PAGE;
	tell("and zero or of a file", q);
	q.anyof = 0;
	q.mask = q.inverted = PRESENT;
	tell("not present", q);
	q.mask = ZERO | PRESENT;
	q.inverted = ZERO;
	tell("present, not zero", q);
	q = ask(s, 4);
	q.mask = PRESENT;
	tell("shared", q);
	q = ask(f, 4);
	q.mask = PRESENT;
	tell("of a file", q);
	q.returned = FILE_PAGE;
	q.mask = WRITTEN;
	tell("written, of a file", q);
	q = ask(p, 12);
	q.mask = PRESENT;
	q.max_pages = 2;
	tell("two pages", q);
	q.max_pages = 3;
	tell("three pages", q);
	q.max_pages = 0;
	q.vec_len = 1;
	tell("one span", q);
	q.vec_len = 2;
	tell("two spans", q);
	q.vec = 0;
	q.vec_len = 0;
	tell("no spans", q);
	q = ask(p, 12);
	q.end -= 100;
	q.mask = PRESENT;
	tell("a part of a page", q);
	munmap(p, 12 * PAGE);
	munmap(s, 4 * PAGE);
	munmap(f, 4 * PAGE);
	close(fd);
}

static int fd;

static int watch(void *p, int pages, uint64_t mode)
{
	struct uffdio_register g = {.range = {(unsigned long)p, (unsigned long)pages * PAGE}, .mode = mode};

	return ioctl(fd, UFFDIO_REGISTER, &g);
}

static int guard(void *p, int pages, uint64_t mode)
{
	struct uffdio_writeprotect w = {.range = {(unsigned long)p, (unsigned long)pages * PAGE}, .mode = mode};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &w);
}

static void open_watch(uint64_t features)
{
	struct uffdio_api a = {.api = UFFD_API, .features = features};

	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	say("features: %s", result(ioctl(fd, UFFDIO_API, &a)));
}

/* Which pages were stored to since they were asked for last: what it is there for. */
static void written(void)
{
	char *p = map(8, RW, MAP_PRIVATE, -1);
	struct scan q = ask(p, 8);
	int zero = open("/dev/zero", O_RDONLY);

	open_watch(WP_ASYNC | WP_UNPOPULATED);
	p[0] = p[PAGE] = p[5 * PAGE] = 1;
	say("register %s", result(watch(p, 8, UFFDIO_REGISTER_MODE_WP)));
	say("guard %s", result(guard(p, 8, UFFDIO_WRITEPROTECT_MODE_WP)));
	q.mask = WRITTEN;
	q.returned = WRITTEN;
	tell("nothing is written", q);
	p[PAGE] = p[6 * PAGE] = 2;
	read(zero, p + 3 * PAGE, 10);
	tell("three are", q);
	q.flags = WP_MATCHING | CHECK_WPASYNC;
	tell("they are told and guarded", q);
	tell("so that nothing is", q);
	p[5 * PAGE] = 3;
	q.max_pages = 1;
	p[0] = 3;
	tell("one of two", q);
	tell("the other", q);
	q.max_pages = 0;
	p[2 * PAGE] = 1;
	q.vec = q.vec_len = 0;
	tell("guarded without a word", q);
	q = ask(p, 8);
	q.mask = q.returned = WRITTEN;
	tell("and it is", q);
	q.mask = PRESENT;
	q.returned = 0x7f;
	tell("present", q);
	q.mask = WPALLOWED;
	q.returned = WPALLOWED;
	tell("may be guarded", q);
	if (fork() == 0) {
		pagemap = open("/proc/self/pagemap", O_RDONLY);
		q.mask = PRESENT;
		q.returned = WRITTEN | WPALLOWED;
		tell("child", q);
		p[0] = 9;
		_exit(0);
	}
	wait(NULL);
	p[4 * PAGE] = 1;
	say("guard no more: %s", result(guard(p, 8, 0)));
	q.mask = q.returned = WRITTEN;
	tell("all that is there is written", q);
	close(fd);
	q.flags = CHECK_WPASYNC;
	tell("closed", q);
	say("%d %d %d %d %d %d %d", p[0], p[PAGE], p[2 * PAGE], p[3 * PAGE], p[4 * PAGE], p[5 * PAGE], p[6 * PAGE]);
	munmap(p, 8 * PAGE);
	close(zero);
}

/* Any memory may be guarded in this way. */
static void of_files(void)
{
	char name[] = "/tmp/pagescanXXXXXX", *f, *g, *m;
	int file = mkstemp(name), memory = memfd_create("pagescan", 0);
	struct scan q;
	volatile char c;

	unlink(name);
	ftruncate(file, 4 * PAGE);
	ftruncate(memory, 4 * PAGE);
	open_watch(WP_ASYNC);
	f = map(4, RW, MAP_SHARED, file);
	g = map(4, RW, MAP_PRIVATE, file);
	m = map(4, RW, MAP_SHARED, memory);
	c = f[0];
	c = g[0];
	c = g[PAGE];
	(void)c;
	r[0] = result(watch(f, 4, UFFDIO_REGISTER_MODE_WP));
	r[1] = result(watch(g, 4, UFFDIO_REGISTER_MODE_WP));
	r[2] = result(watch(m, 4, UFFDIO_REGISTER_MODE_WP));
	r[3] = result(watch(f, 4, UFFDIO_REGISTER_MODE_MISSING));
	r[4] = result(watch(g, 4, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
	say("register shared %s, private %s, in RAM %s, as missing %s, both %s", r[0], r[1], r[2], r[3], r[4]);
	r[0] = result(guard(f, 4, UFFDIO_WRITEPROTECT_MODE_WP));
	r[1] = result(guard(g, 4, UFFDIO_WRITEPROTECT_MODE_WP));
	r[2] = result(guard(m, 4, UFFDIO_WRITEPROTECT_MODE_WP));
	say("guard %s %s %s", r[0], r[1], r[2]);
	f[0] = f[2 * PAGE] = 1;
	g[PAGE] = 2;
	m[3 * PAGE] = 3;
	q = ask(f, 4);
	q.mask = q.returned = WRITTEN;
	tell("shared", q);
	q.start = (uint64_t)g;
	q.end = q.start + 4 * PAGE;
	tell("private", q);
	q.start = (uint64_t)m;
	q.end = q.start + 4 * PAGE;
	tell("in RAM", q);
	say("%d %d %d %d", f[0], f[2 * PAGE], g[PAGE], m[3 * PAGE]);
	close(fd);
	munmap(f, 4 * PAGE);
	munmap(g, 4 * PAGE);
	munmap(m, 4 * PAGE);
	close(file);
	close(memory);
}

/* ---- cachestat ---- */

struct cache_range {
	uint64_t offset, length;
};
struct cache {
	uint64_t cached, dirty, writeback, evicted, recent;
};

static const char *cache(int file, uint64_t offset, uint64_t length)
{
	static char text[8][64];
	static int i;
	struct cache_range g = {offset, length};
	struct cache c = {0};
	char *s = text[i++ % 8];
	long n = syscall(CACHESTAT, file, &g, &c, 0);

	snprintf(s, sizeof(text[0]), "%s %d", result(n), (int)c.cached);
	return s;
}

static void caches(void)
{
	int file = memfd_create("pagescan", 0), end[2], path = open("/proc/self/exe", O_PATH), dir = open("/", O_RDONLY);
	struct cache_range g = {0, 0};
	struct cache c;
	char page[PAGE] = "x";

	pipe(end);
	r[0] = result(syscall(CACHESTAT, -1, &g, &c, 0));
	r[1] = result(syscall(CACHESTAT, path, &g, &c, 0));
	r[2] = result(syscall(CACHESTAT, file, (void *)8, &c, 0));
	r[3] = result(syscall(CACHESTAT, file, &g, (void *)8, 0));
	r[4] = result(syscall(CACHESTAT, file, &g, &c, 1));
	r[5] = result(syscall(CACHESTAT, -1, (void *)8, &c, 1));
	r[6] = result(syscall(CACHESTAT, file, (void *)8, &c, 1));
	say("cachestat: nothing %s, a path %s, no range %s, nowhere %s, flags %s, %s, %s", r[0], r[1], r[2], r[3], r[4], r[5], r[6]);
	say("pipe %s, empty %s", cache(end[0], 0, 0), cache(file, 0, 0));
	ftruncate(file, 64 * PAGE);
	for (int i = 0; i < 8; i++)
		pwrite(file, page, PAGE, (off_t)i * 2 * PAGE);
	say("all %s, of the first %s, from the fifth %s, bytes %s, beyond %s", cache(file, 0, 0), cache(file, 0, PAGE),
	    cache(file, 4 * PAGE, 0), cache(file, PAGE - 1, 2), cache(file, 100 * PAGE, PAGE));
	ftruncate(file, 3 * PAGE);
	say("cut %s", cache(file, 0, 0));
	close(file);
	file = open("/proc/self/exe", O_RDONLY);
	pread(file, page, PAGE, 0);
	say("the program: some %d", cache(file, 0, PAGE)[2] == '1');
	if (fork() == 0) {
		setresgid(65534, 65534, 65534);
		setresuid(65534, 65534, 65534);
		say("another's, for a plain user: %s", cache(file, 0, PAGE));
		_exit(0);
	}
	wait(NULL);
	close(dir);
}

int main(void)
{
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	refusals();
	categories();
	written();
	of_files();
	caches();
	return 0;
}
