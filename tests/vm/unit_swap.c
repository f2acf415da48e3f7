/* SPDX-License-Identifier: MIT */
/* More pages than frames, at the edges that random operations seldom meet. */
#include "memory_store.h"
#include "unit.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE };

static struct store *add(struct lab *l, uint32_t slots, int priority)
{
	struct store *s = memory_store(slots);
	struct swap_area_config c = {.ops = &memory_ops, .store = s, .priority = priority};
	CHECK_EQ(swap_add(l->mm, &c), 0);
	return s;
}

static uint64_t fill(struct lab *l, unsigned pages)
{
	uint64_t a = lab_map(l->space, pages, RW);
	for (unsigned i = 0; i < pages; i++)
		CHECK(lab_store(l->space, a + i * P, (uint8_t)(i + 1)) != CAUSE_out_of_memory);
	return a;
}

static void check(struct lab *l, uint64_t a, unsigned pages)
{
	for (unsigned i = 0; i < pages; i++)
		CHECK_EQ(lab_load(l->space, a + i * P), (int)(uint8_t)(i + 1));
}

TEST(the_copy_of_a_page_that_is_back_gives_its_slot_to_one_that_has_none)
{
	EACH_LAB (l, 32) {
		add(&l, 30, 0);
		uint64_t a = fill(&l, 45);
		/* Read again and again, pages keep their slots, until all slots are copies or needed. */
		for (unsigned round = 0; round < 3; round++)
			check(&l, a, 45);
		CHECK(l.mm->swap.used <= 30);
		CHECK(swap_room(l.mm));
		for (unsigned i = 0; i < 45; i++)
			CHECK(lab_store(l.space, a + i * P, (uint8_t)(i + 1)) != CAUSE_out_of_memory);
		check(&l, a, 45);
		/* In another order than that of the slots. */
		for (unsigned i = 0, n = 0; i < 90; i++, n = (n + 17) % 45)
			CHECK(lab_store(l.space, a + n * P, (uint8_t)(n + 1)) != CAUSE_out_of_memory);
		check(&l, a, 45);
	}
}

TEST(areas_of_one_priority_take_turns_and_a_lower_one_waits)
{
	EACH_LAB (l, 32) {
		struct store *low = add(&l, 64, 1), *x = add(&l, 8, 2), *y = add(&l, 8, 2);
		uint64_t a = fill(&l, 40);
		CHECK(x->writes > 0 && y->writes > 0);
		CHECK(x->writes <= y->writes + 1 && y->writes <= x->writes + 1);
		CHECK(low->writes == 0 || x->writes + y->writes >= 16);
		uint64_t b = fill(&l, 30);
		CHECK(low->writes > 0);
		check(&l, a, 40);
		check(&l, b, 30);
	}
}

TEST(without_a_slot_left_memory_is_out_and_nothing_is_lost)
{
	EACH_LAB (l, 32) {
		add(&l, 4, 0);
		uint64_t a = lab_map(l.space, 64, RW);
		unsigned n = 0;
		while (n < 64 && lab_store(l.space, a + n * P, (uint8_t)(n + 1)) != CAUSE_out_of_memory)
			n++;
		CHECK(n > 20 && n < 40);
		CHECK(!swap_room(l.mm));
		CHECK_EQ(space_unmap(l.space, a + (n - 8) * P, 8 * P), 0);
		check(&l, a, n - 8);
	}
}

static unsigned troubles;

static void trouble(void *ctx, const struct swap_trouble *t)
{
	troubles += t->error != 0;
}

TEST(a_page_that_cannot_be_read_back_is_told_and_may_be_asked_for_again)
{
	EACH_LAB (l, 32) {
		struct store *s = add(&l, 64, 0);
		uint64_t a = fill(&l, 40), at = 0;
		swap_drain(l.mm);
		while (anon_map_get(&l.space->anons, a + at)->frame != NO_FRAME)
			at += P;
		uint8_t byte;
		CHECK(space_peek(l.space, a + at, &byte, 1));
		CHECK_EQ(byte, at / P + 1);
		l.mm->host.trouble = trouble;
		troubles = 0;
		s->faults.read_fails = 1;
		CHECK(!space_peek(l.space, a + at, &byte, 1));
		s->faults.read_fails = 1;
		CHECK_EQ(lab_load(l.space, a + at), -(int)CAUSE_bus_io);
		CHECK_EQ(troubles, 1);
		s->faults.read_garbles = 1;
		CHECK_EQ(lab_load(l.space, a + at), -(int)CAUSE_bus_io);
		CHECK_EQ(l.mm->swap.trouble.error, -EBADMSG);
		CHECK_EQ(lab_load(l.space, a + at), (int)(at / P + 1));
	}
}

TEST(shared_memory_is_swapped_and_read_back_by_the_kernel_too)
{
	EACH_LAB (l, 32) {
		add(&l, 64, 0);
		struct object *o = lab_shared(&l, 10);
		uint64_t s = lab_map_object(l.space, o, 10, RW, REGION_SHARED);
		for (unsigned i = 0; i < 10; i++)
			lab_store(l.space, s + i * P, (uint8_t)(100 + i));
		uint64_t a = fill(&l, 40);
		swap_drain(l.mm);
		CHECK_EQ(object_cached(o, 3), NO_FRAME);
		uint32_t frame;
		int r;
		while ((r = object_page(l.mm, o, 3, false, &frame)) == -EAGAIN)
			swap_drain(l.mm);
		CHECK_EQ(r, 0);
		CHECK_EQ(frame_bytes(l.mm, frame)[0], 103);
		frame_unhold(l.mm, frame);
		CHECK_EQ(object_page(l.mm, o, 3, false, &frame), 0); /* it is there now */
		frame_unhold(l.mm, frame);
		check(&l, a, 40);
		object_put(l.mm, o);
	}
}

TEST(shared_memory_that_is_locked_keeps_its_frames_mapped_or_not_until_it_is_unlocked)
{
	EACH_LAB (l, 64) {
		add(&l, 64, 0);
		struct object *o = lab_shared(&l, 2);
		uint64_t a = lab_map_object(l.space, o, 2, RW, REGION_SHARED);
		uint32_t frame[2];
		CHECK_EQ(lab_store(l.space, a, 1), CAUSE_zero_fill);
		lab_access(l.space, a, ACCESS_READ, &frame[0]);
		CHECK(frame_evictable(l.mm, frame[0]));
		object_lock(l.mm, o, true);
		lab_store(l.space, a + P, 1);
		lab_access(l.space, a + P, ACCESS_READ, &frame[1]);
		CHECK(!frame_evictable(l.mm, frame[0]) && !frame_evictable(l.mm, frame[1]));
		object_lock(l.mm, o, false);
		CHECK(frame_evictable(l.mm, frame[0]) && frame_evictable(l.mm, frame[1]));
		object_lock(l.mm, o, true);
		CHECK(!frame_evictable(l.mm, frame[0]));
		CHECK_EQ(space_unmap(l.space, a, 2 * P), 0);
		CHECK(!frame_evictable(l.mm, frame[0]));
		object_lock(l.mm, o, false);
		CHECK(frame_evictable(l.mm, frame[0]));
		object_lock(l.mm, o, true);
		object_put(l.mm, o); /* its frames are free again: the lab looks */
	}
}

TEST(a_page_whose_device_is_down_stays_although_it_has_a_slot)
{
	EACH_LAB (l, 32) {
		add(&l, 64, 0);
		uint64_t a = fill(&l, 40);
		unsigned n = 0;
		while (anon_map_get(&l.space->anons, a + n * P)->frame != NO_FRAME)
			n++;
		CHECK(lab_store(l.space, a + n * P, (uint8_t)(n + 1)) == CAUSE_swap_in);
		struct anon *x = anon_map_get(&l.space->anons, a + n * P);
		CHECK(x->slot != 0);
		l.mm->swap.area[0].down_until = UINT64_MAX;
		CHECK_EQ(evict_frame(l.mm, x->frame), -ENOSPC);
		CHECK(x->frame != NO_FRAME && x->slot == 0);
		l.mm->swap.area[0].down_until = 0;
		check(&l, a, 40);
	}
}

TEST_MAIN
