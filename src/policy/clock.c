/* SPDX-License-Identifier: MIT */
/* clock.c - second chance: as FIFO, but a page that was referenced goes round once more
 *
 *	   +--- hand: the first of the ring
 *	   v
 *	[page] -> [page] -> [page] -> ... -> behind the hand: where referenced and new pages go
 *
 * The hand takes the first page whose reference bit is clear, and clears those that it passes
 * (Corbato 1968; a list whose head moves to its tail is the same circle). A page enters with its
 * bit set (entry=1), or clear (entry=0), and books differ in this.
 *
 * With harvested bits the hardware's A is the reference bit; see pick_entered for entry=0.
 */
#include "policy/policies.h"

enum { RING = PICK_LISTS, LISTS };
enum { CLEAN_FIRST, ENTRY };

struct policy {
	struct pick pick;
	bool entry;
};

static const struct policy_param clock_params[] = {
    PARAM_CLEAN_FIRST,
    {"entry", POLICY_NUMBER, 0, 1, 1, "the reference bit that a page enters with"},
    {0},
};

static uint32_t clock_next(struct policy *p)
{
	return pick_second_chance(p, RING);
}

static int clock_create(const struct policy_env *env, const char *params,
			struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = clock_next, .spare = pick_spare_referenced};
	uint64_t value[PARAMS_MAX];
	struct policy *p;
	int error = params_parse(clock_params, params, value, NULL, 0);
	if (!error)
		error =
		    pick_create(env, sizeof(*p), &pick, LISTS - PICK_LISTS, value[CLEAN_FIRST], &p);
	if (error)
		return error;
	p->entry = value[ENTRY];
	*ret_policy = p;
	return 0;
}

static void clock_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	list_append(&p->pick.lists, RING, frame);
	p->pick.lists.link[frame].referenced = p->entry;
	if (!p->entry)
		pick_entered(p, frame);
}

const struct policy_ops policy_clock = {
    .name = "clock",
    .paper = "Corbato: A paging experiment with the Multics system, MIT Project MAC 1968",
    .summary = "second chance: a referenced page goes round once more",
    .params = clock_params,
    .create = clock_create,
    .destroy = pick_destroy,
    .enter = clock_enter,
    .touch = pick_touch,
    .leave = pick_leave,
    .forget = pick_no_forget,
    .victim = pick_victim,
    .rejected = pick_rejected,
    .tick = pick_no_tick,
};
