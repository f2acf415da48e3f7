/* SPDX-License-Identifier: MIT */
/* aging.c - a shift register for each page: LRU, approximated by counting in halves
 *
 * At every tick each page's counter is shifted right by one, and its reference bit comes in at the
 * left. The victim is the page with the smallest counter: when two pages were last used in the same
 * interval, the one that was used less before (Tanenbaum, Modern Operating Systems, 3.4.7; after
 * not-frequently-used). A page enters as if it had been referenced at the last tick.
 *
 *	list[counter]: the pages with this counter, in the order in which they got it
 *
 * A tick costs the number of resident pages. A victim costs amortised constant time: the lists are
 * searched from the lowest that can have a page.
 */
#include "policy/policies.h"

enum { CLEAN_FIRST, BITS, INTERVAL };

struct policy {
	struct pick pick;
	uint64_t interval, next; /* ns */
	uint32_t top;            /* the counter's highest bit */
	uint32_t lowest;         /* no counter is smaller */
	bool epoch; /* a link with this mark was shifted by the last tick, or entered since */
};

static const struct policy_param aging_params[] = {
    PARAM_CLEAN_FIRST,
    {"bits", POLICY_NUMBER, 1, 16, 8, "bits of a counter"},
    {"interval", POLICY_TIME, 1000000, UINT64_C(10000000000), 20000000,
     "how often the counters are shifted"},
    {0},
};

static void aging_put(struct policy *p, uint32_t frame, uint32_t counter)
{
	p->pick.lists.link[frame].marked = p->epoch;
	list_append(&p->pick.lists, PICK_LISTS + counter, frame);
	if (counter < p->lowest)
		p->lowest = counter;
}

static uint32_t aging_next(struct policy *p)
{
	struct lists *l = &p->pick.lists;
	while (p->lowest < 2 * p->top - 1 && !list_count(l, PICK_LISTS + p->lowest))
		p->lowest++;
	uint32_t frame = list_first(l, PICK_LISTS + p->lowest);
	if (frame != NO_FRAME)
		list_remove(l, frame);
	return frame;
}

static int aging_create(const struct policy_env *env, const char *params,
			struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = aging_next};
	uint64_t value[PARAMS_MAX];
	struct policy *p;
	int error = params_parse(aging_params, params, value, NULL, 0);
	if (!error)
		error =
		    pick_create(env, sizeof(*p), &pick, 1U << value[BITS], value[CLEAN_FIRST], &p);
	if (error)
		return error;
	p->next = p->interval = value[INTERVAL];
	p->top = 1U << (value[BITS] - 1);
	*ret_policy = p;
	return 0;
}

static void aging_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	aging_put(p, frame, p->top);
}

static void aging_tick(struct policy *p, uint64_t now)
{
	struct lists *l = &p->pick.lists;
	if (now < p->next)
		return;
	p->next = now + p->interval;
	p->epoch = !p->epoch;
	p->lowest = 2 * p->top - 1;
	/* What was shifted already stands behind what was not, in every list. */
	for (uint32_t counter = 0; counter < 2 * p->top; counter++) {
		uint32_t frame = list_first(l, PICK_LISTS + counter);
		for (; frame != NO_FRAME && l->link[frame].marked != p->epoch;
		     frame = list_first(l, PICK_LISTS + counter))
			aging_put(p, frame,
				  counter >> 1 | (pick_referenced(p, frame) ? p->top : 0));
	}
}

const struct policy_ops policy_aging = {
    .name = "aging",
    .paper = "Tanenbaum: Modern Operating Systems, Prentice Hall 1992",
    .summary = "shift registers of reference bits, the smallest goes",
    .params = aging_params,
    .create = aging_create,
    .destroy = pick_destroy,
    .enter = aging_enter,
    .touch = pick_touch,
    .leave = pick_leave,
    .forget = pick_no_forget,
    .victim = pick_victim,
    .rejected = pick_rejected,
    .tick = aging_tick,
};
