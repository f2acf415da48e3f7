/* SPDX-License-Identifier: MIT */
/* Which neighbours become one region and which stay apart, as /proc/PID/maps shows it; and what
 * advice, locks and moves do to regions and their pages. */
#include "unit.h"

enum { P = PAGE_SIZE, RW = PROT_R | PROT_W, MAYMOVE = 1, FIXED = 2, DONTUNMAP = 4 };
enum { SEQUENTIAL = 2, DONTNEED = 4, FREE = 8, NOHUGEPAGE = 15, PAGEOUT = 21, NORMAL = 0 };

/* How many regions there are from a on, for n pages. */
static unsigned regions_in(const struct space *s, uint64_t a, unsigned n)
{
	unsigned count = 0;
	for (const struct region *r = regions_at_or_after(&s->regions, a);
	     r && r->start < a + (uint64_t)n * P; r = region_next(r))
		count++;
	return count;
}

static int move(struct space *s, uint64_t from, unsigned n, unsigned pages, uint64_t to,
		unsigned flags)
{
	uint64_t start;
	return space_remap(s, from, (uint64_t)n * P, (uint64_t)pages * P, flags | MAYMOVE | FIXED,
			   to, &start);
}

TEST(pages_that_were_written_apart_stay_in_regions_apart)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 1 << 20;
		lab_map_at(s, a, 2, RW);
		lab_map_at(s, a + 4 * P, 2, RW);
		lab_store(s, a, 1);
		lab_store(s, a + 4 * P, 1);
		lab_map_at(s, a + 2 * P, 2, RW);
		CHECK_EQ(regions_in(s, a, 6), 2); /* joined to the first, not to both */
		CHECK_EQ(regions_find(&s->regions, a)->end, a + 4 * P);
	}
}

TEST(a_page_written_beside_another_is_one_region_with_it_once_they_are_alike)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 1 << 20;
		lab_map_at(s, a, 2, RW);
		lab_store(s, a, 1);
		lab_map_at(s, a + 2 * P, 2, PROT_ALL);
		lab_store(s, a + 2 * P, 1);
		CHECK_EQ(regions_in(s, a, 4), 2);
		CHECK_EQ(space_protect(s, a + 2 * P, 2 * P, RW), 0);
		CHECK_EQ(regions_in(s, a, 4), 1);
	}
}

TEST(what_a_child_inherits_stays_apart_from_what_it_maps)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 1 << 20;
		lab_map_at(s, a, 2, RW);
		lab_store(s, a, 1);
		lab_map_at(s, a + 8 * P, 2, RW);
		struct space *child = lab_fork(s, 2);
		lab_map_at(child, a + 2 * P, 2, RW);
		CHECK_EQ(regions_in(child, a, 4), 2);
		lab_map_at(child, a + 10 * P, 2, RW); /* never written: nothing was inherited */
		CHECK_EQ(regions_in(child, a + 8 * P, 4), 1);
		lab_map_at(s, a + 2 * P, 2, RW);
		CHECK_EQ(regions_in(s, a, 4), 1);
	}
}

TEST(memory_that_moves_with_pages_in_it_keeps_its_distance)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 1 << 20, b = 2 << 20;
		lab_map_at(s, a, 2, RW);
		lab_map_at(s, b, 4, RW);
		CHECK_EQ(move(s, b, 2, 2, a + 2 * P, 0), 0);
		CHECK_EQ(regions_in(s, a, 4), 1); /* as if it had been mapped there */
		lab_store(s, b + 2 * P, 7);
		CHECK_EQ(move(s, b + 2 * P, 2, 2, a + 4 * P, 0), 0);
		CHECK_EQ(regions_in(s, a, 6), 2);
		CHECK_EQ(lab_load(s, a + 4 * P), 7);
		/* Back to where it came from it fits again. */
		lab_map_at(s, b, 2, RW);
		CHECK_EQ(move(s, a + 4 * P, 2, 2, b + 2 * P, 0), 0);
		CHECK_EQ(regions_in(s, b, 4), 1);
	}
}

TEST(mappings_of_two_open_files_stay_apart)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		struct map_request m = {.start = 1 << 20,
					.length = P,
					.prot = PROT_R,
					.prot_max = PROT_ALL,
					.map_flags = MAP_AT,
					.object = o,
					.source = 1};
		uint64_t start;
		for (unsigned i = 0; i < 3; i++, m.start += P, m.offset += P) {
			m.source = i == 2 ? 2 : 1;
			CHECK_EQ(space_map(l.space, &m, &start), 0);
		}
		CHECK_EQ(regions_in(l.space, 1 << 20, 3), 2);
		object_put(l.mm, o);
	}
}

TEST(only_what_a_call_changes_is_cut_or_joined)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 8, RW);
		CHECK_EQ(space_advise(s, a + 2 * P, 2 * P, NORMAL), 0);
		CHECK_EQ(regions_in(s, a, 8), 1);
		CHECK_EQ(space_advise(s, a + 2 * P, 2 * P, SEQUENTIAL), 0);
		CHECK_EQ(space_advise(s, a + 3 * P, 2 * P, NOHUGEPAGE), 0);
		CHECK_EQ(regions_in(s, a, 8), 5);
		CHECK_EQ(space_advise(s, a, 8 * P, NORMAL), 0);
		CHECK_EQ(regions_in(s, a, 8), 3);
		/* Locks are not inherited: the child's regions are alike, and stay as they are. */
		CHECK_EQ(space_lock(s, a, P, REGION_LOCK_MASK), 0);
		struct space *child = lab_fork(s, 2);
		unsigned before = regions_in(child, a, 8);
		CHECK_EQ(before, 4);
		CHECK_EQ(space_protect(child, a, P, RW), 0); /* it is so already */
		CHECK_EQ(space_advise(child, a, P, NORMAL), 0);
		CHECK_EQ(regions_in(child, a, 8), before);
	}
}

TEST(a_move_may_shrink_over_several_regions)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 1 << 20, b = 2 << 20;
		lab_map_at(s, a, 6, RW);
		CHECK_EQ(space_protect(s, a + 3 * P, P, PROT_R), 0);
		lab_store(s, a, 5);
		CHECK_EQ(move(s, a, 6, 2, b, 0), 0);
		CHECK_EQ(lab_load(s, b), 5);
		CHECK_EQ(regions_in(s, a, 6), 0);
		CHECK_EQ(regions_find(&s->regions, b)->end, b + 2 * P);
		CHECK_EQ(move(s, b, 2, 2, b + P, 0), -EINVAL); /* over itself */
		lab_map_at(s, b + 2 * P, 1, PROT_R);
		CHECK_EQ(move(s, b, 3, 4, a, 0), -EFAULT); /* it would grow out of two */
	}
}

TEST(what_a_move_leaves_behind_is_empty_and_not_locked)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 1 << 20, b = 2 << 20;
		lab_map_at(s, a, 4, RW);
		CHECK_EQ(space_lock(s, a, 4 * P, REGION_LOCKED), 0);
		CHECK_EQ(s->pages_locked, 4);
		CHECK_EQ(move(s, a, 4, 4, b, DONTUNMAP), 0);
		CHECK_EQ(s->pages_locked, 4);
		CHECK(!(regions_find(&s->regions, a)->flags & REGION_LOCKED));
		CHECK_EQ(regions_find(&s->regions, a)->lineage, 0);
		CHECK_EQ(lab_store(s, a, 1), CAUSE_zero_fill);
		CHECK_EQ(lab_store(s, b, 1), CAUSE_none);
	}
}

TEST(pages_given_up_go_when_memory_is_wanted_unless_stored_to_again)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 8, RW), b = lab_map(s, 64, RW);
		struct region_usage u;
		for (unsigned i = 0; i < 8; i++)
			lab_store(s, a + i * P, (uint8_t)(i + 1));
		CHECK_EQ(space_advise(s, a, 8 * P, FREE), 0);
		CHECK_EQ(lab_load(s, a + P), 2); /* still there */
		CHECK_EQ(lab_store(s, a + 2 * P, 9), CAUSE_none);
		space_usage(s, regions_find(&s->regions, a), &u);
		CHECK_EQ(u.lazy, 7);
		unsigned i = 0;
		while (i < 64 && lab_store(s, b + i * P, 1) == CAUSE_zero_fill)
			i++;
		CHECK(i < 64);
		CHECK_EQ(lab_load(s, a + 2 * P), 9);
		CHECK_EQ(space_unmap(s, b, 8 * P), 0);
		CHECK_EQ(lab_load(s, a), 0);
		CHECK_EQ(lab_load(s, a + 7 * P), 0);
		CHECK_EQ(lab_store(s, a, 3), CAUSE_zero_fill);
	}
}

TEST(what_a_child_shares_is_not_lost_when_one_of_them_gives_it_up)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW), b = lab_map(s, 64, RW);
		lab_store(s, a, 7);
		struct space *child = lab_fork(s, 2);
		CHECK_EQ(space_advise(child, a, 4 * P, FREE), 0);
		for (unsigned i = 0; i < 64; i++)
			lab_store(s, b + i * P, 1);
		CHECK_EQ(space_unmap(s, b, 64 * P), 0);
		CHECK_EQ(lab_load(s, a), 7);
	}
}

TEST(unmapping_a_part_does_not_fail_because_memory_is_full)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 4 << 20;
		lab_map_at(s, a, 16, RW);
		for (unsigned i = 0; i < 16; i++)
			lab_store(s, a + i * P, (uint8_t)(i + 1));
		struct space *child = lab_fork(s, 2); /* the table of the span is shared */
		uint64_t b = 8 << 20;
		lab_map_at(child, b, 64, RW);
		for (unsigned i = 0; i < 64 && lab_store(child, b + i * P, 1) == CAUSE_zero_fill; i++)
			;
		CHECK_EQ(l.mm->pool.free, 0);
		CHECK_EQ(space_unmap(s, a + 4 * P, 4 * P), 0);
		CHECK_EQ(space_protect(s, a + 8 * P, 2 * P, PROT_R), 0);
		CHECK_EQ(space_advise(s, a + 10 * P, 2 * P, DONTNEED), 0);
		lab_verify(&l);
		CHECK_EQ(space_unmap(child, b, 64 * P), 0);
		CHECK_EQ(lab_load(s, a + 3 * P), 4);
		CHECK_EQ(lab_load(s, a + 4 * P), -(int)CAUSE_segv_unmapped);
		CHECK_EQ(lab_store(s, a + 8 * P, 1), CAUSE_segv_protection);
		CHECK_EQ(lab_load(s, a + 10 * P), 0);
		CHECK_EQ(lab_load(child, a + 4 * P), 5);
		CHECK_EQ(lab_load(child, a + 10 * P), 11);
	}
}

TEST(locked_pages_that_were_resident_before_stay)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(s, o, 4, PROT_R, REGION_SHARED), b = lab_map(s, 64, RW);
		lab_read(s, a);
		CHECK_EQ(space_lock(s, a, 2 * P, REGION_LOCK_MASK), 0);
		CHECK_EQ(f.gets, 1); /* on fault: the second is not brought in */
		lab_read(s, a + P);
		lab_read(s, a + 2 * P);
		for (unsigned i = 0; i < 64; i++)
			lab_store(s, b + i * P, 1);
		CHECK_EQ(space_unmap(s, b, 64 * P), 0);
		CHECK_EQ(f.gets, 3);
		CHECK_EQ(lab_read(s, a), CAUSE_none);
		CHECK_EQ(lab_read(s, a + P), CAUSE_none);
		CHECK_EQ(lab_read(s, a + 2 * P), CAUSE_file_read);
		object_put(l.mm, o);
	}
}

TEST(mlockall_locks_what_is_there_and_what_will_be)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW), b = lab_map(s, 4, PROT_R);
		s->future = REGION_LOCKED;
		CHECK_EQ(space_lock_all(s, REGION_LOCKED), 0);
		CHECK_EQ(s->pages_locked, 8);
		CHECK_EQ(lab_store(s, a, 1), CAUSE_none);
		uint64_t c = lab_map(s, 2, RW);
		CHECK_EQ(s->pages_locked, 10);
		CHECK_EQ(lab_store(s, c, 1), CAUSE_none);
		/* Its pages become its own when it becomes writable. */
		CHECK_EQ(space_protect(s, b, 4 * P, RW), 0);
		CHECK_EQ(lab_store(s, b, 1), CAUSE_none);
		struct space *child = lab_fork(s, 2);
		CHECK_EQ(child->pages_locked, 0);
		CHECK_EQ(child->future, 0);
		CHECK_EQ(space_lock_all(s, 0), 0);
		CHECK_EQ(s->pages_locked, 0);
	}
}

TEST(advice_ends_at_the_first_region_that_refuses_it)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 6, RW);
		for (unsigned i = 0; i < 6; i++)
			lab_store(s, a + i * P, 1);
		CHECK_EQ(space_lock(s, a + 2 * P, P, REGION_LOCKED), 0);
		CHECK_EQ(space_advise(s, a, 6 * P, DONTNEED), -EINVAL);
		CHECK_EQ(lab_load(s, a), 0);
		CHECK_EQ(lab_load(s, a + 2 * P), 1);
		CHECK_EQ(lab_load(s, a + 5 * P), 1);
		CHECK_EQ(space_advise(s, a, 6 * P, FREE), -EINVAL);
		CHECK_EQ(space_advise(s, a, 6 * P, PAGEOUT), -EINVAL);
		CHECK_EQ(space_advise(s, a, 6 * P, 24), 0); /* DONTNEED_LOCKED */
		CHECK_EQ(lab_load(s, a + 2 * P), 0);
	}
}

TEST(a_space_is_found_by_its_number_while_it_lives)
{
	EACH_LAB (l, 64) {
		struct space *child = lab_fork(l.space, 2);
		uint32_t serial = child->serial;
		CHECK(mm_space(l.mm, serial) == child);
		CHECK(mm_space(l.mm, l.space->serial) == l.space);
		space_destroy(child);
		CHECK(!mm_space(l.mm, serial));
	}
}

TEST_MAIN
