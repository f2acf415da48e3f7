/* SPDX-License-Identifier: MIT */
/* sieve.c - FIFO with lazy promotion and quick demotion
 *
 *	oldest: first -> ... -> [hand] -> ... -> last: newest
 *
 * The hand goes from the oldest page to the newest and begins again. It clears the reference bits
 * that it meets and takes the first page whose bit is clear. Other than in clock, a page that was
 * spared keeps its place, so that new pages are reached soon and leave early unless they are used
 * again (Zhang, Yang, Yue, Vigfusson, Rashmi: SIEVE is simpler than LRU, NSDI 2024). A page enters
 * with its bit clear.
 */
#include "policy/policies.h"

enum { QUEUE = PICK_LISTS, LISTS };

struct policy {
	struct pick pick;
	uint32_t hand; /* where the search goes on; NO_FRAME: at the oldest */
};

static const struct policy_param sieve_params[] = {PARAM_CLEAN_FIRST, {0}};

static uint32_t sieve_next(struct policy *p)
{
	struct lists *l = &p->pick.lists;
	uint32_t frame = p->hand;
	/* One round at most: harvest need not come to rest. */
	for (uint32_t n = list_count(l, QUEUE); n; n--) {
		if (frame == NO_FRAME)
			frame = list_first(l, QUEUE);
		if (!pick_referenced(p, frame))
			break;
		frame = list_next(l, frame);
	}
	if (frame == NO_FRAME)
		frame = list_first(l, QUEUE);
	if (frame == NO_FRAME)
		return NO_FRAME;
	p->hand = list_next(l, frame);
	list_remove(l, frame);
	return frame;
}

static int sieve_create(const struct policy_env *env, const char *params,
			struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = sieve_next, .spare = pick_spare_referenced};
	uint64_t clean_first;
	struct policy *p;
	int error = params_parse(sieve_params, params, &clean_first, NULL, 0);
	if (!error)
		error = pick_create(env, sizeof(*p), &pick, LISTS - PICK_LISTS, clean_first, &p);
	if (error)
		return error;
	p->hand = NO_FRAME;
	*ret_policy = p;
	return 0;
}

static void sieve_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	list_append(&p->pick.lists, QUEUE, frame);
	pick_entered(p, frame);
}

static void sieve_leave(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why)
{
	if (p->hand == frame)
		p->hand = list_next(&p->pick.lists, frame);
	pick_leave(p, frame, key, why);
}

const struct policy_ops policy_sieve = {
    .name = "sieve",
    .paper = "Zhang, Yang, Yue, Vigfusson, Rashmi: SIEVE is simpler than LRU, NSDI 2024",
    .summary = "FIFO in which used pages stay where they are and new ones are tried soon",
    .params = sieve_params,
    .create = sieve_create,
    .destroy = pick_destroy,
    .enter = sieve_enter,
    .touch = pick_touch,
    .leave = sieve_leave,
    .forget = pick_no_forget,
    .victim = pick_victim,
    .rejected = pick_rejected,
    .tick = pick_no_tick,
};
