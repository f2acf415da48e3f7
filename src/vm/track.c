/* SPDX-License-Identifier: MIT */
#include "vm/track.h"

#include <errno.h>
#include <string.h>

#include "vm/range.h"

struct track_span {
	uint64_t bit[TRACKS][SPAN_PAGES / 64];
};

void track_init(struct space *s)
{
	sparse_init(&s->tracks, &s->mm->host.alloc);
}

static struct track_span *span_of(const struct space *s, uint64_t va)
{
	return s->tracks.root ? sparse_get(&s->tracks, va >> SPAN_SHIFT) : NULL;
}

static void span_free(struct space *s, uint64_t index, struct track_span *t)
{
	sparse_set(&s->tracks, index, NULL);
	s->track_spans--;
	alloc_put(&s->mm->host.alloc, t, sizeof(*t));
}

void track_finish(struct space *s)
{
	struct track_span *t;
	for (uint64_t i = 0; (t = sparse_next(&s->tracks, &i, UINT64_MAX)); i++)
		span_free(s, i, t);
	sparse_finish(&s->tracks);
}

static unsigned page_of(uint64_t va)
{
	return va >> PAGE_SHIFT & (SPAN_PAGES - 1);
}

bool track_get(const struct space *s, uint64_t va, enum track which)
{
	const struct track_span *t = span_of(s, va);
	unsigned page = page_of(va);
	return t && t->bit[which][page / 64] >> page % 64 & 1;
}

int track_prepare(struct space *s, uint64_t va)
{
	uint64_t index = va >> SPAN_SHIFT;
	if (span_of(s, va))
		return 0;
	if (s->track_spans >= s->mm->frames)
		return -ENOMEM;
	struct track_span *t = alloc_get(&s->mm->host.alloc, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct track_span){0};
	int error = sparse_prepare(&s->tracks, index);
	if (!error)
		error = sparse_set(&s->tracks, index, t);
	if (error)
		alloc_put(&s->mm->host.alloc, t, sizeof(*t));
	else
		s->track_spans++;
	return error;
}

void track_set(struct space *s, uint64_t va, enum track which)
{
	struct track_span *t = span_of(s, va);
	unsigned page = page_of(va);
	VM_ASSERT(t);
	t->bit[which][page / 64] |= UINT64_C(1) << page % 64;
}

static bool span_empty(const struct track_span *t)
{
	uint64_t any = 0;
	for (unsigned which = 0; which < TRACKS; which++) {
		for (unsigned i = 0; i < SPAN_PAGES / 64; i++)
			any |= t->bit[which][i];
	}
	return !any;
}

void track_clear(struct space *s, uint64_t start, uint64_t end, enum track which)
{
	struct track_span *t;
	if (!s->tracks.root || start >= end)
		return;
	for (uint64_t i = start >> SPAN_SHIFT;
	     (t = sparse_next(&s->tracks, &i, (end - 1) >> SPAN_SHIFT)); i++) {
		uint64_t from = max_u64(start, i << SPAN_SHIFT),
			 to = min_u64(end - 1, (i << SPAN_SHIFT) + SPAN_SIZE - 1);
		for (unsigned page = page_of(from); page <= page_of(to); page++)
			t->bit[which][page / 64] &= ~(UINT64_C(1) << page % 64);
		if (span_empty(t))
			span_free(s, i, t);
	}
}

void track_trim(struct space *s, uint64_t start, uint64_t end)
{
	struct track_span *t;
	for (uint64_t i = start >> SPAN_SHIFT; (t = sparse_next(&s->tracks, &i, (end - 1) >> SPAN_SHIFT)); i++) {
		if (span_empty(t))
			span_free(s, i, t);
	}
}

bool track_next(const struct space *s, uint64_t *va, uint64_t end)
{
	uint64_t index = *va >> SPAN_SHIFT;
	if (!s->tracks.root || *va >= end || !sparse_next(&s->tracks, &index, (end - 1) >> SPAN_SHIFT))
		return false;
	*va = max_u64(*va, index << SPAN_SHIFT);
	return true;
}

static bool any_set(const struct space *s, uint64_t va)
{
	return track_get(s, va, TRACK_GUARDED) || track_get(s, va, TRACK_POISONED) || track_get(s, va, TRACK_BARRED);
}

int track_prepare_move(struct space *s, uint64_t from, uint64_t to, uint64_t length)
{
	int error = 0;
	for (uint64_t va = from; !error && track_next(s, &va, from + length); va += PAGE_SIZE)
		error = any_set(s, va) ? track_prepare(s, va - from + to) : 0;
	return error;
}

void track_move(struct space *s, uint64_t from, uint64_t to, uint64_t length, bool guards)
{
	for (uint64_t va = from; track_next(s, &va, from + length); va += PAGE_SIZE) {
		for (enum track which = TRACK_GUARDED; which < TRACKS; which++)
			if ((guards || which != TRACK_GUARDED) && track_get(s, va, which))
				track_set(s, va - from + to, which);
	}
	for (enum track which = TRACK_GUARDED; which < TRACKS; which++)
		track_clear(s, from, from + length, which);
}

bool track_may_store(const struct space *s, const struct region *r, uint64_t va)
{
	if (likely(!s->tracks.root && !(r->flags & REGION_TRACKED)))
		return true;
	return track_stored(s, r, va) && !track_get(s, va, TRACK_GUARDED);
}

bool track_stored(const struct space *s, const struct region *r, uint64_t va)
{
	return !(r->flags & REGION_TRACKED) || track_get(s, va, TRACK_STORED);
}

int track_fork(const struct space *parent, struct space *child)
{
	const struct track_span *t;
	for (uint64_t i = 0; (t = sparse_next(&parent->tracks, &i, UINT64_MAX)); i++) {
		struct track_span carried = *t;
		memset(carried.bit[TRACK_GUARDED], 0, sizeof(carried.bit[TRACK_GUARDED]));
		if (span_empty(&carried))
			continue;
		if (track_prepare(child, i << SPAN_SHIFT) != 0)
			return -ENOMEM;
		*span_of(child, i << SPAN_SHIFT) = carried;
	}
	if (!child->tracks.root)
		return 0;
	for (const struct region *r = regions_first(&parent->regions); r; r = region_next(r)) {
		if (!(r->flags & (REGION_DONTFORK | REGION_WIPEONFORK)))
			continue;
		for (enum track which = 0; which < TRACKS; which++)
			track_clear(child, r->start, r->end, which);
	}
	return 0;
}

int track_restart(struct space *s)
{
	const struct pmap_ops *ops = s->mm->pmap;
	int error = range_unshare(s, 0, s->layout.top, false);
	if (error)
		return error;
	for (struct region *r = regions_first(&s->regions); r; r = region_next(r))
		r->flags |= REGION_TRACKED;
	track_clear(s, 0, s->layout.top, TRACK_STORED);
	struct pmap_entry e;
	for (uint64_t va = 0; ops->next(s->pmap, &va, s->layout.top, &e); va += PAGE_SIZE) {
		if (e.prot & PROT_W)
			ops->protect(s->pmap, va, e.prot & ~PROT_W);
	}
	VM_ASSERT_DEEP(mm_verify(s->mm, NULL, 0));
	return 0;
}
