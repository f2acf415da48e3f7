/* SPDX-License-Identifier: MIT */
/* twoq.c - 2Q: a page must come twice before it counts
 *
 *	first time --> A1in (FIFO, kin % of the frames) --evicted--> A1out (keys only, kout %)
 *							                |
 *	again while its key is in A1out --> Am (LRU) <------------------+
 *
 * As long as A1in has more than its share its oldest page goes, else the coldest of Am. So pages that
 * are used once, as in a scan, never push out what is used again and again (Johnson and Shasha: 2Q, a
 * low overhead high performance buffer management replacement algorithm, VLDB 1994; this is its full
 * version, with its recommended sizes). References to a page of A1in change nothing: they belong to
 * the first one.
 *
 * With harvested bits Am is kept by second chance, as in lru.c.
 */
#include <errno.h>

#include "policy/ghost.h"
#include "policy/policies.h"

enum { A1IN = PICK_LISTS, AM, LISTS };
enum { CLEAN_FIRST, KIN, KOUT };

struct policy {
	struct pick pick;
	uint32_t kin; /* pages */
	struct ghost a1out;
};

static const struct policy_param twoq_params[] = {
    PARAM_CLEAN_FIRST,
    {"kin", POLICY_NUMBER, 1, 99, 25, "share of the frames for pages that came once, in percent"},
    {"kout", POLICY_NUMBER, 1, 1000, 50,
     "keys of evicted pages that are remembered, in percent of the frames"},
    {0},
};

/* Pages that came once are marked, wherever they are. */
static bool came_once(struct policy *p, uint32_t frame)
{
	return p->pick.lists.link[frame].marked;
}

static uint32_t twoq_next(struct policy *p)
{
	struct lists *l = &p->pick.lists;
	uint32_t once = list_first(l, A1IN);
	if (list_count(l, A1IN) <= p->kin) {
		uint32_t frame = pick_second_chance(p, AM);
		if (frame != NO_FRAME)
			return frame;
	}
	if (once == NO_FRAME)
		return pick_second_chance(p, AM);
	list_remove(l, once);
	return once;
}

static bool twoq_spare(struct policy *p, uint32_t frame)
{
	if (came_once(p, frame) || !pick_referenced(p, frame))
		return false;
	list_append(&p->pick.lists, AM, frame);
	return true;
}

static void twoq_destroy(struct policy *p)
{
	ghost_finish(&p->a1out, p->pick.env.alloc);
	pick_destroy(p);
}

/* That many percent of the frames, at least one. */
static uint32_t share(uint32_t frames, uint64_t percent)
{
	uint64_t n = frames * percent / 100;
	return n ? (uint32_t)n : 1;
}

static int twoq_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = twoq_next, .spare = twoq_spare};
	uint64_t value[PARAMS_MAX];
	struct policy *p;
	int error = params_parse(twoq_params, params, value, NULL, 0);
	if (!error)
		error =
		    pick_create(env, sizeof(*p), &pick, LISTS - PICK_LISTS, value[CLEAN_FIRST], &p);
	if (error)
		return error;
	p->kin = share(env->frames, value[KIN]);
	if (ghost_init(&p->a1out, env->alloc, share(env->frames, value[KOUT])) < 0) {
		twoq_destroy(p);
		return -ENOMEM;
	}
	*ret_policy = p;
	return 0;
}

static void twoq_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	bool again = ghost_take(&p->a1out, how->key);
	list_append(&p->pick.lists, again ? AM : A1IN, frame);
	p->pick.lists.link[frame].marked = !again;
}

static void twoq_touch(struct policy *p, uint32_t frame)
{
	if (!came_once(p, frame))
		list_append(&p->pick.lists, AM, frame);
}

static void twoq_leave(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why)
{
	if (why == LEAVE_EVICTED && came_once(p, frame)) {
		/* Never twice, whatever the caller's keys are. */
		(void)ghost_take(&p->a1out, key);
		ghost_add(&p->a1out, key);
	}
	pick_leave(p, frame, key, why);
}

static void twoq_forget(struct policy *p, uint64_t key)
{
	(void)ghost_take(&p->a1out, key);
}

const struct policy_ops policy_2q = {
    .name = "2q",
    .paper = "Johnson, Shasha: 2Q, a low overhead high performance buffer management replacement "
	     "algorithm, VLDB 1994",
    .summary = "pages that came once do not push out those that came again",
    .params = twoq_params,
    .create = twoq_create,
    .destroy = twoq_destroy,
    .enter = twoq_enter,
    .touch = twoq_touch,
    .leave = twoq_leave,
    .forget = twoq_forget,
    .victim = pick_victim,
    .rejected = pick_rejected,
    .tick = pick_no_tick,
};
