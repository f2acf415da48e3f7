/* SPDX-License-Identifier: MIT */
/* What else those ask who use a space: the kernel that reaches a program's memory, and who looks. */
#include "memory_store.h"
#include "unit.h"

enum { RW = PROT_R | PROT_W, P = PAGE_SIZE };

TEST(the_kernel_reaches_memory_as_the_program_would_or_is_told_why_not)
{
	EACH_LAB (l, 64) {
		uint64_t a = lab_map(l.space, 2, RW), none = lab_map(l.space, 1, 0);
		struct fault_request q = {.va = a + 5, .access = ACCESS_WRITE, .by = BY_KERNEL};
		uint32_t frame;
		CHECK_EQ(space_access(l.space, &q, &frame), FAULT_DONE);
		CHECK_EQ(l.space->tally->by[BY_KERNEL], 1);
		CHECK_EQ(frame_at(l.mm, frame)->holds, 1);
		frame_bytes(l.mm, frame)[5] = 42;
		frame_unhold(l.mm, frame);
		CHECK_EQ(space_access(l.space, &q, &frame), FAULT_DONE);
		frame_unhold(l.mm, frame);
		CHECK_EQ(l.space->tally->by[BY_KERNEL], 1);
		CHECK_EQ(lab_load(l.space, a + 5), 42);
		q.va = none;
		CHECK_EQ(space_access(l.space, &q, &frame), FAULT_SEGV_PROTECTION);
		q.va = 0;
		CHECK_EQ(space_access(l.space, &q, &frame), FAULT_SEGV_UNMAPPED);
		uint32_t fetched;
		CHECK_EQ(lab_access(l.space, a, ACCESS_EXEC, &fetched), CAUSE_segv_protection);
	}
}

TEST(the_heap_is_known_by_its_place)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		s->brk_start = s->brk = 1 << 20;
		CHECK_EQ(space_brk(s, (1 << 20) + 2 * P), (1 << 20) + 2 * P);
		CHECK(space_is_heap(s, regions_find(&s->regions, 1 << 20)));
		CHECK(!space_is_heap(s, regions_find(&s->regions, lab_map(s, 1, PROT_R))));
		/* What is in its way stops it, at a distance of one page. */
		lab_map_at(s, (1 << 20) + 4 * P, 1, PROT_R);
		CHECK_EQ(space_brk(s, (1 << 20) + 4 * P), (1 << 20) + 2 * P);
		CHECK_EQ(space_brk(s, (1 << 20) + 3 * P), (1 << 20) + 3 * P);
		CHECK_EQ(space_brk(s, 0), (1 << 20) + 3 * P);
	}
}

TEST(usage_counts_each_kind_of_frame_once)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		struct mm_usage u;
		struct object *o = lab_file(&l, &f), *shared = lab_shared(&l, 4);
		uint64_t a = lab_map(l.space, 3, RW);
		for (unsigned i = 0; i < 3; i++)
			lab_store(l.space, a + i * P, 1);
		uint64_t b = lab_map_object(l.space, o, 8, RW, REGION_SHARED);
		lab_store(l.space, b, 1);
		lab_read(l.space, b + P);
		uint64_t c = lab_map_object(l.space, shared, 4, RW, REGION_SHARED);
		lab_store(l.space, c, 1);
		lab_store(l.space, c + P, 1);
		CHECK_EQ(space_unmap(l.space, b + P, P), 0);
		CHECK_EQ(space_unmap(l.space, c, P), 0);
		mm_usage(l.mm, &u);
		CHECK_EQ(u.frames, 64);
		uint64_t sum = u.free + u.reserved;
		for (unsigned k = 0; k < FRAME_KINDS; k++)
			sum += u.kind[k];
		CHECK_EQ(sum, 64);
		CHECK_EQ(u.kind[FRAME_ANON], 5);
		CHECK_EQ(u.kind[FRAME_FILE], 2);
		CHECK_EQ(u.file_mapped, 1);
		CHECK_EQ(u.file_dirty, 1);
		CHECK_EQ(u.file_clean_unmapped, 1);
		CHECK_EQ(u.shared, 2);
		CHECK_EQ(u.shared_mapped, 1);
		CHECK_EQ(u.anon_mapped, 4);
		object_put(l.mm, o);
		object_put(l.mm, shared);
	}
}

TEST(what_is_in_swap_is_counted_for_those_who_look)
{
	EACH_LAB (l, 32) {
		struct swap_area_config swap = {.ops = &memory_ops, .store = memory_store(64)};
		CHECK_EQ(swap_add(l.mm, &swap), 0);
		struct object *shared = lab_shared(&l, 8);
		uint64_t c = lab_map_object(l.space, shared, 8, RW, REGION_SHARED);
		for (unsigned i = 0; i < 8; i++)
			lab_store(l.space, c + i * P, 1);
		uint64_t a = lab_map(l.space, 40, RW);
		for (unsigned i = 0; i < 40; i++)
			CHECK(lab_store(l.space, a + i * P, (uint8_t)i) != CAUSE_out_of_memory);
		swap_drain(l.mm);
		uint64_t there = 0;
		for (unsigned i = 0; i < 40; i++)
			there += anon_map_get(&l.space->anons, a + i * P)->frame != NO_FRAME;
		CHECK_EQ(space_swapped(l.space), 40 - there);
		struct region_usage u;
		space_usage(l.space, regions_find(&l.space->regions, a), &u);
		CHECK_EQ(u.swapped, 40 - there);
		CHECK_EQ(u.swap_pss >> 12, (40 - there) * P);
		space_usage(l.space, regions_find(&l.space->regions, c), &u);
		CHECK(u.swapped > 0);
		struct mm_usage all;
		mm_usage(l.mm, &all);
		CHECK_EQ(all.swap, 64);
		CHECK_EQ(all.swap_used, l.mm->swap.used);
		/* It comes back, and a promise may count on swap as on RAM. */
		for (unsigned i = 0; i < 40; i++)
			CHECK_EQ(lab_load(l.space, a + i * P), (int)i);
		l.mm->commit.rule.mode = OVERCOMMIT_GUESS;
		CHECK_EQ(commit_check(l.mm, l.space, 32 + 64), 0);
		CHECK_EQ(commit_check(l.mm, l.space, 32 + 65), -ENOMEM);
		CHECK_EQ(commit_limit(l.mm), 16 + 64);
		object_put(l.mm, shared);
	}
}

static unsigned touched;

static void count_touch(struct policy *p, uint32_t frame)
{
	touched++;
}

TEST(a_policy_that_wants_every_reference_is_told_of_those_to_its_pages_only)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		static struct policy_ops counting;
		counting = *l.mm->policy_ops;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, 4, PROT_R, 0), b = lab_map(l.space, 1, RW);
		lab_read(l.space, a);
		lab_store(l.space, b, 1);
		counting.touch = count_touch;
		l.mm->policy_ops = &counting;
		touched = 0;
		space_touched(l.space, a + 17);
		CHECK_EQ(touched, 1);
		space_touched(l.space, a + P);
		space_touched(l.space, b);
		space_touched(l.space, 0);
		CHECK_EQ(touched, 1);
		l.mm->policy_ops = &world_policy;
		object_put(l.mm, o);
	}
}

TEST(a_store_takes_frames_and_gives_them_back)
{
	EACH_LAB (l, 16) {
		struct store_env env;
		uint32_t frame[64], n = 0;
		swap_store_env(l.mm, &env);
		uint64_t free = l.mm->pool.free;
		for (uint8_t *bytes; (bytes = env.frame_take(env.ctx, &frame[n])); n++)
			CHECK_EQ(bytes[0] | bytes[P - 1], 0);
		CHECK_EQ(n, free);
		lab_verify(&l);
		while (n)
			env.frame_give(env.ctx, frame[--n]);
		CHECK_EQ(l.mm->pool.free, free);
	}
}

TEST(swap_areas_that_cannot_be_are_refused_and_stay_the_callers)
{
	EACH_LAB (l, 64) {
		struct swap_area_config none = {.ops = &memory_ops, .store = memory_store(0)};
		CHECK_EQ(swap_add(l.mm, &none), -EINVAL);
		none.ops->close(none.store);
		for (unsigned i = 0; i < SWAP_AREAS; i++) {
			struct swap_area_config one = {
			    .ops = &memory_ops, .store = memory_store(4), .priority = (int)i};
			int error = -ENOMEM;
			for (int64_t n = 0; error; n++) {
				l.w.fail_in = n;
				error = swap_add(l.mm, &one);
				CHECK(error == 0 || error == -ENOMEM);
			}
			l.w.fail_in = -1;
		}
		CHECK_EQ(l.mm->swap.area[0].config.priority, SWAP_AREAS - 1);
		struct swap_area_config more = {.ops = &memory_ops, .store = memory_store(4)};
		CHECK_EQ(swap_add(l.mm, &more), -ENOSPC);
		more.ops->close(more.store);
		uint32_t number;
		CHECK(swap_area_of(l.mm, 0, &number) == NULL);
		CHECK(swap_area_of(l.mm, 4 * SWAP_AREAS + 1, &number) == NULL);
		CHECK(swap_area_of(l.mm, 1, &number) != NULL);
		CHECK_EQ(number, 1);
	}
}

TEST(a_machine_that_cannot_be_made_leaks_nothing)
{
	EACH_LAB (l, 64) {
		struct mm_config config = l.mm->config;
		struct mm *mm = NULL;
		config.frames = MM_FRAMES_MIN - 1;
		CHECK_EQ(mm_create(&config, &mm), -EINVAL);
		config.frames = MM_FRAMES_MIN;
		config.local.rule = LOCAL_NONE;
		uint64_t bytes = l.w.bytes;
		for (int64_t n = 0; n < 3; n++) {
			l.w.fail_in = n;
			CHECK_EQ(mm_create(&config, &mm), -ENOMEM);
			CHECK_EQ(l.w.bytes, bytes);
			CHECK(mm == NULL);
		}
		l.w.fail_in = -1;
	}
}

TEST(a_group_that_finds_no_memory_is_not_made)
{
	EACH_LAB (l, 64) {
		struct group *g = NULL;
		uint64_t bytes = l.w.bytes;
		l.w.fail_in = 0;
		CHECK_EQ(group_create(l.mm, &g), -ENOMEM);
		l.w.fail_in = -1;
		CHECK(g == NULL);
		CHECK_EQ(l.w.bytes, bytes);
		group_put(NULL);
	}
}

TEST(a_read_under_way_that_fails_or_comes_too_late_leaves_nothing_behind)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		struct object *o = lab_file(&l, &f);
		uint32_t frame;
		f.get_error = -EAGAIN;
		CHECK_EQ(object_page(l.mm, o, 2, false, &frame), -EAGAIN);
		CHECK_EQ(object_page(l.mm, o, 2, false, &frame), -EAGAIN);
		lab_file_ready(&f, -EIO);
		CHECK_EQ(object_page(l.mm, o, 2, false, &frame), -EIO);
		CHECK_EQ(object_cached(o, 2), NO_FRAME);
		/* The file is cut while its page is on its way. */
		CHECK_EQ(object_page(l.mm, o, 3, false, &frame), -EAGAIN);
		object_resize(l.mm, o, 2 * P);
		lab_file_ready(&f, 0);
		CHECK_EQ(object_cached(o, 3), NO_FRAME);
		uint8_t byte;
		uint64_t a = lab_map_object(l.space, o, 4, PROT_R, 0);
		CHECK(space_peek(l.space, a, &byte, 1));
		CHECK(!space_peek(l.space, a + 3 * P, &byte, 1));
		object_put(l.mm, o);
	}
}

static unsigned punched;

static int note_punch(void *ctx, uint64_t first, uint64_t last)
{
	punched += (unsigned)(last - first + 1);
	return 0;
}

TEST(who_keeps_a_files_pages_is_asked_to_remove_some)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		struct object *o = lab_file(&l, &f);
		static struct pager able;
		able = *o->pager;
		const struct pager *plain = o->pager;
		able.punch = note_punch;
		o->pager = &able;
		punched = 0;
		uint64_t a = lab_map_object(l.space, o, 8, RW, REGION_SHARED);
		CHECK_EQ(space_advise(l.space, a + P, 3 * P, 9 /* REMOVE */), 0);
		CHECK_EQ(punched, 3);
		o->pager = plain;
		object_put(l.mm, o);
	}
}

TEST(pages_that_become_private_beside_others_are_of_their_lineage)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		for (unsigned first = 0; first < 2; first++) {
			uint64_t a = lab_map(s, 2, RW), other = a + !first * P, one = a + first * P;
			CHECK_EQ(space_protect(s, one, P, RW | PROT_X), 0);
			CHECK(regions_find(&s->regions, a) != regions_find(&s->regions, a + P));
			lab_store(s, other, 1);
			lab_store(s, one, 2);
			CHECK_EQ(regions_find(&s->regions, a)->lineage,
				 regions_find(&s->regions, a + P)->lineage);
			CHECK_EQ(space_protect(s, one, P, RW), 0);
			CHECK(regions_find(&s->regions, a) == regions_find(&s->regions, a + P));
			CHECK_EQ(space_unmap(s, a, 2 * P), 0);
		}
	}
}

TEST(who_is_forced_upon_memory_reads_what_is_there_and_stores_only_to_what_is_private)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		struct object *o = lab_shared(&l, 2);
		uint64_t a = lab_map(s, 2, RW), m = lab_map_object(s, o, 2, RW, REGION_SHARED);
		uint32_t frame;
		lab_store(s, a, 7);
		lab_store(s, m, 8);
		CHECK_EQ(space_protect(s, a, 2 * P, 0), 0);
		CHECK_EQ(space_protect(s, m, 2 * P, 0), 0);
		struct fault_request q = {.va = a, .access = ACCESS_READ, .by = BY_KERNEL, .force = true};
		CHECK_EQ(space_access(s, &q, &frame), FAULT_DONE);
		CHECK_EQ(frame_bytes(l.mm, frame)[0], 7);
		frame_unhold(l.mm, frame);
		q.access = ACCESS_WRITE;
		CHECK_EQ(space_access(s, &q, &frame), FAULT_DONE);
		frame_bytes(l.mm, frame)[0] = 9;
		frame_unhold(l.mm, frame);
		q.va = a + P; /* nothing is there yet */
		CHECK_EQ(space_access(s, &q, &frame), FAULT_DONE);
		frame_unhold(l.mm, frame);
		q.va = m;
		CHECK_EQ(space_access(s, &q, &frame), FAULT_SEGV_PROTECTION);
		q.access = ACCESS_READ;
		CHECK_EQ(space_access(s, &q, &frame), FAULT_DONE);
		CHECK_EQ(frame_bytes(l.mm, frame)[0], 8);
		frame_unhold(l.mm, frame);
		CHECK_EQ(lab_load(s, a), -(int)CAUSE_segv_protection);
		CHECK_EQ(space_protect(s, a, 2 * P, PROT_R), 0);
		CHECK_EQ(lab_load(s, a), 9);
		object_put(l.mm, o);
	}
}

TEST(a_heap_that_cannot_be_cut_keeps_its_end)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		s->brk_start = s->brk = 1 << 20;
		CHECK_EQ(space_brk(s, (1 << 20) + 4 * P), (1 << 20) + 4 * P);
		lab_store(s, 1 << 20, 1);
		struct space *child = lab_fork(s, 2);
		l.w.fail_in = 0;
		CHECK_EQ(space_brk(s, (1 << 20) + P), (1 << 20) + 4 * P);
		l.w.fail_in = -1;
		CHECK_EQ(space_brk(s, (1 << 20) + P), (1 << 20) + P);
		CHECK_EQ(lab_load(child, 1 << 20), 1);
	}
}

TEST_MAIN
