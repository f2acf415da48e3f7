/* SPDX-License-Identifier: MIT */
/* drop.c - takes random mappings away while programs run: a test that the map is only a cache
 *
 * Its randomness is its own, so that programs get the same bytes from getrandom with and without.
 */
#include "base/bits.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"

/* Instructions between two drops: enough that every one gets done in the end, however many pages it
 * touches. */
enum { EVERY = 10000 };

static uint64_t next_random(struct kernel *k)
{
	uint64_t x = k->drop_state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void drop_one(struct kernel *k)
{
	struct mm *mm = k->mm;
	uint32_t frame = (uint32_t)(next_random(k) % mm->pool.untouched);
	const struct frame *f = frame_at(mm, frame);
	if (f->state == FRAME_OWNED && (f->kind == FRAME_ANON || f->kind == FRAME_FILE) && f->maps > 0)
		mm->pmap->remove(mm, frame);
}

uint64_t drop_mappings(struct kernel *k)
{
	uint64_t retired = hart_retired(k->hart);
	if (retired >= k->drop_at) {
		for (unsigned i = 0; i < k->config.drop_mappings; i++)
			drop_one(k);
		k->drop_at = retired + EVERY;
	}
	return k->drop_at - retired;
}
