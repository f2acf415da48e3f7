/* SPDX-License-Identifier: MIT */
/* fifo.c - first in, first out: the victim is the page that entered first
 *
 * Exhibits Belady's anomaly: more frames can mean more faults (Belady, Nelson, Shedler 1969).
 *
 *	first -> next -> next -> last	frames in the order in which their pages entered
 */
#include "policy/policies.h"

enum { QUEUE = PICK_LISTS, LISTS };

static const struct policy_param fifo_params[] = {PARAM_CLEAN_FIRST, {0}};

static uint32_t fifo_next(struct policy *p)
{
	uint32_t frame = list_first(pick_lists(p), QUEUE);
	if (frame != NO_FRAME)
		list_remove(pick_lists(p), frame);
	return frame;
}

static int fifo_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = fifo_next};
	uint64_t clean_first;
	int error = params_parse(fifo_params, params, &clean_first, NULL, 0);
	if (error)
		return error;
	return pick_create(env, sizeof(struct pick), &pick, LISTS - PICK_LISTS, clean_first,
			   ret_policy);
}

static void fifo_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	list_append(pick_lists(p), QUEUE, frame);
}

const struct policy_ops policy_fifo = {
    .name = "fifo",
    .paper =
	"Belady, Nelson, Shedler: An anomaly in space-time characteristics of certain programs "
	"running in a paging machine, CACM 1969",
    .summary = "first in, first out",
    .params = fifo_params,
    .create = fifo_create,
    .destroy = pick_destroy,
    .enter = fifo_enter,
    .touch = pick_no_touch,
    .leave = pick_leave,
    .forget = pick_no_forget,
    .victim = pick_victim,
    .rejected = pick_rejected,
    .tick = pick_no_tick,
};
