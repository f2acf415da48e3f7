/* SPDX-License-Identifier: MIT */
/* Swap devices that take their time, and what happens to pages that are under way meanwhile. */
#include "memory_store.h"
#include "policy/policies.h"
#include "unit.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE, PAGES = 48, LATENCY = 1000 };

static struct swap_note *note_of(const struct mm *mm, uint32_t slot)
{
	uint32_t number;
	const struct swap_area *a = swap_area_of(mm, slot, &number);
	CHECK(a != NULL);
	return &a->note[number];
}

static uint64_t takes_a_while(void *ctx, uint32_t slot, unsigned pages, bool write, uint64_t now)
{
	return now + LATENCY * pages;
}

static unsigned woken;

static void wake(void *ctx, uint32_t frame)
{
	woken++;
}

/* A program whose pages are more than the frames, over a device that takes a microsecond a page. */
struct scene {
	struct lab lab;
	struct mm *mm;
	struct space *s;
	struct store *store;
	uint64_t a;
};

static void begin(struct scene *x, const struct world_options *o)
{
	struct lab *l = &x->lab;
	*x = (struct scene){0};
	world_begin_as(&l->w, WORLD_SOFT, 32, o);
	x->mm = l->mm = l->w.mm;
	lab_now = l;
	x->store = memory_store(128);
	struct swap_area_config c = {
	    .ops = &memory_ops, .store = x->store, .name = "slow", .clock = {takes_a_while, NULL}};
	CHECK_EQ(swap_add(x->mm, &c), 0);
	x->mm->host.wake = wake;
	woken = 0;
	x->s = l->space = lab_space(l, 1);
	x->a = lab_map(x->s, PAGES, RW);
}

/* As the kernel does when nobody can run: time jumps to when the next transfer ends. */
static void wait(struct scene *x)
{
	CHECK(mm_next(x->mm) != UINT64_MAX);
	x->lab.w.now = max_u64(x->lab.w.now, mm_next(x->mm));
	mm_run(x->mm);
}

static enum fault_result try(struct scene *x, unsigned page, enum access access)
{
	uint32_t frame;
	struct fault_request q = {.va = x->a + page * P, .access = access};
	return x->mm->pmap->touch(x->s->pmap, q.va, access, &frame) ? FAULT_DONE : fault_handle(x->s, &q);
}

static uint8_t *page(struct scene *x, unsigned page, enum access access)
{
	uint32_t frame;
	while (!x->mm->pmap->touch(x->s->pmap, x->a + page * P, access, &frame)) {
		enum fault_result r = try(x, page, access);
		CHECK(r == FAULT_DONE || r == FAULT_WAIT);
		if (r == FAULT_WAIT)
			wait(x);
	}
	mm_retired(x->mm);
	return frame_bytes(x->mm, frame);
}

static void fill(struct scene *x)
{
	for (unsigned i = 0; i < PAGES; i++)
		page(x, i, ACCESS_WRITE)[0] = (uint8_t)(i + 1);
}

static struct anon *anon(struct scene *x, unsigned page)
{
	return anon_map_get(&x->s->anons, x->a + page * P);
}

static unsigned find_swapped(struct scene *x)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (anon(x, i)->frame == NO_FRAME)
			return i;
	FAIL("nothing is in swap");
}

TEST(who_needs_a_page_that_is_under_way_waits_for_it_and_is_woken)
{
	struct scene x;
	begin(&x, &(struct world_options){0});
	CHECK_EQ(mm_next(x.mm), UINT64_MAX);
	fill(&x);
	swap_drain(x.mm);
	unsigned n = find_swapped(&x);
	CHECK_EQ(try(&x, n, ACCESS_READ), FAULT_WAIT);
	while (anon(&x, n)->frame == NO_FRAME) { /* a victim is being written to make room for it */
		wait(&x);
		CHECK_EQ(try(&x, n, ACCESS_READ), FAULT_WAIT);
	}
	uint64_t faults = x.s->tally->cause[CAUSE_swap_in];
	unsigned before = woken;
	CHECK_EQ(frame_at(x.mm, anon(&x, n)->frame)->state, FRAME_BUSY);
	CHECK_EQ(try(&x, n, ACCESS_READ), FAULT_WAIT); /* nor is there a second transfer */
	CHECK_EQ(x.mm->waits_for, anon(&x, n)->frame);
	lab_verify(&x.lab);
	wait(&x);
	CHECK(woken > before);
	CHECK_EQ(page(&x, n, ACCESS_READ)[0], n + 1);
	CHECK_EQ(x.s->tally->cause[CAUSE_swap_in], faults + 1);
	for (unsigned i = 0; i < PAGES; i++)
		CHECK_EQ(page(&x, i, ACCESS_READ)[0], i + 1);
	swap_drain(x.mm);
	lab_end(&x.lab);
}

/* Begins to write some page, and says which. */
static unsigned begin_write(struct scene *x)
{
	for (unsigned i = 0; i < PAGES; i++) {
		struct anon *a = anon(x, i);
		if (a->frame == NO_FRAME || !frame_evictable(x->mm, a->frame))
			continue;
		page(x, i, ACCESS_WRITE)[0] = (uint8_t)(i + 1); /* dirty */
		CHECK_EQ(evict_frame(x->mm, a->frame), -EAGAIN);
		return i;
	}
	FAIL("no page can be written");
}

TEST(a_page_that_is_touched_while_it_is_written_stays_in_its_frame)
{
	struct scene x;
	begin(&x, &(struct world_options){0});
	fill(&x);
	swap_drain(x.mm);
	unsigned n = begin_write(&x);
	uint32_t frame = anon(&x, n)->frame;
	CHECK(frame_at(x.mm, frame)->flags & FRAME_GOING);
	CHECK_EQ(try(&x, n, ACCESS_READ), FAULT_WAIT);
	struct mm_usage u;
	mm_usage(x.mm, &u);
	CHECK_EQ(u.writeback, 1);
	swap_drain(x.mm);
	CHECK_EQ(anon(&x, n)->frame, frame);
	CHECK_EQ(page(&x, n, ACCESS_READ)[0], n + 1);
	/* Nobody touches the next one: its frame is free when it is written. */
	n = begin_write(&x);
	swap_drain(x.mm);
	CHECK_EQ(anon(&x, n)->frame, NO_FRAME);
	lab_end(&x.lab);
}

TEST(a_page_that_is_unmapped_while_it_is_under_way_is_freed_when_that_has_ended)
{
	struct scene x;
	begin(&x, &(struct world_options){0});
	fill(&x);
	swap_drain(x.mm);
	unsigned n = begin_write(&x);
	uint32_t frame = anon(&x, n)->frame;
	CHECK_EQ(space_unmap(x.s, x.a, PAGES * P), 0);
	CHECK_EQ(frame_at(x.mm, frame)->state, FRAME_BUSY);
	lab_verify(&x.lab);
	wait(&x);
	CHECK_EQ(frame_at(x.mm, frame)->state, FRAME_FREE);
	CHECK_EQ(x.mm->swap.used, 0);
	lab_end(&x.lab);
}

TEST(pages_that_were_written_together_are_read_together)
{
	struct scene x;
	begin(&x, &(struct world_options){.swap = {.cluster = 8, .readahead = 8}});
	fill(&x);
	swap_drain(x.mm);
	CHECK_EQ(space_advise(x.s, x.a + 40 * P, 8 * P, 4 /* DONTNEED */), 0);
	/* One from the midst of eight neighbouring slots. */
	unsigned n = 0;
	while (anon(&x, n)->frame != NO_FRAME || anon(&x, n)->slot % 8 < 3)
		n++;
	uint64_t reads = x.store->reads;
	while (anon(&x, n)->frame == NO_FRAME)
		if (try(&x, n, ACCESS_READ) == FAULT_WAIT && mm_next(x.mm) != UINT64_MAX && anon(&x, n)->frame == NO_FRAME)
			wait(&x);
	swap_drain(x.mm);
	CHECK(x.store->reads > reads + 1);
	CHECK_EQ(page(&x, n, ACCESS_READ)[0], n + 1);
	lab_end(&x.lab);
}

TEST(the_cleaner_keeps_frames_free_before_anybody_asks)
{
	struct scene x;
	begin(&x, &(struct world_options){.policy = &policy_random, .low = 6, .high = 10});
	for (unsigned i = 0; i < PAGES; i++) {
		page(&x, i, ACCESS_WRITE)[0] = (uint8_t)(i + 1);
		mm_run(x.mm);
	}
	swap_drain(x.mm);
	mm_run(x.mm);
	swap_drain(x.mm);
	CHECK(frames_available(x.mm) >= 6);
	for (unsigned i = 0; i < PAGES; i++)
		CHECK_EQ(page(&x, i, ACCESS_READ)[0], i + 1);
	swap_drain(x.mm);
	lab_end(&x.lab);
}

TEST(a_write_that_fails_goes_to_another_slot_and_one_that_nobody_takes_leaves_the_page)
{
	struct scene x;
	begin(&x, &(struct world_options){0});
	fill(&x);
	swap_drain(x.mm);
	x.store->faults.write_fails = 1;
	unsigned n = begin_write(&x);
	swap_drain(x.mm);
	CHECK_EQ(anon(&x, n)->frame, NO_FRAME);
	CHECK(note_of(x.mm, anon(&x, n)->slot)->owner == anon(&x, n));
	/* Not a byte of the host for a second write, either. */
	x.store->faults.write_fails = 1;
	n = begin_write(&x);
	x.lab.w.fail_in = 0;
	swap_drain(x.mm);
	x.lab.w.fail_in = -1;
	CHECK(anon(&x, n)->frame != NO_FRAME);
	CHECK(!(frame_at(x.mm, anon(&x, n)->frame)->flags & FRAME_GOING));
	lab_verify(&x.lab);
	CHECK_EQ(page(&x, n, ACCESS_READ)[0], n + 1);
	/* Nor for the first: the page stays dirty. */
	for (n = 0; anon(&x, n)->frame == NO_FRAME; n++)
		;
	page(&x, n, ACCESS_WRITE)[1] = 1;
	x.lab.w.fail_in = 0;
	CHECK_EQ(evict_frame(x.mm, anon(&x, n)->frame), -ENOSPC);
	x.lab.w.fail_in = -1;
	CHECK(frame_dirty(x.mm, anon(&x, n)->frame));
	lab_verify(&x.lab);
	/* And a page that cannot be read for want of it can be asked for again. */
	n = find_swapped(&x);
	while (frames_available(x.mm) == 0)
		begin_write(&x), swap_drain(x.mm);
	x.lab.w.fail_in = 0;
	CHECK_EQ(try(&x, n, ACCESS_READ), FAULT_NO_MEMORY);
	x.lab.w.fail_in = -1;
	lab_verify(&x.lab);
	CHECK_EQ(page(&x, n, ACCESS_READ)[0], n + 1);
	swap_drain(x.mm);
	lab_end(&x.lab);
}

TEST(a_read_that_fails_is_told_to_who_waited_for_it_and_may_be_asked_for_again)
{
	struct scene x;
	begin(&x, &(struct world_options){0});
	fill(&x);
	swap_drain(x.mm);
	unsigned n = find_swapped(&x);
	while (frames_available(x.mm) == 0)
		begin_write(&x), swap_drain(x.mm);
	x.store->faults.read_garbles = 1;
	CHECK_EQ(try(&x, n, ACCESS_READ), FAULT_WAIT);
	wait(&x);
	CHECK_EQ(try(&x, n, ACCESS_READ), FAULT_BUS_IO);
	CHECK_EQ(page(&x, n, ACCESS_READ)[0], n + 1);
	swap_drain(x.mm);
	lab_end(&x.lab);
}

TEST(a_frame_that_is_used_during_its_transfer_is_found)
{
	struct scene x;
	char why[200];
	begin(&x, &(struct world_options){0});
	fill(&x);
	swap_drain(x.mm);
	while (frames_available(x.mm) == 0)
		begin_write(&x), swap_drain(x.mm);
	unsigned n = find_swapped(&x);
	CHECK_EQ(try(&x, n, ACCESS_READ), FAULT_WAIT);
	struct frame *f = frame_at(x.mm, anon(&x, n)->frame);
	CHECK_EQ(f->state, FRAME_BUSY);
	f->holds = 1;
	CHECK(!mm_verify(x.mm, why, sizeof(why)) && strstr(why, "during its I/O"));
	f->holds = 0;
	f->state = FRAME_OWNED;
	f->flags |= FRAME_POLICED;
	CHECK(!mm_verify(x.mm, why, sizeof(why)) && strstr(why, "is under way and its frame"));
	f->state = FRAME_BUSY;
	f->flags &= ~FRAME_POLICED;
	swap_drain(x.mm);
	lab_end(&x.lab);
}

/* ---- A store that lies in the machine's own frames ---- */

static bool takes_frames(const struct store *s)
{
	return true;
}

TEST(a_page_that_comes_back_from_compressed_ram_is_not_kept_there_as_well)
{
	EACH_LAB (l, 32) {
		static struct store_ops in_frames;
		in_frames = memory_ops;
		in_frames.takes_frames = takes_frames;
		struct swap_area_config c = {.ops = &in_frames, .store = memory_store(64)};
		CHECK_EQ(swap_add(l.mm, &c), 0);
		uint64_t a = lab_map(l.space, 40, RW);
		for (unsigned i = 0; i < 40; i++)
			CHECK(lab_store(l.space, a + i * P, (uint8_t)i) != CAUSE_out_of_memory);
		CHECK(l.mm->pool.free > frames_available(l.mm)); /* some only the store may have */
		unsigned n = 0;
		while (anon_map_get(&l.space->anons, a + n * P)->frame != NO_FRAME)
			n++;
		CHECK_EQ(lab_load(l.space, a + n * P), (int)n);
		CHECK_EQ(anon_map_get(&l.space->anons, a + n * P)->slot, 0);
		CHECK_EQ(l.mm->swap.cached, 0);
	}
}

TEST(a_cluster_that_finds_no_neighbouring_slots_is_written_in_parts)
{
	struct scene x;
	begin(&x, &(struct world_options){.swap = {.cluster = 8}});
	struct slots *slots = &x.mm->swap.area[0].slots;
	/* Every other slot is taken. */
	for (uint32_t i = 0; i < 128; i++)
		CHECK_EQ(slots_take(slots, 1), i + 1);
	for (uint32_t i = 1; i <= 128; i += 2)
		slots_put(slots, i);
	for (unsigned i = 0; i < PAGES; i++)
		page(&x, i, ACCESS_WRITE)[0] = (uint8_t)(i + 1);
	swap_drain(x.mm);
	for (unsigned i = 0; i < PAGES; i++)
		CHECK_EQ(page(&x, i, ACCESS_READ)[0], i + 1);
	swap_drain(x.mm);
	for (uint32_t i = 2; i <= 128; i += 2)
		slots_put(slots, i);
	lab_end(&x.lab);
}

/* ---- Local replacement ---- */

/* A program of a group of its own that stores to n pages. */
static struct space *in_group(struct scene *x, int32_t pid, unsigned n, uint64_t *ret_start)
{
	struct group *g;
	CHECK_EQ(group_create(x->mm, &g), 0);
	struct space *s = lab_space(&x->lab, pid);
	group_join(g, s);
	group_put(g);
	*ret_start = lab_map(s, n, RW);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(lab_store(s, *ret_start + i * P, 1), CAUSE_zero_fill);
	return s;
}

/* One frame more. */
static void make_room(struct scene *x)
{
	uint32_t wanted = (uint32_t)frames_available(x->mm) + 1;
	while (evict_until(x->mm, wanted, 0) == -EAGAIN)
		swap_drain(x->mm);
}

TEST(where_all_groups_grow_the_one_that_has_most_gives_and_if_it_cannot_the_next)
{
	struct scene x;
	uint64_t a, b;
	begin(&x, &(struct world_options){.local = {LOCAL_PFF, 1}, .policy = &policy_fifo});
	struct space *large = in_group(&x, 2, 16, &a), *small = in_group(&x, 3, 8, &b);
	mm_run(x.mm); /* each group's policy has its tick */
	x.mm->current = NULL;
	while (frames_available(x.mm)) {
		uint32_t frame;
		CHECK_EQ(frame_take_kernel(x.mm, &x, &frame), 0);
	}
	make_room(&x);
	CHECK_EQ(large->group->local.resident, 15);
	CHECK_EQ(small->group->local.resident, 8);
	for (unsigned i = 0; i < 16; i++)
		if (anon_map_get(&large->anons, a + i * P)->frame != NO_FRAME)
			frame_hold(x.mm, anon_map_get(&large->anons, a + i * P)->frame);
	make_room(&x);
	CHECK_EQ(large->group->local.resident, 15);
	CHECK_EQ(small->group->local.resident, 7);
	for (unsigned i = 0; i < 16; i++)
		if (anon_map_get(&large->anons, a + i * P)->frame != NO_FRAME)
			frame_unhold(x.mm, anon_map_get(&large->anons, a + i * P)->frame);
	for (uint32_t i = 0; i < x.mm->frames; i++)
		if (frame_at(x.mm, i)->state == FRAME_OWNED && frame_at(x.mm, i)->kind == FRAME_KERNEL)
			frame_free(x.mm, i);
	lab_end(&x.lab);
}

TEST(a_group_that_finds_no_memory_for_its_own_policy_is_not_made)
{
	static const enum local_rule rule[] = {LOCAL_FIXED, LOCAL_WS};
	for (unsigned i = 0; i < array_size(rule); i++) {
		struct scene x;
		struct group *g = NULL;
		begin(&x, &(struct world_options){.local = {rule[i], 1000}});
		uint64_t bytes = x.lab.w.bytes;
		int error = -ENOMEM;
		for (int64_t n = 0; error; n++) {
			x.lab.w.fail_in = n;
			error = group_create(x.mm, &g);
			x.lab.w.fail_in = -1;
			CHECK(error == 0 || error == -ENOMEM);
			CHECK(error == 0 || (!g && x.lab.w.bytes == bytes));
			CHECK(n < 10);
		}
		group_put(g);
		lab_end(&x.lab);
	}
}

TEST_MAIN
