/* SPDX-License-Identifier: MIT */
/* unit_limits.c - what programs are promised, and where their limits are */
#include <errno.h>

#include "unit.h"

enum { RW = PROT_R | PROT_W };

static uint64_t committed(const struct lab *l)
{
	return l->mm->commit.pages;
}

static int map_with(struct space *s, uint64_t at, uint64_t pages, unsigned prot, uint32_t flags,
		    uint64_t *ret_start)
{
	struct map_request m = {.start = at,
				.length = pages << PAGE_SHIFT,
				.prot = prot,
				.prot_max = PROT_ALL,
				.region_flags = flags,
				.map_flags = at ? MAP_AT : 0};
	uint64_t start = 0;
	int error = space_map(s, &m, &start);
	if (!error && ret_start)
		*ret_start = start;
	return error;
}

/* ---- What is counted ---- */

TEST(only_private_memory_that_can_be_written_is_promised)
{
	EACH_LAB (l, 64) {
		map_with(l.space, 0, 10, PROT_R, 0, NULL);
		map_with(l.space, 0, 10, 0, 0, NULL);
		map_with(l.space, 0, 10, RW, REGION_NORESERVE, NULL);
		CHECK_EQ(committed(&l), 0);
		map_with(l.space, 0, 10, RW, 0, NULL);
		CHECK_EQ(committed(&l), 10);
		map_with(l.space, 0, 3, RW, REGION_GROWSDOWN, NULL);
		CHECK_EQ(committed(&l), 13);
		CHECK_EQ(l.space->committed, 13);
	}
}

TEST(a_promise_is_given_when_memory_becomes_writable_and_kept_while_it_may_have_pages)
{
	EACH_LAB (l, 64) {
		uint64_t a = lab_map(l.space, 8, PROT_R);
		CHECK_EQ(space_protect(l.space, a, 2 * PAGE_SIZE, RW), 0);
		CHECK_EQ(committed(&l), 2);
		/* Nothing was written: back it goes. */
		CHECK_EQ(space_protect(l.space, a, 2 * PAGE_SIZE, PROT_R), 0);
		CHECK_EQ(committed(&l), 0);
		CHECK_EQ(space_protect(l.space, a, 8 * PAGE_SIZE, RW), 0);
		lab_store(l.space, a, 1);
		CHECK_EQ(space_protect(l.space, a, 8 * PAGE_SIZE, PROT_R), 0);
		CHECK_EQ(committed(&l), 8);
		CHECK_EQ(space_unmap(l.space, a + PAGE_SIZE, 3 * PAGE_SIZE), 0);
		CHECK_EQ(committed(&l), 5);
		CHECK_EQ(space_unmap(l.space, a, 8 * PAGE_SIZE), 0);
		CHECK_EQ(committed(&l), 0);
	}
}

TEST(a_private_file_mapping_is_promised_its_copies)
{
	EACH_LAB (l, 64) {
		static struct lab_file f;
		struct object *o = lab_file(&l, &f);
		uint64_t a = lab_map_object(l.space, o, 4, PROT_R, 0);
		CHECK_EQ(committed(&l), 0);
		CHECK_EQ(space_protect(l.space, a, 4 * PAGE_SIZE, RW), 0);
		CHECK_EQ(committed(&l), 4);
		/* Of a file Linux does not look whether it has copies. */
		CHECK_EQ(space_protect(l.space, a, 4 * PAGE_SIZE, PROT_R), 0);
		CHECK_EQ(committed(&l), 4);
		lab_map_object(l.space, o, 4, RW, REGION_SHARED);
		CHECK_EQ(committed(&l), 4);
		object_put(l.mm, o);
	}
}

TEST(shared_memory_is_promised_once_however_many_map_it)
{
	EACH_LAB (l, 64) {
		struct object *o = lab_shared(&l, 6);
		CHECK_EQ(object_promise(o, l.space, true), 0);
		CHECK_EQ(committed(&l), 6);
		uint64_t a = lab_map_object(l.space, o, 6, RW, REGION_SHARED);
		struct space *child = lab_fork(l.space, 2);
		lab_store(child, a, 1);
		lab_store(l.space, a + PAGE_SIZE, 1);
		CHECK_EQ(committed(&l), 6);
		CHECK_EQ(object_committed(o), 6);
		object_put(l.mm, o);
		CHECK_EQ(space_unmap(l.space, a, 6 * PAGE_SIZE), 0);
		CHECK_EQ(committed(&l), 6);
		CHECK_EQ(space_unmap(child, a, 6 * PAGE_SIZE), 0);
		CHECK_EQ(committed(&l), 0);
	}
}

TEST(shared_memory_that_is_not_reserved_counts_page_by_page)
{
	EACH_LAB (l, 64) {
		struct object *o = lab_shared(&l, 6);
		CHECK_EQ(object_promise(o, l.space, false), 0);
		uint64_t a = lab_map_object(l.space, o, 6, RW, REGION_SHARED);
		CHECK_EQ(committed(&l), 0);
		lab_store(l.space, a, 1);
		lab_store(l.space, a + 5 * PAGE_SIZE, 1);
		CHECK_EQ(committed(&l), 2);
		object_punch(l.mm, o, 0, 0);
		CHECK_EQ(committed(&l), 1);
		object_put(l.mm, o);
	}
}

TEST(fork_promises_the_child_its_own_and_its_end_gives_that_back)
{
	EACH_LAB (l, 64) {
		uint64_t a = lab_map(l.space, 8, RW);
		lab_map(l.space, 5, PROT_R);
		CHECK_EQ(space_advise(l.space, a, PAGE_SIZE, 10 /* DONTFORK */), 0);
		struct space *child = lab_fork(l.space, 2);
		CHECK_EQ(child->committed, 7);
		CHECK_EQ(committed(&l), 15);
		space_destroy(child);
		CHECK_EQ(committed(&l), 8);
	}
}

TEST(a_move_takes_its_promise_along_and_a_copy_needs_one_more)
{
	EACH_LAB (l, 64) {
		uint64_t a = lab_map(l.space, 8, RW), to;
		lab_store(l.space, a, 1);
		lab_map_at(l.space, a + 8 * PAGE_SIZE, 1, 0);
		CHECK_EQ(space_remap(l.space, a, 8 * PAGE_SIZE, 12 * PAGE_SIZE, 1, 0, &to), 0);
		CHECK_EQ(committed(&l), 12);
		CHECK_EQ(space_remap(l.space, to, 12 * PAGE_SIZE, 4 * PAGE_SIZE, 0, 0, &to), 0);
		CHECK_EQ(committed(&l), 4);
		CHECK_EQ(
		    space_remap(l.space, to, 4 * PAGE_SIZE, 4 * PAGE_SIZE, 1 | 4, 0, &to), 0);
		CHECK_EQ(committed(&l), 8);
	}
}

TEST(the_heap_and_the_stack_are_promised_as_they_grow)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		s->brk_start = s->brk = 1 << 20;
		CHECK_EQ(space_brk(s, (1 << 20) + 3 * PAGE_SIZE + 1), (1 << 20) + 3 * PAGE_SIZE + 1);
		CHECK_EQ(committed(&l), 4);
		CHECK_EQ(space_brk(s, 1 << 20), 1 << 20);
		CHECK_EQ(committed(&l), 0);
		uint64_t a = 0;
		CHECK_EQ(map_with(s, UINT64_C(1) << 30, 2, RW, REGION_GROWSDOWN, &a), 0);
		CHECK_EQ(lab_store(s, a - 3 * PAGE_SIZE, 1), CAUSE_stack_grow);
		CHECK_EQ(committed(&l), 5);
	}
}

/* ---- Groups ---- */

TEST(a_group_counts_what_its_processes_and_their_shared_memory_were_promised)
{
	EACH_LAB (l, 64) {
		struct group *g, *h;
		CHECK_EQ(group_create(l.mm, &g), 0);
		CHECK_EQ(group_create(l.mm, &h), 0);
		lab_map(l.space, 4, RW);
		group_join(g, l.space);
		CHECK_EQ(g->committed, 4);
		struct space *child = lab_fork(l.space, 2);
		CHECK(child->group == g);
		CHECK_EQ(g->committed, 8);
		struct object *o = lab_shared(&l, 6);
		CHECK_EQ(object_promise(o, child, true), 0);
		CHECK_EQ(g->committed, 14);
		struct space *other = lab_space(&l, 3);
		group_join(h, other);
		lab_map(other, 1, RW);
		CHECK_EQ(h->committed, 1);
		CHECK_EQ(g->committed, 14);
		CHECK_EQ(committed(&l), 15);
		lab_verify(&l);
		group_join(h, child);
		CHECK_EQ(g->committed, 10);
		CHECK_EQ(h->committed, 5);
		space_destroy(child);
		CHECK_EQ(h->committed, 1);
		/* Memory that outlives its maker still counts for its group. */
		group_put(g);
		CHECK_EQ(g->committed, 10);
		group_join(NULL, l.space);
		CHECK_EQ(g->committed, 6);
		object_put(l.mm, o);
		group_get(h);
		group_put(h);
		group_put(h);
	}
}

TEST(a_promise_that_was_miscounted_is_found)
{
	EACH_LAB (l, 64) {
		char why[200];
		struct group *g;
		CHECK_EQ(group_create(l.mm, &g), 0);
		group_join(g, l.space);
		group_put(g);
		lab_map(l.space, 4, RW);
		l.space->committed++;
		CHECK(!mm_verify(l.mm, why, sizeof(why)));
		CHECK(strstr(why, "was promised 4 pages") != NULL);
		l.space->committed--;
		g->committed++;
		CHECK(!mm_verify(l.mm, why, sizeof(why)));
		g->committed--;
		l.mm->commit.pages--;
		CHECK(!mm_verify(l.mm, why, sizeof(why)));
		l.mm->commit.pages++;
	}
}

/* ---- The rules ---- */

TEST(guess_mode_refuses_only_what_could_never_be_there)
{
	EACH_LAB (l, 64) {
		l.mm->commit.rule.mode = OVERCOMMIT_GUESS;
		CHECK_EQ(map_with(l.space, 0, 65, RW, 0, NULL), -ENOMEM);
		CHECK_EQ(map_with(l.space, 0, 64, RW, 0, NULL), 0);
		CHECK_EQ(map_with(l.space, 0, 64, RW, 0, NULL), 0);
		CHECK_EQ(map_with(l.space, 0, 65, RW, REGION_NORESERVE, NULL), 0);
		CHECK_EQ(map_with(l.space, 0, 65, PROT_R, 0, NULL), 0);
		CHECK_EQ(l.space->pages, 64 + 64 + 65 + 65);
		struct object *o = lab_shared(&l, 65);
		CHECK_EQ(object_promise(o, l.space, true), -ENOMEM);
		object_put(l.mm, o);
	}
}

TEST(always_mode_refuses_nothing)
{
	EACH_LAB (l, 64) {
		CHECK_EQ(l.mm->commit.rule.mode, OVERCOMMIT_ALWAYS);
		CHECK_EQ(map_with(l.space, 0, 1 << 20, RW, 0, NULL), 0);
		CHECK_EQ(committed(&l), 1 << 20);
	}
}

static void never(struct lab *l, uint64_t limit)
{
	struct commit_rule *rule = &l->mm->commit.rule;
	*rule = (struct commit_rule){.mode = OVERCOMMIT_NEVER, .kbytes = limit * 4};
	CHECK_EQ(commit_limit(l->mm), limit);
}

TEST(never_mode_keeps_every_promise_below_its_limit)
{
	EACH_LAB (l, 64) {
		uint64_t a, to;
		l.space->limits.privileged = true;
		never(&l, 21);
		CHECK_EQ(map_with(l.space, 0, 21, RW, 0, NULL), -ENOMEM);
		CHECK_EQ(map_with(l.space, 0, 12, RW, REGION_NORESERVE, &a), 0);
		CHECK_EQ(committed(&l), 12); /* NORESERVE is not honoured */
		CHECK_EQ(map_with(l.space, 0, 9, RW, 0, NULL), -ENOMEM);
		/* In place of what is there it needs nothing more. */
		CHECK_EQ(map_with(l.space, a, 12, RW, 0, NULL), 0);
		CHECK_EQ(committed(&l), 12);
		CHECK_EQ(space_remap(l.space, a, 12 << 12, 21 << 12, 1, 0, &to), -ENOMEM);
		CHECK_EQ(space_remap(l.space, a, 12 << 12, 12 << 12, 1 | 4, 0, &to), -ENOMEM);
		CHECK_EQ(space_remap(l.space, a, 12 << 12, 20 << 12, 1, 0, &a), 0);
		CHECK_EQ(space_unmap(l.space, a, 10 << 12), 0);
		struct space *child;
		CHECK_EQ(space_fork(l.space, 2, &l.tally[2], &child), 0);
		CHECK_EQ(committed(&l), 20);
		struct space *third;
		CHECK_EQ(space_fork(l.space, 3, &l.tally[3], &third), -ENOMEM);
		CHECK_EQ(committed(&l), 20);
		l.space->brk_start = l.space->brk = 1 << 20;
		CHECK_EQ(space_brk(l.space, (1 << 20) + 1), 1 << 20);
	}
}

TEST(in_never_mode_a_protection_stops_at_the_region_that_would_pass_the_limit)
{
	EACH_LAB (l, 64) {
		l.space->limits.privileged = true;
		never(&l, 7);
		uint64_t a = lab_map(l.space, 4, PROT_R);
		/* Of other contents, so that they are two regions. */
		CHECK_EQ(map_with(l.space, a + (4 << 12), 4, PROT_R | PROT_X, 0, NULL), 0);
		CHECK_EQ(space_protect(l.space, a, 8 << 12, RW), -ENOMEM);
		CHECK_EQ(committed(&l), 4);
		CHECK_EQ(regions_find(&l.space->regions, a)->prot, RW);
		CHECK_EQ(regions_find(&l.space->regions, a + (4 << 12))->prot, PROT_R | PROT_X);
	}
}

TEST(in_never_mode_a_stack_does_not_grow_into_what_was_promised_to_others)
{
	EACH_LAB (l, 64) {
		uint64_t a = 0;
		l.space->limits.privileged = true;
		never(&l, 5);
		CHECK_EQ(map_with(l.space, UINT64_C(1) << 30, 2, RW, REGION_GROWSDOWN, &a), 0);
		CHECK_EQ(lab_store(l.space, a - 3 * PAGE_SIZE, 1), CAUSE_segv_unmapped);
		CHECK_EQ(lab_store(l.space, a - 2 * PAGE_SIZE, 1), CAUSE_stack_grow);
	}
}

TEST(never_mode_keeps_something_for_root_and_for_the_next_program)
{
	EACH_LAB (l, 64) {
		never(&l, 40);
		l.mm->commit.rule.admin_reserve = 4 * 4;
		CHECK_EQ(commit_check(l.mm, NULL, 36), -ENOMEM);
		CHECK_EQ(commit_check(l.mm, NULL, 35), 0);
		l.space->limits.privileged = true;
		CHECK_EQ(commit_check(l.mm, l.space, 39), 0);
		/* One page in 32 of what it has mapped, up to the reserve. */
		lab_map(l.space, 160, PROT_R);
		l.mm->commit.rule.user_reserve = 100 * 4;
		CHECK_EQ(commit_check(l.mm, l.space, 35), -ENOMEM);
		CHECK_EQ(commit_check(l.mm, l.space, 34), 0);
		l.mm->commit.rule.user_reserve = 2 * 4;
		CHECK_EQ(commit_check(l.mm, l.space, 37), 0);
	}
}

TEST(a_share_of_ram_is_the_limit_unless_kbytes_are_given)
{
	EACH_LAB (l, 64) {
		l.mm->commit.rule = (struct commit_rule){.mode = OVERCOMMIT_NEVER, .ratio = 75};
		CHECK_EQ(commit_limit(l.mm), 48);
		l.mm->commit.rule.kbytes = 1024;
		CHECK_EQ(commit_limit(l.mm), 256);
		commit_init(l.mm);
		CHECK_EQ(l.mm->commit.rule.mode, OVERCOMMIT_GUESS);
		CHECK_EQ(commit_limit(l.mm), 32);
	}
}

TEST(in_never_mode_shared_memory_without_a_promise_ends_at_the_limit)
{
	EACH_LAB (l, 64) {
		l.space->limits.privileged = true;
		struct object *o = lab_shared(&l, 6);
		uint64_t a = lab_map_object(l.space, o, 6, RW, REGION_SHARED);
		uint32_t frame;
		never(&l, 3);
		CHECK_EQ(lab_store(l.space, a, 1), CAUSE_zero_fill);
		CHECK_EQ(object_page(l.mm, o, 1, true, &frame), 0);
		frame_unhold(l.mm, frame);
		CHECK_EQ(object_page(l.mm, o, 2, true, &frame), -ENOSPC);
		CHECK_EQ(lab_store(l.space, a + (2 << 12), 1), CAUSE_out_of_memory);
		CHECK_EQ(committed(&l), 2);
		object_put(l.mm, o);
	}
}

TEST(a_program_that_takes_anothers_place_is_given_its_promise)
{
	EACH_LAB (l, 64) {
		l.space->limits.privileged = true;
		never(&l, 21);
		lab_map(l.space, 15, RW);
		struct space *next = lab_space(&l, 2);
		next->limits.privileged = true;
		CHECK_EQ(map_with(next, 0, 15, RW, 0, NULL), -ENOMEM);
		next->replaces = l.space;
		CHECK_EQ(map_with(next, 0, 15, RW, 0, NULL), 0);
		space_destroy(l.space);
		next->replaces = NULL;
		l.space = next;
		CHECK_EQ(committed(&l), 15);
	}
}

/* ---- Limits ---- */

TEST(an_address_space_ends_at_its_limit_at_every_call_that_makes_it_larger)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a, to;
		s->limits.size = (20 << 12) + 4095;
		CHECK_EQ(map_with(s, 0, 21, 0, 0, NULL), -ENOMEM);
		CHECK_EQ(map_with(s, 0, 16, PROT_R, 0, &a), 0);
		CHECK_EQ(map_with(s, 0, 5, 0, 0, NULL), -ENOMEM);
		CHECK_EQ(map_with(s, a, 16, RW, 0, NULL), 0);
		CHECK_EQ(map_with(s, a + (8 << 12), 13, RW, 0, NULL), -ENOMEM);
		CHECK_EQ(space_remap(s, a, 16 << 12, 21 << 12, 1, 0, &to), -ENOMEM);
		CHECK_EQ(space_remap(s, a, 16 << 12, 16 << 12, 1 | 4, 0, &to), -ENOMEM);
		CHECK_EQ(space_remap(s, a, 16 << 12, 20 << 12, 1, 0, &to), 0);
		s->brk_start = s->brk = 1 << 20;
		CHECK_EQ(space_brk(s, (1 << 20) + 1), 1 << 20);
		CHECK_EQ(s->pages, 20);
		/* A limit that is lowered takes nothing away. */
		s->limits.size = 0;
		CHECK_EQ(lab_store(s, to, 1), CAUSE_zero_fill);
		CHECK_EQ(map_with(s, to, 4, RW, 0, NULL), -ENOMEM);
		CHECK_EQ(space_unmap(s, to, 20 << 12), 0);
		struct space *child = lab_fork(s, 2);
		CHECK_EQ(child->limits.size, 0);
	}
}

TEST(data_ends_at_its_limit_and_what_cannot_be_written_does_not_count)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a, b;
		s->limits.data = s->limits.data_hard = 10 << 12;
		CHECK_EQ(map_with(s, 0, 30, PROT_R, 0, &a), 0);
		CHECK_EQ(map_with(s, 0, 11, RW, 0, NULL), -ENOMEM);
		CHECK_EQ(map_with(s, 0, 11, RW, REGION_GROWSDOWN, NULL), 0);
		CHECK_EQ(map_with(s, 0, 6, RW, 0, &b), 0);
		CHECK_EQ(space_protect(s, a, 5 << 12, RW), -ENOMEM);
		CHECK_EQ(space_protect(s, a, 4 << 12, RW), 0);
		CHECK_EQ(space_protect(s, a, 30 << 12, PROT_R), 0);
		CHECK_EQ(s->pages_data, 6);
		s->limits.data = 0;
		CHECK_EQ(map_with(s, 0, 4, RW, 0, NULL), 0); /* the hard limit counts: see limits.c */
		CHECK_EQ(map_with(s, 0, 1, RW, 0, NULL), -ENOMEM);
		struct object *o = lab_shared(&l, 11);
		lab_map_object(s, o, 11, RW, REGION_SHARED);
		object_put(l.mm, o);
	}
}

TEST(the_heap_and_the_programs_own_data_end_together)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		s->brk_start = s->brk = 1 << 20;
		CHECK(limits_brk(s, UINT64_MAX, 0));
		s->limits.data = 10000;
		CHECK(limits_brk(s, (1 << 20) + 9000, 1000));
		CHECK(!limits_brk(s, (1 << 20) + 9001, 1000));
		CHECK(!limits_brk(s, 1 << 20, 10001));
	}
}

TEST(a_stack_grows_no_further_than_the_address_space_and_its_locks_may)
{
	EACH_LAB (l, 64) {
		struct space *s = l.space;
		uint64_t a = 0;
		CHECK_EQ(map_with(s, UINT64_C(1) << 30, 2, RW, REGION_GROWSDOWN, &a), 0);
		s->limits.size = 4 << 12;
		CHECK_EQ(lab_store(s, a - 3 * PAGE_SIZE, 1), CAUSE_segv_unmapped);
		CHECK_EQ(lab_store(s, a - 1 * PAGE_SIZE, 1), CAUSE_stack_grow);
		s->limits = limits_none;
		CHECK_EQ(space_lock(s, a - PAGE_SIZE, 3 * PAGE_SIZE, REGION_LOCKED), 0);
		s->limits.locked = 4 << 12;
		CHECK_EQ(lab_store(s, a - 3 * PAGE_SIZE, 1), CAUSE_segv_unmapped);
		CHECK_EQ(lab_store(s, a - 2 * PAGE_SIZE, 1), CAUSE_stack_grow);
		CHECK(!limits_lock(s, 1));
		s->layout.stack_limit = 5 << 12;
		s->limits = limits_none;
		CHECK_EQ(lab_store(s, a - 4 * PAGE_SIZE, 1), CAUSE_segv_unmapped);
	}
}

TEST(what_a_range_holds_is_counted_to_the_page)
{
	EACH_LAB (l, 64) {
		struct limits_range in;
		uint64_t a = lab_map(l.space, 8, RW);
		CHECK_EQ(space_protect(l.space, a + (2 << 12), 2 << 12, 0), 0);
		CHECK_EQ(space_lock(l.space, a + (5 << 12), 2 << 12, REGION_LOCKED), 0);
		CHECK_EQ(space_unmap(l.space, a, 1 << 12), 0);
		limits_range(l.space, a, a + (6 << 12), &in);
		CHECK_EQ(in.pages, 5);
		CHECK_EQ(in.committed, 3);
		CHECK_EQ(in.locked, 1);
		CHECK(limits_accounts(RW, 0));
		CHECK(!limits_accounts(PROT_R, 0));
	}
}

TEST_MAIN
