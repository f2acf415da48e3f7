/* SPDX-License-Identifier: MIT */
/* What a program asked to be told of: stores to its pages, and faults that it handles itself. */
#include "unit.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE, WATCHER = 7 };
enum { DONTNEED = 4 };

static bool stored(const struct space *s, uint64_t va)
{
	return track_stored(s, regions_find(&s->regions, va), va);
}

TEST(the_first_store_after_a_restart_is_told_and_the_next_is_free)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW);
		CHECK_EQ(lab_store(s, a, 1), CAUSE_zero_fill);
		CHECK(stored(s, a) && stored(s, a + P));
		CHECK_EQ(track_restart(s), 0);
		CHECK(!stored(s, a) && !stored(s, a + P));
		CHECK_EQ(lab_read(s, a), CAUSE_none);
		CHECK(!stored(s, a));
		CHECK_EQ(lab_store(s, a, 2), CAUSE_soft_dirty);
		CHECK_EQ(lab_store(s, a, 3), CAUSE_none);
		CHECK_EQ(lab_store(s, a + P, 3), CAUSE_zero_fill);
		CHECK(stored(s, a) && stored(s, a + P) && !stored(s, a + 2 * P));
		lab_verify(&l);
	}
}

TEST(what_is_known_of_stores_outlives_every_mapping)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct object *o = lab_shared(&l, 2);
		uint64_t a = lab_map(s, 2, RW), b = lab_map_object(s, o, 2, RW, REGION_SHARED);
		for (uint64_t i = 0; i < 2; i++) {
			lab_store(s, a + i * P, 1);
			lab_store(s, b + i * P, 1);
		}
		CHECK_EQ(track_restart(s), 0);
		lab_store(s, a, 2);
		lab_store(s, b, 2);
		s->mm->pmap->unmap(s->pmap, 0, s->layout.top);
		CHECK(stored(s, a) && !stored(s, a + P) && stored(s, b) && !stored(s, b + P));
		CHECK_EQ(lab_store(s, a, 3), CAUSE_refill);
		CHECK_EQ(lab_store(s, a + P, 3), CAUSE_soft_dirty);
		CHECK_EQ(space_protect(s, a, 2 * P, PROT_R), 0);
		CHECK_EQ(track_restart(s), 0);
		CHECK_EQ(space_protect(s, a, 2 * P, RW), 0);
		CHECK_EQ(lab_store(s, a, 4), CAUSE_soft_dirty);
		lab_verify(&l);
		object_put(l.mm, o);
	}
}

TEST(a_child_knows_what_its_parent_stored_and_forgets_alone)
{
	EACH_LAB (l, 64) {
		uint64_t a = lab_map(l.space, 4, RW);
		for (uint64_t i = 0; i < 4; i++)
			lab_store(l.space, a + i * P, 1);
		CHECK_EQ(track_restart(l.space), 0);
		lab_store(l.space, a, 2);
		struct space *c = lab_fork(l.space, 2);
		CHECK(stored(c, a) && !stored(c, a + P));
		CHECK_EQ(track_restart(c), 0);
		CHECK(!stored(c, a) && stored(l.space, a));
		CHECK_EQ(lab_store(c, a, 3), CAUSE_cow_copy);
		CHECK(stored(c, a));
		CHECK_EQ(lab_load(l.space, a), 2);
		lab_verify(&l);
	}
}

TEST(what_is_unmapped_given_up_or_moved_is_told_as_linux_does)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW), to;
		for (uint64_t i = 0; i < 4; i++)
			lab_store(s, a + i * P, 1);
		CHECK_EQ(track_restart(s), 0);
		lab_store(s, a, 2);
		CHECK_EQ(space_advise(s, a, P, DONTNEED), 0);
		CHECK(!stored(s, a));
		lab_store(s, a + 3 * P, 2);
		CHECK_EQ(space_unmap(s, a + 3 * P, P), 0);
		CHECK_EQ(lab_map_at(s, a + 3 * P, 1, PROT_R), a + 3 * P);
		CHECK(stored(s, a + 3 * P));
		CHECK_EQ(space_remap(s, a + P, P, P, 3, a + 64 * P, &to), 0);
		CHECK(stored(s, to));
		lab_verify(&l);
	}
}

/* Does the access take a fault that is handed over for this? */
static bool handed(struct space *s, uint64_t va, enum access access, uint32_t what)
{
	uint32_t frame;
	struct fault_request q = {.va = va, .access = access, .by = BY_PROGRAM};
	if (s->mm->pmap->touch(s->pmap, va, access, &frame))
		return false;
	bool is = fault_handle(s, &q) == FAULT_HANDED && s->mm->handed.watched == what &&
		  s->mm->handed.watcher == WATCHER && s->mm->handed.write == (access == ACCESS_WRITE);
	mm_retired(s->mm);
	return is;
}

TEST(a_missing_page_is_handed_over_until_it_is_put_in_and_then_it_is_there_for_good)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct object *o = lab_shared(&l, 4);
		uint8_t bytes[P] = {42};
		uint64_t at[2] = {lab_map(s, 4, RW), lab_map_object(s, o, 4, RW, REGION_SHARED)};
		for (unsigned i = 0; i < 2; i++) {
			uint64_t a = at[i];
			lab_store(s, a, 9);
			CHECK_EQ(watch_register(s, a, a + 3 * P, REGION_WATCH_MISSING, WATCHER), 0);
			CHECK_EQ(lab_load(s, a), 9);
			CHECK(handed(s, a + P, ACCESS_READ, REGION_WATCH_MISSING));
			CHECK(handed(s, a + P, ACCESS_WRITE, REGION_WATCH_MISSING));
			CHECK_EQ(watch_fill(s, a, bytes, false), -EEXIST);
			CHECK_EQ(watch_fill(s, a + P, bytes, false), 0);
			CHECK_EQ(watch_fill(s, a + 2 * P, NULL, false), 0);
			s->mm->pmap->unmap(s->pmap, 0, s->layout.top);
			CHECK_EQ(lab_load(s, a + P), 42);
			CHECK_EQ(lab_load(s, a + 2 * P), 0);
			CHECK_EQ(lab_store(s, a + 3 * P, 1), CAUSE_zero_fill);
			lab_verify(&l);
		}
		object_put(l.mm, o);
	}
}

TEST(a_zero_page_that_was_read_is_not_missing)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 2, RW);
		CHECK_EQ(lab_read(s, a), CAUSE_zero_map);
		CHECK_EQ(watch_register(s, a, a + 2 * P, REGION_WATCH_MISSING, WATCHER), 0);
		s->mm->pmap->unmap(s->pmap, 0, s->layout.top);
		CHECK_EQ(lab_load(s, a), 0);
		CHECK(handed(s, a + P, ACCESS_READ, REGION_WATCH_MISSING));
	}
}

TEST(a_guarded_page_is_read_freely_and_stored_to_only_when_it_is_let_go)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW);
		lab_store(s, a, 1);
		lab_store(s, a + P, 1);
		CHECK_EQ(watch_register(s, a, a + 4 * P, REGION_WATCH_GUARD, WATCHER), 0);
		CHECK_EQ(watch_guard(s, a, a + 4 * P, true), 0);
		CHECK_EQ(lab_load(s, a), 1);
		CHECK(handed(s, a, ACCESS_WRITE, REGION_WATCH_GUARD));
		s->mm->pmap->unmap(s->pmap, 0, s->layout.top);
		CHECK_EQ(lab_load(s, a), 1);
		CHECK(handed(s, a, ACCESS_WRITE, REGION_WATCH_GUARD));
		CHECK_EQ(space_protect(s, a, P, PROT_R), 0);
		CHECK_EQ(space_protect(s, a, P, RW), 0);
		CHECK(handed(s, a, ACCESS_WRITE, REGION_WATCH_GUARD));
		/* What was no page was not guarded. */
		CHECK_EQ(lab_store(s, a + 2 * P, 1), CAUSE_zero_fill);
		struct space *c = lab_fork(s, 2);
		CHECK_EQ(lab_store(c, a, 5), CAUSE_cow_copy);
		CHECK(handed(s, a, ACCESS_WRITE, REGION_WATCH_GUARD));
		CHECK_EQ(watch_guard(s, a, a + P, false), 0);
		CHECK_EQ(lab_store(s, a, 2), CAUSE_cow_reuse);
		watch_forget(s, WATCHER);
		CHECK_EQ(lab_store(s, a + P, 2), CAUSE_cow_copy);
		lab_verify(&l);
	}
}

TEST(a_page_that_another_put_into_shared_memory_is_mapped_when_told_to)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space, *other = lab_space(&l, 2);
		struct object *o = lab_shared(&l, 4);
		uint64_t a = lab_map_object(s, o, 4, RW, REGION_SHARED),
			 b = lab_map_object(other, o, 4, RW, REGION_SHARED);
		lab_store(other, b, 6);
		CHECK_EQ(watch_register(s, a, a + 4 * P, REGION_WATCH_MINOR, WATCHER), 0);
		CHECK(handed(s, a, ACCESS_READ, REGION_WATCH_MINOR));
		CHECK_EQ(watch_continue(s, a, false), 0);
		CHECK_EQ(watch_continue(s, a, false), -EEXIST);
		CHECK_EQ(watch_continue(s, a + P, false), -EFAULT);
		CHECK_EQ(lab_load(s, a), 6);
		lab_verify(&l);
		object_put(l.mm, o);
	}
}

TEST(a_guard_that_tells_nobody_ends_with_the_first_store)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		const uint32_t quiet = REGION_WATCH_GUARD | REGION_WATCH_ASYNC | REGION_WATCH_EMPTY;
		uint64_t a = lab_map(s, 4, RW);
		lab_store(s, a, 1);
		CHECK_EQ(watch_register(s, a, a + 4 * P, quiet, WATCHER), 0);
		CHECK_EQ(watch_guard(s, a, a + 4 * P, true), 0);
		CHECK_EQ(lab_load(s, a), 1);
		CHECK(track_get(s, a, TRACK_GUARDED) && track_get(s, a + 3 * P, TRACK_GUARDED));
		CHECK_EQ(lab_store(s, a, 2), CAUSE_soft_dirty);
		CHECK_EQ(lab_store(s, a, 3), CAUSE_none);
		CHECK_EQ(lab_store(s, a + P, 2), CAUSE_zero_fill);
		CHECK(!track_get(s, a, TRACK_GUARDED) && !track_get(s, a + P, TRACK_GUARDED));
		CHECK(track_get(s, a + 2 * P, TRACK_GUARDED));
		lab_verify(&l);
	}
}

TEST(a_page_moves_to_where_one_is_missing_and_is_nowhere_else)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW), b = lab_map(s, 4, RW);
		CHECK_EQ(watch_register(s, b, b + 4 * P, REGION_WATCH_MISSING, WATCHER), 0);
		lab_store(s, a, 7);
		CHECK_EQ(watch_move(s, a, b), 0);
		CHECK_EQ(lab_load(s, b), 7);
		CHECK_EQ(lab_load(s, a), 0);
		CHECK_EQ(watch_move(s, a + P, b + P), -ENOENT);
		lab_store(s, a + P, 8);
		CHECK_EQ(watch_move(s, a + P, b), -EEXIST);
		struct space *c = lab_fork(s, 2);
		CHECK_EQ(watch_move(s, a + P, b + P), -EBUSY);
		CHECK_EQ(lab_store(s, a + P, 9), CAUSE_cow_copy);
		CHECK_EQ(watch_move(s, a + P, b + P), 0);
		CHECK_EQ(lab_load(s, b + P), 9);
		CHECK_EQ(lab_load(c, a + P), 8);
		lab_verify(&l);
	}
}

TEST(what_is_poisoned_stays_so_through_fork_and_moves_until_it_is_filled)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct fault_request q = {.access = ACCESS_READ, .by = BY_PROGRAM};
		uint64_t a = lab_map(s, 4, RW), to = lab_map(s, 4, PROT_R), moved;
		CHECK_EQ(watch_register(s, a, a + 4 * P, REGION_WATCH_MISSING, WATCHER), 0);
		CHECK_EQ(watch_poison(s, a), 0);
		CHECK_EQ(watch_poison(s, a), -EEXIST);
		q.va = a;
		CHECK_EQ(fault_handle(s, &q), FAULT_BUS_IO);
		struct space *c = lab_fork(s, 2);
		CHECK_EQ(fault_handle(c, &q), FAULT_BUS_IO);
		CHECK_EQ(space_remap(s, a, P, P, 3, to, &moved), 0);
		q.va = to;
		CHECK_EQ(fault_handle(s, &q), FAULT_BUS_IO);
		CHECK_EQ(watch_poison(s, a + P), 0);
		CHECK_EQ(watch_fill(s, a + P, NULL, false), 0);
		CHECK_EQ(lab_load(s, a + P), 0);
		lab_verify(&l);
	}
}

TEST(a_child_is_watched_by_whom_it_was_given_guards_and_all)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW);
		lab_store(s, a, 1);
		CHECK_EQ(watch_register(s, a, a + 4 * P, REGION_WATCH_MISSING | REGION_WATCH_GUARD, WATCHER), 0);
		CHECK_EQ(watch_guard(s, a, a + P, true), 0);
		struct space *c = lab_fork(s, 2);
		CHECK_EQ(watch_inherit(s, c, WATCHER, WATCHER + 1), 0);
		CHECK(watch_is(c, a, a + 4 * P, REGION_WATCH_MISSING | REGION_WATCH_GUARD));
		CHECK_EQ(regions_find(&c->regions, a)->watcher, WATCHER + 1);
		CHECK(track_get(c, a, TRACK_GUARDED));
		CHECK_EQ(lab_load(c, a), 1);
		lab_verify(&l);
	}
}

TEST(what_is_sealed_stays_and_its_neighbours_go)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = lab_map(s, 4, RW), at;
		lab_store(s, a + P, 5);
		CHECK_EQ(space_seal(s, a + P, 2 * P), 0);
		CHECK_EQ(s->regions.count, 3);
		CHECK_EQ(space_unmap(s, a + P, P), -EPERM);
		CHECK_EQ(space_unmap(s, a, 4 * P), -EPERM);
		CHECK_EQ(space_protect(s, a + P, P, PROT_R), -EPERM);
		CHECK_EQ(space_remap(s, a + P, P, 2 * P, 1, 0, &at), -EPERM);
		CHECK_EQ(space_map(s, &(struct map_request){.start = a, .length = 4 * P, .map_flags = MAP_AT}, &at), -EPERM);
		CHECK_EQ(space_advise(s, a + P, P, DONTNEED), 0);
		CHECK_EQ(lab_load(s, a + P), 0);
		CHECK_EQ(space_unmap(s, a, P), 0);
		CHECK_EQ(space_unmap(s, a + 3 * P, P), 0);
		CHECK_EQ(space_seal(s, a, 2 * P), -ENOMEM);
		lab_verify(&l);
	}
}

TEST(what_cannot_be_watched_is_refused_and_nothing_has_changed)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		static struct lab_file f;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map(s, 4, RW), file = lab_map_object(s, o, 2, RW, 0);
		CHECK_EQ(watch_register(s, file, file + P, REGION_WATCH_MISSING, WATCHER), -EINVAL);
		CHECK_EQ(watch_register(s, a, a + P, REGION_WATCH_MINOR, WATCHER), -EINVAL);
		CHECK_EQ(watch_register(s, 1 << 20, 2 << 20, REGION_WATCH_MISSING, WATCHER), -EINVAL);
		CHECK_EQ(watch_register(s, a + P, a + 2 * P, REGION_WATCH_MISSING, WATCHER), 0);
		CHECK_EQ(s->regions.count, 4);
		CHECK_EQ(watch_register(s, a, a + 4 * P, REGION_WATCH_MISSING, WATCHER + 1), -EBUSY);
		CHECK_EQ(lab_store(s, a, 1), CAUSE_zero_fill);
		CHECK_EQ(watch_unregister(s, a + P, a + 2 * P), 0);
		CHECK_EQ(s->regions.count, 2);
		CHECK_EQ(lab_store(s, a + P, 1), CAUSE_zero_fill);
		object_put(l.mm, o);
	}
}

TEST(a_page_that_is_put_in_guarded_is_stored_to_only_when_it_is_let_go)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct object *o = lab_shared(&l, 4);
		uint64_t a = lab_map(s, 4, RW), m = lab_map_object(s, o, 4, RW, REGION_SHARED);
		uint8_t bytes[P] = {42};
		CHECK_EQ(watch_register(s, a, a + 4 * P, REGION_WATCH_MISSING | REGION_WATCH_GUARD, WATCHER), 0);
		CHECK(watch_is(s, a, a + 4 * P, REGION_WATCH_MISSING | REGION_WATCH_GUARD));
		CHECK(!watch_is(s, a, a + 4 * P, REGION_WATCH_MINOR));
		CHECK(!watch_is(s, a, a + 5 * P, REGION_WATCH_GUARD) && !watch_is(s, m, m + P, 0));
		CHECK_EQ(watch_fill(s, a, bytes, true), 0);
		CHECK_EQ(lab_load(s, a), 42);
		CHECK(handed(s, a, ACCESS_WRITE, REGION_WATCH_GUARD));
		CHECK_EQ(watch_guard(s, a, a + P, false), 0);
		CHECK(lab_store(s, a, 7) != CAUSE_handed_over);
		/* Of shared memory what is not there yet is guarded, too. */
		CHECK_EQ(watch_register(s, m, m + 4 * P, REGION_WATCH_GUARD, WATCHER), 0);
		CHECK_EQ(watch_register(s, m, m + 4 * P, REGION_WATCH_GUARD, WATCHER), 0);
		CHECK_EQ(watch_guard(s, m, m + 4 * P, true), 0);
		CHECK(handed(s, m + P, ACCESS_WRITE, REGION_WATCH_GUARD));
		/* No memory to note it in: then it is not put in either, or not guarded. */
		CHECK_EQ(watch_unregister(s, a, a + 4 * P), 0);
		watch_forget(s, WATCHER);
		CHECK(!watch_is(s, m, m + P, 0));
		CHECK_EQ(watch_register(s, a, a + 4 * P, REGION_WATCH_MISSING, WATCHER), 0);
		l.w.fail_in = 0;
		CHECK_EQ(watch_fill(s, a + P, bytes, true), -ENOMEM);
		l.w.fail_in = 0;
		CHECK_EQ(watch_guard(s, a, a + P, true), -ENOMEM);
		int error = -ENOMEM;
		for (int64_t n = 0; error; n++) {
			l.w.fail_in = n;
			error = watch_fill(s, a + P, bytes, true);
			l.w.fail_in = -1;
			CHECK(error == 0 || (error == -ENOMEM && !track_get(s, a + P, TRACK_GUARDED)));
			CHECK(n < 20);
		}
		CHECK_EQ(lab_load(s, a + P), 42);
		object_put(l.mm, o);
	}
}

TEST(a_child_that_finds_no_memory_for_what_is_known_of_stores_is_not_made)
{
	EACH_LAB (l, 64) {
		struct space *child;
		uint64_t a = lab_map(l.space, 2, RW);
		lab_store(l.space, a, 1);
		CHECK_EQ(track_restart(l.space), 0);
		lab_store(l.space, a, 2);
		int error = -ENOMEM;
		for (int64_t n = 0; error; n++) {
			uint64_t bytes = l.w.bytes;
			l.w.fail_in = n;
			error = space_fork(l.space, 2, NULL, &child);
			l.w.fail_in = -1;
			CHECK(error == 0 || (error == -ENOMEM && l.w.bytes == bytes));
			CHECK(stored(l.space, a) && !stored(l.space, a + P));
			CHECK(n < 100);
		}
		CHECK(stored(child, a) && !stored(child, a + P));
	}
}

TEST_MAIN
