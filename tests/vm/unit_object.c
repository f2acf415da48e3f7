/* SPDX-License-Identifier: MIT */
/* The page cache: reading, waiting, evicting, writing back, cutting. */
#include "unit.h"

enum { P = PAGE_SIZE, RW = PROT_R | PROT_W };

static unsigned woken;
static uint32_t woken_frame;

static void wake(void *ctx, uint32_t frame)
{
	woken++;
	woken_frame = frame;
}

static enum fault_result fault(struct space *s, uint64_t va, enum access access)
{
	return fault_handle(s,
			    &(struct fault_request){.va = va, .access = access, .by = BY_PROGRAM});
}

TEST(read_and_mmap_show_the_same_page)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		uint32_t frame;
		CHECK_EQ(object_page(l.mm, o, 2, false, &frame), 0);
		CHECK_EQ(frame_bytes(l.mm, frame)[9], 3);
		lab_store(l.space, a + 2 * P, 44);
		CHECK_EQ(frame_bytes(l.mm, frame)[0], 44);
		frame_unhold(l.mm, frame);
		CHECK_EQ(f.gets, 1);
		CHECK_EQ(object_page(l.mm, o, 3, true, &frame), 0);
		CHECK_EQ(f.gets, 1); /* fresh: not read */
		frame_unhold(l.mm, frame);
		object_put(l.mm, o);
	}
}

TEST(a_slow_page_makes_its_reader_wait_and_counts_as_one_major_fault)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(s, o, 4, PROT_R, 0);
		l.mm->host.wake = wake;
		woken = 0;
		f.get_error = -EAGAIN;
		CHECK_EQ(fault(s, a + P, ACCESS_READ), FAULT_WAIT);
		uint32_t waits_for = l.mm->waits_for, frame;
		CHECK_EQ(fault(s, a + P, ACCESS_READ),
			 FAULT_WAIT); /* a second one waits for the same */
		CHECK_EQ(l.mm->waits_for, waits_for);
		CHECK_EQ(object_page(l.mm, o, 1, false, &frame), -EAGAIN);
		CHECK_EQ(f.gets, 1);
		CHECK_EQ(lab_faults(s), 0);
		lab_verify(&l);
		lab_file_ready(&f, 0);
		CHECK_EQ(woken, 1);
		CHECK_EQ(woken_frame, waits_for);
		CHECK_EQ(lab_load(s, a + P), 2);
		CHECK_EQ(tally_major(s->tally), 1);
		CHECK_EQ(tally_minor(s->tally), 0);
		l.mm->host.wake = NULL;
		object_put(l.mm, o);
	}
}

TEST(a_slow_page_that_fails_gives_an_error_once_and_can_be_tried_again)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, 4, PROT_R, 0);
		f.get_error = -EAGAIN;
		CHECK_EQ(fault(l.space, a, ACCESS_READ), FAULT_WAIT);
		lab_file_ready(&f, -EIO);
		f.get_error = 0;
		CHECK_EQ(fault(l.space, a, ACCESS_READ), FAULT_BUS_IO);
		CHECK_EQ(lab_load(l.space, a), 1);
		object_put(l.mm, o);
	}
}

TEST(an_object_outlives_its_users_until_its_pages_have_arrived)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, 4, PROT_R, 0);
		f.get_error = -EAGAIN;
		CHECK_EQ(fault(l.space, a, ACCESS_READ), FAULT_WAIT);
		CHECK_EQ(space_unmap(l.space, a, 4 * P), 0);
		object_put(l.mm, o);
		CHECK_EQ(f.released, 0);
		lab_verify(&l);
		lab_file_ready(&f, 0);
		CHECK_EQ(f.released, 1);
	}
}

TEST(the_page_cache_gives_way_oldest_first)
{
	static struct lab_file f;
	EACH_LAB (l, 48) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(s, o, FILE_PAGES, RW, REGION_SHARED);
		for (unsigned i = 0; i < FILE_PAGES; i++)
			CHECK_EQ(lab_store(s, a + i * P, 100), CAUSE_file_read);
		CHECK_EQ(object_cached(o, 0), NO_FRAME);
		CHECK(object_cached(o, FILE_PAGES - 1) != NO_FRAME);
		CHECK_EQ(l.mm->events->total.event[EVENT_evict], FILE_PAGES - o->resident);
		CHECK_EQ(f.puts, FILE_PAGES - o->resident); /* what went was dirty */
		CHECK_EQ(f.bytes[0], 100);
		lab_verify(&l);
		CHECK_EQ(lab_load(s, a), 100);
		CHECK_EQ(lab_resident(s), o->resident);
		/* Anonymous memory pushes it out, down to nothing. */
		uint64_t b = lab_map(s, 64, RW);
		unsigned n = 0;
		while (lab_store(s, b + n * P, 1) == CAUSE_zero_fill)
			n++;
		CHECK(n > 20);
		CHECK_EQ(o->resident, 0);
		CHECK_EQ(fault(s, b + n * P, ACCESS_WRITE), FAULT_NO_MEMORY);
		for (unsigned i = 0; i < n; i++)
			CHECK_EQ(lab_load(s, b + i * P), 1);
		CHECK_EQ(fault(s, a, ACCESS_READ), FAULT_NO_MEMORY);
		CHECK_EQ(space_unmap(s, b, 64 * P), 0);
		CHECK_EQ(lab_load(s, a), 100);
		object_put(l.mm, o);
	}
}

TEST(a_page_that_cannot_be_written_back_is_not_lost)
{
	static struct lab_file f;
	EACH_LAB (l, 48) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(s, o, FILE_PAGES, RW, REGION_SHARED);
		lab_store(s, a, 100);
		f.put_error = -EIO;
		for (unsigned i = 1; i < FILE_PAGES; i++)
			lab_read(s, a + i * P);
		lab_verify(&l);
		CHECK(object_cached(o, 0) != NO_FRAME);
		CHECK_EQ(space_sync(s, a, P, 4), -EIO);
		f.put_error = 0;
		CHECK_EQ(space_sync(s, a, P, 4), 0);
		CHECK_EQ(f.bytes[0], 100);
		object_put(l.mm, o);
	}
}

TEST(a_locked_page_and_a_held_page_stay)
{
	static struct lab_file f;
	EACH_LAB (l, 48) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(s, o, FILE_PAGES, PROT_R, 0);
		uint32_t frame;
		CHECK_EQ(space_lock(s, a, 2 * P, REGION_LOCKED), 0);
		CHECK_EQ(object_page(l.mm, o, 5, false, &frame), 0);
		for (unsigned i = 0; i < FILE_PAGES; i++)
			lab_read(s, a + i * P);
		CHECK_EQ(lab_read(s, a), CAUSE_none);
		CHECK_EQ(lab_read(s, a + P), CAUSE_none);
		CHECK_EQ(object_cached(o, 5), frame);
		frame_unhold(l.mm, frame);
		CHECK_EQ(space_lock(s, a, 2 * P, 0), 0);
		for (unsigned i = 4; i < FILE_PAGES; i++)
			lab_read(s, a + i * P);
		CHECK_EQ(object_cached(o, 0), NO_FRAME);
		object_put(l.mm, o);
	}
}

TEST(a_file_that_is_cut_takes_its_pages_with_it)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(s, o, 8, RW, REGION_SHARED);
		for (unsigned i = 0; i < 8; i++)
			lab_read(s, a + i * P);
		uint32_t frame;
		CHECK_EQ(object_page(l.mm, o, 7, false, &frame), 0);
		object_resize(l.mm, o, 3 * P + 100);
		CHECK_EQ(lab_resident(s), 4);
		CHECK_EQ(lab_load(s, a + 3 * P + 99), 4);
		CHECK_EQ(lab_load(s, a + 3 * P + 100), 0);
		CHECK_EQ(lab_load(s, a + 4 * P), -(int)CAUSE_bus_beyond_end);
		lab_verify(&l); /* page 7 is held, and nobody's */
		frame_unhold(l.mm, frame);
		object_resize(l.mm, o, 8 * P);
		CHECK_EQ(lab_load(s, a + 4 * P), 5); /* the test's file was not cut */
		object_put(l.mm, o);
	}
}

TEST(a_file_that_is_cut_takes_private_copies_with_it_in_every_process)
{
	static struct lab_file f;
	EACH_LAB (l, 128) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(s, o, 8, RW, 0), b = lab_map(s, 1, RW);
		for (unsigned i = 0; i < 8; i++)
			lab_store(s, a + i * P, 100 + i);
		lab_store(s, b, 9);
		struct space *child = lab_fork(s, 2), *grandchild = lab_fork(child, 3);
		lab_store(child, a + 5 * P, 55); /* no longer shares the span */
		uint64_t moved;
		CHECK_EQ(space_remap(grandchild, a + 4 * P, 4 * P, 4 * P, 1 | 2, a + 64 * P, &moved),
			 0);
		object_resize(l.mm, o, 3 * P + 100);
		lab_verify(&l);
		CHECK_EQ(lab_load(s, a + 3 * P + 200), 4); /* what is left of a copy is left alone */
		CHECK_EQ(lab_load(s, a + 2 * P), 102);
		CHECK_EQ(lab_load(s, a + 4 * P), -(int)CAUSE_bus_beyond_end);
		CHECK_EQ(lab_load(child, a + 5 * P), -(int)CAUSE_bus_beyond_end);
		CHECK_EQ(lab_load(grandchild, moved), -(int)CAUSE_bus_beyond_end);
		CHECK_EQ(lab_load(grandchild, b), 9);
		CHECK_EQ(l.mm->pool.kind[FRAME_ANON], 5);
		object_resize(l.mm, o, 8 * P);
		CHECK_EQ(lab_load(s, a + 5 * P), 6); /* the test's file was not cut */
		CHECK_EQ(lab_store(child, a + 5 * P, 1), CAUSE_cow_copy);
		object_resize(l.mm, o, 0);
		for (unsigned i = 0; i < 8; i++)
			CHECK_EQ(lab_load(s, a + i * P), -(int)CAUSE_bus_beyond_end);
		CHECK_EQ(l.mm->pool.kind[FRAME_ANON], 1);
		object_put(l.mm, o);
	}
}

TEST(a_hole_leaves_private_copies_alone)
{
	EACH_LAB (l, 64) {
		struct object *o = lab_shared(&l, 4);
		uint64_t a = lab_map_object(l.space, o, 4, RW, REGION_SHARED),
			 b = lab_map_object(l.space, o, 4, RW, 0);
		for (unsigned i = 0; i < 4; i++)
			lab_store(l.space, a + i * P, 1 + i);
		lab_store(l.space, b + P, 9);
		CHECK_EQ(space_advise(l.space, a + P, 2 * P, 9), 0); /* MADV_REMOVE */
		CHECK_EQ(lab_load(l.space, a + P), 0);
		CHECK_EQ(lab_load(l.space, b + P), 9);
		CHECK_EQ(lab_load(l.space, b + 2 * P), 0);
		CHECK_EQ(lab_load(l.space, a + 3 * P), 4);
		object_put(l.mm, o);
	}
}

TEST(what_is_stored_behind_the_end_of_a_file_does_not_come_back_when_it_grows)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		object_resize(l.mm, o, P + 10);
		memset(f.bytes + P + 10, 0, P - 10);
		uint64_t a = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		lab_store(l.space, a + P + 9, 70);
		lab_store(l.space, a + P + 20, 71);
		CHECK_EQ(lab_load(l.space, a + P + 20), 71);
		object_resize(l.mm, o, 4 * P);
		CHECK_EQ(lab_load(l.space, a + P + 20), 0);
		CHECK_EQ(lab_load(l.space, a + P + 9), 70);
		CHECK_EQ(space_sync(l.space, a, 4 * P, 4), 0);
		CHECK_EQ(f.bytes[P + 20], 0);
		object_put(l.mm, o);
	}
}

TEST(stores_reach_the_file_at_the_last_unmap_although_it_stays_open)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		struct space *other = lab_space(&l, 2);
		uint64_t a = lab_map_object(l.space, o, 4, RW, REGION_SHARED),
			 b = lab_map_object(other, o, 4, RW, REGION_SHARED),
			 c = lab_map_object(other, o, 4, RW, 0);
		lab_store(l.space, a, 70);
		lab_store(l.space, a + P, 71);
		CHECK_EQ(space_unmap(l.space, a, P), 0);
		CHECK_EQ(space_unmap(l.space, a + P, 3 * P), 0);
		CHECK_EQ(f.puts, 0); /* the other might store still */
		space_destroy(other);
		CHECK_EQ(f.puts, 2);
		CHECK_EQ(f.bytes[0], 70);
		CHECK_EQ(f.bytes[P], 71);
		CHECK_EQ(o->resident, 2);
		object_put(l.mm, o);
		CHECK_EQ(f.puts, 2);
		(void)b;
		(void)c;
	}
}

TEST(stores_that_cannot_be_written_are_kept_while_they_can_and_then_told)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		lab_store(l.space, a, 70);
		f.put_error = -ENOSPC;
		CHECK_EQ(space_unmap(l.space, a, 4 * P), 0);
		CHECK_EQ(f.lost, 0);
		a = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		CHECK_EQ(lab_load(l.space, a), 70);
		f.put_error = 0;
		CHECK_EQ(space_unmap(l.space, a, 4 * P), 0); /* now there is room */
		CHECK_EQ(f.bytes[0], 70);
		a = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		lab_store(l.space, a, 71);
		f.put_error = -ENOSPC;
		CHECK_EQ(space_unmap(l.space, a, 4 * P), 0);
		object_put(l.mm, o);
		CHECK_EQ(f.lost, -ENOSPC);
		CHECK_EQ(f.released, 1);
	}
}

TEST(a_store_is_noticed_once_for_each_clean_page)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		CHECK_EQ(lab_load(l.space, a), 1);
		for (unsigned round = 0; round < 3; round++) {
			CHECK_EQ(lab_store(l.space, a, 70 + round), CAUSE_write_notify);
			CHECK_EQ(lab_store(l.space, a + 1, 70 + round), CAUSE_none);
			CHECK_EQ(f.puts, round);
			CHECK_EQ(space_sync(l.space, a, 4 * P, 1), 0); /* MS_ASYNC */
			CHECK_EQ(lab_store(l.space, a + 1, 70 + round), CAUSE_none);
			CHECK_EQ(space_sync(l.space, a, 4 * P, 4), 0);
			CHECK_EQ(f.puts, round + 1);
			CHECK_EQ(f.bytes[1], 70 + round);
			CHECK_EQ(lab_load(l.space, a), 70 + round);
		}
		object_put(l.mm, o);
	}
}

static uint64_t lab_file_grows(void *ctx)
{
	struct lab_file *f = ctx;
	object_resize(lab_now->mm, f->object, 8 * P);
	return 8 * P;
}

TEST(a_file_that_others_made_longer_is_there_to_be_touched)
{
	static struct lab_file f;
	static struct pager pager;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		pager = *o->pager;
		o->pager = &pager;
		object_resize(l.mm, o, 3 * P);
		uint64_t a = lab_map_object(l.space, o, 16, RW, REGION_SHARED);
		CHECK_EQ(lab_load(l.space, a + 5 * P), -(int)CAUSE_bus_beyond_end);
		pager.size = lab_file_grows;
		CHECK_EQ(lab_load(l.space, a + 5 * P), 6);
		CHECK_EQ(lab_load(l.space, a + 8 * P), -(int)CAUSE_bus_beyond_end);
		object_put(l.mm, o);
	}
}

TEST(a_private_copy_of_a_hole_makes_the_page_of_the_file_in_ram_too)
{
	static const struct pager pager = {0};
	EACH_LAB (l, 64) {
		struct object *o = lab_shared(&l, 4);
		o->pager = &pager;
		uint64_t a = lab_map_object(l.space, o, 4, RW, 0);
		CHECK_EQ(lab_store(l.space, a, 1), CAUSE_cow_copy);
		CHECK_EQ(lab_faults(l.space), 1);
		CHECK_EQ(tally_major(l.space->tally), 0);
		CHECK(object_anon(o, 0) != NULL);
		CHECK_EQ(l.mm->pool.kind[FRAME_ANON], 2);
		CHECK_EQ(lab_resident(l.space), 1);
		CHECK_EQ(space_advise(l.space, a, P, 4), 0); /* MADV_DONTNEED */
		CHECK_EQ(lab_load(l.space, a), 0);
		object_put(l.mm, o);
	}
}

TEST(shared_memory_has_no_more_pages_than_its_quota)
{
	EACH_LAB (l, 64) {
		struct object_quota quota = {.limit = 3};
		struct object *o = lab_shared(&l, 8), *other = lab_shared(&l, 8);
		o->quota = other->quota = &quota;
		uint64_t a = lab_map_object(l.space, o, 8, RW, REGION_SHARED),
			 b = lab_map_object(l.space, other, 8, RW, REGION_SHARED);
		CHECK_EQ(lab_store(l.space, a, 1), CAUSE_zero_fill);
		CHECK_EQ(lab_store(l.space, b, 1), CAUSE_zero_fill);
		CHECK_EQ(lab_store(l.space, b + P, 1), CAUSE_zero_fill);
		CHECK_EQ(lab_load(l.space, b + 2 * P), -(int)CAUSE_out_of_memory);
		CHECK_EQ(lab_load(l.space, b + P), 1);
		uint32_t frame;
		CHECK_EQ(object_page(l.mm, o, 7, true, &frame), -ENOSPC);
		lab_verify(&l);
		object_punch(l.mm, other, 0, 0);
		CHECK_EQ(quota.pages, 2);
		CHECK_EQ(lab_load(l.space, b + 2 * P), 0);
		object_put(l.mm, o);
		object_put(l.mm, other);
		space_destroy(l.space);
		CHECK_EQ(quota.pages, 0);
	}
}

TEST(stale_clean_pages_are_dropped_and_dirty_ones_are_not)
{
	static struct lab_file f;
	EACH_LAB (l, 64) {
		struct object *o = lab_file(&l, &f);
		uint32_t frame;
		for (unsigned i = 0; i < 3; i++) {
			CHECK_EQ(object_page(l.mm, o, i, false, &frame), 0);
			frame_unhold(l.mm, frame);
		}
		uint64_t a = lab_map_object(l.space, o, 3, RW, REGION_SHARED);
		lab_store(l.space, a, 77);
		CHECK_EQ(lab_load(l.space, a + P), 2);
		f.bytes[P] = 99;
		object_drop_clean(l.mm, o);
		CHECK_EQ(o->resident, 1);
		CHECK_EQ(lab_load(l.space, a), 77);
		CHECK_EQ(lab_load(l.space, a + P), 99); /* although it was mapped */
		object_put(l.mm, o);
	}
}

TEST(shared_memory_is_one_and_is_freed_with_its_last_user)
{
	EACH_LAB (l, 64) {
		struct object *o = lab_shared(&l, 4);
		uint64_t a = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		struct space *other = lab_space(&l, 2);
		uint64_t b = lab_map_object(other, o, 4, RW, REGION_SHARED),
			 c = lab_map_object(other, o, 4, RW, 0);
		object_put(l.mm, o);
		CHECK_EQ(lab_store(l.space, a, 5), CAUSE_zero_fill);
		CHECK_EQ(lab_load(other, b), 5);
		CHECK_EQ(lab_load(other, c), 5);
		CHECK_EQ(lab_store(other, c, 6), CAUSE_cow_copy); /* private */
		CHECK_EQ(lab_load(l.space, a), 5);
		CHECK_EQ(lab_store(other, c + P, 7), CAUSE_zero_fill);
		CHECK_EQ(lab_load(l.space, a + P), 0);
		space_destroy(other);
		CHECK_EQ(l.mm->pool.kind[FRAME_ANON], 2);
		CHECK_EQ(space_unmap(l.space, a, 4 * P), 0);
		CHECK_EQ(l.mm->pool.kind[FRAME_ANON], 0);
	}
}

TEST(what_an_instruction_needs_stays_until_it_retires)
{
	static struct lab_file f;
	EACH_LAB (l, 48) {
		struct space *s = l.space;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(s, o, FILE_PAGES, PROT_R, 0);
		CHECK_EQ(fault(s, a, ACCESS_READ), FAULT_DONE);
		uint32_t frame = object_cached(o, 0);
		for (unsigned i = 1; i < FILE_PAGES; i++) {
			fault_handle(s, &(struct fault_request){.va = a + i * P, .by = BY_KERNEL});
			CHECK_EQ(object_cached(o, 0), frame);
		}
		mm_retired(l.mm);
		for (unsigned i = 1; i < FILE_PAGES; i++)
			fault_handle(s, &(struct fault_request){.va = a + i * P, .by = BY_KERNEL});
		CHECK_EQ(object_cached(o, 0), NO_FRAME);
		object_put(l.mm, o);
	}
}

TEST(the_kernel_has_frames_of_its_own)
{
	EACH_LAB (l, 64) {
		uint32_t frame;
		CHECK_EQ(frame_take_kernel(l.mm, &l, &frame), 0);
		CHECK_EQ(frame_bytes(l.mm, frame)[77], 0);
		CHECK_EQ(l.mm->pool.kind[FRAME_KERNEL], 1);
		lab_verify(&l);
		frame_free(l.mm, frame);
		struct mm_usage u;
		mm_usage(l.mm, &u);
		CHECK_EQ(u.free + u.reserved + u.kind[FRAME_ZERO] + u.kind[FRAME_TABLE], 64);
	}
}

TEST(neighbours_that_are_cached_come_with_a_fault_if_asked)
{
	static struct lab_file f;
	EACH_LAB (l, 128) {
		struct object *o = lab_file(&l, &f);
		uint32_t frame;
		for (unsigned i = 0; i < 32; i++) {
			CHECK_EQ(object_page(l.mm, o, i, false, &frame), 0);
			frame_unhold(l.mm, frame);
		}
		l.mm->config.fault_around = 16;
		uint64_t a = lab_map_object(l.space, o, 32, PROT_R, 0);
		for (unsigned i = 0; i < 32; i++)
			CHECK_EQ(lab_load(l.space, a + i * P), i + 1);
		CHECK(lab_faults(l.space) <= 3);
		CHECK_EQ(lab_resident(l.space), 32);
		object_put(l.mm, o);
	}
}

static unsigned beginnings, ends;

static void note_mapped(void *ctx, const struct region *r, bool begins)
{
	beginnings += begins;
	ends += !begins;
}

TEST(whoever_asks_is_told_when_a_region_maps_an_object_and_when_it_does_so_no_more)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		static struct pager told;
		struct object *o = lab_file(&l, &f);
		const struct pager *plain = o->pager;
		told = *plain;
		told.mapped = note_mapped;
		o->pager = &told;
		beginnings = ends = 0;
		uint64_t a = lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		CHECK_EQ(beginnings, 1);
		struct space *child = lab_fork(l.space, 2);
		CHECK_EQ(beginnings, 2);
		CHECK_EQ(space_unmap(l.space, a + P, P), 0); /* two are left of one */
		CHECK_EQ(beginnings - ends, 3);
		space_destroy(child);
		CHECK_EQ(space_unmap(l.space, a, 4 * P), 0);
		CHECK_EQ(beginnings, ends);
		o->pager = plain;
		object_put(l.mm, o);
	}
}

static uint64_t cut_size(void *ctx)
{
	return 2 * P;
}

TEST(a_file_that_others_cut_short_ends_there_once_that_is_found_out)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		static struct pager cut;
		struct object *o = lab_file(&l, &f);
		const struct pager *plain = o->pager;
		cut = *plain;
		cut.size = cut_size;
		o->pager = &cut;
		uint64_t a = lab_map_object(l.space, o, 8, PROT_R, 0);
		CHECK_EQ(lab_load(l.space, a + P), 2);
		f.get_error = -ESTALE;
		uint32_t frame;
		CHECK_EQ(object_page(l.mm, o, 5, false, &frame), -ESTALE);
		f.get_error = 0;
		CHECK_EQ(o->size, 2 * P);
		CHECK_EQ(lab_load(l.space, a + 5 * P), -(int)CAUSE_bus_beyond_end);
		CHECK_EQ(lab_load(l.space, a + P), 2);
		o->pager = plain;
		object_put(l.mm, o);
	}
}

TEST(an_instruction_that_is_tried_again_and_again_holds_no_more_than_it_can_need)
{
	EACH_LAB (l, 64) {
		uint64_t a = lab_map(l.space, 16, RW);
		unsigned held = 0;
		for (unsigned i = 0; i < 16; i++)
			CHECK_EQ(fault(l.space, a + i * P, ACCESS_WRITE), FAULT_DONE);
		for (uint32_t i = 0; i < l.mm->frames; i++)
			held += frame_at(l.mm, i)->holds;
		CHECK_EQ(held, array_size(l.mm->instruction));
		mm_retired(l.mm);
		CHECK_EQ(space_unmap(l.space, a, 16 * P), 0);
	}
}

TEST_MAIN
