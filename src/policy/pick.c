/* SPDX-License-Identifier: MIT */
#include "policy/pick.h"

#include <errno.h>

int pick_create(const struct policy_env *env, size_t size, const struct pick_ops *ops,
		uint32_t own_lists, bool clean_first, struct policy **ret_policy)
{
	struct policy *p = alloc_get(env->alloc, size);
	if (!p)
		return -ENOMEM;
	struct pick *k = pick_of(p);
	*k = (struct pick){
	    .env = *env,
	    .ops = ops,
	    .list_count = PICK_LISTS + own_lists,
	    .laundry_most = env->frames / LAUNDRY_PART + 1,
	    .newest = NO_FRAME,
	    .clean_first = clean_first,
	    .size = size,
	};
	k->lists.link = alloc_get(env->alloc, env->frames * sizeof(struct link));
	k->lists.list = alloc_get(env->alloc, k->list_count * sizeof(struct list));
	if (!k->lists.link || !k->lists.list) {
		pick_destroy(p);
		return -ENOMEM;
	}
	*ret_policy = p;
	return 0;
}

void pick_destroy(struct policy *p)
{
	struct pick k = *pick_of(p);
	alloc_put(k.env.alloc, k.lists.link, k.env.frames * sizeof(struct link));
	alloc_put(k.env.alloc, k.lists.list, k.list_count * sizeof(struct list));
	alloc_put(k.env.alloc, p, k.size);
}

bool pick_referenced(struct policy *p, uint32_t frame)
{
	struct pick *k = pick_of(p);
	bool said = k->lists.link[frame].referenced;
	k->lists.link[frame].referenced = 0;
	bool seen = !k->env.exact && k->env.harvest(k->env.ctx, frame);
	return said || seen;
}

uint32_t pick_second_chance(struct policy *p, uint32_t list)
{
	struct lists *l = pick_lists(p);
	uint32_t frame = list_first(l, list);
	/* One round at most: harvest need not come to rest. */
	for (uint32_t n = list_count(l, list); n && pick_referenced(p, frame); n--) {
		list_append(l, list, frame);
		frame = list_first(l, list);
	}
	if (frame != NO_FRAME)
		list_remove(l, frame);
	return frame;
}

void pick_entered(struct policy *p, uint32_t frame)
{
	struct pick *k = pick_of(p);
	if (k->newest != NO_FRAME && !k->env.exact)
		(void)k->env.harvest(k->env.ctx, k->newest);
	k->newest = frame;
}

bool pick_spare_referenced(struct policy *p, uint32_t frame)
{
	if (!pick_referenced(p, frame))
		return false;
	list_append(pick_lists(p), PICK_LISTS, frame);
	return true;
}

static bool pick_evictable(const struct pick *k, uint32_t frame)
{
	return k->env.evictable(k->env.ctx, frame);
}

static bool pick_dirty(const struct pick *k, uint32_t frame)
{
	return k->env.dirty(k->env.ctx, frame);
}

static bool pick_spare(struct pick *k, struct policy *p, uint32_t frame)
{
	if (!k->ops->spare || k->spares == 0)
		return false;
	k->spares--;
	return k->ops->spare(p, frame);
}

/* Those aside, in the order of their turns: the first of at most looks that can go now. */
static uint32_t pick_aside(struct pick *k, struct policy *p, uint32_t looks)
{
	struct lists *l = &k->lists;
	for (uint32_t n = list_count(l, ASIDE); n && looks; n--, looks--) {
		uint32_t frame = list_first(l, ASIDE);
		if (!pick_evictable(k, frame))
			list_append(l, ASIDE, frame);
		else if (!pick_spare(k, p, frame))
			return frame;
	}
	return NO_FRAME;
}

/* The page that was passed over first, if it can go. One that cannot is set aside. */
static uint32_t pick_laundry(struct pick *k, struct policy *p)
{
	uint32_t frame = list_first(&k->lists, LAUNDRY);
	if (!pick_evictable(k, frame))
		list_append(&k->lists, ASIDE, frame);
	else if (!pick_spare(k, p, frame))
		return frame;
	return NO_FRAME;
}

/* A page whose turn it is: itself, NO_FRAME if it has to wait. */
static uint32_t pick_candidate(struct pick *k, uint32_t frame)
{
	if (!pick_evictable(k, frame))
		list_append(&k->lists, ASIDE, frame);
	else if (k->clean_first && pick_dirty(k, frame))
		list_append(&k->lists, LAUNDRY, frame);
	else
		return frame;
	return NO_FRAME;
}

static uint32_t pick_search(struct pick *k, struct policy *p)
{
	struct lists *l = &k->lists;
	uint32_t frame = pick_aside(k, p, ASIDE_LOOKS), first = list_first(l, LAUNDRY);
	/* A cleaner may have been there. */
	if (frame == NO_FRAME && first != NO_FRAME && !pick_dirty(k, first))
		frame = pick_laundry(k, p);
	while (frame == NO_FRAME) {
		uint32_t next = NO_FRAME, spares = k->spares;
		if (list_count(l, LAUNDRY) <= k->laundry_most)
			next = k->ops->next(p);
		if (next != NO_FRAME) {
			frame = pick_candidate(k, next);
		} else if (list_count(l, LAUNDRY)) {
			frame = pick_laundry(k, p);
		} else {
			frame = pick_aside(k, p, UINT32_MAX);
			/* Those that were spared are in the policy's lists again. */
			if (k->spares == spares)
				break;
		}
	}
	return frame;
}

uint32_t pick_victim(struct policy *p, uint64_t incoming)
{
	struct pick *k = pick_of(p);
	k->spares = k->env.frames;
	if (k->newest != NO_FRAME)
		pick_entered(p, NO_FRAME);
	uint32_t frame = pick_search(k, p);
	if (frame != NO_FRAME)
		list_prepend(&k->lists, ASIDE, frame);
	return frame;
}

void pick_rejected(struct policy *p, uint32_t frame)
{
	if (list_of(pick_lists(p), frame) == ASIDE)
		list_append(pick_lists(p), ASIDE, frame);
}

void pick_touch(struct policy *p, uint32_t frame)
{
	pick_lists(p)->link[frame].referenced = 1;
}

void pick_leave(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why)
{
	struct pick *k = pick_of(p);
	if (k->newest == frame)
		k->newest = NO_FRAME;
	list_remove(&k->lists, frame);
	k->lists.link[frame] = (struct link){0};
}

void pick_no_touch(struct policy *p, uint32_t frame) {}
void pick_no_forget(struct policy *p, uint64_t key) {}
void pick_no_tick(struct policy *p, uint64_t now) {}
