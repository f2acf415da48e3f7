/* SPDX-License-Identifier: MIT */
/* Local replacement: what one group does costs the other nothing, or what the rule says. */
#include "memory_store.h"
#include "policy/policies.h"
#include "unit.h"

enum { PAGES = 64, FRAMES = 80 };

/* Two programs, a group each. */
struct pair {
	struct lab lab;
	struct space *space[2];
	struct group *group[2];
	uint64_t at[2];
};

static void begin_as(struct pair *x, const struct world_options *o)
{
	struct lab *l = &x->lab;
	*x = (struct pair){0};
	world_begin_as(&l->w, WORLD_SOFT, FRAMES, o);
	l->mm = l->w.mm;
	lab_now = l;
	struct swap_area_config swap = {.ops = &memory_ops, .store = memory_store(1000)};
	CHECK_EQ(swap_add(l->mm, &swap), 0);
	for (int i = 0; i < 2; i++) {
		x->space[i] = lab_space(l, i + 1);
		CHECK_EQ(group_create(l->mm, &x->group[i]), 0);
		group_join(x->group[i], x->space[i]);
		group_put(x->group[i]);
		x->at[i] = lab_map(x->space[i], PAGES, PROT_R | PROT_W);
	}
}

static void begin(struct pair *x, struct local_config local)
{
	begin_as(x, &(struct world_options){.local = local});
}

static void end(struct pair *x)
{
	lab_end(&x->lab);
}

/* Process i stores to pages first to last, a microsecond each. */
static void touch(struct pair *x, int i, unsigned first, unsigned last)
{
	for (unsigned p = first; p <= last; p++) {
		x->group[i]->local.ran += 1000;
		lab_store(x->space[i], x->at[i] + p * PAGE_SIZE, (uint8_t)p);
	}
}

static uint64_t major(const struct pair *x, int i)
{
	return x->lab.tally[i + 1].cause[CAUSE_swap_in];
}

TEST(with_global_replacement_a_greedy_program_takes_the_frames_of_a_modest_one)
{
	struct pair x;
	begin(&x, (struct local_config){LOCAL_NONE, 0});
	touch(&x, 0, 0, 19);
	touch(&x, 1, 0, PAGES - 1);
	touch(&x, 1, 0, PAGES - 1);
	touch(&x, 0, 0, 19);
	CHECK(major(&x, 0) > 0);
	end(&x);
}

TEST(with_fixed_shares_it_takes_only_its_own)
{
	struct pair x;
	begin(&x, (struct local_config){LOCAL_FIXED, 0});
	touch(&x, 0, 0, 19);
	touch(&x, 1, 0, PAGES - 1);
	touch(&x, 1, 0, PAGES - 1);
	touch(&x, 0, 0, 19);
	CHECK_EQ(major(&x, 0), 0);
	CHECK(major(&x, 1) > 0);
	CHECK(x.group[1]->local.resident <= (FRAMES - 1) / 2);
	end(&x);
}

TEST(exact_references_reach_the_policy_of_the_group_that_made_them)
{
	struct pair x;
	begin_as(&x, &(struct world_options){.local = {LOCAL_FIXED, 0},
					       .policy = &policy_lru,
					       .exact_refs = true});
	touch(&x, 0, 0, 29);
	space_touched(x.space[0], x.at[0]);
	touch(&x, 0, 30, 44); /* some go, the least recently used first */
	CHECK_EQ(lab_load(x.space[0], x.at[0]), 0);
	CHECK_EQ(major(&x, 0), 0);
	CHECK_EQ(lab_load(x.space[0], x.at[0] + PAGE_SIZE), 1);
	CHECK_EQ(major(&x, 0), 1);
	end(&x);
}

TEST(with_pff_a_program_that_faults_seldom_gives_up_what_it_does_not_use)
{
	struct pair x;
	begin(&x, (struct local_config){LOCAL_PFF, 10000});
	touch(&x, 0, 0, 29); /* one fault a microsecond: it grows */
	CHECK_EQ(x.group[0]->local.resident, 30);
	x.group[0]->local.ran += 1000000;
	touch(&x, 0, 30, 30); /* what was used since the last fault stays */
	CHECK_EQ(x.group[0]->local.resident, 31);
	touch(&x, 0, 0, 4);
	x.group[0]->local.ran += 1000000;
	touch(&x, 0, 31, 31); /* pages 0 to 4, 30, and the new one */
	CHECK_EQ(x.group[0]->local.resident, 7);
	end(&x);
}

TEST(with_the_working_set_what_was_not_used_within_the_window_goes)
{
	struct pair x;
	begin(&x, (struct local_config){LOCAL_WS, 100000});
	touch(&x, 0, 0, 29);
	for (unsigned n = 0; n < 20; n++) {
		touch(&x, 0, 0, 9); /* 10 us a round */
		touch(&x, 0, 30 + n, 30 + n);
	}
	/* The ten that it uses all the time, and about as many as were new within 100 to 125 us. */
	CHECK(x.group[0]->local.resident >= 18 && x.group[0]->local.resident <= 24);
	CHECK_EQ(major(&x, 0), 0);
	end(&x);
}

TEST(what_a_group_that_ended_leaves_in_the_page_cache_can_be_evicted_by_others)
{
	struct pair x;
	static struct lab_file f;
	begin(&x, (struct local_config){LOCAL_FIXED, 0});
	struct object *o = lab_file(&x.lab, &f);
	uint64_t file = lab_map_object(x.space[0], o, 8, PROT_R, 0);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(lab_load(x.space[0], file + i * PAGE_SIZE), (int)i + 1);
	touch(&x, 0, 0, 29);
	space_destroy(x.space[0]);
	CHECK_EQ(o->resident, 8);
	lab_verify(&x.lab);
	touch(&x, 1, 0, PAGES - 1);
	CHECK_EQ(major(&x, 1), 0); /* alone, it may have all */
	for (unsigned i = 8; i < 40; i++) {
		uint32_t frame;
		CHECK_EQ(object_page(x.lab.mm, o, i, false, &frame), 0);
		frame_unhold(x.lab.mm, frame);
	}
	CHECK_EQ(object_cached(o, 0), NO_FRAME); /* what is nobody's goes first */
	touch(&x, 1, 0, PAGES - 1);
	CHECK_EQ(major(&x, 1), 0);
	object_put(x.lab.mm, o);
	end(&x);
}

TEST_MAIN
