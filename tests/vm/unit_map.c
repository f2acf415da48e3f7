/* SPDX-License-Identifier: MIT */
/* mmap, munmap, mprotect, mremap, madvise, brk and their like: what Linux does, Carrel does. */
#include "unit.h"

enum { P = PAGE_SIZE, RW = PROT_R | PROT_W, MAYMOVE = 1, FIXED = 2, DONTUNMAP = 4 };

/* The regions as text: "start+pages prot;" with start in pages from base. */
static const char *regions_text(const struct space *s, uint64_t base)
{
	static char text[512];
	int n = 0;
	text[0] = '\0';
	for (const struct region *r = regions_first(&s->regions); r; r = region_next(r))
		n +=
		    snprintf(text + n, sizeof(text) - (size_t)n, "%s%d+%d%c%c%c", n ? " " : "",
			     (int)((int64_t)(r->start - base) >> PAGE_SHIFT),
			     (int)((r->end - r->start) >> PAGE_SHIFT), r->prot & PROT_R ? 'r' : '-',
			     r->prot & PROT_W ? 'w' : '-', r->prot & PROT_X ? 'x' : '-');
	return text;
}

static int map(struct space *s, uint64_t at, uint64_t length, unsigned map_flags, uint64_t *ret)
{
	return space_map(s,
			 &(struct map_request){.start = at,
					       .length = length,
					       .prot = RW,
					       .prot_max = PROT_ALL,
					       .map_flags = map_flags},
			 ret);
}

TEST(mappings_are_placed_where_linux_places_them)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 0, top = lab_layout.map_top;
		CHECK_EQ(map(s, 0, 3 * P, 0, &a), 0);
		CHECK_EQ(a, top - 3 * P);
		CHECK_EQ(map(s, 0, 1, 0, &a), 0);
		CHECK_EQ(a, top - 4 * P);
		CHECK_EQ(s->regions.count, 1); /* alike, so one */
		CHECK_EQ(space_unmap(s, top - 2 * P, P), 0);
		CHECK_EQ(map(s, 0, P, 0, &a), 0);
		CHECK_EQ(a, top - 2 * P); /* the highest hole */
		CHECK_EQ(map(s, 1 << 20, P, 0, &a), 0);
		CHECK_EQ(a, 1 << 20); /* a wish */
		CHECK_EQ(map(s, (1 << 20) + 1, P, 0, &a), 0);
		CHECK_EQ(a, (1 << 20) + P); /* wishes are rounded up */
		CHECK_EQ(map(s, 1 << 20, P, 0, &a), 0);
		CHECK_EQ(a, top - 5 * P); /* taken */
		CHECK_EQ(map(s, 5, P, 0, &a), 0);
		CHECK_EQ(a, 65536); /* never below mmap_min_addr */
		CHECK_EQ(map(s, 1 << 20, P, MAP_AT_FREE, &a), -EEXIST);
		CHECK_EQ(map(s, (1 << 20) + 1, P, MAP_AT, &a), -EINVAL);
		CHECK_EQ(map(s, 4096, P, MAP_AT, &a), 0); /* only who names it gets it */
		CHECK_EQ(space_unmap(s, 4096, P), 0);
		CHECK_EQ(map(s, lab_layout.top, P, MAP_AT, &a), -ENOMEM);
		CHECK_EQ(map(s, 0, 0, 0, &a), -EINVAL);
		CHECK_EQ(map(s, 0, UINT64_MAX, 0, &a), -ENOMEM);
		CHECK_EQ(map(s, 0, lab_layout.top, 0, &a), -ENOMEM);
		/* No room below map_top: from a third of all addresses upward. */
		uint64_t huge = top - (2 << 20);
		CHECK_EQ(map(s, 2 << 20, huge - 20 * P, MAP_AT, &a), 0);
		CHECK_EQ(map(s, 0, 100 << 20, 0, &a), 0);
		CHECK_EQ(a, top);
	}
}

TEST(a_terabyte_hole_costs_nothing)
{
	EACH_LAB (l, 64) {
		uint32_t free = l.mm->pool.free;
		uint64_t bytes = l.w.bytes, a = 0;
		CHECK_EQ(map(l.space, 0, UINT64_C(1) << 37, 0, &a), 0);
		CHECK_EQ(l.mm->pool.free, free);
		CHECK(l.w.bytes - bytes < 4096);
		lab_store(l.space, a + (UINT64_C(1) << 36), 1);
		struct space *child = lab_fork(l.space, 2);
		CHECK_EQ(lab_load(child, a + (UINT64_C(1) << 36)), 1);
		CHECK_EQ(space_protect(l.space, a, UINT64_C(1) << 37, PROT_R), 0);
		CHECK_EQ(space_advise(l.space, a, UINT64_C(1) << 37, 4), 0);
		CHECK_EQ(space_unmap(l.space, a, UINT64_C(1) << 37), 0);
	}
}

TEST(munmap_of_the_middle_leaves_both_ends_as_they_were)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 9, RW);
		for (unsigned i = 0; i < 9; i++)
			lab_store(s, a + i * P, (uint8_t)i);
		CHECK_EQ(space_unmap(s, a + 3 * P, 2 * P + 1), 0);
		CHECK_STR(regions_text(s, a), "0+3rw- 6+3rw-");
		CHECK_EQ(lab_load(s, a + 2 * P), 2);
		CHECK_EQ(lab_load(s, a + 3 * P), -(int)CAUSE_segv_unmapped);
		CHECK_EQ(lab_load(s, a + 6 * P), 6);
		CHECK_EQ(lab_resident(s), 6);
		CHECK_EQ(s->pages, 6);
		CHECK_EQ(space_unmap(s, a + 1, P), -EINVAL);
		CHECK_EQ(space_unmap(s, a, 0), -EINVAL);
		CHECK_EQ(space_unmap(s, lab_layout.top, P), -EINVAL);
		CHECK_EQ(space_unmap(s, a - 64 * P, P), 0);
		CHECK_EQ(space_unmap(s, a, 1024 * P), 0);
		CHECK_EQ(s->regions.count, 0);
	}
}

TEST(a_child_keeps_what_its_parent_unmaps_from_a_shared_span)
{
	EACH_LAB (l, 128) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 16, RW);
		for (unsigned i = 0; i < 16; i++)
			lab_store(s, a + i * P, (uint8_t)(i + 1));
		struct space *child = lab_fork(s, 2);
		CHECK_EQ(space_unmap(s, a + 4 * P, 4 * P), 0);
		CHECK_EQ(space_protect(s, a + 8 * P, 4 * P, PROT_R), 0);
		lab_verify(&l);
		for (unsigned i = 0; i < 16; i++)
			CHECK_EQ(lab_load(child, a + i * P), i + 1);
		CHECK_EQ(lab_resident(s), 12);
		CHECK_EQ(lab_resident(child), 16);
		for (unsigned i = 0; i < 16; i++)
			CHECK_EQ(lab_store(child, a + i * P, 50),
				 i >= 4 && i < 8 ? CAUSE_cow_reuse : CAUSE_cow_copy);
		CHECK_EQ(lab_load(s, a), 1);
	}
}

TEST(mprotect_cuts_and_joins_regions)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 9, RW);
		lab_store(s, a + 4 * P, 1);
		CHECK_EQ(space_protect(s, a + 3 * P, 3 * P, PROT_R), 0);
		CHECK_STR(regions_text(s, a), "0+3rw- 3+3r-- 6+3rw-");
		CHECK_EQ(s->pages_data, 6);
		CHECK_EQ(lab_store(s, a + 4 * P, 2), CAUSE_segv_protection);
		CHECK_EQ(space_protect(s, a + 3 * P, 3 * P, RW), 0);
		CHECK_STR(regions_text(s, a), "0+9rw-");
		CHECK_EQ(lab_store(s, a + 4 * P, 2), CAUSE_none);
		CHECK_EQ(space_protect(s, a + 4 * P, P, 0), 0);
		CHECK_EQ(lab_read(s, a + 4 * P), CAUSE_segv_protection);
		CHECK_EQ(lab_resident(s), 1);
		CHECK_EQ(space_protect(s, a + 4 * P, P, RW), 0);
		CHECK_EQ(lab_load(s, a + 4 * P), 2);
		CHECK_EQ(space_protect(s, a + 4 * P, P, PROT_R), 0);
		CHECK_EQ(space_lock(s, a + 4 * P, P, REGION_LOCKED), 0); /* stays apart */
		CHECK_EQ(space_protect(s, a + 3 * P, 3 * P, PROT_R), 0);
		CHECK_STR(regions_text(s, a), "0+3rw- 3+1r-- 4+1r-- 5+1r-- 6+3rw-");
		CHECK_EQ(space_lock(s, a + 4 * P, P, 0), 0);
		CHECK_EQ(space_protect(s, a + 3 * P, 3 * P, RW), 0);
		/* As Linux: what lies below the hole is changed, and the hole is told. */
		CHECK_EQ(space_unmap(s, a + 5 * P, P), 0);
		CHECK_EQ(space_protect(s, a + 3 * P, 5 * P, PROT_R), -ENOMEM);
		CHECK_STR(regions_text(s, a), "0+3rw- 3+2r-- 6+3rw-");
		CHECK_EQ(space_protect(s, a + 5 * P, P, PROT_R), -ENOMEM);
		CHECK_EQ(space_protect(s, a + 1, P, PROT_R), -EINVAL);
		CHECK_EQ(space_protect(s, a, 0, PROT_R), 0);
	}
}

TEST(a_file_opened_for_reading_cannot_be_made_writable_shared)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		uint64_t a = 0;
		struct map_request m = {.length = P,
					.prot = PROT_R,
					.prot_max = PROT_R,
					.object = o,
					.region_flags = REGION_SHARED};
		CHECK_EQ(space_map(l.space, &m, &a), 0);
		CHECK_EQ(space_protect(l.space, a, P, RW), -EACCES);
		m.offset = UINT64_C(1) << 60;
		CHECK_EQ(space_map(l.space, &m, &a), -EOVERFLOW);
		m.offset = 5;
		CHECK_EQ(space_map(l.space, &m, &a), -EINVAL);
		object_put(l.mm, o);
	}
}

TEST(mremap_grows_shrinks_and_moves)
{
	EACH_LAB (l, 256) {
		struct space *s = l.space;
		uint64_t a = lab_map_at(s, 1 << 30, 8, RW), to = 0;
		for (unsigned i = 0; i < 8; i++)
			lab_store(s, a + i * P, (uint8_t)(i + 1));
		CHECK_EQ(space_remap(s, a, 8 * P, 4 * P, 0, 0, &to), 0);
		CHECK_STR(regions_text(s, a), "0+4rw-");
		CHECK_EQ(space_remap(s, a, 4 * P, 6 * P, 0, 0, &to), 0);
		CHECK_EQ(to, a);
		CHECK_EQ(lab_load(s, a + 5 * P), 0);
		lab_map_at(s, a + 6 * P, 1, PROT_R);
		CHECK_EQ(space_remap(s, a, 6 * P, 7 * P, 0, 0, &to), -ENOMEM);
		struct space *child = lab_fork(s, 2);
		CHECK_EQ(space_remap(s, a, 6 * P, 7 * P, MAYMOVE, 0, &to), 0);
		CHECK_EQ(to, lab_layout.map_top - 7 * P);
		for (unsigned i = 0; i < 4; i++)
			CHECK_EQ(lab_load(s, to + i * P), i + 1);
		CHECK_EQ(lab_load(s, a), -(int)CAUSE_segv_unmapped);
		for (unsigned i = 0; i < 4; i++)
			CHECK_EQ(lab_load(child, a + i * P), i + 1);
		uint64_t b = 0;
		CHECK_EQ(space_remap(s, to, 7 * P, 7 * P, MAYMOVE | DONTUNMAP, 0, &b), 0);
		CHECK_EQ(lab_load(s, b + 3 * P), 4);
		CHECK_EQ(lab_load(s, to + 3 * P), 0);
		CHECK_EQ(space_remap(s, b, 7 * P, P, MAYMOVE | FIXED, b + 3 * P, &to), -EINVAL);
		CHECK_EQ(space_remap(s, b, 7 * P, P, FIXED, a, &to), -EINVAL);
		CHECK_EQ(space_remap(s, b, 9000 * P, 9001 * P, MAYMOVE, 0, &to), -EFAULT);
		CHECK_EQ(space_remap(s, 1 << 20, P, P, MAYMOVE, 0, &to), -EFAULT);
		CHECK_EQ(space_remap(s, b, P, 0, MAYMOVE, 0, &to), -EINVAL);
		CHECK_EQ(space_remap(s, b, 0, P, MAYMOVE, 0, &to), -EINVAL);
	}
}

TEST(madvise_does_what_it_says_or_says_why_not)
{
	static struct lab_file f;
	EACH_LAB (l, 256) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 8, RW);
		for (unsigned i = 0; i < 8; i++)
			lab_store(s, a + i * P, 1);
		CHECK_EQ(space_advise(s, a + P, 2 * P, 4), 0);
		CHECK_EQ(lab_resident(s), 6);
		CHECK_EQ(lab_load(s, a + P), 0);
		CHECK_EQ(lab_load(s, a + 3 * P), 1);
		CHECK_EQ(space_advise(s, a + 4 * P, P, 18), 0); /* WIPEONFORK */
		CHECK_EQ(space_advise(s, a + 5 * P, P, 10), 0); /* DONTFORK */
		CHECK_STR(regions_text(s, a), "0+4rw- 4+1rw- 5+1rw- 6+2rw-");
		struct space *child = lab_fork(s, 2);
		CHECK_EQ(lab_load(child, a + 3 * P), 1);
		CHECK_EQ(lab_load(child, a + 4 * P), 0);
		CHECK_EQ(lab_load(child, a + 5 * P), -(int)CAUSE_segv_unmapped);
		CHECK_EQ(lab_load(child, a + 6 * P), 1);
		CHECK_EQ(space_advise(s, a + 4 * P, P, 19), 0);
		CHECK_EQ(space_advise(s, a + 5 * P, P, 11), 0);
		CHECK_STR(regions_text(s, a), "0+8rw-");
		CHECK_EQ(space_advise(s, a, 8 * P, 25), -EINVAL); /* COLLAPSE */
		CHECK_EQ(space_advise(s, a, 8 * P, 77), -EINVAL);
		CHECK_EQ(space_advise(s, a + 1, P, 4), -EINVAL);
		CHECK_EQ(space_advise(s, a, 0, 4), 0);
		CHECK_EQ(space_advise(s, a, 8 * P, 14), 0); /* HUGEPAGE */
		CHECK_EQ(space_unmap(s, a + 2 * P, P), 0);
		CHECK_EQ(space_advise(s, a, 8 * P, 4), -ENOMEM); /* a hole; the rest is done */
		CHECK_EQ(lab_load(s, a + 7 * P), 0);
		CHECK_EQ(space_advise(s, a + 3 * P, 2 * P, 23), 0); /* POPULATE_WRITE */
		CHECK_EQ(lab_store(s, a + 4 * P, 1), CAUSE_none);
		CHECK_EQ(space_advise(s, a + 3 * P, P, 9), -EINVAL); /* REMOVE */

		struct object *o = lab_shared(&l, 4);
		uint64_t b = lab_map_object(s, o, 4, RW, REGION_SHARED);
		lab_store(s, b, 9);
		CHECK_EQ(space_advise(s, b, 4 * P, 4), 0);
		CHECK_EQ(lab_load(s, b), 9); /* shared memory is not lost */
		CHECK_EQ(space_advise(s, b, 4 * P, 9), 0);
		CHECK_EQ(lab_load(s, b), 0);
		object_put(l.mm, o);
		struct object *file = lab_file(&l, &f);
		uint64_t c = lab_map_object(s, file, 4, RW, 0);
		lab_store(s, c, 99);
		CHECK_EQ(space_advise(s, c, 4 * P, 18), -EINVAL);
		CHECK_EQ(space_advise(s, c, 4 * P, 8), -EINVAL); /* FREE */
		CHECK_EQ(space_advise(s, c, 4 * P, 4), 0);
		CHECK_EQ(lab_load(s, c), 1); /* the file's again */
		object_put(l.mm, file);
	}
}

TEST(the_heap_grows_and_shrinks)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		s->brk_start = s->brk = (1 << 20) + 100;
		CHECK_EQ(space_brk(s, 0), (1 << 20) + 100);
		CHECK_EQ(space_brk(s, (1 << 20) + 200), (1 << 20) + 200);
		CHECK_STR(regions_text(s, 1 << 20), "");
		CHECK_EQ(space_brk(s, (1 << 20) + 3 * P), (1 << 20) + 3 * P);
		CHECK_STR(regions_text(s, 1 << 20), "1+2rw-");
		CHECK_EQ(space_brk(s, (1 << 20) + 4 * P), (1 << 20) + 4 * P);
		CHECK_STR(regions_text(s, 1 << 20), "1+3rw-");
		lab_store(s, (1 << 20) + 3 * P, 1);
		CHECK_EQ(space_brk(s, (1 << 20) + 2 * P), (1 << 20) + 2 * P);
		CHECK_EQ(lab_resident(s), 0);
		lab_map_at(s, (1 << 20) + 4 * P, 1, RW);
		CHECK_EQ(space_brk(s, (1 << 20) + 4 * P),
			 (1 << 20) + 2 * P); /* a page stays free */
		CHECK_EQ(space_brk(s, (1 << 20) + 3 * P), (1 << 20) + 3 * P);
	}
}

TEST(mincore_msync_and_mlock_answer_as_linux_does)
{
	static struct lab_file f;
	EACH_LAB (l, 128) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW);
		uint8_t in[4] = {0};
		lab_store(s, a + P, 1);
		CHECK_EQ(space_incore(s, a, 4 * P, in), 4);
		CHECK(!in[0] && in[1] && !in[2]);
		CHECK_EQ(space_incore(s, a + P, 5 * P, in), 3); /* as far as the region goes */
		CHECK(in[0] && !in[1]);
		CHECK_EQ(space_incore(s, a - P, P, in), -ENOMEM);
		CHECK_EQ(space_incore(s, a + 1, P, in), -EINVAL);

		struct object *o = lab_file(&l, &f);
		uint64_t b = lab_map_object(s, o, 4, RW, REGION_SHARED);
		lab_store(s, b + P, 99);
		CHECK_EQ(f.bytes[P], 2);
		CHECK_EQ(space_sync(s, b, 4 * P, 4), 0);
		CHECK_EQ(f.bytes[P], 99);
		CHECK_EQ(f.puts, 1);
		CHECK_EQ(space_sync(s, b, 4 * P, 4), 0);
		CHECK_EQ(f.puts, 1);
		CHECK_EQ(lab_store(s, b + P, 98), CAUSE_write_notify);
		CHECK_EQ(space_sync(s, b, 5 * P, 4), b + 4 * P == a ? 0 : -ENOMEM);
		CHECK_EQ(space_sync(s, b, P, 5), -EINVAL);
		CHECK_EQ(space_sync(s, b, P, 8), -EINVAL);
		/* mprotect there and back: still dirty, still writable. */
		lab_store(s, b + P, 97);
		CHECK_EQ(space_protect(s, b, 4 * P, PROT_R), 0);
		CHECK_EQ(space_protect(s, b, 4 * P, RW), 0);
		CHECK_EQ(lab_store(s, b + P, 96), CAUSE_none);

		CHECK_EQ(space_lock(s, b, 2 * P, REGION_LOCKED), 0);
		CHECK_EQ(s->pages_locked, 2);
		CHECK_EQ(lab_read(s, b), CAUSE_none);
		CHECK_EQ(space_sync(s, b, P, 2), -EBUSY);
		CHECK_EQ(space_advise(s, b, P, 4), -EINVAL);
		CHECK_EQ(space_lock(s, b, 2 * P, 0), 0);
		CHECK_EQ(s->pages_locked, 0);
		CHECK_EQ(space_lock(s, 1 << 20, P, REGION_LOCKED), -ENOMEM);
		object_put(l.mm, o);
	}
}

TEST(looking_at_memory_changes_nothing)
{
	static struct lab_file f;
	EACH_LAB (l, 128) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f), *shared = lab_shared(&l, 2);
		uint64_t a = lab_map(s, 4, RW), b = lab_map_object(s, o, 4, PROT_R, 0), faults;
		uint64_t c = lab_map_object(s, shared, 2, RW, REGION_SHARED);
		uint8_t bytes[2 * P];
		lab_store(s, a + P, 5);
		lab_store(s, c, 6);
		faults = lab_faults(s);
		CHECK(space_peek(s, a, bytes, sizeof(bytes)));
		CHECK(bytes[0] == 0 && bytes[P] == 5);
		CHECK(space_peek(s, b + P - 1, bytes, 2));
		CHECK(bytes[0] == 1 && bytes[1] == 2);
		CHECK(space_peek(s, c, bytes, sizeof(bytes)));
		CHECK(bytes[0] == 6 && bytes[P] == 0);
		CHECK(!space_peek(s, 1 << 20, bytes, 1));
		CHECK_EQ(lab_faults(s), faults);
		CHECK_EQ(f.gets, 0);
		object_put(l.mm, shared);
		object_put(l.mm, o);
	}
}

TEST(smaps_sums_what_is_resident)
{
	EACH_LAB (l, 128) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 8, RW);
		for (unsigned i = 0; i < 4; i++)
			lab_store(s, a + i * P, 1);
		lab_read(s, a + 7 * P); /* the zero frame is nobody's */
		struct space *child = lab_fork(s, 2);
		lab_store(child, a, 2);
		struct region_usage u;
		space_usage(s, regions_find(&s->regions, a), &u);
		CHECK_EQ(u.resident, 4);
		CHECK_EQ(u.anonymous, 4);
		CHECK_EQ(u.shared, 3);
		CHECK_EQ(u.pss >> 12, P + 3 * P / 2);
	}
}

TEST_MAIN
