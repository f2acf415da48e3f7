/* SPDX-License-Identifier: MIT */
#include "vm/watch.h"

#include <errno.h>

#include "vm/range.h"

/* Guards alone that nobody is told of may be put on anything; the rest asks for memory: anonymous, shared,
 * or a file's in RAM. */
static int region_check(const struct region *r, uint32_t flags, uint64_t watcher)
{
	bool shared_memory = r->object && r->object->kind == OBJECT_SHARED;
	bool any = (flags & REGION_WATCH_WHAT) == REGION_WATCH_GUARD && flags & REGION_WATCH_ASYNC;
	if (r->flags & (REGION_SPECIAL | REGION_SECRET) || (flags & REGION_WATCH_MINOR && !shared_memory) ||
	    (r->object && !shared_memory && !any))
		return -EINVAL;
	if (!(r->prot_max & PROT_W))
		return -EPERM;
	return r->watcher && r->watcher != watcher ? -EBUSY : 0;
}

static int fault_error(enum fault_result result)
{
	switch (result) {
	case FAULT_DONE: return 0;
	case FAULT_WAIT: return -EAGAIN;
	case FAULT_NO_MEMORY: return -ENOMEM;
	default: return -EFAULT;
	}
}

/* Zero frames that are mapped become pages: they are not missing. */
static int zeros_fill(struct space *s, uint64_t start, uint64_t end)
{
	struct pmap_entry e;
	int error = 0;
	for (uint64_t va = start; !error && s->mm->pmap->next(s->pmap, &va, end, &e); va += PAGE_SIZE) {
		if (e.frame == s->mm->zero)
			error = fault_error(fault_handle(
			    s, &(struct fault_request){
				   .va = va, .access = ACCESS_WRITE, .by = BY_AHEAD, .answered = true}));
	}
	return error;
}

/* Gives every region of the range, cut at its ends, these flags and this watcher. */
static int range_watch(struct space *s, uint64_t start, uint64_t end, uint32_t flags, uint64_t watcher)
{
	struct range g;
	int error = range_begin(&g, s, start, end, false);
	if (error)
		return error;
	for (struct region *r = regions_at_or_after(&s->regions, start); r && r->start < end;
	     r = region_next(r)) {
		if (r->watcher == watcher && (r->flags & REGION_WATCH_MASK) == flags)
			continue;
		r = range_take(&g, r);
		r->flags = (r->flags & ~(uint32_t)REGION_WATCH_MASK) | flags;
		r->watcher = watcher;
		r = range_merge(s, r);
	}
	range_end(&g);
	return 0;
}

int watch_register(struct space *s, uint64_t start, uint64_t end, uint32_t flags, uint64_t watcher)
{
	const struct region *first = regions_at_or_after(&s->regions, start);
	if (!first)
		return -ENOMEM;
	if (first->start >= end)
		return -EINVAL;
	RANGE_REGIONS (r, s, start, end) {
		int error = region_check(r, flags, watcher);
		if (error)
			return error;
	}
	int error = flags & REGION_WATCH_MISSING ? zeros_fill(s, start, end) : 0;
	return error ? error : range_watch(s, start, end, flags, watcher);
}

int watch_unregister(struct space *s, uint64_t start, uint64_t end)
{
	const struct region *first = regions_at_or_after(&s->regions, start);
	if (!first)
		return -ENOMEM;
	if (first->start >= end)
		return -EINVAL;
	RANGE_REGIONS (r, s, start, end)
		if (region_check(r, r->flags, r->watcher) == -EINVAL)
			return -EINVAL;
	int error = range_watch(s, start, end, 0, 0);
	if (!error)
		track_clear(s, start, end, TRACK_GUARDED);
	return error;
}

void watch_forget(struct space *s, uint64_t watcher)
{
	for (struct region *r = regions_first(&s->regions); r; r = region_next(r)) {
		if (r->watcher != watcher)
			continue;
		track_clear(s, r->start, r->end, TRACK_GUARDED);
		r->flags &= ~(uint32_t)REGION_WATCH_MASK;
		r->watcher = 0;
		r = range_merge(s, r);
	}
}

bool watch_is(const struct space *s, uint64_t start, uint64_t end, uint32_t flags)
{
	const struct region *r = regions_find(&s->regions, start);
	return r && end <= r->end && r->watcher && (r->flags & flags) == flags;
}

/* Of a private mapping of an object: its own page, or the object's that is shown. */
static bool page_exists(const struct space *s, const struct region *r, uint64_t va)
{
	struct pmap_entry e;
	if (r->flags & REGION_SHARED)
		return object_cached(r->object, region_index(r, va)) != NO_FRAME ||
		       (r->object->kind == OBJECT_SHARED && object_anon(r->object, region_index(r, va)));
	return anon_map_get(&s->anons, va) || (r->object && s->mm->pmap->lookup(s->pmap, va, &e));
}

static bool page_exists_below(const struct region *r, uint64_t va)
{
	return r->object && r->object->kind == OBJECT_SHARED && object_anon(r->object, region_index(r, va));
}

static int page_answer(struct space *s, uint64_t va, const uint8_t *bytes, enum access access, bool guard)
{
	if (guard && track_prepare(s, va) != 0)
		return -ENOMEM;
	if (guard)
		track_set(s, va, TRACK_GUARDED);
	int error = fault_error(fault_handle(s, &(struct fault_request){.va = va,
									.access = access,
									.by = BY_AHEAD,
									.answered = true,
									.fresh = access == ACCESS_WRITE,
									.fill = bytes}));
	if (error && guard)
		track_clear(s, va, va + PAGE_SIZE, TRACK_GUARDED);
	if (!error)
		track_clear(s, va, va + PAGE_SIZE, TRACK_POISONED);
	return error;
}

int watch_fill(struct space *s, uint64_t va, const uint8_t *bytes, bool guard)
{
	const struct region *r = regions_find(&s->regions, va);
	bool exists = page_exists(s, r, va) || track_get(s, va, TRACK_BARRED);
	return exists ? -EEXIST : page_answer(s, va, bytes, ACCESS_WRITE, guard);
}

int watch_continue(struct space *s, uint64_t va, bool guard)
{
	const struct region *r = regions_find(&s->regions, va);
	struct pmap_entry e;
	if (s->mm->pmap->lookup(s->pmap, va, &e) || track_get(s, va, TRACK_BARRED))
		return -EEXIST;
	return page_exists_below(r, va) ? page_answer(s, va, NULL, ACCESS_READ, guard) : -EFAULT;
}

int watch_poison(struct space *s, uint64_t va)
{
	struct pmap_entry e;
	if (anon_map_get(&s->anons, va) || s->mm->pmap->lookup(s->pmap, va, &e) ||
	    track_get(s, va, TRACK_POISONED) || track_get(s, va, TRACK_GUARDED) || track_get(s, va, TRACK_BARRED))
		return -EEXIST;
	if (track_prepare(s, va) != 0)
		return -ENOMEM;
	track_set(s, va, TRACK_POISONED);
	return 0;
}

int watch_move(struct space *s, uint64_t from, uint64_t to)
{
	struct mm *mm = s->mm;
	struct pmap_entry e;
	const struct anon *a = anon_map_get(&s->anons, from);
	if (anon_map_get(&s->anons, to) || mm->pmap->lookup(s->pmap, to, &e) || track_get(s, to, TRACK_BARRED))
		return -EEXIST;
	if (track_get(s, from, TRACK_BARRED))
		return -EFAULT;
	if (!a && !mm->pmap->lookup(s->pmap, from, &e))
		return -ENOENT;
	if (!a) { /* zeros that are nobody's page yet */
		int error = watch_fill(s, to, NULL, false);
		if (!error)
			mm->pmap->unmap(s->pmap, from, from + PAGE_SIZE);
		return error;
	}
	if (!chunk_writable(anon_map_chunk(&s->anons, from), from))
		return -EBUSY;
	if (a->frame != NO_FRAME && frame_at(mm, a->frame)->state == FRAME_BUSY) {
		frame_want(mm, a->frame);
		mm->waits_for = a->frame;
		return -EAGAIN;
	}
	int error = range_unshare(s, from, from + PAGE_SIZE, true);
	if (!error)
		error = range_unshare(s, to, to + PAGE_SIZE, true);
	if (!error)
		error = range_move_page(s, from, to);
	if (error)
		return error;
	region_begin_lineage(regions_find(&s->regions, to), &mm->next_lineage);
	track_clear(s, to, to + PAGE_SIZE, TRACK_POISONED);
	VM_ASSERT_DEEP(mm_verify(mm, NULL, 0));
	return 0;
}

int watch_inherit(const struct space *parent, struct space *child, uint64_t watcher, uint64_t heir)
{
	for (const struct region *r = regions_first(&parent->regions); r; r = region_next(r)) {
		if (r->watcher != watcher || r->flags & REGION_DONTFORK)
			continue;
		for (uint64_t va = r->start; track_next(parent, &va, r->end); va += PAGE_SIZE) {
			if (!track_get(parent, va, TRACK_GUARDED))
				continue;
			if (track_prepare(child, va) != 0)
				return -ENOMEM;
			track_set(child, va, TRACK_GUARDED);
		}
		struct region *c = regions_find(&child->regions, r->start);
		c->flags |= r->flags & REGION_WATCH_MASK;
		c->watcher = heir;
	}
	return 0;
}

static int page_guard(struct space *s, const struct region *r, uint64_t va)
{
	struct pmap_entry e;
	if (!r->object && !(r->flags & REGION_WATCH_EMPTY) && !page_exists(s, r, va))
		return 0;
	if (track_prepare(s, va) != 0)
		return -ENOMEM;
	track_set(s, va, TRACK_GUARDED);
	if (s->mm->pmap->lookup(s->pmap, va, &e) && e.prot & PROT_W)
		s->mm->pmap->protect(s->pmap, va, e.prot & ~PROT_W);
	return 0;
}

int watch_guard(struct space *s, uint64_t start, uint64_t end, bool guard)
{
	if (!guard) {
		track_clear(s, start, end, TRACK_GUARDED);
		return 0;
	}
	int error = range_unshare(s, start, end, false);
	RANGE_REGIONS (r, s, start, end) {
		uint64_t va = max_u64(start, r->start), to = min_u64(end, r->end);
		/* Of private memory only what is there. */
		while (!error && va < to && (r->object || r->flags & REGION_WATCH_EMPTY || anon_map_next(&s->anons, &va, to))) {
			error = page_guard(s, r, va);
			va += PAGE_SIZE;
		}
	}
	return error;
}
