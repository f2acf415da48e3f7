/* SPDX-License-Identifier: MIT */
/* fault_plan.c - what a fault would do: looked at, and nothing changed */
#include "vm/range.h"

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
