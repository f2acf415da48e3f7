/* SPDX-License-Identifier: MIT */
#include "vm/frame.h"

#include <errno.h>
#include <string.h>

#include "vm/mm.h"

void frame_zero(struct mm *mm, uint32_t frame)
{
	struct frame *f = frame_at(mm, frame);
	if (f->flags & FRAME_PRISTINE)
		f->flags &= ~FRAME_PRISTINE;
	else
		memset(frame_bytes(mm, frame), 0, PAGE_SIZE);
}

uint64_t frame_key(const struct mm *mm, uint32_t frame)
{
	const struct frame *f = frame_at(mm, frame);
	if (f->state == FRAME_ORPHAN)
		return f->index;
	switch (f->kind) {
	case FRAME_ANON: return f->owner.anon->key;
	case FRAME_FILE: return object_key(f->owner.object, f->index);
	default: return 0;
	}
}

bool frame_reading(const struct mm *mm, uint32_t frame)
{
	const struct frame *f = frame_at(mm, frame);
	return f->state == FRAME_BUSY && !(f->flags & FRAME_GOING);
}

void frame_want(struct mm *mm, uint32_t frame)
{
	struct frame *f = frame_at(mm, frame);
	if (f->flags & FRAME_GOING)
		f->flags |= FRAME_WANTED;
}

/* ---- Free and owned ---- */

/* Of the frames that were never used the host is told before it is their turn. */
static uint32_t frame_take(struct mm *mm)
{
	uint32_t untouched = mm->pool.untouched, frame = frame_pool_take(&mm->pool);
	struct frame *f = frame_at(mm, frame);
	f->flags = 0;
	f->rmap = 0;
	f->owner.kernel = NULL;
	if (frame != untouched)
		return frame;
	if (frame == mm->backed)
		mm->backed = mm->host.back ? mm->host.back(mm->host.ctx, frame) : mm->frames;
	f->flags = FRAME_PRISTINE;
	return frame;
}

void frame_own(struct mm *mm, uint32_t frame, enum frame_kind kind, void *owner, uint64_t index)
{
	frame_pool_own(&mm->pool, frame, kind, owner, index);
	/* Whatever was decoded from it when it was another's is void. */
	mm->pmap->frame_changed(mm, frame);
	MM_EVENT(mm, NULL, 0, frame_take, .frame = frame, .kind = kind,
		 .key = frame_key(mm, frame));
}

struct policy *frame_policy(const struct mm *mm, uint32_t frame)
{
	const struct frame *f = frame_at(mm, frame);
	return f->group ? f->group->local.policy : mm->policy;
}

void frame_leave(struct mm *mm, uint32_t frame, enum policy_leave why)
{
	struct frame *f = frame_at(mm, frame);
	if (!(f->flags & FRAME_POLICED))
		return;
	mm->policy_ops->leave(frame_policy(mm, frame), frame, frame_key(mm, frame), why);
	if (f->group)
		f->group->local.resident--;
	f->group = NULL;
	f->flags &= ~FRAME_POLICED;
}

/* An OWNED frame that nobody wants any more. */
static void frame_drop(struct mm *mm, uint32_t frame, uint64_t key)
{
	MM_EVENT(mm, NULL, 0, frame_free, .frame = frame, .kind = frame_at(mm, frame)->kind,
		 .key = key);
	frame_pool_give(&mm->pool, frame);
}

void frame_free(struct mm *mm, uint32_t frame)
{
	if (frame_at(mm, frame)->state == FRAME_RESERVED) {
		frame_pool_give(&mm->pool, frame);
		return;
	}
	frame_leave(mm, frame, LEAVE_FREED);
	uint64_t key = frame_key(mm, frame);
	if (frame_pool_leave(&mm->pool, frame, key))
		frame_drop(mm, frame, key);
}

void frame_hold(struct mm *mm, uint32_t frame)
{
	frame_pool_hold(&mm->pool, frame);
}

void frame_unhold(struct mm *mm, uint32_t frame)
{
	if (frame_pool_unhold(&mm->pool, frame))
		frame_drop(mm, frame, frame_key(mm, frame));
}

uint64_t frames_available(const struct mm *mm)
{
	return mm->pool.free > mm->config.swap.kept ? mm->pool.free - mm->config.swap.kept : 0;
}

uint32_t frame_take_free(struct mm *mm, struct anon *owner)
{
	uint32_t frame = frame_take(mm);
	frame_own(mm, frame, FRAME_ANON, owner, 0);
	return frame;
}

bool frame_take_store(struct mm *mm, uint32_t *ret_frame)
{
	if (mm->pool.free == 0)
		return false;
	*ret_frame = frame_take(mm);
	frame_own(mm, *ret_frame, FRAME_STORE, NULL, 0);
	frame_zero(mm, *ret_frame);
	return true;
}

int frame_take_kernel(struct mm *mm, void *tag, uint32_t *ret_frame)
{
	struct reserve r;
	int error = reserve_make(mm, &(struct need){.frames = 1}, 0, &r);
	if (error)
		return error;
	uint32_t frame = reserve_frame(mm, &r, FRAME_KERNEL, tag, 0);
	frame_zero(mm, frame);
	*ret_frame = frame;
	return 0;
}

/* ---- What the policy does and asks ---- */

void frame_enter(struct mm *mm, uint32_t frame, uint32_t space, bool again)
{
	struct frame *f = frame_at(mm, frame);
	VM_ASSERT((f->state == FRAME_OWNED || f->flags & FRAME_GOING) && !(f->flags & FRAME_POLICED));
	if (f->kind == FRAME_ANON && mm->swap.areas == 0 && !(f->flags & FRAME_LAZY))
		return;
	struct space *s = space && mm->config.local.rule ? mm_space(mm, space) : NULL;
	f->group = s ? s->group : NULL;
	if (f->group)
		local_entered(mm, f->group, frame);
	f->flags |= FRAME_POLICED;
	struct policy_enter how = {
	    .key = frame_key(mm, frame),
	    .space = space,
	    .file = f->kind == FRAME_FILE,
	    .again = again,
	};
	mm->policy_ops->enter(frame_policy(mm, frame), frame, &how);
}

void frame_unmap(struct mm *mm, uint32_t frame)
{
	if (frame_at(mm, frame)->maps)
		mm->pmap->remove(mm, frame);
	VM_ASSERT(frame_at(mm, frame)->maps == 0);
}

/* Does a locked region still map it? Asked only of frames that one once mapped. */
static bool frame_locked(struct mm *mm, uint32_t frame)
{
	struct pmap_place place[16];
	if (frame_at(mm, frame)->flags & FRAME_KEPT)
		return true;
	unsigned n = mm->pmap->places(mm, frame, place, array_size(place));
	if (n > array_size(place))
		return true;
	while (n--) {
		struct space *s = mm_space(mm, place[n].space);
		struct region *r = s ? regions_find(&s->regions, place[n].va) : NULL;
		if (r && r->flags & REGION_LOCKED)
			return true;
	}
	frame_at(mm, frame)->flags &= ~FRAME_LOCKED;
	return false;
}

bool frame_is_lazy(struct mm *mm, uint32_t frame, struct pmap_place *ret_place)
{
	const struct frame *f = frame_at(mm, frame);
	if (!(f->flags & FRAME_LAZY) || f->flags & FRAME_DIRTY || f->owner.anon->refs > 1 ||
	    f->owner.anon->slot || mm->pmap->dirty(mm, frame))
		return false;
	if (mm->pmap->places(mm, frame, ret_place, 1) != 1)
		return false;
	const struct space *s = mm_space(mm, ret_place->space);
	const struct chunk *c = s ? anon_map_chunk(&s->anons, ret_place->va) : NULL;
	return c && c->refs == 1 && anon_map_get(&s->anons, ret_place->va) == f->owner.anon;
}

/* Has an anon's contents a copy beneath, or a place where one can be made, or can they be lost? */
static bool anon_can_go(struct mm *mm, uint32_t frame)
{
	const struct frame *f = frame_at(mm, frame);
	struct pmap_place place;
	return (mm->swap.areas && (f->owner.anon->slot || swap_room(mm))) ||
	       frame_is_lazy(mm, frame, &place);
}

bool frame_evictable(void *ctx, uint32_t frame)
{
	struct mm *mm = ctx;
	const struct frame *f = frame_at(mm, frame);
	return f->state == FRAME_OWNED && f->holds == 0 && !(f->flags & FRAME_STUCK) &&
	       (f->kind == FRAME_FILE || (f->kind == FRAME_ANON && anon_can_go(mm, frame))) &&
	       !(f->flags & FRAME_LOCKED && frame_locked(mm, frame));
}

bool frame_harvest(void *ctx, uint32_t frame)
{
	struct mm *mm = ctx;
	return mm->pmap->harvest(mm, frame);
}

bool frame_dirty(void *ctx, uint32_t frame)
{
	struct mm *mm = ctx;
	const struct frame *f = frame_at(mm, frame);
	if (f->flags & FRAME_DIRTY || f->kind != FRAME_ANON)
		return f->flags & FRAME_DIRTY;
	return !f->owner.anon->slot || mm->pmap->dirty(mm, frame);
}

/* ---- Reserves ---- */

static int reserve_table_make(struct mm *mm, struct table **ret_table)
{
	uint32_t frame = mm->pmap->tables_take_frames ? frame_take(mm) : NO_FRAME;
	*ret_table = mm->pmap->table_alloc(mm, frame);
	if (*ret_table)
		return 0;
	if (frame != NO_FRAME)
		frame_free(mm, frame);
	return -ENOMEM;
}

static int reserve_memory(struct mm *mm, size_t size, void **ret_memory)
{
	*ret_memory = alloc_get(&mm->host.alloc, size);
	return *ret_memory ? 0 : -ENOMEM;
}

int reserve_make(struct mm *mm, const struct need *need, uint64_t incoming,
		 struct reserve *ret_reserve)
{
	VM_ASSERT(need->frames <= RESERVE_FRAMES && need->tables <= RESERVE_TABLES);
	VM_ASSERT(need->anons <= RESERVE_FRAMES && need->chunks <= RESERVE_CHUNKS);
	struct reserve r;
	r.frames = r.tables = r.anons = r.chunks = 0;
	bool table_frames = mm->pmap->tables_take_frames;
	int error = evict_until(mm, need->frames + (table_frames ? need->tables : 0), incoming);

	for (; !error && r.frames < need->frames; r.frames++)
		r.frame[r.frames] = frame_take(mm);
	for (; !error && r.tables < need->tables; r.tables += !error)
		error = reserve_table_make(mm, &r.table[r.tables]);
	for (; !error && r.anons < need->anons; r.anons += !error)
		error = reserve_memory(mm, sizeof(struct anon), (void **)&r.anon[r.anons]);
	for (; !error && r.chunks < need->chunks; r.chunks += !error)
		error = reserve_memory(mm, sizeof(struct chunk), (void **)&r.chunk[r.chunks]);

	if (error)
		reserve_drop(mm, &r);
	else
		*ret_reserve = r;
	return error;
}

void reserve_give_back(struct mm *mm, struct reserve *r)
{
	while (r->frames)
		frame_free(mm, r->frame[--r->frames]);
	while (r->tables)
		mm->pmap->table_free(mm, r->table[--r->tables]);
	while (r->anons)
		alloc_put(&mm->host.alloc, r->anon[--r->anons], sizeof(struct anon));
	while (r->chunks)
		alloc_put(&mm->host.alloc, r->chunk[--r->chunks], sizeof(struct chunk));
}

uint32_t reserve_frame(struct mm *mm, struct reserve *r, enum frame_kind kind, void *owner,
		       uint64_t index)
{
	VM_ASSERT(r->frames > 0);
	uint32_t frame = r->frame[--r->frames];
	frame_own(mm, frame, kind, owner, index);
	return frame;
}

struct table *reserve_table(struct reserve *r)
{
	VM_ASSERT(r->tables > 0);
	return r->table[--r->tables];
}

struct anon *reserve_anon(struct reserve *r)
{
	VM_ASSERT(r->anons > 0);
	return r->anon[--r->anons];
}

struct chunk *reserve_chunk(struct reserve *r)
{
	VM_ASSERT(r->chunks > 0);
	return r->chunk[--r->chunks];
}
