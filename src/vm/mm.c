/* SPDX-License-Identifier: MIT */
#include "vm/mm.h"

#include <errno.h>

static uint64_t env_random(void *ctx)
{
	struct mm *mm = ctx;
	return mm->host.random ? mm->host.random(mm->host.ctx) : 0;
}

int mm_policy_create(struct mm *mm, struct policy **ret_policy)
{
	struct policy_env env = {
	    .ctx = mm,
	    .alloc = &mm->host.alloc,
	    .frames = mm->frames,
	    .evictable = frame_evictable,
	    .harvest = frame_harvest,
	    .dirty = frame_dirty,
	    .random = env_random,
	    .exact = mm->config.exact_refs,
	};
	return mm->policy_ops->create(&env, mm->config.policy_params, ret_policy);
}

static int mm_init(struct mm *mm, const struct mm_config *config)
{
	*mm = (struct mm){
	    .config = *config,
	    .ram = config->ram,
	    .frames = config->frames,
	    .host = *config->host,
	    .events = config->events,
	    .pmap = config->pmap,
	    .pmap_ctx = config->pmap_ctx,
	    .policy_ops = config->policy,
	    .regions_max = REGIONS_MAX,
	    .waits_for = NO_FRAME,
	    .brought = NO_FRAME,
	};
	sparse_init(&mm->space_of, &mm->host.alloc);
	mm->frame = alloc_get(&mm->host.alloc, sizeof(*mm->frame) * mm->frames);
	if (!mm->frame)
		return -ENOMEM;
	frame_pool_init(&mm->pool, mm->frame, mm->frames);
	commit_init(mm);
	int error = mm_policy_create(mm, &mm->policy);
	if (error) {
		alloc_put(&mm->host.alloc, mm->frame, sizeof(*mm->frame) * mm->frames);
		return error;
	}
	/* RAM starts zeroed, and nobody writes to this one. */
	struct reserve r;
	error = reserve_make(mm, &(struct need){.frames = 1}, 0, &r);
	VM_ASSERT(error == 0);
	mm->zero = reserve_frame(mm, &r, FRAME_ZERO, NULL, 0);
	return 0;
}

int mm_create(const struct mm_config *config, struct mm **ret_mm)
{
	if (config->frames < MM_FRAMES_MIN || config->frames > INT32_MAX)
		return -EINVAL;
	struct mm *mm = alloc_get(&config->host->alloc, sizeof(*mm));
	if (!mm)
		return -ENOMEM;
	int error = mm_init(mm, config);
	if (error)
		alloc_put(&config->host->alloc, mm, sizeof(*mm));
	else
		*ret_mm = mm;
	return error;
}

void mm_destroy(struct mm *mm)
{
	VM_ASSERT(!mm->spaces && !mm->objects && !mm->commit.groups && !mm->commit.pages);
	mm_retired(mm);
	swap_drain(mm);
	swap_finish(mm);
	frame_free(mm, mm->zero);
	sparse_finish(&mm->space_of);
	mm->policy_ops->destroy(mm->policy);
	struct alloc alloc = mm->host.alloc;
	alloc_put(&alloc, mm->frame, sizeof(*mm->frame) * mm->frames);
	alloc_put(&alloc, mm, sizeof(*mm));
}

uint64_t mm_now(const struct mm *mm)
{
	return mm->host.now ? mm->host.now(mm->host.ctx) : 0;
}

void mm_run(struct mm *mm)
{
	swap_run(mm);
	mm->policy_ops->tick(mm->policy, mm_now(mm));
	for (struct group *g = mm->commit.groups; g; g = g->next)
		if (g->local.policy)
			mm->policy_ops->tick(g->local.policy, mm_now(mm));
	evict_balance(mm);
}

uint64_t mm_next(const struct mm *mm)
{
	return swap_next(mm);
}

struct space *mm_space(const struct mm *mm, uint32_t serial)
{
	return sparse_get(&mm->space_of, serial);
}

void mm_hold_for_instruction(struct mm *mm, uint32_t frame)
{
	if (frame == mm->zero)
		return;
	/* No instruction needs more than the array holds: what is over is of one that was given
	 * up. */
	if (mm->instruction_frames == array_size(mm->instruction))
		mm_retired(mm);
	frame_hold(mm, frame);
	mm->instruction[mm->instruction_frames++] = frame;
}

void mm_retired(struct mm *mm)
{
	while (mm->instruction_frames)
		frame_unhold(mm, mm->instruction[--mm->instruction_frames]);
}

static void usage_frame(const struct mm *mm, uint32_t frame, struct mm_usage *u)
{
	const struct frame *f = &mm->frame[frame];
	if (f->state != FRAME_OWNED && f->state != FRAME_BUSY)
		return;
	u->writeback += f->state == FRAME_BUSY && (f->flags & FRAME_GOING);
	if (f->kind == FRAME_ANON) {
		u->anon_mapped += f->maps > 0;
	} else if (f->kind == FRAME_FILE) {
		bool dirty = frame_dirty((struct mm *)(uintptr_t)mm, frame);
		u->file_mapped += f->maps > 0;
		u->file_dirty += dirty;
		u->file_clean_unmapped += f->state == FRAME_OWNED && !f->maps && !dirty;
	}
}

static void usage_shared(const struct mm *mm, const struct object *o, struct mm_usage *u)
{
	uint64_t index = 0;
	for (const struct anon *a; (a = sparse_next(&o->pages, &index, UINT64_MAX)); index++) {
		if (a->frame == NO_FRAME)
			continue;
		u->shared++;
		u->shared_mapped += frame_at(mm, a->frame)->maps > 0;
	}
}

void mm_usage(const struct mm *mm, struct mm_usage *ret_usage)
{
	struct mm_usage u = {.frames = mm->frames, .free = mm->pool.free};
	uint64_t owned = 0;
	for (unsigned k = 0; k < FRAME_KINDS; k++)
		owned += u.kind[k] = mm->pool.kind[k];
	u.reserved = u.frames - u.free - owned;
	for (uint32_t i = 0; i < mm->pool.untouched; i++)
		usage_frame(mm, i, &u);
	for (const struct object *o = mm->objects; o; o = o->next)
		if (o->kind == OBJECT_SHARED)
			usage_shared(mm, o, &u);
	u.swap = swap_slots(mm);
	u.swap_used = mm->swap.used;
	*ret_usage = u;
}
