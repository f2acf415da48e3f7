/* SPDX-License-Identifier: MIT */
#include "vm/thrash.h"

#include "vm/mm.h"

static uint32_t window_size(const struct mm *mm)
{
	return max_u64(mm->frames, THRASH_WINDOW_MIN);
}

/* The distance that nine of ten refaults of the window do not pass, to a power of two. */
static uint64_t distance_of_most(const struct thrash *t)
{
	uint64_t seen = 0;
	for (unsigned b = 0; b < THRASH_BUCKETS; b++) {
		seen += t->distance[b];
		if (10 * seen >= 9 * (uint64_t)t->refaults)
			return UINT64_C(1) << b;
	}
	return 0;
}

static void window_end(struct mm *mm)
{
	struct thrash *t = &mm->thrash;
	uint64_t now = mm_now(mm);
	t->now = 2 * (uint64_t)t->refaults > t->evictions &&
		 now - t->began < t->refaults * THRASH_NS;
	if (t->now) {
		t->wanted = mm->frames + distance_of_most(t);
		t->share_refaults = t->refaults;
		t->share_evictions = t->evictions;
	}
	for (struct space *s = mm->spaces; s; s = s->next) {
		s->refaults_window = s->refaults;
		s->refaults = 0;
	}
	*t = (struct thrash){.began = now,
			     .now = t->now,
			     .wanted = t->wanted,
			     .share_refaults = t->share_refaults,
			     .share_evictions = t->share_evictions};
}

uint64_t thrash_evicted(struct mm *mm)
{
	if (++mm->thrash.evictions >= window_size(mm))
		window_end(mm);
	return ++mm->evictions;
}

void thrash_refault(struct mm *mm, uint32_t frame, uint32_t space, uint64_t evicted)
{
	bool file = frame_at(mm, frame)->kind == FRAME_FILE;
	uint64_t distance = mm->evictions - evicted;
	struct space *s = space ? mm_space(mm, space) : NULL;
	unsigned bucket = distance ? 64 - (unsigned)__builtin_clzll(distance) : 0;
	mm->thrash.refaults++;
	mm->thrash.distance[min_u64(bucket, THRASH_BUCKETS - 1)]++;
	if (s)
		s->refaults++;
	mm->refaults++;
	mm->file_refaults += file;
	MM_EVENT(mm, NULL, 0, refault, .key = frame_key(mm, frame), .frame = frame, .file = file,
		 .distance = distance);
}
