/* SPDX-License-Identifier: MIT */
/* lru.c - the victim is the page that was used least recently
 *
 *	cold: first -> ... -> last: hot
 *
 * With exact references (--refs exact) each one moves its page to the hot end: the order is that of
 * last use, and the policy is a stack algorithm (Mattson et al. 1970): more frames never mean more
 * faults.
 *
 * With harvested bits nobody knows when a page was used, only that it was since somebody looked. A
 * page is looked at when it has become the coldest, and moves to the hot end if it was used: the
 * order is that of harvest, and the result that of second chance.
 */
#include "policy/policies.h"

enum { ORDER = PICK_LISTS, LISTS };

static const struct policy_param lru_params[] = {PARAM_CLEAN_FIRST, {0}};

static uint32_t lru_next(struct policy *p)
{
	return pick_second_chance(p, ORDER);
}

static int lru_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = lru_next, .spare = pick_spare_referenced};
	uint64_t clean_first;
	int error = params_parse(lru_params, params, &clean_first, NULL, 0);
	if (error)
		return error;
	return pick_create(env, sizeof(struct pick), &pick, LISTS - PICK_LISTS, clean_first,
			   ret_policy);
}

/* What is entered is used now, and what is touched: the hot end, wherever it was. */
static void lru_touch(struct policy *p, uint32_t frame)
{
	list_append(pick_lists(p), ORDER, frame);
}

static void lru_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	lru_touch(p, frame);
}

const struct policy_ops policy_lru = {
    .name = "lru",
    .paper = "Mattson, Gecsei, Slutz, Traiger: Evaluation techniques for storage hierarchies, IBM "
	     "Systems Journal 1970",
    .summary = "least recently used; exact with --refs exact",
    .params = lru_params,
    .create = lru_create,
    .destroy = pick_destroy,
    .enter = lru_enter,
    .touch = lru_touch,
    .leave = pick_leave,
    .forget = pick_no_forget,
    .victim = pick_victim,
    .rejected = pick_rejected,
    .tick = pick_no_tick,
};
