/* SPDX-License-Identifier: MIT */
#include "vm/local.h"

#include <errno.h>

#include "vm/mm.h"

int local_init(struct mm *mm, struct group *g)
{
	if (mm->config.local.rule == LOCAL_NONE)
		return 0;
	size_t size = mm->frames * sizeof(*g->local.used);
	if (mm->config.local.rule == LOCAL_WS && !(g->local.used = alloc_get(&mm->host.alloc, size)))
		return -ENOMEM;
	int error = mm_policy_create(mm, &g->local.policy);
	if (error)
		alloc_put(&mm->host.alloc, g->local.used, size);
	return error;
}

void local_finish(struct mm *mm, struct group *g)
{
	if (!g->local.policy)
		return;
	for (uint32_t i = 0; g->local.resident && i < mm->pool.untouched; i++) {
		if (frame_at(mm, i)->group != g)
			continue;
		frame_leave(mm, i, LEAVE_FREED);
		frame_enter(mm, i, 0, true);
	}
	mm->policy_ops->destroy(g->local.policy);
	alloc_put(&mm->host.alloc, g->local.used, mm->frames * sizeof(*g->local.used));
}

void local_entered(struct mm *mm, struct group *g, uint32_t frame)
{
	g->local.resident++;
	if (g->local.used)
		g->local.used[frame] = g->local.ran;
}

struct group *local_current(const struct mm *mm)
{
	struct group *g = mm->current ? mm->current->group : NULL;
	return g && g->local.policy ? g : NULL;
}

/* ---- What a group does not use ---- */

/* Evicts of g's frames those that unused says may go. What is to be written is on its way then. */
static void group_shrink(struct mm *mm, struct group *g,
			 bool (*unused)(struct mm *mm, struct group *g, uint32_t frame))
{
	uint64_t left = g->local.resident;
	for (uint32_t i = 0; left && i < mm->pool.untouched; i++) {
		if (frame_at(mm, i)->group != g)
			continue;
		left--;
		if (unused(mm, g, i) && frame_evictable(mm, i))
			(void)evict_frame(mm, i); /* what cannot go stays */
	}
}

static bool unused_since(struct mm *mm, struct group *g, uint32_t frame)
{
	return !frame_harvest(mm, frame);
}

static bool unused_for(struct mm *mm, struct group *g, uint32_t frame)
{
	if (frame_harvest(mm, frame))
		g->local.used[frame] = g->local.ran;
	return g->local.ran - g->local.used[frame] > mm->config.local.time;
}

void local_fault(struct mm *mm, struct group *g)
{
	const struct local_config *c = &mm->config.local;
	if (!g || !g->local.policy)
		return;
	uint64_t since = g->local.ran - g->local.looked;
	if (c->rule == LOCAL_PFF) {
		if (since >= c->time)
			group_shrink(mm, g, unused_since);
		g->local.looked = g->local.ran;
	} else if (c->rule == LOCAL_WS && since >= c->time / WS_LOOKS) {
		group_shrink(mm, g, unused_for);
		g->local.looked = g->local.ran;
	}
}

/* ---- Victims ---- */

static uint64_t share(const struct mm *mm)
{
	const uint64_t *kind = mm->pool.kind;
	uint64_t groups = 0, apart = kind[FRAME_TABLE] + kind[FRAME_KERNEL] + kind[FRAME_STORE] +
				     kind[FRAME_ZERO] + mm->config.swap.kept;
	for (const struct group *g = mm->commit.groups; g; g = g->next)
		groups += g->local.policy != NULL;
	return groups ? max_u64(1, (mm->frames - apart) / groups) : mm->frames;
}

uint64_t local_over(const struct mm *mm, uint64_t n)
{
	const struct group *g = local_current(mm);
	if (!g || mm->config.local.rule != LOCAL_FIXED)
		return 0;
	uint64_t most = share(mm);
	return g->local.resident + n > most ? g->local.resident + n - most : 0;
}

static uint32_t victim_of(struct mm *mm, struct policy *p, uint64_t incoming)
{
	return mm->policy_ops->victim(p, incoming);
}

/* Whoever has most gives, and if he cannot, the next. */
static uint32_t victim_of_largest(struct mm *mm, uint64_t incoming)
{
	uint64_t below = UINT64_MAX;
	for (;;) {
		struct group *most = NULL;
		for (struct group *g = mm->commit.groups; g; g = g->next)
			if (g->local.policy && g->local.resident < below &&
			    (!most || g->local.resident > most->local.resident))
				most = g;
		if (!most || most->local.resident == 0)
			return NO_FRAME;
		uint32_t frame = victim_of(mm, most->local.policy, incoming);
		if (frame != NO_FRAME)
			return frame;
		below = most->local.resident;
	}
}

uint32_t local_victim_own(struct mm *mm, uint64_t incoming)
{
	struct group *g = local_current(mm);
	return g ? victim_of(mm, g->local.policy, incoming) : NO_FRAME;
}

uint32_t local_victim(struct mm *mm, uint64_t incoming)
{
	uint32_t frame = victim_of(mm, mm->policy, incoming);
	if (frame == NO_FRAME && mm->config.local.rule != LOCAL_NONE)
		frame = victim_of_largest(mm, incoming);
	return frame;
}
