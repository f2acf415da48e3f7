/* SPDX-License-Identifier: MIT */
/* --paging eager: nothing that could be there before its touch faults. */
#include "unit.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE };

#define EACH_EAGER_LAB(l, frames)                                                                  \
	EACH_LAB (l, frames)                                                                       \
		if ((l.mm->config.eager = true))

static void check_no_fault(struct space *s, uint64_t start, uint64_t pages, bool write)
{
	for (uint64_t i = 0; i < pages; i++)
		CHECK_EQ(write ? lab_store(s, start + i * P, (uint8_t)i) : lab_read(s, start + i * P),
			 CAUSE_none);
}

TEST(anonymous_memory_is_there_when_mmap_returns)
{
	EACH_EAGER_LAB (l, 64) {
		uint64_t a = lab_map(l.space, 8, RW), b = lab_map(l.space, 4, PROT_R);
		CHECK_EQ(lab_resident(l.space), 8);
		check_no_fault(l.space, a, 8, true);
		check_no_fault(l.space, b, 4, false);
		CHECK_EQ(l.space->tally->by[BY_PROGRAM], 0);
		CHECK_EQ(l.space->tally->by[BY_AHEAD], 12);
	}
}

TEST(files_are_read_whole_and_private_pages_copied_at_once)
{
	EACH_EAGER_LAB (l, 256) {
		static struct lab_file f;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, FILE_PAGES, PROT_R, 0);
		CHECK_EQ(f.gets, FILE_PAGES);
		uint64_t b = lab_map_object(l.space, o, 8, RW, 0);
		CHECK_EQ(lab_resident(l.space), FILE_PAGES + 8);
		check_no_fault(l.space, a, FILE_PAGES, false);
		check_no_fault(l.space, b, 8, true);
		/* What cannot be: a store that must be noticed, and what lies beyond the end. */
		uint64_t c = lab_map_object(l.space, o, FILE_PAGES + 2, RW, REGION_SHARED);
		check_no_fault(l.space, c, FILE_PAGES, false);
		CHECK_EQ(lab_store(l.space, c, 1), CAUSE_write_notify);
		CHECK_EQ(lab_read(l.space, c + FILE_PAGES * P), CAUSE_bus_beyond_end);
		object_put(l.mm, o);
	}
}

TEST(fork_copies_every_page_and_neither_side_faults)
{
	EACH_EAGER_LAB (l, 128) {
		uint64_t a = lab_map(l.space, 20, RW);
		struct object *o = lab_shared(&l, 4);
		uint64_t b = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		for (unsigned i = 0; i < 20; i++)
			lab_store(l.space, a + i * P, (uint8_t)(i + 1));
		struct space *child = lab_fork(l.space, 2);
		CHECK_EQ(l.mm->pool.kind[FRAME_ANON], 44);
		CHECK_EQ(child->tally->cause[CAUSE_cow_copy], 20);
		for (unsigned i = 0; i < 20; i++)
			CHECK_EQ(lab_load(child, a + i * P), (int)i + 1);
		check_no_fault(child, a, 20, true);
		check_no_fault(l.space, a, 20, true);
		check_no_fault(child, b, 4, true);
		CHECK_EQ(child->tally->by[BY_PROGRAM] + l.space->tally->by[BY_PROGRAM], 0);
		object_put(l.mm, o);
	}
}

TEST(the_heap_what_becomes_accessible_and_what_grows_is_filled)
{
	EACH_EAGER_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t to;
		s->brk_start = s->brk = 1 << 20;
		CHECK_EQ(space_brk(s, (1 << 20) + 3 * P), (1 << 20) + 3 * P);
		check_no_fault(s, 1 << 20, 3, true);
		uint64_t a = lab_map(s, 4, 0);
		CHECK_EQ(lab_resident(s), 3);
		CHECK_EQ(space_protect(s, a, 2 * P, RW), 0);
		CHECK_EQ(lab_resident(s), 5);
		check_no_fault(s, a, 2, true);
		CHECK_EQ(space_remap(s, 1 << 20, 3 * P, 6 * P, 1, 0, &to), 0);
		check_no_fault(s, to, 6, true);
	}
}

TEST(what_is_not_reserved_waits_for_its_touch)
{
	EACH_EAGER_LAB (l, 64) {
		uint64_t start;
		struct map_request m = {.length = UINT64_C(1) << 36,
					.prot = RW,
					.prot_max = PROT_ALL,
					.region_flags = REGION_NORESERVE};
		CHECK_EQ(space_map(l.space, &m, &start), 0);
		CHECK_EQ(lab_resident(l.space), 0);
		CHECK_EQ(lab_store(l.space, start, 1), CAUSE_zero_fill);
	}
}

TEST(what_does_not_fit_into_ram_is_refused_and_leaves_nothing)
{
	EACH_EAGER_LAB (l, 64) {
		struct map_request m = {.length = 100 * P, .prot = RW, .prot_max = PROT_ALL};
		uint64_t start = 7;
		CHECK_EQ(space_map(l.space, &m, &start), -ENOMEM);
		CHECK_EQ(start, 7);
		CHECK_EQ(l.space->pages, 0);
		CHECK_EQ(lab_resident(l.space), 0);
		/* A copy of it does not fit beside it. */
		uint64_t a = lab_map(l.space, 40, RW);
		lab_store(l.space, a, 9);
		struct space *child;
		CHECK_EQ(space_fork(l.space, 2, &l.tally[2], &child), -ENOMEM);
		CHECK_EQ(lab_load(l.space, a), 9);
		CHECK_EQ(lab_resident(l.space), 40);
	}
}

TEST_MAIN
