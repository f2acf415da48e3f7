/* SPDX-License-Identifier: MIT */
#include "vm/evict.h"

#include <errno.h>

#include "vm/mm.h"

/* ---- One frame ---- */

/* The contents are safe elsewhere: the owner lets go of the frame. */
static void evict_finish(struct mm *mm, uint32_t frame, bool dirty)
{
	struct frame *f = frame_at(mm, frame);
	bool file = f->kind == FRAME_FILE;
	mm->file_evictions += file;
	MM_EVENT(mm, NULL, 0, evict, .key = frame_key(mm, frame), .frame = frame, .dirty = dirty,
		 .file = file, .slot = file ? 0 : f->owner.anon->slot);
	frame_leave(mm, frame, LEAVE_EVICTED);
	uint64_t eviction = thrash_evicted(mm);
	if (file) {
		object_evict(mm, f->owner.object, f->index, eviction);
	} else {
		swap_evicted(mm, f->owner.anon, eviction);
		anon_drop_frame(mm, f->owner.anon);
	}
}

void evict_written(struct mm *mm, uint32_t frame, int error)
{
	struct frame *f = frame_at(mm, frame);
	bool stays = error || f->flags & FRAME_WANTED;
	VM_ASSERT(f->flags & FRAME_GOING);
	f->flags &= ~(FRAME_GOING | FRAME_WANTED);
	if (error && swap_room(mm)) {
		/* Another slot, or another store. */
		f->flags |= FRAME_GOING;
		if (swap_out(mm, &frame, 1))
			return;
		f->flags &= ~FRAME_GOING;
	}
	if (stays)
		mm->policy_ops->rejected(frame_policy(mm, frame), frame);
	else
		evict_finish(mm, frame, true);
}

/* A file's page that was written, or not. */
static int evict_file(struct mm *mm, uint32_t frame)
{
	int error = object_write(mm, frame);
	if (error)
		mm->policy_ops->rejected(frame_policy(mm, frame), frame);
	else
		evict_finish(mm, frame, true);
	return error;
}

/* Takes a victim out of every space that maps it, and notes it for the fault that it made room
 * for. Returns whether it must be written. */
static bool victim_unmap(struct mm *mm, uint32_t frame)
{
	struct pmap_place place = {0};
	VM_ASSERT(frame_evictable(mm, frame));
	mm->pmap->places(mm, frame, &place, 1);
	frame_unmap(mm, frame);
	bool dirty = frame_dirty(mm, frame);
	mm->victim = (struct victim){
	    .what = {.key = frame_key(mm, frame), .frame = frame, .dirty = dirty},
	    .pid = place.pid,
	    .addr = place.va,
	};
	return dirty;
}

/* Victims that are dirty anons go in one transfer: the first, and those that the policy names next
 * for as long as they are of this kind. */
static int evict_cluster(struct mm *mm, uint32_t first)
{
	uint32_t frame[STORE_CLUSTER] = {first};
	unsigned n = 1, most = max_u64(1, mm->config.swap.cluster);
	struct policy *policy = frame_policy(mm, first);
	struct victim victim = mm->victim;
	frame_pool_busy(&mm->pool, first); /* so that it is not named again */
	for (; n < most; n++) {
		uint32_t next = mm->policy_ops->victim(policy, 0);
		if (next == NO_FRAME || frame_at(mm, next)->kind != FRAME_ANON ||
		    !frame_dirty(mm, next) || frame_at(mm, next)->flags & FRAME_LAZY)
			break;
		victim_unmap(mm, next);
		frame_pool_busy(&mm->pool, next);
		frame[n] = next;
	}
	for (unsigned i = 0; i < n; i++) {
		frame_pool_done(&mm->pool, frame[i]);
		frame_at(mm, frame[i])->flags |= FRAME_GOING;
	}
	mm->victim = victim;
	unsigned done = swap_out(mm, frame, n);
	for (unsigned i = done; i < n; i++) {
		frame_at(mm, frame[i])->flags &= ~FRAME_GOING;
		frame_at(mm, frame[i])->flags |= FRAME_DIRTY;
		mm->policy_ops->rejected(frame_policy(mm, frame[i]), frame[i]);
	}
	return done ? 0 : -ENOSPC;
}

/* A page that its owner gave up goes for good. The chunk stays, be it empty: whoever asked for a frame
 * may count on it. */
static void evict_lazy(struct mm *mm, uint32_t frame, const struct pmap_place *place)
{
	struct space *s = mm_space(mm, place->space);
	victim_unmap(mm, frame);
	mm->victim.what.dirty = false;
	MM_EVENT(mm, NULL, 0, evict, .key = frame_key(mm, frame), .frame = frame);
	frame_leave(mm, frame, LEAVE_EVICTED);
	chunk_set(mm, anon_map_chunk(&s->anons, place->va), place->va, NULL, false);
}

int evict_frame(struct mm *mm, uint32_t frame)
{
	struct frame *f = frame_at(mm, frame);
	struct anon *a = f->kind == FRAME_ANON ? f->owner.anon : NULL;
	struct pmap_place place;
	if (a && frame_is_lazy(mm, frame, &place)) {
		evict_lazy(mm, frame, &place);
		return 0;
	}
	bool dirty = victim_unmap(mm, frame);
	int error = 0;
	if (!dirty) {
		evict_finish(mm, frame, false);
	} else {
		f->flags &= ~FRAME_LAZY;
		error = a ? evict_cluster(mm, frame) : evict_file(mm, frame);
	}
	if (a)
		mm->victim.what.slot = a->slot;
	if (error || f->state == FRAME_FREE)
		return error;
	return f->state == FRAME_BUSY ? -EAGAIN : -EIO;
}

void evict_clean(struct mm *mm)
{
	for (uint32_t i = 0; i < mm->frames; i++) {
		const struct frame *f = frame_at(mm, i);
		if (f->state == FRAME_OWNED && f->kind == FRAME_FILE && f->maps == 0 && frame_evictable(mm, i) &&
		    !frame_dirty(mm, i))
			(void)evict_frame(mm, i); /* clean: nothing can fail */
	}
}

/* ---- As many as are needed ---- */

/* Nothing can be taken: what is under way may help. */
static int evict_wait(struct mm *mm)
{
	mm->waits_for = swap_waits_for(mm);
	return mm->waits_for == NO_FRAME ? -ENOMEM : -EAGAIN;
}

/* The next victim for n frames more: the current group's own for as long as it has more than its
 * share, and whoever's for as long as too few are free. *own: in, may it be asked for its own; out,
 * had it any? NO_FRAME: there is none, or none is needed. */
static uint32_t victim_for(struct mm *mm, uint32_t n, uint64_t coming, uint64_t incoming, bool *own)
{
	uint32_t frame = NO_FRAME;
	if (*own && local_over(mm, n) > coming) {
		frame = local_victim_own(mm, incoming);
		*own = frame != NO_FRAME;
	}
	if (frame == NO_FRAME && frames_available(mm) + coming < n)
		frame = local_victim(mm, incoming);
	return frame;
}

int evict_until(struct mm *mm, uint32_t n, uint64_t incoming)
{
	enum { FAILURES_MAX = 16 };
	unsigned failures = 0, coming = 0;
	bool own = true;
	uint32_t victim;
	while (failures < FAILURES_MAX && (victim = victim_for(mm, n, coming, incoming, &own)) != NO_FRAME) {
		int error = evict_frame(mm, victim);
		if (error == -EAGAIN) {
			mm->waits_for = victim;
			coming++;
		} else if (error) {
			failures++;
		}
	}
	if (coming)
		return -EAGAIN;
	return frames_available(mm) >= n ? 0 : evict_wait(mm);
}

void evict_balance(struct mm *mm)
{
	const struct mm_config *c = &mm->config;
	if (frames_available(mm) >= c->low)
		return;
	for (uint32_t n = c->low; n < c->high && evict_until(mm, n, 0) != -ENOMEM; n++)
		;
}
