/* SPDX-License-Identifier: MIT */
/* random.c - the victim is any page, by the machine's seed
 *
 * What no policy should do worse than. Belady (A study of replacement algorithms for a virtual-storage
 * computer, IBM Systems Journal 1966) measured it beside FIFO, and found them alike.
 */
#include "policy/policies.h"

struct policy {
	struct pick pick;
	uint32_t count;
	struct {
		uint32_t frame; /* by place: the pages to choose from, without gaps */
		uint32_t place; /* by frame, where the link is marked */
	} at[];
};

static const struct policy_param random_params[] = {PARAM_CLEAN_FIRST, {0}};

/* The last one takes its place. */
static void random_drop(struct policy *p, uint32_t frame)
{
	uint32_t place = p->at[frame].place, last = p->at[--p->count].frame;
	p->at[place].frame = last;
	p->at[last].place = place;
	p->pick.lists.link[frame].marked = 0;
}

static uint32_t random_next(struct policy *p)
{
	if (p->count == 0)
		return NO_FRAME;
	uint32_t frame = p->at[p->pick.env.random(p->pick.env.ctx) % p->count].frame;
	random_drop(p, frame);
	return frame;
}

static int random_create(const struct policy_env *env, const char *params,
			 struct policy **ret_policy)
{
	static const struct pick_ops pick = {.next = random_next};
	uint64_t clean_first;
	int error = params_parse(random_params, params, &clean_first, NULL, 0);
	if (error)
		return error;
	size_t size = sizeof(struct policy) + env->frames * sizeof(((struct policy *)0)->at[0]);
	return pick_create(env, size, &pick, 0, clean_first, ret_policy);
}

static void random_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	p->at[frame].place = p->count;
	p->at[p->count++].frame = frame;
	p->pick.lists.link[frame].marked = 1;
}

static void random_leave(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why)
{
	if (p->pick.lists.link[frame].marked)
		random_drop(p, frame);
	pick_leave(p, frame, key, why);
}

const struct policy_ops policy_random = {
    .name = "random",
    .paper = "Belady: A study of replacement algorithms for a virtual-storage computer, IBM "
	     "Systems Journal 1966",
    .summary = "any page, by the machine's seed",
    .params = random_params,
    .create = random_create,
    .destroy = pick_destroy,
    .enter = random_enter,
    .touch = pick_no_touch,
    .leave = random_leave,
    .forget = pick_no_forget,
    .victim = pick_victim,
    .rejected = pick_rejected,
    .tick = pick_no_tick,
};
