/* SPDX-License-Identifier: MIT */
#include "machine/ram.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/bits.h"

/* Frames that ram_back backs at once, and the host's huge page. */
enum { BACK_MIN = 16, BACK_MAX = 512, HUGE_SIZE = 2 << 20 };

int ram_init(struct ram *ram, uint64_t frames)
{
	if (frames == 0 || frames > UINT64_C(1) << 28)
		return -ENOMEM;
	uint64_t size = frames << PAGE_SHIFT;
	uint8_t *p = mmap(NULL, size + HUGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	/* Begins where a huge page can. */
	uint64_t before = align_up((uintptr_t)p, HUGE_SIZE) - (uintptr_t)p;
	if (before)
		munmap(p, before);
	if (before < HUGE_SIZE)
		munmap(p + before + size, HUGE_SIZE - before);
	ram->bytes = p + before;
	ram->frames = frames;
	/* Where the host allows it a first touch then costs it a fault for each 2 MiB. The first are
	 * left alone: a small program uses a part of them only. */
	if (size > HUGE_SIZE)
		madvise(ram->bytes + HUGE_SIZE, size - HUGE_SIZE, MADV_HUGEPAGE);
	return 0;
}

void ram_finish(struct ram *ram)
{
	if (ram->bytes)
		munmap(ram->bytes, ram->frames << PAGE_SHIFT);
	ram->bytes = NULL;
	ram->frames = 0;
}

uint64_t ram_back(struct ram *ram, uint64_t frame)
{
	uint64_t n = max_u64(BACK_MIN, min_u64(frame / 16, BACK_MAX));
	n = min_u64(n, ram->frames - frame);
	/* In vain on a host older than Linux 5.14. */
	madvise(ram->bytes + (frame << PAGE_SHIFT), n << PAGE_SHIFT, MADV_POPULATE_WRITE);
	return frame + n;
}
