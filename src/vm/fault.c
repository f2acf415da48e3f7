/* SPDX-License-Identifier: MIT */
#include "vm/fault.h"

#include <errno.h>
#include <string.h>

#include "vm/range.h"

/* ---- The plan ---- */

static void plan_fail(struct fault_plan *p, enum cause cause)
{
	p->step = STEP_FAIL;
	p->cause = cause;
}

/* Is what lies above the page a stack that it could be of? Never closer than the guard to a mapping that
 * can be accessed. */
static bool stack_reaches(const struct space *s, const struct region *stack, uint64_t page)
{
	if (!stack || !(stack->flags & REGION_GROWSDOWN) || stack->object || page < s->layout.bottom)
		return false;
	const struct region *below = region_prev(stack);
	return !below || below->flags & REGION_GROWSDOWN || !below->prot || page - below->end >= STACK_GUARD;
}

/* May that stack grow down to the page? As Linux: within its limit. */
static bool stack_may_grow(const struct space *s, const struct region *stack, uint64_t page)
{
	return stack->start - page <= stack->offset && stack->end - page <= s->layout.stack_limit &&
	       limits_grow(s, stack, (stack->start - page) >> PAGE_SHIFT);
}

/* Is the anon's page not there to be used? Then the plan says what comes first. */
static bool plan_absent(const struct space *s, struct fault_plan *p)
{
	p->from = p->anon->frame;
	p->key = p->anon->key;
	p->cause = CAUSE_swap_in;
	if (p->from == NO_FRAME) {
		p->step = STEP_READ;
		p->need.frames = 1;
		return true;
	}
	const struct frame *f = frame_at(s->mm, p->from);
	if (f->state == FRAME_BUSY)
		p->step = STEP_WAIT;
	else if (f->flags & FRAME_FAILED)
		plan_fail(p, CAUSE_bus_io);
	return f->state == FRAME_BUSY || f->flags & FRAME_FAILED;
}

/* Was the page brought in by this very fault, before it waited? Then that is its cause. */
static enum cause plan_cause(const struct space *s, const struct fault_plan *p, enum cause cause)
{
	if (p->from == NO_FRAME || !(frame_at(s->mm, p->from)->flags & FRAME_FETCHED))
		return cause;
	return frame_at(s->mm, p->from)->kind == FRAME_ANON ? CAUSE_swap_in : CAUSE_file_read;
}

/* Is it handed over to who watches the region for that? Then the plan says so. */
static bool plan_watched(const struct fault_request *q, struct fault_plan *p, uint32_t what)
{
	if (q->answered || !(p->region->flags & what))
		return false;
	p->step = STEP_HAND_OVER;
	p->cause = CAUSE_handed_over;
	p->watched = what;
	return true;
}

static bool region_has_anons(const struct region *r)
{
	return r->lineage && !(r->flags & REGION_SHARED);
}

/* The private page at va, if there is one. */
static struct anon *region_anon(const struct space *s, const struct region *r, uint64_t va)
{
	return region_has_anons(r) ? anon_map_get(&s->anons, va) : NULL;
}

/* The upper layer: an anon of this space. */
static void plan_upper(const struct space *s, const struct fault_request *q, struct fault_plan *p)
{
	const struct chunk *c = anon_map_chunk(&s->anons, p->page);
	p->as = RESIDENT_ANON;
	if (plan_absent(s, p))
		return;
	if (chunk_writable(c, p->page) || q->access != ACCESS_WRITE) {
		p->step = STEP_MAP;
		p->cause = CAUSE_refill;
		if (!chunk_writable(c, p->page))
			p->prot &= ~PROT_W;
	} else if (c->refs == 1 && p->anon->refs == 1) {
		p->step = STEP_TAKE_OVER;
		p->cause = CAUSE_cow_reuse;
	} else {
		p->step = STEP_COPY;
		p->cause = CAUSE_cow_copy;
	}
	p->cause = plan_cause(s, p, p->cause);
}

/* The lower layer: shared memory. */
static void plan_shared(const struct space *s, const struct fault_request *q, struct fault_plan *p,
			uint64_t index)
{
	bool private = !(p->region->flags & REGION_SHARED);
	p->anon = object_anon(p->region->object, index);
	p->as = RESIDENT_SHMEM;
	struct pmap_entry e;
	if (!p->anon && plan_watched(q, p, REGION_WATCH_MISSING))
		return;
	if (p->anon && !s->mm->pmap->lookup(s->pmap, p->page, &e) &&
	    plan_watched(q, p, REGION_WATCH_MINOR))
		return;
	if (p->anon && plan_absent(s, p))
		return;
	if (!p->anon && object_is_full(p->region->object)) {
		plan_fail(p, CAUSE_out_of_memory);
		return;
	}
	if (private && q->access == ACCESS_WRITE) {
		/* Of a file in RAM a page that nobody has made yet is made first and then copied, as on
		 * Linux; what is no file (/dev/zero) is memory of the space's own. */
		bool made = p->anon || p->region->object->pager;
		p->as = RESIDENT_ANON;
		p->step = p->anon ? STEP_COPY : made ? STEP_READ : STEP_ZERO;
		p->need.frames = p->step == STEP_READ;
		p->cause = plan_cause(s, p, made ? CAUSE_cow_copy : CAUSE_zero_fill);
		return;
	}
	if (private)
		p->prot &= ~PROT_W;
	p->step = p->anon ? STEP_MAP : STEP_ZERO;
	p->cause = plan_cause(s, p, p->anon ? CAUSE_refill : CAUSE_zero_fill);
}

/* The lower layer: a file. */
static void plan_file(const struct space *s, const struct fault_request *q, struct fault_plan *p,
		      uint64_t index)
{
	const struct object *o = p->region->object;
	p->from = object_cached(o, index);
	p->key = object_key(o, index);
	p->as = RESIDENT_FILE;
	p->cause = CAUSE_file_read;
	if (p->from == NO_FRAME) {
		p->step = STEP_READ;
		p->need.frames = 1;
		return;
	}
	const struct frame *f = frame_at(s->mm, p->from);
	if (f->state == FRAME_BUSY) {
		p->step = STEP_WAIT;
		return;
	}
	if (f->flags & FRAME_FAILED) {
		plan_fail(p, CAUSE_bus_io);
		return;
	}
	bool write = q->access == ACCESS_WRITE;
	if (p->region->flags & REGION_SHARED) {
		struct pmap_entry e;
		bool notify = write && (!(f->flags & FRAME_DIRTY) ||
					s->mm->pmap->lookup(s->pmap, p->page, &e));
		p->step = STEP_MAP;
		p->cause = plan_cause(s, p, notify ? CAUSE_write_notify : CAUSE_file_cached);
		if (!write)
			p->prot &= ~PROT_W;
		return;
	}
	p->prot &= write ? PROT_ALL : ~PROT_W;
	p->as = write ? RESIDENT_ANON : RESIDENT_FILE;
	p->step = write ? STEP_COPY : STEP_MAP;
	p->cause = plan_cause(s, p, write ? CAUSE_cow_copy : CAUSE_file_cached);
}

static void plan_lower(const struct space *s, const struct fault_request *q, struct fault_plan *p)
{
	const struct object *o = p->region->object;
	uint64_t index = o ? region_index(p->region, p->page) : 0;
	bool poisoned = unlikely(s->tracks.root) && !q->answered && track_get(s, p->page, TRACK_POISONED);
	if (!poisoned && !o && plan_watched(q, p, REGION_WATCH_MISSING))
		return;
	if (poisoned) {
		plan_fail(p, CAUSE_bus_io);
	} else if (!o) {
		bool write = q->access == ACCESS_WRITE;
		p->step = write ? STEP_ZERO : STEP_MAP;
		p->cause = write ? CAUSE_zero_fill : CAUSE_zero_map;
		p->as = RESIDENT_ANON;
		p->from = write ? NO_FRAME : s->mm->zero;
		p->prot &= write ? PROT_ALL : ~PROT_W;
	} else if (index << PAGE_SHIFT >= o->size) {
		plan_fail(p, CAUSE_bus_beyond_end);
	} else if (q->fresh && !(p->region->flags & REGION_SHARED)) {
		p->step = STEP_ZERO;
		p->cause = CAUSE_zero_fill;
		p->as = RESIDENT_ANON;
	} else if (o->kind == OBJECT_SHARED) {
		plan_shared(s, q, p, index);
	} else {
		plan_file(s, q, p, index);
	}
}

/* Does the page that the plan makes belong to the space, not to shared memory? */
static bool plan_is_private(const struct fault_plan *p)
{
	return p->as == RESIDENT_ANON;
}

static bool plan_makes_page(const struct fault_plan *p)
{
	return p->step == STEP_COPY || p->step == STEP_ZERO;
}

/* Entries of tracked pages are written through once they have been stored to, those of guarded ones
 * never. */
static void plan_track(const struct space *s, const struct fault_request *q, struct fault_plan *p)
{
	const struct region *r = p->region;
	bool write = q->access == ACCESS_WRITE, guarded = track_get(s, p->page, TRACK_GUARDED);
	struct pmap_entry e;
	if (p->step == STEP_FAIL || p->step == STEP_HAND_OVER)
		return;
	p->unguards = write && guarded && !q->answered && r->flags & REGION_WATCH_ASYNC;
	guarded &= !p->unguards;
	if (write && guarded && plan_watched(q, p, REGION_WATCH_GUARD))
		return;
	p->stores = write && !track_stored(s, r, p->page);
	if (guarded || (!write && !track_may_store(s, r, p->page)))
		p->prot &= ~PROT_W;
	bool had = p->as == RESIDENT_ANON || s->mm->pmap->lookup(s->pmap, p->page, &e);
	if ((p->stores || p->unguards) && p->step == STEP_MAP && had && cause_class(p->cause) == CLASS_minor)
		p->cause = CAUSE_soft_dirty;
}

static bool plan_allowed(const struct region *r, const struct fault_request *q)
{
	bool force = q->force && (q->access == ACCESS_READ || !(r->flags & REGION_SHARED));
	return force || region_allows(r, q->access);
}

/* 1. Find the region.		none, and no stack grows there: segv-unmapped
 * 2. May it do that?		no: segv-protection; nobody may there: segv-guard
 * 3. Look in the upper layer, then in the lower: the four cases of fault.h. Is it watched, or tracked?
 * 4. Count what it takes: frames, anons, the chunk, tables that are missing or shared. */
void fault_plan(struct space *s, const struct fault_request *q, struct fault_plan *ret_plan)
{
	struct fault_plan *p = ret_plan;
	static const struct fault_plan nothing = {.from = NO_FRAME};
	*p = nothing;
	p->page = page_down(q->va);

	/* 1. */
	struct region *r = regions_at_or_after(&s->regions, p->page);
	p->region = r;
	if (!r || p->page < r->start) {
		bool reaches = stack_reaches(s, r, p->page);
		if (reaches && stack_may_grow(s, r, p->page)) {
			p->grow_to = p->page;
		} else {
			p->stack = reaches ? r : NULL;
			struct region *below = r ? region_prev(r) : regions_last(&s->regions);
			bool is_below = below && (!r || p->page - below->end < r->start - p->page);
			p->nearest = is_below ? below : r;
			p->region = NULL;
			plan_fail(p, CAUSE_segv_unmapped);
		}
	}
	/* 2. */
	if (p->region && !q->answered && !plan_allowed(r, q))
		plan_fail(p, CAUSE_segv_protection);
	else if (p->region && unlikely(s->tracks.root) && track_get(s, p->page, TRACK_BARRED))
		plan_fail(p, CAUSE_segv_guard);
	if (p->cause != CAUSE_none)
		return;
	/* 3. */
	p->prot = region_entry_prot(r);
	p->anon = region_anon(s, r, p->page);
	if (p->anon)
		plan_upper(s, q, p);
	else
		plan_lower(s, q, p);
	if (unlikely(r->flags & REGION_TRACKED || s->tracks.root))
		plan_track(s, q, p);
	if (p->grow_to && cause_class(p->cause) == CLASS_minor)
		p->cause = CAUSE_stack_grow;
	/* 4. */
	if (plan_makes_page(p)) {
		p->need.frames = p->need.anons = 1;
		p->need.chunks = plan_is_private(p) ? anon_map_needs(&s->anons, p->page) : 0;
	}
	if (p->step != STEP_FAIL && p->step != STEP_HAND_OVER)
		p->need.tables = s->mm->pmap->tables_needed(s->pmap, p->page);
}

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
