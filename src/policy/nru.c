/* SPDX-License-Identifier: MIT */
/* nru.c - not recently used: the victim is a page of the lowest class that is not empty
 *
 *	class 0	not referenced, clean
 *	class 1	not referenced, dirty	(its reference bit was cleared since it was written)
 *	class 2	referenced, clean
 *	class 3	referenced, dirty
 *
 * Every interval all reference bits are cleared (Tanenbaum, Modern Operating Systems; the Ferranti
 * Atlas and VAX/VMS are kin). Within a class the page goes that was looked at first.
 *
 * Between two ticks a bit is only ever set. So a page is looked at when it is needed, once in each
 * class, and need not be looked at again: a victim costs amortised constant time, a tick the number
 * of resident pages.
 *
 *	tick: all -> UNSEEN --+--> class 1 --+--> class 2, 3		the first class 0 goes
 *			      +--------------+
 */
#include "policy/policies.h"

enum { UNSEEN = PICK_LISTS, CLASS1, CLASS2, CLASS3, LISTS };
enum { CLEAN_FIRST, INTERVAL };

struct policy {
	struct pick pick;
	uint64_t interval, next; /* ns */
};

static const struct policy_param nru_params[] = {
    /* The classes put clean pages first already. */
    {"clean-first", POLICY_NUMBER, 0, 1, 0,
     "1: clean pages go before dirty ones of a lower class, within reason"},
    {"interval", POLICY_TIME, 1000000, UINT64_C(10000000000), 20000000,
     "how often all reference bits are cleared"},
    {0},
};

static bool nru_dirty(struct policy *p, uint32_t frame)
{
	return p->pick.env.dirty(p->pick.env.ctx, frame);
}

/* The first page of a list that is still of a class below 2; those that are not any more move on. */
static uint32_t nru_unreferenced(struct policy *p, uint32_t list)
{
	struct lists *l = &p->pick.lists;
	uint32_t frame;
	while ((frame = list_first(l, list)) != NO_FRAME) {
		bool dirty = nru_dirty(p, frame);
		if (pick_referenced(p, frame))
			list_append(l, dirty ? CLASS3 : CLASS2, frame);
		else if (dirty && list == UNSEEN)
			list_append(l, CLASS1, frame);
		else
			break;
	}
	return frame;
}

static uint32_t nru_next(struct policy *p)
{
	struct lists *l = &p->pick.lists;
	uint32_t frame = nru_unreferenced(p, UNSEEN);
	if (frame == NO_FRAME)
		frame = nru_unreferenced(p, CLASS1);
	/* Of class 2, what was written since has moved up. */
	while (frame == NO_FRAME && list_count(l, CLASS2)) {
		frame = list_first(l, CLASS2);
		if (nru_dirty(p, frame)) {
			list_append(l, CLASS3, frame);
			frame = NO_FRAME;
		}
	}
	if (frame == NO_FRAME)
		frame = list_first(l, CLASS3);
	if (frame != NO_FRAME)
		list_remove(l, frame);
	return frame;
}

static int nru_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = nru_next, .spare = pick_spare_referenced};
	uint64_t value[PARAMS_MAX];
	struct policy *p;
	int error = params_parse(nru_params, params, value, NULL, 0);
	if (!error)
		error =
		    pick_create(env, sizeof(*p), &pick, LISTS - PICK_LISTS, value[CLEAN_FIRST], &p);
	if (error)
		return error;
	p->next = p->interval = value[INTERVAL];
	*ret_policy = p;
	return 0;
}

static void nru_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	list_append(&p->pick.lists, UNSEEN, frame);
	p->pick.lists.link[frame].referenced = 1;
}

static void nru_tick(struct policy *p, uint64_t now)
{
	struct lists *l = &p->pick.lists;
	if (now < p->next)
		return;
	p->next = now + p->interval;
	for (uint32_t list = UNSEEN; list < LISTS; list++)
		for (uint32_t n = list_count(l, list); n; n--) {
			uint32_t frame = list_first(l, list);
			(void)pick_referenced(p, frame);
			list_append(l, UNSEEN, frame);
		}
}

const struct policy_ops policy_nru = {
    .name = "nru",
    .paper = "Tanenbaum: Modern Operating Systems, Prentice Hall 1992",
    .summary = "not recently used: four classes of referenced and dirty",
    .params = nru_params,
    .create = nru_create,
    .destroy = pick_destroy,
    .enter = nru_enter,
    .touch = pick_touch,
    .leave = pick_leave,
    .forget = pick_no_forget,
    .victim = pick_victim,
    .rejected = pick_rejected,
    .tick = nru_tick,
};
