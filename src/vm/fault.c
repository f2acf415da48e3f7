/* SPDX-License-Identifier: MIT */
#include "vm/fault.h"

#include <errno.h>
#include <string.h>

#include "vm/range.h"

/* ---- The commit ---- */

static void region_grow(struct space *s, struct region *r, uint64_t start)
{
	space_account(s, r, (r->start - start) >> PAGE_SHIFT);
	r->offset -= r->start - start;
	r->start = start;
	regions_resized(&s->regions, r);
	region_begin_lineage(r, &s->mm->next_lineage);
}

/* The frame that will be mapped, filled. */
static uint32_t commit_page(struct space *s, const struct fault_request *q, const struct fault_plan *p,
			    struct reserve *r, struct anon **ret_anon)
{
	struct mm *mm = s->mm;
	if (!plan_makes_page(p))
		return p->from;
	struct anon *a = anon_new(mm, r);
	if (p->step == STEP_COPY)
		memcpy(frame_bytes(mm, a->frame), frame_bytes(mm, p->from), PAGE_SIZE);
	else if (q->fill)
		memcpy(frame_bytes(mm, a->frame), q->fill, PAGE_SIZE);
	else
		frame_zero(mm, a->frame);
	*ret_anon = a;
	return a->frame;
}

/* 5. Grow the stack.
 * 6. Make the page, if it is a new one.
 * 7. Enter it, in place of what was there, before the chunk lets go of that.
 * 8. Tell the layer that owns it. */
static uint32_t fault_commit(struct space *s, const struct fault_request *q,
			     const struct fault_plan *p, struct reserve *r)
{
	struct mm *mm = s->mm;
	struct anon *made = NULL;
	/* 5. */
	if (p->grow_to)
		region_grow(s, p->region, p->grow_to);
	/* 6. */
	uint32_t frame = commit_page(s, q, p, r, &made);
	if (p->from != NO_FRAME)
		frame_at(mm, p->from)->flags &= ~FRAME_FETCHED;
	if (p->stores)
		track_set(s, p->page, TRACK_STORED);
	if (p->unguards)
		track_clear(s, p->page, p->page + PAGE_SIZE, TRACK_GUARDED);
	/* 7. */
	mm->pmap->enter(s->pmap, p->page, frame, p->prot, p->as, r);
	/* 8. */
	if (made && plan_is_private(p)) {
		struct chunk *c = anon_map_own(mm, &s->anons, p->page, r);
		chunk_set(mm, c, p->page, made, true);
		region_begin_lineage(p->region, &mm->next_lineage);
	} else if (made) {
		object_set_anon(p->region->object, region_index(p->region, p->page), made);
	} else if (p->step == STEP_TAKE_OVER) {
		chunk_set_exclusive(anon_map_chunk(&s->anons, p->page), p->page, true);
	}
	struct frame *f = frame_at(mm, frame);
	if (made)
		frame_enter(mm, frame, s->serial, false);
	if (f->kind == FRAME_FILE && p->prot & PROT_W) {
		f->flags |= FRAME_DIRTY;
		f->owner.object->stored = true;
	}
	const struct object *o = p->region->object;
	if (p->region->flags & REGION_LOCKED && frame != mm->zero)
		f->flags |= FRAME_LOCKED;
	if (o && o->locked && p->as == RESIDENT_SHMEM)
		f->flags |= FRAME_LOCKED | FRAME_KEPT;
	if (q->by == BY_PROGRAM)
		mm_hold_for_instruction(mm, frame);
	VM_ASSERT(r->frames == 0 && r->anons == 0);
	return frame;
}

/* Can it be mapped just so? */
/* Maps what else of the file or shared memory is resident around the page that was just mapped: within
 * its aligned window, its region and its leaf table, so that it takes nothing. */
static void fault_around(struct space *s, const struct fault_plan *p)
{
	struct mm *mm = s->mm;
	const struct region *r = p->region;
	uint64_t window = (uint64_t)mm->config.fault_around << PAGE_SHIFT;
	/* As Linux counts it: from the region's start on, if that lies within. */
	uint64_t start = max_u64(p->page - p->page % window, r->start);
	uint64_t end = min_u64(start + window, r->end);
	end = min_u64(end, align_up(p->page + 1, SPAN_SIZE));
	start = max_u64(start, align_down(p->page, SPAN_SIZE));
	uint64_t index = region_index(r, start), pages = page_up(r->object->size) >> PAGE_SHIFT;
	uint32_t frame[FAULT_AROUND_MAX];
	unsigned n = (unsigned)min_u64((end - start) >> PAGE_SHIFT, pages - min_u64(index, pages));
	object_ready_run(r->object, index, n, frame);
	for (unsigned i = 0; i < n && region_has_anons(r); i++)
		if (anon_map_get(&s->anons, start + i * (uint64_t)PAGE_SIZE))
			frame[i] = NO_FRAME;
	/* Of tracked pages each has permissions of its own. */
	unsigned step = r->flags & REGION_TRACKED || s->tracks.root ? 1 : n;
	for (unsigned i = 0; i < n; i += step) {
		uint64_t va = start + i * (uint64_t)PAGE_SIZE;
		if (track_get(s, va, TRACK_POISONED) || track_get(s, va, TRACK_BARRED))
			continue;
		unsigned prot = track_may_store(s, r, va) ? p->prot : p->prot & ~PROT_W;
		mm->pmap->enter_around(s->pmap, va, frame + i, step, prot, p->as);
	}
}

/* ---- All of it ---- */

static void fault_tell(struct space *s, const struct fault_request *q, const struct fault_plan *p,
		       uint64_t from, uint32_t frame, int64_t resident_before)
{
	struct mm *mm = s->mm;
	mm->events->total.cause[p->cause]++;
	mm->events->total.by[q->by]++;
	if (s->tally) {
		s->tally->cause[p->cause]++;
		s->tally->by[q->by]++;
	}
	MM_EVENT(mm, s->tally, s->pid, fault, .cause = p->cause, .access = q->access, .by = q->by,
		 .addr = q->va, .pc = q->pc,
		 .key = frame == NO_FRAME ? p->key : frame_key(mm, frame), .frame = frame,
		 .from = from, .evicted_key = mm->victim.what.key, .evicted_pid = mm->victim.pid,
		 .evicted_addr = mm->victim.addr, .evicted_frame = mm->victim.what.frame,
		 .evicted_dirty = mm->victim.what.dirty, .evicted_slot = mm->victim.what.slot,
		 .slot = p->cause == CAUSE_swap_in && p->anon ? p->anon->slot : 0,
		 .resident = frame == NO_FRAME ? 0 : space_resident(s) - resident_before);
}

static enum fault_result fault_failed(enum cause cause)
{
	switch (cause) {
	case CAUSE_segv_unmapped:
	case CAUSE_segv_guard: return FAULT_SEGV_UNMAPPED; /* which si_code Linux gives it */
	case CAUSE_segv_protection: return FAULT_SEGV_PROTECTION;
	case CAUSE_bus_beyond_end: return FAULT_BUS_END;
	case CAUSE_bus_io: return FAULT_BUS_IO;
	default: return FAULT_NO_MEMORY;
	}
}

static enum fault_result fault_fail(struct space *s, const struct fault_request *q,
				    struct fault_plan *p, enum cause cause)
{
	p->cause = cause;
	fault_tell(s, q, p, 0, NO_FRAME, 0);
	return fault_failed(cause);
}

/* Has the page read in, from swap or by the object's pager, for the next plan to find. Returns 0 with
 * the frame held. */
static int fault_read(struct space *s, const struct fault_plan *p, uint32_t *ret_frame)
{
	struct object *o = p->region->object;
	uint64_t index = region_index(p->region, p->page);
	int error = p->anon ? swap_in(s->mm, p->anon, s->serial, ret_frame)
			    : object_fetch(s->mm, o, index, false, s->serial, ret_frame);
	uint32_t frame = p->anon ? p->anon->frame : object_cached(o, index);
	if (frame != NO_FRAME && (p->anon || o->kind == OBJECT_FILE))
		frame_at(s->mm, frame)->flags |= FRAME_FETCHED;
	return error;
}

/* Sets aside what the plan takes; what it maps or copies is held meanwhile. Returns 0,
 * reserve_make's errors, or -ESTALE: an eviction changed what was planned. */
static int fault_reserve(struct space *s, const struct fault_plan *p, struct reserve *ret_reserve)
{
	struct mm *mm = s->mm;
	if (p->stores && track_prepare(s, p->page) != 0)
		return -ENOMEM;
	/* Then nothing is evicted either. */
	if (!(p->need.frames | p->need.tables | p->need.anons | p->need.chunks)) {
		ret_reserve->frames = ret_reserve->tables = 0;
		ret_reserve->anons = ret_reserve->chunks = 0;
		return 0;
	}
	if (p->from != NO_FRAME)
		frame_hold(mm, p->from);
	int error = reserve_make(mm, &p->need, p->key, ret_reserve);
	if (p->from != NO_FRAME)
		frame_unhold(mm, p->from);
	if (error)
		return error;
	if (plan_makes_page(p) && plan_is_private(p))
		error = anon_map_prepare(mm, &s->anons, p->page);
	else if (plan_makes_page(p))
		error = sparse_prepare(&p->region->object->pages, region_index(p->region, p->page));
	/* A table that became empty is gone. */
	if (!error && mm->pmap->tables_needed(s->pmap, p->page) != p->need.tables)
		error = -ESTALE;
	if (error)
		reserve_drop(mm, ret_reserve);
	return error;
}

static enum fault_result fault_done(struct space *s, const struct fault_request *q,
				    const struct fault_plan *p, struct reserve *r)
{
	int64_t before = s->mm->events->observed ? space_resident(s) : 0;
	uint64_t from = p->step == STEP_COPY ? p->key : 0;
	uint32_t frame = fault_commit(s, q, p, r);
	if (q->by == BY_PROGRAM && (plan_makes_page(p) || cause_class(p->cause) == CLASS_major))
		s->mm->brought = frame;
	if (s->mm->config.fault_around > 1 && p->as != RESIDENT_ANON && q->access != ACCESS_WRITE)
		fault_around(s, p);
	fault_tell(s, q, p, from, frame, before);
	if (p->cause == CAUSE_swap_in && p->anon)
		swap_used(s->mm, p->anon);
	reserve_drop(s->mm, r);
	return FAULT_DONE;
}

/* What Linux has done by the time that it refuses an access: a stack has grown, and a region that
 * was to get a page of its own, or to grow, has a lineage. */
static void plan_refused(struct space *s, const struct fault_request *q, const struct fault_plan *p)
{
	bool bus = p->cause == CAUSE_bus_beyond_end || p->cause == CAUSE_bus_io ||
		   p->cause == CAUSE_out_of_memory;
	if (p->grow_to)
		region_grow(s, p->region, p->grow_to);
	if (p->stack)
		region_begin_lineage(p->stack, &s->mm->next_lineage);
	if (bus && q->access == ACCESS_WRITE && !(p->region->flags & REGION_SHARED))
		region_begin_lineage(p->region, &s->mm->next_lineage);
}

/* The access is refused. False: a file has grown meanwhile, once more. */
static bool fault_refuse(struct space *s, const struct fault_request *q, struct fault_plan *p,
			 enum fault_result *ret_result)
{
	plan_refused(s, q, p);
	if (p->cause == CAUSE_bus_beyond_end && object_has_grown(p->region->object))
		return false;
	/* Who asked is told: the next one may try to read it again. */
	if (p->cause == CAUSE_bus_io && p->anon)
		anon_drop_frame(s->mm, p->anon);
	else if (p->cause == CAUSE_bus_io && p->from != NO_FRAME)
		object_drop(s->mm, p->region->object, region_index(p->region, p->page));
	*ret_result = fault_fail(s, q, p, p->cause);
	/* Shared memory that may not grow: as on Linux SIGBUS, and nobody is killed to make room. */
	if (p->cause == CAUSE_out_of_memory)
		*ret_result = FAULT_BUS_IO;
	return true;
}

/* Plans and carries out. False: a page was read in, or an eviction changed something: once more. */
static bool fault_try(struct space *s, const struct fault_request *q, uint32_t *fetched,
		      enum fault_result *ret_result)
{
	struct mm *mm = s->mm;
	struct fault_plan p;
	struct reserve r;
	int error;
	fault_plan(s, q, &p);
	switch (p.step) {
	case STEP_FAIL: return fault_refuse(s, q, &p, ret_result);
	case STEP_HAND_OVER:
		mm->handed = (struct handed){p.region->watcher, p.watched, q->access == ACCESS_WRITE};
		fault_tell(s, q, &p, 0, NO_FRAME, 0);
		*ret_result = FAULT_HANDED;
		return true;
	case STEP_WAIT:
		frame_want(mm, p.from);
		mm->waits_for = p.from;
		*ret_result = FAULT_WAIT;
		return true;
	case STEP_READ:
		error = fault_read(s, &p, fetched);
		if (!error)
			return false;
		break;
	default:
		error = fault_reserve(s, &p, &r);
		break;
	}
	if (error == -ESTALE)
		return false;
	if (error == -EAGAIN)
		*ret_result = FAULT_WAIT;
	else if (error)
		*ret_result =
		    fault_fail(s, q, &p, error == -ENOMEM ? CAUSE_out_of_memory : CAUSE_bus_io);
	else
		*ret_result = fault_done(s, q, &p, &r);
	return true;
}

/* A fault that wants a frame is what local replacement goes by. */
static void fault_tell_group(struct space *s, const struct fault_request *q)
{
	struct fault_plan p;
	fault_plan(s, q, &p);
	if (p.step == STEP_READ || plan_makes_page(&p))
		local_fault(s->mm, s->group);
}

enum fault_result fault_handle(struct space *s, const struct fault_request *q)
{
	uint32_t fetched = NO_FRAME;
	enum fault_result result;
	bool goes_on = s->waiting.page == page_down(q->va);
	s->mm->current = s;
	if (unlikely(s->group && s->group->local.policy) && !goes_on)
		fault_tell_group(s, q);
	/* One that had to wait still tells of what was evicted for it before. */
	s->mm->victim = goes_on ? s->waiting.victim : (struct victim){0};
	while (!fault_try(s, q, &fetched, &result))
		;
	s->waiting.page = NO_PAGE;
	if (result == FAULT_WAIT) {
		s->waiting.page = page_down(q->va);
		s->waiting.victim = s->mm->victim;
	}
	if (fetched != NO_FRAME)
		frame_unhold(s->mm, fetched);
	VM_ASSERT_DEEP(mm_verify(s->mm, NULL, 0));
	return result;
}
