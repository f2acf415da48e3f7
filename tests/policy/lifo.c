/* SPDX-License-Identifier: MIT */
/* A policy of one's own: last in, first out. The smallest there is, and what plugin.h shows. */
#include <carrel/policy.h>

enum { STACK = PICK_LISTS, LISTS };

static uint32_t lifo_next(struct policy *p)
{
	uint32_t frame = list_first(pick_lists(p), STACK);
	if (frame != NO_FRAME)
		list_remove(pick_lists(p), frame);
	return frame;
}

static int lifo_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = lifo_next};
	return pick_create(env, sizeof(struct pick), &pick, LISTS - PICK_LISTS, false, ret_policy);
}

static void lifo_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	list_prepend(pick_lists(p), STACK, frame);
}

CARREL_POLICY(.name = "lifo", .summary = "last in, first out", .create = lifo_create,
	      .enter = lifo_enter)
