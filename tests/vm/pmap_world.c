/* SPDX-License-Identifier: MIT */
#include "pmap_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *const world_name[WORLD_KINDS] = {"soft", "sv39", "sv48", "sv57"};

/* Host memory. */

static void *world_get(void *ctx, size_t size)
{
	struct world *w = ctx;

	w->gets++;
	if (w->fail_in >= 0 && w->fail_in-- == 0) {
		w->failed = true;
		return NULL;
	}
	w->bytes += size;
	return calloc(1, size ? size : 1);
}

static void world_put(void *ctx, void *p, size_t size)
{
	struct world *w = ctx;

	if (!p)
		return;
	w->bytes -= size;
	free(p);
}

static uint64_t world_now(void *ctx)
{
	return ((struct world *)ctx)->now++;
}

static uint64_t world_random(void *ctx)
{
	struct world *w = ctx;
	return w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

/* The policy. */

struct policy {
	struct policy_env env;
	uint64_t clock;
	uint64_t *since; /* by frame; 0: not known */
};

static int fifo_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
{
	struct policy *p = alloc_get(env->alloc, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->env = *env;
	p->since = alloc_get(env->alloc, env->frames * sizeof(*p->since));
	if (!p->since) {
		alloc_put(env->alloc, p, sizeof(*p));
		return -ENOMEM;
	}
	*ret_policy = p;
	return 0;
}

static void fifo_destroy(struct policy *p)
{
	struct policy_env env = p->env;

	alloc_put(env.alloc, p->since, env.frames * sizeof(*p->since));
	alloc_put(env.alloc, p, sizeof(*p));
}

static void fifo_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
{
	p->since[frame] = ++p->clock;
}

static void fifo_touch(struct policy *p, uint32_t frame) {}

static void fifo_leave(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why)
{
	p->since[frame] = 0;
}

static void fifo_forget(struct policy *p, uint64_t key) {}

static uint32_t fifo_victim(struct policy *p, uint64_t incoming)
{
	uint32_t best = NO_FRAME;

	for (uint32_t f = 0; f < p->env.frames; f++)
		if (p->since[f] && (best == NO_FRAME || p->since[f] < p->since[best]) &&
		    p->env.evictable(p->env.ctx, f))
			best = f;
	return best;
}

static void fifo_rejected(struct policy *p, uint32_t frame) {}
static void fifo_tick(struct policy *p, uint64_t now) {}

const struct policy_ops world_policy = {
    .name = "test",
    .create = fifo_create,
    .destroy = fifo_destroy,
    .enter = fifo_enter,
    .touch = fifo_touch,
    .leave = fifo_leave,
    .forget = fifo_forget,
    .victim = fifo_victim,
    .rejected = fifo_rejected,
    .tick = fifo_tick,
};

/* Worlds. */

static void world_must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

void world_begin(struct world *w, enum world_kind kind, uint32_t frames)
{
	world_begin_as(w, kind, frames, &(struct world_options){.policy = NULL});
}

void world_begin_as(struct world *w, enum world_kind kind, uint32_t frames,
		    const struct world_options *o)
{
	static const enum mmu_mode mode[] = {
	    [WORLD_SV39] = MMU_SV39, [WORLD_SV48] = MMU_SV48, [WORLD_SV57] = MMU_SV57};

	*w = (struct world){.kind = kind,
			    .fail_in = -1,
			    .host = {.alloc = {world_get, world_put, w},
				     .now = world_now,
				     .random = world_random,
				     .ctx = w}};
	struct mm_config config = {.frames = frames,
				   .host = &w->host,
				   .events = &w->events,
				   .pmap = &soft_ops,
				   .policy = o->policy ? o->policy : &world_policy,
				   .policy_params = o->policy_params,
				   .swap = o->swap,
				   .local = o->local,
				   .exact_refs = o->exact_refs,
				   .low = o->low,
				   .high = o->high,
				   .fault_around = 1};
	if (kind == WORLD_SOFT) {
		config.ram = w->ram = calloc(frames, PAGE_SIZE);
		world_must(w->ram, "no memory for RAM");
	} else {
		world_must(machine_create(frames, 1, &w->machine) == 0, "no memory for a machine");
		w->sv = (struct sv_config){.machine = w->machine, .mode = mode[kind]};
		config.pmap = &sv_ops;
		config.pmap_ctx = &w->sv;
		config.ram = machine_ram(w->machine)->bytes;
	}
	w->ops = config.pmap;
	world_must(mm_create(&config, &w->mm) == 0, "mm_create failed");
	/* Spaces may be far larger than these few frames. */
	w->mm->commit.rule.mode = OVERCOMMIT_ALWAYS;
}

void world_end(struct world *w)
{
	mm_destroy(w->mm);
	if (w->machine)
		machine_destroy(w->machine);
	free(w->ram);
}

static struct anon world_anon = {.key = 1, .refs = 1, .frame = NO_FRAME};

uint32_t world_frame(struct world *w)
{
	struct reserve r;

	world_must(reserve_make(w->mm, &(struct need){.frames = 1}, 0, &r) == 0, "no frame");
	uint32_t frame = reserve_frame(w->mm, &r, FRAME_ANON, &world_anon, 0);
	frame_zero(w->mm, frame);
	return frame;
}

void world_frame_free(struct world *w, uint32_t frame)
{
	frame_free(w->mm, frame);
}

int world_enter(struct world *w, struct pmap *p, uint64_t va, uint32_t frame, unsigned prot,
		enum resident as)
{
	struct need need = {.tables = w->ops->tables_needed(p, va)};
	struct reserve r;
	int error = reserve_make(w->mm, &need, 0, &r);

	if (error)
		return error;
	w->ops->enter(p, va, frame, prot, as, &r);
	reserve_drop(w->mm, &r);
	return 0;
}

int world_share(struct world *w, struct pmap *parent, struct pmap *child, uint64_t va)
{
	struct need need = {.tables = w->ops->share_tables_needed(child, va)};
	struct reserve r;
	int error = reserve_make(w->mm, &need, 0, &r);

	if (error)
		return error;
	w->ops->share(parent, child, va, &r);
	reserve_drop(w->mm, &r);
	return 0;
}
