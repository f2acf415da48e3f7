/* SPDX-License-Identifier: MIT */
/* What every policy owes its machine, whatever its order: over frames that are only numbers. */
#include <errno.h>

#include "../test.h"
#include "base/bits.h"
#include "policy/policies.h"

enum { FRAMES = 512 };

struct world {
	struct alloc alloc;
	struct policy_env env;
	const struct policy_ops *ops;
	struct policy *p;
	uint64_t seed, looks, clock, next_key;
	int64_t fail_in, bytes;
	bool resident[FRAMES], stuck[FRAMES], dirty[FRAMES], a[FRAMES];
	uint64_t key[FRAMES];
};

static uint64_t draw(struct world *w)
{
	w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return w->seed >> 33;
}

static void *world_get(void *ctx, size_t size)
{
	struct world *w = ctx;
	if (w->fail_in >= 0 && w->fail_in-- == 0)
		return NULL;
	w->bytes += (int64_t)size;
	return calloc(1, size);
}

static void world_put(void *ctx, void *p, size_t size)
{
	struct world *w = ctx;
	w->bytes -= p ? (int64_t)size : 0;
	free(p);
}

static bool world_evictable(void *ctx, uint32_t frame)
{
	struct world *w = ctx;
	w->looks++;
	CHECK(frame < FRAMES && w->resident[frame]);
	return !w->stuck[frame];
}

static bool world_harvest(void *ctx, uint32_t frame)
{
	struct world *w = ctx;
	w->looks++;
	CHECK(frame < FRAMES && w->resident[frame]);
	bool a = w->a[frame];
	w->a[frame] = false;
	return a;
}

static bool world_dirty(void *ctx, uint32_t frame)
{
	struct world *w = ctx;
	w->looks++;
	CHECK(frame < FRAMES && w->resident[frame]);
	return w->dirty[frame];
}

static uint64_t world_random(void *ctx)
{
	return draw(ctx);
}

static int world_try(struct world *w, const char *spec, bool exact, uint64_t seed)
{
	const char *params;
	char why[200];
	*w =
	    (struct world){.alloc = {world_get, world_put, w}, .seed = seed, .fail_in = w->fail_in};
	w->env = (struct policy_env){.ctx = w,
				     .alloc = &w->alloc,
				     .frames = FRAMES,
				     .evictable = world_evictable,
				     .harvest = world_harvest,
				     .dirty = world_dirty,
				     .random = world_random,
				     .exact = exact};
	if (policy_find(spec, &w->ops, &params, why, sizeof(why)) < 0)
		FAIL("%s: %s", spec, why);
	return w->ops->create(&w->env, params, &w->p);
}

static void world_begin(struct world *w, const char *spec, bool exact, uint64_t seed)
{
	w->fail_in = -1;
	CHECK_EQ(world_try(w, spec, exact, seed), 0);
}

static void world_end(struct world *w)
{
	w->ops->destroy(w->p);
	CHECK_EQ(w->bytes, 0);
}

static void enter(struct world *w, uint32_t frame, uint64_t key)
{
	struct policy_enter how = {.key = key, .space = 1};
	CHECK(!w->resident[frame]);
	w->resident[frame] = true;
	w->stuck[frame] = w->dirty[frame] = false;
	w->a[frame] = true;
	w->key[frame] = key;
	w->ops->enter(w->p, frame, &how);
}

static void leave(struct world *w, uint32_t frame, enum policy_leave why)
{
	w->ops->leave(w->p, frame, w->key[frame], why);
	w->resident[frame] = false;
}

static void refer(struct world *w, uint32_t frame)
{
	w->a[frame] = true;
	if (w->env.exact)
		w->ops->touch(w->p, frame);
}

static uint32_t victim(struct world *w)
{
	uint32_t frame = w->ops->victim(w->p, w->next_key);
	if (frame != NO_FRAME) {
		CHECK(frame < FRAMES && w->resident[frame]);
		CHECK(!w->stuck[frame]);
	} else {
		for (uint32_t f = 0; f < FRAMES; f++)
			CHECK(!w->resident[f] || w->stuck[f]);
	}
	return frame;
}

static uint32_t some_resident(struct world *w)
{
	uint32_t f = (uint32_t)(draw(w) % FRAMES);
	for (uint32_t n = 0; n < FRAMES; n++, f = (f + 1) % FRAMES)
		if (w->resident[f])
			return f;
	return NO_FRAME;
}

static uint32_t some_free(struct world *w)
{
	for (uint32_t f = 0; f < FRAMES; f++)
		if (!w->resident[f])
			return f;
	return NO_FRAME;
}

/* Fills every frame with pages of keys 1 on. */
static void fill(struct world *w)
{
	for (uint32_t f = 0; f < FRAMES; f++)
		enter(w, f, ++w->next_key);
}

static void step(struct world *w)
{
	uint32_t f = some_resident(w);
	switch (draw(w) % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		f = some_free(w);
		if (f == NO_FRAME && (f = victim(w)) != NO_FRAME) {
			if (draw(w) % 8 == 0) {
				w->ops->rejected(w->p, f);
				w->stuck[f] = draw(w) % 2;
				return;
			}
			leave(w, f, LEAVE_EVICTED);
		}
		if (f != NO_FRAME)
			enter(w, f, draw(w) % 4 ? ++w->next_key : draw(w) % (w->next_key + 1));
		break;
	case 4:
		if (f != NO_FRAME && draw(w) % 4 == 0)
			leave(w, f, LEAVE_FREED);
		break;
	case 5: w->ops->forget(w->p, draw(w) % (w->next_key + 1)); break;
	case 6:
		if (f != NO_FRAME)
			w->stuck[f] = draw(w) % 2;
		break;
	case 7:
	case 8:
		if (f != NO_FRAME)
			w->dirty[f] = draw(w) % 2;
		break;
	case 9:
		w->clock += draw(w) % 4000000;
		w->ops->tick(w->p, w->clock);
		break;
	default:
		if (f != NO_FRAME)
			refer(w, f);
	}
}

/* Keeps what every victim was, so that two runs can be compared. */
static uint64_t run(const char *spec, bool exact, uint64_t seed, unsigned steps)
{
	static struct world w;
	uint64_t sum = 0;
	world_begin(&w, spec, exact, seed);
	while (steps--) {
		step(&w);
		sum = sum * 31 + w.seed;
	}
	for (uint32_t f = 0; f < FRAMES; f++) {
		sum = sum * 31 + w.key[f] * w.resident[f];
		w.stuck[f] = false;
	}
	for (uint32_t f; (f = victim(&w)) != NO_FRAME;) {
		sum = sum * 31 + f;
		leave(&w, f, LEAVE_EVICTED);
	}
	CHECK_EQ(some_resident(&w), NO_FRAME);
	world_end(&w);
	return sum;
}

TEST(a_victim_is_resident_and_evictable_and_there_is_one_as_long_as_any_page_can_go)
{
	for (unsigned i = 0; policies[i]; i++)
		for (uint64_t seed = 1; seed <= 4; seed++)
			run(policies[i]->name, seed % 2, seed, 20000);
}

TEST(the_same_run_chooses_the_same_victims)
{
	for (unsigned i = 0; policies[i]; i++)
		for (unsigned exact = 0; exact < 2; exact++) {
			uint64_t sum = run(policies[i]->name, exact, 7, 20000);
			CHECK_EQ(run(policies[i]->name, exact, 7, 20000), sum);
		}
}

TEST(a_policy_that_gets_no_memory_says_so_and_keeps_none)
{
	static struct world w;
	for (unsigned i = 0; policies[i]; i++)
		for (int64_t n = 0;; n++) {
			w.fail_in = n;
			int error = world_try(&w, policies[i]->name, true, 1);
			if (!error) {
				world_end(&w);
				break;
			}
			CHECK_EQ(error, -ENOMEM);
			CHECK_EQ(w.bytes, 0);
		}
}

TEST(a_victim_costs_a_bounded_number_of_looks_however_many_pages_are_locked)
{
	enum { VICTIMS = 4000 };
	static struct world w;
	for (unsigned i = 0; policies[i]; i++)
		for (unsigned exact = 0; exact < 2; exact++) {
			world_begin(&w, policies[i]->name, exact, 3);
			fill(&w);
			for (uint32_t f = 0; f < FRAMES; f++)
				w.stuck[f] = f % 10 != 0;
			for (uint32_t f = 0; f < FRAMES; f += 3)
				w.dirty[f] = true;
			w.looks = 0;
			for (unsigned n = 0; n < VICTIMS; n++) {
				uint32_t f = victim(&w);
				CHECK(f != NO_FRAME);
				leave(&w, f, LEAVE_EVICTED);
				enter(&w, f, ++w.next_key);
				w.dirty[f] = draw(&w) % 2;
				for (unsigned r = 0; r < 4; r++)
					refer(&w, (uint32_t)(draw(&w) % FRAMES));
			}
			printf("# %s, %s: %.1f looks for a victim\n", policies[i]->name,
			       exact ? "exact" : "harvested", (double)w.looks / VICTIMS);
			CHECK(w.looks < (uint64_t)VICTIMS * 40);
			world_end(&w);
		}
}

TEST(a_clean_page_goes_before_a_dirty_one_and_yet_no_dirty_one_stays_forever)
{
	static struct world w;
	static const char *const ordered[] = {"fifo", "clock", "lru", "sieve"};
	for (unsigned i = 0; i < array_size(ordered); i++) {
		world_begin(&w, ordered[i], true, 1);
		fill(&w);
		memset(w.a, 0, sizeof(w.a));
		for (uint32_t f = 0; f < 8; f++)
			w.dirty[f] = true;
		uint32_t f = victim(&w);
		CHECK(!w.dirty[f]);
		bool gone = false;
		for (unsigned n = 0; n < 2 * FRAMES && !gone; n++) {
			for (uint32_t d = 0; d < FRAMES; d++)
				w.dirty[d] = d % 2 == 0;
			f = victim(&w);
			gone = w.dirty[f];
			leave(&w, f, LEAVE_EVICTED);
			enter(&w, f, ++w.next_key);
		}
		CHECK(gone);
		world_end(&w);
	}
}

TEST(no_more_than_one_dirty_page_of_sixteen_is_passed_over)
{
	static struct world w;
	enum { PASSED = FRAMES / LAUNDRY_PART + 1 };
	for (uint32_t more = 0; more < 2; more++) {
		world_begin(&w, "fifo", true, 1);
		fill(&w);
		for (uint32_t f = 0; f < PASSED + more; f++)
			w.dirty[f] = true;
		CHECK_EQ(victim(&w), more ? 0 : PASSED);
		world_end(&w);
	}
}

TEST(a_victim_that_was_not_taken_is_named_again)
{
	static struct world w;
	for (unsigned i = 0; policies[i]; i++) {
		world_begin(&w, policies[i]->name, true, 9);
		fill(&w);
		for (uint32_t f = 0; f < 3 * ASIDE_LOOKS; f++)
			w.stuck[f] = true;
		uint32_t first = victim(&w);
		CHECK_EQ(victim(&w), first);
		world_end(&w);
	}
}

TEST(with_clean_first_off_the_order_is_that_of_the_textbook)
{
	static struct world w;
	static const char *const ordered[] = {"fifo:clean-first=0", "clock:clean-first=0,entry=0",
					      "lru:clean-first=0", "sieve:clean-first=0"};
	for (unsigned i = 0; i < array_size(ordered); i++) {
		world_begin(&w, ordered[i], true, 1);
		fill(&w);
		for (uint32_t f = 0; f < FRAMES; f++) {
			w.dirty[f] = draw(&w) % 2;
			w.stuck[f] = f < ASIDE_LOOKS;
		}
		/* A few that cannot go at the moment come next once they can. */
		CHECK_EQ(victim(&w), ASIDE_LOOKS);
		leave(&w, ASIDE_LOOKS, LEAVE_EVICTED);
		memset(w.stuck, 0, sizeof(w.stuck));
		for (uint32_t f = 0; f < FRAMES; f++) {
			if (f == ASIDE_LOOKS)
				continue;
			CHECK_EQ(victim(&w), f);
			leave(&w, f, LEAVE_EVICTED);
		}
		CHECK_EQ(victim(&w), NO_FRAME);
		world_end(&w);
	}
}

TEST(a_rejected_victim_is_not_tried_again_before_the_others)
{
	static struct world w;
	for (unsigned i = 0; policies[i]; i++) {
		world_begin(&w, policies[i]->name, true, 5);
		for (uint32_t f = 0; f < 4; f++)
			enter(&w, f, f + 1);
		uint32_t first = victim(&w);
		w.ops->rejected(w.p, first);
		w.stuck[first] = true;
		for (unsigned n = 0; n < 3; n++) {
			uint32_t f = victim(&w);
			CHECK(f != NO_FRAME && f != first);
			leave(&w, f, LEAVE_EVICTED);
		}
		CHECK_EQ(victim(&w), NO_FRAME);
		w.stuck[first] = false;
		CHECK_EQ(victim(&w), first);
		leave(&w, first, LEAVE_EVICTED);
		world_end(&w);
	}
}

TEST(sieve_keeps_what_was_used_again_through_a_scan_of_new_pages)
{
	static struct world w;
	world_begin(&w, "sieve", true, 1);
	fill(&w);
	for (uint32_t f = 0; f < FRAMES / 2; f++)
		refer(&w, f * 2);
	for (unsigned n = 0; n < FRAMES / 2; n++) {
		uint32_t f = victim(&w);
		CHECK_EQ(f % 2, 1);
		leave(&w, f, LEAVE_EVICTED);
		enter(&w, f, ++w.next_key);
	}
	world_end(&w);
}

TEST(a_scan_does_not_push_out_of_2q_what_came_twice)
{
	static struct world w;
	enum { HOT = 64 };
	world_begin(&w, "2q", true, 1);
	fill(&w);
	/* Pages 1 to HOT are evicted, and come again while they are remembered. */
	for (uint32_t f = 0; f < HOT; f++) {
		CHECK_EQ(victim(&w), f);
		leave(&w, f, LEAVE_EVICTED);
		enter(&w, f, f + 1);
	}
	for (unsigned n = 0; n < 4 * FRAMES; n++) {
		uint32_t f = victim(&w);
		CHECK(f >= HOT);
		leave(&w, f, LEAVE_EVICTED);
		enter(&w, f, 10000 + n);
	}
	world_end(&w);
}

TEST(a_page_of_2q_that_ceased_to_exist_is_not_taken_for_one_that_comes_again)
{
	static struct world w;
	world_begin(&w, "2q", true, 1);
	fill(&w);
	CHECK_EQ(victim(&w), 0);
	leave(&w, 0, LEAVE_EVICTED);
	w.ops->forget(w.p, 1);
	enter(&w, 0, 1);
	/* It came once, and so it goes when its turn comes. */
	bool gone = false;
	for (unsigned n = 0; n < FRAMES && !gone; n++) {
		uint32_t f = victim(&w);
		gone = f == 0;
		leave(&w, f, LEAVE_EVICTED);
		enter(&w, f, 10000 + n);
	}
	CHECK(gone);
	world_end(&w);
}

TEST(nru_takes_the_classes_in_their_order)
{
	static struct world w;
	for (unsigned exact = 0; exact < 2; exact++) {
		world_begin(&w, "nru:interval=10ms", exact, 1);
		fill(&w);
		w.ops->tick(w.p, 10000000);
		for (uint32_t f = 0; f < FRAMES; f++) {
			w.dirty[f] = f & 1;
			if (f & 2)
				refer(&w, f);
		}
		for (uint32_t class = 0, last = 0; class < 4; class ++)
			for (uint32_t n = 0; n < FRAMES / 4; n++) {
				uint32_t f = victim(&w);
				CHECK_EQ(f % 4, class);
				CHECK(n == 0 || f > last);
				last = f;
				leave(&w, f, LEAVE_EVICTED);
			}
		world_end(&w);
	}
}

TEST(nru_forgets_references_at_its_interval_and_not_before)
{
	static struct world w;
	world_begin(&w, "nru:interval=10ms", false, 1);
	fill(&w);
	w.ops->tick(w.p, 10000000);
	refer(&w, 0);
	w.ops->tick(w.p, 19999999);
	CHECK_EQ(victim(&w), 1);
	leave(&w, 1, LEAVE_EVICTED);
	w.ops->tick(w.p, 20000000);
	CHECK(!w.a[0]);
	world_end(&w);
}

TEST(aging_gives_up_what_was_used_longest_ago_and_of_those_what_was_used_least)
{
	static struct world w;
	for (unsigned exact = 0; exact < 2; exact++) {
		world_begin(&w, "aging:interval=10ms,bits=8", exact, 1);
		for (uint32_t f = 0; f < 6; f++)
			enter(&w, f, f + 1);
		/* Who is referenced in each interval; then all counters differ. */
		static const uint8_t used[4] = {0x35, 0x2b, 0x12, 0x0c};
		memset(w.a, 0, sizeof(w.a));
		for (unsigned t = 0; t < 4; t++) {
			for (uint32_t f = 0; f < 6; f++)
				if (used[t] >> f & 1)
					refer(&w, f);
			w.ops->tick(w.p, (t + 1) * UINT64_C(10000000));
		}
		unsigned counter[6], last = 0;
		for (uint32_t f = 0; f < 6; f++) {
			counter[f] = 0x80;
			for (unsigned t = 0; t < 4; t++)
				counter[f] = counter[f] >> 1 | (used[t] >> f & 1) << 7;
		}
		for (unsigned n = 0; n < 6; n++) {
			uint32_t f = victim(&w);
			CHECK(counter[f] >= last);
			last = counter[f];
			leave(&w, f, LEAVE_EVICTED);
		}
		world_end(&w);
	}
}

TEST(random_follows_the_seed_and_leaves_no_page_out)
{
	static struct world w;
	static unsigned times[FRAMES];
	uint64_t first[2];
	memset(times, 0, sizeof(times));
	for (uint64_t seed = 1; seed <= 2; seed++) {
		world_begin(&w, "random", false, seed);
		fill(&w);
		first[seed - 1] = 0;
		for (unsigned n = 0; n < 20 * FRAMES; n++) {
			uint32_t f = victim(&w);
			times[f]++;
			if (n < 8)
				first[seed - 1] = first[seed - 1] << 9 | f;
			leave(&w, f, LEAVE_EVICTED);
			enter(&w, f, ++w.next_key);
		}
		world_end(&w);
	}
	CHECK(first[0] != first[1]);
	for (uint32_t f = 0; f < FRAMES; f++)
		CHECK(times[f] > 10 && times[f] < 100);
}

TEST(pages_that_could_not_go_for_long_and_were_used_meanwhile_are_victims_once_they_can)
{
	static struct world w;
	for (unsigned i = 0; policies[i]; i++) {
		world_begin(&w, policies[i]->name, false, 1);
		for (uint32_t f = 0; f < 40; f++) {
			enter(&w, f, f + 1);
			w.stuck[f] = true;
		}
		CHECK_EQ(w.ops->victim(w.p, 0), NO_FRAME);
		/* More than are tried first are still stuck. */
		for (uint32_t f = 20; f < 40; f++) {
			w.stuck[f] = false;
			w.a[f] = true;
		}
		uint32_t victim = w.ops->victim(w.p, 0);
		if (victim < 20 || victim >= 40)
			FAIL("%s names %u", policies[i]->name, victim);
		world_end(&w);
	}
}

static void check_error(const char *spec, const char *sentence)
{
	const struct policy_ops *ops = NULL;
	const char *params = NULL;
	char why[300] = "";
	CHECK_EQ(policy_find(spec, &ops, &params, why, sizeof(why)), -EINVAL);
	if (!strstr(why, sentence))
		FAIL("%s: \"%s\" has no \"%s\"", spec, why, sentence);
	CHECK(!ops && !params);
}

TEST(a_wrong_policy_is_told_which_part_is_wrong_and_what_is_allowed)
{
	check_error("best",
		    "there is no policy \"best\"; there is clock, fifo, lru, nru, aging, random");
	check_error("", "there is no policy \"\"");
	check_error("clock:enter=1",
		    "there is no parameter \"enter\"; there is clean-first, entry");
	check_error("clock:entry", "entry wants a value");
	check_error("clock:entry=", "entry= is not a number");
	check_error("clock:entry=2", "entry=2 must be from 0 to 1");
	check_error("clock:entry=99999999999999999999", "must be from 0 to 1");
	check_error("clock:entry=1,clean-first=0,entry=1", "entry stands there twice; once is enough");
	check_error("nru:interval=99999999999999s", "must be from 1ms to 10s");
	check_error("clock:entry=1,,", "there is no parameter \"\"");
	check_error("nru:interval=soon", "interval=soon is not a time; write 10ms or 1s");
	check_error("nru:interval=1us", "interval=1us must be from 1ms to 10s");
	check_error("2q:kin=100", "kin=100 must be from 1 to 99");
	check_error("fifo:entry=1", "there is no parameter \"entry\"; there is clean-first");
}

TEST_MAIN
