/* SPDX-License-Identifier: MIT */
/* fork in a full RAM: what is evicted while a child is made changes what was about to be carried over. */
#include "memory_store.h"
#include "unit.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE, DONTFORK = 10 };

static void add_swap(struct lab *l)
{
	struct swap_area_config c = {.ops = &memory_ops, .store = memory_store(256)};
	CHECK_EQ(swap_add(l->mm, &c), 0);
}

/* Takes frames until n are left. Returns how many. */
static unsigned leave_free(struct lab *l, uint64_t n, uint32_t *ret_taken)
{
	unsigned taken = 0;
	for (; frames_available(l->mm) > n; taken++)
		CHECK_EQ(frame_take_kernel(l->mm, l, &ret_taken[taken]), 0);
	return taken;
}

TEST(a_page_that_is_evicted_while_it_is_copied_for_a_child_is_in_both_all_the_same)
{
	EACH_LAB (l, 48) {
		uint32_t taken[48];
		unsigned n = 0;
		add_swap(&l);
		uint64_t a = align_down(lab_map(l.space, 1024, RW) + SPAN_SIZE, SPAN_SIZE);
		for (unsigned i = 0; i < 8; i++)
			lab_store(l.space, a + i * P, (uint8_t)(i + 1));
		/* So that the span is copied page by page. */
		lab_store(l.space, a + 100 * P, 1);
		CHECK_EQ(space_advise(l.space, a + 100 * P, P, DONTFORK), 0);
		n = leave_free(&l, 0, taken);
		uint64_t evictions = l.mm->evictions;
		struct space *child = lab_fork(l.space, 2);
		if (l.w.kind != WORLD_SOFT)
			CHECK(l.mm->evictions > evictions + 1);
		lab_verify(&l);
		while (n)
			frame_free(l.mm, taken[--n]);
		for (unsigned i = 0; i < 8; i++) {
			CHECK_EQ(lab_load(child, a + i * P), i + 1);
			CHECK(lab_store(child, a + i * P, 77) != CAUSE_out_of_memory);
			CHECK_EQ(lab_load(l.space, a + i * P), i + 1);
		}
	}
}

/* One page in a span that is copied; a gigabyte above, so that it needs a table more, a span that is shared whole,
 * or copied page by page, too. */
static void empty_the_table_of_the_child(bool whole)
{
	EACH_LAB (l, 64) {
		uint32_t taken[64];
		unsigned n = 0;
		add_swap(&l);
		uint64_t a = UINT64_C(8) << 30, b = UINT64_C(9) << 30;
		lab_map_at(l.space, a, 512, RW);
		lab_map_at(l.space, b, 512, RW);
		lab_store(l.space, a, 1);
		lab_store(l.space, a + 100 * P, 2);
		CHECK_EQ(space_advise(l.space, a + 100 * P, P, DONTFORK), 0);
		for (unsigned i = 0; i < 4; i++)
			lab_store(l.space, b + i * P, 3);
		if (!whole) {
			lab_store(l.space, b + 100 * P, 2);
			CHECK_EQ(space_advise(l.space, b + 100 * P, P, DONTFORK), 0);
		}
		/* A root and three tables can be had; then only the page of the child's own table can go. */
		uint32_t only = anon_map_get(&l.space->anons, a)->frame;
		for (uint32_t i = 0; i < l.mm->frames; i++)
			if (i != only && frame_evictable(l.mm, i))
				frame_hold(l.mm, i);
		n = leave_free(&l, 4, taken);
		struct space *child = lab_fork(l.space, 2);
		if (l.w.kind == WORLD_SV48)
			CHECK_EQ(anon_map_get(&l.space->anons, a)->frame, NO_FRAME);
		for (uint32_t i = 0; i < l.mm->frames; i++)
			if (frame_at(l.mm, i)->holds)
				frame_unhold(l.mm, i);
		lab_verify(&l);
		while (n)
			frame_free(l.mm, taken[--n]);
		CHECK_EQ(lab_load(child, a), 1);
		lab_store(l.space, b, 4);
		CHECK_EQ(lab_load(child, b), 3);
		CHECK_EQ(lab_load(child, b + 3 * P), 3);
		CHECK_EQ(lab_load(child, a + 100 * P), -(int)CAUSE_segv_unmapped);
	}
}

TEST(a_table_of_the_child_that_an_eviction_empties_is_made_again)
{
	empty_the_table_of_the_child(true);
}

TEST(what_the_parent_stores_stays_its_own_where_an_eviction_emptied_a_table_of_the_child)
{
	empty_the_table_of_the_child(false);
}

TEST_MAIN
