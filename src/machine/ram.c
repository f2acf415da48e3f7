/* SPDX-License-Identifier: MIT */
#include "machine/ram.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/bits.h"

int ram_init(struct ram *ram, uint64_t frames)
{
	if (frames == 0 || frames > UINT64_C(1) << 28)
		return -ENOMEM;
	void *p = mmap(NULL, frames << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	/* A first touch costs the host a fault per huge page instead of one per frame. */
	madvise(p, frames << PAGE_SHIFT, MADV_HUGEPAGE);
	ram->bytes = p;
	ram->frames = frames;
	return 0;
}

void ram_finish(struct ram *ram)
{
	if (ram->bytes)
		munmap(ram->bytes, ram->frames << PAGE_SHIFT);
	ram->bytes = NULL;
	ram->frames = 0;
}
