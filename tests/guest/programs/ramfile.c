/* SPDX-License-Identifier: MIT */
/* A file in RAM that is larger than RAM: every byte comes back from swap, and no read is short. */
#include "guest.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE = 4096, PAGES = 1500, SHIFT = 100, WORDS = PAGE / 8 };

static uint64_t word(uint64_t i) { return i * UINT64_C(0x9e3779b97f4a7c15) + 7; }

static long wrong, short_ones;

static void expect(const void *bytes, uint64_t first)
{
	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t x;
		memcpy(&x, (const char *)bytes + i * 8, 8);
		wrong += x != word(first + i);
	}
}

static void expect_zeros(const char *p, long size)
{
	for (long i = 0; i < size; i++)
		wrong += p[i] != 0;
}

static void tell(const char *what) { say("%s: %ld wrong, %ld short", what, wrong, short_ones); }

int main(void)
{
	static uint64_t page[WORDS];
	static char some[65536];
	int fd = memfd_create("file", 0), copy = memfd_create("copy", 0);
	long end = (PAGES - 10) * (long)PAGE + 50, total = 0, n;
	struct stat st;

	for (uint64_t i = 0; i < PAGES; i++) {
		for (unsigned k = 0; k < WORDS; k++)
			page[k] = word(i * WORDS + k);
		short_ones += pwrite(fd, page, PAGE, (off_t)i * PAGE + SHIFT) != PAGE;
	}
	tell("written");
	for (uint64_t i = 0; i < PAGES; i++) {
		short_ones += pread(fd, page, PAGE, (off_t)i * PAGE + SHIFT) != PAGE;
		expect(page, i * WORDS);
	}
	tell("read");
	char *p = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (uint64_t i = 0; i < PAGES; i++)
		expect(p + i * PAGE + SHIFT, i * WORDS);
	tell("mapped");
	say("cut: %s", result(ftruncate(fd, end)));
	say("longer: %s", result(ftruncate(fd, PAGES * PAGE)));
	expect_zeros(p + end, PAGES * PAGE - end);
	tell("cut");
	say("punched: %s", result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * PAGE + 10, 3 * PAGE)));
	expect_zeros(p + 5 * PAGE + 10, 3 * PAGE);
	tell("punched");
	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, some, sizeof(some))) > 0) {
		total += n;
		short_ones += n < (long)sizeof(some) && total != PAGES * PAGE;
	}
	say("all of it: %ld", total);
	off64_t from = 0;
	while (copy_file_range(fd, &from, copy, NULL, 1 << 20, 0) > 0)
		;
	fstat(copy, &st);
	say("copied: %ld", (long)st.st_size);
	lseek(copy, 100 * (long)PAGE + SHIFT, SEEK_SET);
	short_ones += read(copy, page, PAGE) != PAGE;
	expect(page, 100 * WORDS);
	tell("end");
	return 0;
}
