/* SPDX-License-Identifier: MIT */
#include "vm/watch.h"

#include <errno.h>

#include "vm/range.h"

static bool is_shared_memory(const struct region *r)
{
	return r->flags & REGION_SHARED && r->object && r->object->kind == OBJECT_SHARED;
}

static int region_check(const struct region *r, uint32_t flags, uint64_t watcher)
{
	if ((r->object && !is_shared_memory(r)) || r->flags & REGION_SPECIAL ||
	    (flags & REGION_WATCH_MINOR && !r->object))
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
		if (region_check(r, 0, r->watcher) == -EINVAL)
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

static bool page_exists(const struct space *s, const struct region *r, uint64_t va)
{
	return r->object ? object_anon(r->object, region_index(r, va)) != NULL
			 : anon_map_get(&s->anons, va) != NULL;
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
									.fill = bytes}));
	if (error && guard)
		track_clear(s, va, va + PAGE_SIZE, TRACK_GUARDED);
	return error;
}

int watch_fill(struct space *s, uint64_t va, const uint8_t *bytes, bool guard)
{
	const struct region *r = regions_find(&s->regions, va);
	return page_exists(s, r, va) ? -EEXIST : page_answer(s, va, bytes, ACCESS_WRITE, guard);
}

int watch_continue(struct space *s, uint64_t va, bool guard)
{
	const struct region *r = regions_find(&s->regions, va);
	struct pmap_entry e;
	if (s->mm->pmap->lookup(s->pmap, va, &e))
		return -EEXIST;
	return page_exists(s, r, va) ? page_answer(s, va, NULL, ACCESS_READ, guard) : -EFAULT;
}

static int page_guard(struct space *s, const struct region *r, uint64_t va)
{
	struct pmap_entry e;
	if (!page_exists(s, r, va) && !r->object)
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
		while (!error && va < to && (r->object || anon_map_next(&s->anons, &va, to))) {
			error = page_guard(s, r, va);
			va += PAGE_SIZE;
		}
	}
	return error;
}
