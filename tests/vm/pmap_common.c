/* SPDX-License-Identifier: MIT */
/* pmap_common.c - what every implementation of pmap.h must do, over all of them */
#include "../test.h"
#include "pmap_world.h"

#include <errno.h>

/* The same body in each world, as a test of its own; whatever is true at the end of each. */
#define TEST_WORLDS(name)                                                                          \
	static void in_##name(struct world *w, const struct pmap_ops *ops, struct mm *mm);         \
	TEST(name##_soft)                                                                          \
	{                                                                                          \
		run(WORLD_SOFT, in_##name);                                                        \
	}                                                                                          \
	TEST(name##_sv39)                                                                          \
	{                                                                                          \
		run(WORLD_SV39, in_##name);                                                        \
	}                                                                                          \
	TEST(name##_sv48)                                                                          \
	{                                                                                          \
		run(WORLD_SV48, in_##name);                                                        \
	}                                                                                          \
	TEST(name##_sv57)                                                                          \
	{                                                                                          \
		run(WORLD_SV57, in_##name);                                                        \
	}                                                                                          \
	static void in_##name(struct world *w, const struct pmap_ops *ops, struct mm *mm)

static struct world world;
static uint32_t frames[8]; /* of the test, freed at the end of it */

static void verify(struct mm *mm)
{
	char why[256];

	if (!mm->pmap->verify(mm, why, sizeof(why)))
		FAIL("%s", why);
}

static void run(enum world_kind kind,
		void (*in)(struct world *, const struct pmap_ops *, struct mm *))
{
	struct world *w = &world;

	world_begin(w, kind, 256);
	for (unsigned i = 0; i < array_size(frames); i++)
		frames[i] = world_frame(w);
	uint32_t free = w->mm->pool.free;
	in(w, w->ops, w->mm);
	verify(w->mm);
	CHECK_EQ(w->mm->pool.free, free); /* every table came back */
	for (unsigned i = 0; i < array_size(frames); i++)
		world_frame_free(w, frames[i]);
	world_end(w);
	CHECK_EQ(w->bytes, 0);
}

static struct pmap *pmap_new(struct mm *mm, uint32_t space)
{
	struct pmap *p = NULL;

	CHECK_EQ(mm->pmap->create(mm, space, (int32_t)space + 100, &p), 0);
	return p;
}

static uint64_t resident(const struct pmap *p, enum resident as)
{
	struct pmap_stats st;

	p->ops->stats(p, &st);
	return st.resident[as];
}

static const uint64_t A = 0x10000000, B = 0x3f00000000; /* in spans far apart */

TEST_WORLDS(an_entered_page_is_found_until_it_is_unmapped)
{
	struct pmap *p = pmap_new(mm, 1);
	struct pmap_entry e;

	CHECK(!ops->lookup(p, A, &e));
	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R | PROT_X, RESIDENT_FILE), 0);
	CHECK(ops->lookup(p, A + 17, &e));
	CHECK_EQ(e.frame, frames[0]);
	CHECK_EQ(e.prot, PROT_R | PROT_X);
	CHECK_EQ(e.as, RESIDENT_FILE);
	CHECK(!e.accessed && !e.dirty && !e.shared);
	CHECK(!ops->lookup(p, A + PAGE_SIZE, &e) && !ops->lookup(p, A - PAGE_SIZE, &e));
	CHECK(ops->has_table(p, A) && !ops->has_table(p, B));
	CHECK_EQ(resident(p, RESIDENT_FILE), 1);
	CHECK_EQ(mm->frame[frames[0]].maps, 1);
	verify(mm);
	ops->unmap(p, A, A + PAGE_SIZE);
	CHECK(!ops->lookup(p, A, &e) && !ops->has_table(p, A));
	CHECK_EQ(resident(p, RESIDENT_FILE), 0);
	CHECK_EQ(mm->frame[frames[0]].maps, 0);
	ops->destroy(p);
}

TEST_WORLDS(unmapping_the_middle_leaves_both_ends)
{
	struct pmap *p = pmap_new(mm, 1);
	struct pmap_entry e;
	uint64_t va = 0;
	const uint64_t at[] = {A, A + PAGE_SIZE, A + SPAN_SIZE, A + 2 * SPAN_SIZE, B};

	for (unsigned i = 0; i < array_size(at); i++)
		CHECK_EQ(world_enter(w, p, at[i], frames[i], PROT_R, RESIDENT_ANON), 0);
	verify(mm);
	ops->unmap(p, A + PAGE_SIZE, A + 2 * SPAN_SIZE);
	CHECK(ops->next(p, &va, UINT64_MAX, &e));
	CHECK_EQ(va, A);
	va += PAGE_SIZE;
	CHECK(ops->next(p, &va, UINT64_MAX, &e));
	CHECK_EQ(va, A + 2 * SPAN_SIZE);
	va += PAGE_SIZE;
	CHECK(!ops->next(p, &va, B, &e));
	CHECK(ops->next(p, &va, UINT64_MAX, &e));
	CHECK_EQ(va, B);
	CHECK_EQ(e.frame, frames[4]);
	verify(mm);
	ops->destroy(p);
}

TEST_WORLDS(neighbours_are_entered_only_where_nothing_is_yet)
{
	struct pmap *p = pmap_new(mm, 1);
	struct pmap_entry e;
	const uint32_t around[] = {frames[1], frames[2], NO_FRAME, mm->zero, frames[3], frames[4]};
	const struct {
		uint32_t frame;
		unsigned prot;
	} wanted[] = {{frames[1], PROT_R}, {frames[0], PROT_R | PROT_W}, {NO_FRAME, 0},
		      {mm->zero, PROT_R},  {frames[3], PROT_R},		 {frames[4], PROT_R}};

	CHECK_EQ(world_enter(w, p, A + PAGE_SIZE, frames[0], PROT_R | PROT_W, RESIDENT_ANON), 0);
	ops->enter_around(p, A, around, array_size(around), PROT_R, RESIDENT_FILE);
	for (unsigned i = 0; i < array_size(wanted); i++) {
		bool there = ops->lookup(p, A + i * PAGE_SIZE, &e);
		CHECK_EQ(there, wanted[i].frame != NO_FRAME);
		if (there) {
			CHECK_EQ(e.frame, wanted[i].frame);
			CHECK_EQ(e.prot, wanted[i].prot);
			CHECK(!e.accessed && !e.dirty);
		}
	}
	CHECK_EQ(resident(p, RESIDENT_FILE), 3);
	CHECK_EQ(resident(p, RESIDENT_ANON), 1);
	CHECK_EQ(mm->frame[frames[2]].maps, 0);
	verify(mm);
	ops->unmap(p, A, A + 5 * PAGE_SIZE);
	CHECK_EQ(resident(p, RESIDENT_FILE), 1);
	CHECK_EQ(resident(p, RESIDENT_ANON), 0);
	CHECK(ops->lookup(p, A + 5 * PAGE_SIZE, &e));
	verify(mm);
	ops->destroy(p);
}

TEST_WORLDS(a_range_of_any_length_is_dropped_and_hands_back_that_it_was_used)
{
	enum { PAGES = 40 };
	struct pmap *p = pmap_new(mm, 1);
	uint32_t frame;

	for (unsigned n = 1; n <= PAGES; n += 13) {
		for (unsigned i = 0; i < n; i++) {
			CHECK_EQ(world_enter(w, p, A + i * PAGE_SIZE, frames[i % 8], PROT_R, RESIDENT_FILE), 0);
			CHECK(ops->touch(p, A + i * PAGE_SIZE, ACCESS_READ, &frame));
		}
		ops->unmap(p, A, A + PAGES * PAGE_SIZE);
		for (unsigned i = 0; i < n; i++)
			CHECK(!ops->touch(p, A + i * PAGE_SIZE, ACCESS_READ, &frame));
		CHECK(mm->frame[frames[0]].flags & FRAME_ACCESSED);
		mm->frame[frames[0]].flags &= ~FRAME_ACCESSED;
		verify(mm);
	}
	ops->destroy(p);
}

TEST_WORLDS(entering_again_replaces_what_was_there_and_keeps_its_dirty_bit_for_the_frame)
{
	struct pmap *p = pmap_new(mm, 1);
	struct pmap_entry e;
	uint32_t f;

	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R | PROT_W, RESIDENT_FILE), 0);
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK_EQ(world_enter(w, p, A, frames[1], PROT_R | PROT_W, RESIDENT_ANON), 0);
	CHECK(ops->lookup(p, A, &e));
	CHECK_EQ(e.frame, frames[1]);
	CHECK(!e.accessed && !e.dirty);
	CHECK_EQ(mm->frame[frames[0]].flags, FRAME_ACCESSED | FRAME_DIRTY);
	CHECK_EQ(mm->frame[frames[0]].maps, 0);
	CHECK_EQ(resident(p, RESIDENT_FILE), 0);
	CHECK_EQ(resident(p, RESIDENT_ANON), 1);
	ops->destroy(p);
}

TEST_WORLDS(a_touch_does_what_the_permissions_say_and_leaves_the_bits_of_hardware)
{
	struct pmap *p = pmap_new(mm, 1);
	struct pmap_entry e;
	uint32_t f = 0;

	CHECK(!ops->touch(p, A, ACCESS_READ, &f));
	CHECK(!ops->touch(p, UINT64_MAX, ACCESS_READ, &f));
	CHECK_EQ(world_enter(w, p, A, frames[2], PROT_R, RESIDENT_ANON), 0);
	CHECK(!ops->touch(p, A, ACCESS_WRITE, &f) && !ops->touch(p, A, ACCESS_EXEC, &f));
	CHECK(ops->lookup(p, A, &e) && !e.accessed);
	CHECK(ops->touch(p, A + 4095, ACCESS_READ, &f));
	CHECK_EQ(f, frames[2]);
	CHECK(ops->lookup(p, A, &e) && e.accessed && !e.dirty);
	ops->protect(p, A, PROT_W); /* the hardware reads what it writes */
	CHECK(ops->touch(p, A, ACCESS_READ, &f) && ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK(ops->lookup(p, A, &e) && e.dirty);
	ops->protect(p, A, PROT_X);
	CHECK(ops->touch(p, A, ACCESS_EXEC, &f) && !ops->touch(p, A, ACCESS_READ, &f));
	ops->destroy(p);
}

TEST_WORLDS(a_page_without_any_permission_stays_resident)
{
	struct pmap *p = pmap_new(mm, 1);
	struct pmap_entry e;
	uint32_t f;

	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R | PROT_W, RESIDENT_ANON), 0);
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f));
	ops->protect(p, A, 0);
	for (unsigned a = ACCESS_READ; a <= ACCESS_EXEC; a++)
		CHECK(!ops->touch(p, A, a, &f));
	CHECK(ops->lookup(p, A, &e));
	CHECK(e.prot == 0 && e.dirty && e.frame == frames[0]);
	CHECK_EQ(resident(p, RESIDENT_ANON), 1);
	verify(mm);
	ops->protect(p, A, PROT_R);
	CHECK(ops->touch(p, A, ACCESS_READ, &f));
	ops->destroy(p);
}

TEST_WORLDS(a_store_through_any_mapping_is_known_after_the_mapping_is_gone)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2);
	uint32_t f;

	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(
		    world_enter(w, i & 1 ? q : p, A, frames[i], PROT_R | PROT_W, RESIDENT_SHMEM),
		    0);
	CHECK_EQ(mm->frame[frames[0]].maps, 0);
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f) && ops->touch(q, A, ACCESS_WRITE, &f));
	ops->unmap(p, A, A + PAGE_SIZE);
	CHECK(mm->frame[frames[2]].flags & FRAME_DIRTY);
	CHECK(!(mm->frame[frames[1]].flags & FRAME_DIRTY));
	ops->destroy(q);
	CHECK(mm->frame[frames[3]].flags & FRAME_DIRTY);
	ops->destroy(p);
}

TEST_WORLDS(removing_a_frame_takes_it_out_of_every_space_and_hands_its_bits_back)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2);
	struct pmap_entry e;
	uint32_t f;

	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R, RESIDENT_FILE), 0);
	CHECK_EQ(world_enter(w, p, B, frames[0], PROT_R | PROT_W, RESIDENT_FILE), 0);
	CHECK_EQ(world_enter(w, q, B + PAGE_SIZE, frames[0], PROT_R, RESIDENT_FILE), 0);
	CHECK_EQ(world_enter(w, q, B, frames[1], PROT_R, RESIDENT_FILE), 0);
	CHECK(ops->touch(p, B, ACCESS_WRITE, &f));
	CHECK_EQ(mm->frame[frames[0]].maps, 3);
	uint64_t told = w->events.total.event[EVENT_page_unmap];
	ops->remove(mm, frames[0]);
	CHECK_EQ(w->events.total.event[EVENT_page_unmap], told + 3);
	CHECK_EQ(mm->frame[frames[0]].maps, 0);
	CHECK_EQ(mm->frame[frames[0]].flags, FRAME_ACCESSED | FRAME_DIRTY);
	CHECK(!ops->lookup(p, A, &e) && !ops->lookup(p, B, &e) &&
	      !ops->lookup(q, B + PAGE_SIZE, &e));
	CHECK(ops->lookup(q, B, &e));
	CHECK(!ops->has_table(p, A) && ops->has_table(q, B));
	ops->remove(mm, frames[0]); /* nothing maps it: nothing happens */
	ops->destroy(p);
	ops->destroy(q);
}

TEST_WORLDS(harvest_and_clean_see_each_bit_once_whoever_set_it)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2);
	struct pmap_entry e;
	uint32_t f;

	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R | PROT_W, RESIDENT_FILE), 0);
	CHECK_EQ(world_enter(w, q, B, frames[0], PROT_R, RESIDENT_FILE), 0);
	CHECK(!ops->harvest(mm, frames[0]) && !ops->dirty(mm, frames[0]));
	CHECK(ops->touch(q, B, ACCESS_READ, &f));
	CHECK(ops->harvest(mm, frames[0]) && !ops->harvest(mm, frames[0]));
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK(ops->dirty(mm, frames[0]) && ops->dirty(mm, frames[0]));
	CHECK(ops->clean(mm, frames[0], false) && !ops->clean(mm, frames[0], false));
	CHECK(ops->lookup(p, A, &e) && e.prot == (PROT_R | PROT_W) && e.accessed);
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK(ops->clean(mm, frames[0], true));
	CHECK(!ops->touch(p, A, ACCESS_WRITE, &f) && ops->touch(p, A, ACCESS_READ, &f));
	mm->frame[frames[0]].flags |= FRAME_ACCESSED; /* handed back earlier: counts too */
	CHECK(ops->harvest(mm, frames[0]));
	CHECK(!(mm->frame[frames[0]].flags & FRAME_ACCESSED));
	CHECK(!ops->harvest(mm, frames[1]) && !ops->dirty(mm, frames[1]) &&
	      !ops->clean(mm, frames[1], true));
	ops->destroy(p);
	ops->destroy(q);
}

TEST_WORLDS(after_a_share_both_have_the_pages_and_neither_can_write)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2);
	struct pmap_entry e;
	uint32_t f;

	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R | PROT_W, RESIDENT_ANON), 0);
	CHECK_EQ(world_enter(w, p, A + PAGE_SIZE, frames[1], PROT_R | PROT_X, RESIDENT_FILE), 0);
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK_EQ(world_share(w, p, q, A), 0);
	verify(mm);
	CHECK(!ops->touch(p, A, ACCESS_WRITE, &f) && !ops->touch(q, A, ACCESS_WRITE, &f));
	CHECK(ops->touch(q, A, ACCESS_READ, &f) && f == frames[0]);
	CHECK(ops->touch(q, A + PAGE_SIZE, ACCESS_EXEC, &f) && f == frames[1]);
	CHECK_EQ(resident(q, RESIDENT_ANON), 1);
	CHECK_EQ(resident(q, RESIDENT_FILE), 1);
	CHECK(ops->dirty(mm, frames[0]));

	/* One writes: it gets a frame of its own, and the other sees nothing of it. */
	CHECK_EQ(world_enter(w, q, A, frames[2], PROT_R | PROT_W, RESIDENT_ANON), 0);
	verify(mm);
	CHECK(ops->lookup(p, A, &e) && e.frame == frames[0]);
	CHECK(ops->lookup(q, A, &e) && e.frame == frames[2] && !e.shared);
	CHECK(ops->lookup(q, A + PAGE_SIZE, &e) && e.frame == frames[1]);
	ops->destroy(p);
	verify(mm);
	CHECK_EQ(resident(q, RESIDENT_ANON), 1);
	CHECK_EQ(resident(q, RESIDENT_FILE), 1);
	ops->destroy(q);
}

TEST_WORLDS(removing_a_page_of_a_shared_table_takes_it_from_all_owners)
{
	struct pmap *p[4];
	struct pmap_entry e;
	struct pmap_place place[8];

	for (unsigned i = 0; i < 4; i++)
		p[i] = pmap_new(mm, i + 1);
	CHECK_EQ(world_enter(w, p[0], A, frames[0], PROT_R, RESIDENT_ANON), 0);
	CHECK_EQ(world_enter(w, p[0], A + PAGE_SIZE, frames[1], PROT_R, RESIDENT_ANON), 0);
	for (unsigned i = 1; i < 4; i++)
		CHECK_EQ(world_share(w, p[i - 1], p[i], A), 0);
	CHECK_EQ(ops->places(mm, frames[0], place, 2), 4);
	CHECK_EQ(ops->places(mm, frames[0], place, 8), 4);
	unsigned seen = 0;
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(place[i].va, A);
		CHECK_EQ(place[i].pid, place[i].space + 100);
		seen |= 1u << place[i].space;
	}
	CHECK_EQ(seen, 0x1e);
	ops->remove(mm, frames[0]);
	verify(mm);
	for (unsigned i = 0; i < 4; i++) {
		CHECK(!ops->lookup(p[i], A, &e));
		CHECK_EQ(resident(p[i], RESIDENT_ANON), 1);
	}
	ops->remove(mm, frames[1]);
	for (unsigned i = 0; i < 4; i++)
		CHECK(!ops->has_table(p[i], A));
	verify(mm);
	for (unsigned i = 0; i < 4; i++)
		ops->destroy(p[i]);
}

TEST_WORLDS(unmapping_a_whole_shared_span_leaves_the_other_owner_alone)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2);
	struct pmap_entry e;
	uint32_t f;

	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R | PROT_W, RESIDENT_ANON), 0);
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK_EQ(world_share(w, p, q, A), 0);
	ops->unmap(p, A, A + SPAN_SIZE);
	verify(mm);
	CHECK(!ops->lookup(p, A, &e) && ops->lookup(q, A, &e));
	CHECK(e.dirty && !e.shared);
	CHECK_EQ(resident(p, RESIDENT_ANON), 0);
	CHECK_EQ(resident(q, RESIDENT_ANON), 1);
	ops->destroy(p);
	ops->destroy(q);
	CHECK(mm->frame[frames[0]].flags & FRAME_DIRTY);
}

TEST_WORLDS(an_unshared_span_can_be_changed_for_one_owner)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2);
	struct pmap_entry e;
	uint32_t f;

	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(
		    world_enter(w, p, A + i * PAGE_SIZE, frames[i], PROT_R | PROT_W, RESIDENT_ANON),
		    0);
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK_EQ(world_share(w, p, q, A), 0);
	CHECK_EQ(ops->unshare(q, A, A + SPAN_SIZE, true), 0); /* wholly inside: may stay */
	CHECK_EQ(ops->unshare(q, A + PAGE_SIZE, A + 2 * PAGE_SIZE, true), 0);
	verify(mm);
	CHECK(ops->lookup(q, A, &e) && !e.shared && e.dirty && e.accessed && !(e.prot & PROT_W));
	ops->unmap(q, A + PAGE_SIZE, A + 2 * PAGE_SIZE);
	ops->protect(q, A, PROT_R | PROT_W);
	CHECK(ops->lookup(p, A + PAGE_SIZE, &e) && !ops->lookup(q, A + PAGE_SIZE, &e));
	CHECK(ops->touch(q, A, ACCESS_WRITE, &f) && !ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK_EQ(mm->frame[frames[0]].maps, 2);
	verify(mm);
	ops->destroy(q);
	ops->destroy(p);
}

TEST_WORLDS(a_moved_page_keeps_its_frame_and_its_bits)
{
	struct pmap *p = pmap_new(mm, 1);
	struct pmap_entry e;
	struct reserve r;
	uint32_t f;

	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R | PROT_W, RESIDENT_SHMEM), 0);
	CHECK_EQ(world_enter(w, p, B + PAGE_SIZE, frames[1], PROT_R, RESIDENT_ANON), 0);
	CHECK(ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK_EQ(reserve_make(mm, &(struct need){.tables = ops->tables_needed(p, B)}, 0, &r), 0);
	ops->move(p, A, B, &r);
	ops->move(p, A, B, &r); /* nothing there any more */
	reserve_drop(mm, &r);
	verify(mm);
	CHECK(!ops->lookup(p, A, &e) && !ops->has_table(p, A) && ops->lookup(p, B, &e));
	CHECK(e.frame == frames[0] && e.dirty && e.accessed && e.as == RESIDENT_SHMEM);
	CHECK_EQ(mm->frame[frames[0]].flags, 0);
	CHECK_EQ(reserve_make(mm, &(struct need){.tables = ops->tables_needed(p, B)}, 0, &r), 0);
	ops->move(p, B, B + PAGE_SIZE, &r); /* over what is there */
	reserve_drop(mm, &r);
	CHECK_EQ(mm->frame[frames[1]].maps, 0);
	CHECK_EQ(resident(p, RESIDENT_ANON), 0);
	CHECK_EQ(resident(p, RESIDENT_SHMEM), 1);
	ops->destroy(p);
}

TEST_WORLDS(the_zero_frame_is_resident_nowhere)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2);
	struct pmap_entry e;
	uint32_t f;

	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(world_enter(w, p, A + i * PAGE_SIZE, mm->zero, PROT_R, RESIDENT_ANON), 0);
	CHECK(ops->touch(p, A, ACCESS_READ, &f) && f == mm->zero);
	CHECK(!ops->touch(p, A, ACCESS_WRITE, &f));
	CHECK_EQ(mm->frame[mm->zero].maps, 0);
	CHECK_EQ(resident(p, RESIDENT_ANON), 0);
	CHECK_EQ(world_share(w, p, q, A), 0);
	CHECK(ops->lookup(q, A, &e) && e.frame == mm->zero);
	CHECK_EQ(world_enter(w, q, A, frames[0], PROT_R | PROT_W, RESIDENT_ANON), 0);
	CHECK(ops->lookup(p, A, &e) && e.frame == mm->zero);
	CHECK_EQ(resident(q, RESIDENT_ANON), 1);
	verify(mm);
	ops->destroy(p);
	ops->destroy(q);
}

TEST_WORLDS(whatever_fails_for_want_of_memory_has_changed_nothing)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2), *none = NULL;
	struct pmap_entry e;

	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R, RESIDENT_ANON), 0);
	for (int64_t n = 0;; n++) {
		CHECK(n < 100);
		uint64_t bytes = w->bytes;
		w->fail_in = n;
		w->failed = false;
		int error = ops->create(mm, 3, 103, &none);
		error = error ? error : world_share(w, p, q, A);
		error = error ? error : ops->unshare(q, A, A + PAGE_SIZE, true);
		error = error ? error : world_enter(w, q, B, frames[1], PROT_R, RESIDENT_FILE);
		w->fail_in = -1;
		verify(mm);
		CHECK_EQ(error, w->failed ? -ENOMEM : 0);
		if (none)
			ops->destroy(none);
		none = NULL;
		ops->unmap(q, 0, UINT64_MAX);
		verify(mm);
		CHECK(ops->lookup(p, A, &e) && e.frame == frames[0] && !e.shared);
		CHECK(w->bytes == bytes ||
		      w->kind != WORLD_SOFT); /* sv may have grown its table of tables */
		if (!w->failed)
			break;
	}
	ops->destroy(p);
	ops->destroy(q);
}

TEST_WORLDS(when_frames_run_out_creating_and_unsharing_say_so)
{
	struct pmap *p = pmap_new(mm, 1), *q = pmap_new(mm, 2), *none = NULL;
	static uint32_t taken[256];
	unsigned n = 0;

	if (!ops->tables_take_frames) {
		ops->destroy(p);
		ops->destroy(q);
		return;
	}
	CHECK_EQ(world_enter(w, p, A, frames[0], PROT_R, RESIDENT_ANON), 0);
	CHECK_EQ(world_share(w, p, q, A), 0);
	while (mm->pool.free)
		taken[n++] = world_frame(w);
	CHECK_EQ(ops->create(mm, 3, 103, &none), -ENOMEM);
	CHECK_EQ(ops->unshare(q, A, A + PAGE_SIZE, true), -ENOMEM);
	CHECK_EQ(world_enter(w, q, B, frames[1], PROT_R, RESIDENT_FILE), -ENOMEM);
	verify(mm);
	world_frame_free(w, taken[--n]);
	CHECK_EQ(ops->unshare(q, A, A + PAGE_SIZE, true), 0);
	verify(mm);
	while (n)
		world_frame_free(w, taken[--n]);
	ops->destroy(p);
	ops->destroy(q);
}

TEST_MAIN
