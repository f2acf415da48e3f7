/* SPDX-License-Identifier: MIT */
/* model_range.c - operations on ranges that stay or move */
#include "model_private.h"

enum {
	ADVICE_NORMAL = 0,
	ADVICE_SEQUENTIAL = 2,
	ADVICE_DONTNEED = 4,
	ADVICE_FREE = 8,
	ADVICE_DONTFORK = 10,
	ADVICE_DOFORK = 11,
	ADVICE_MERGEABLE = 12,
	ADVICE_NOHUGEPAGE = 15,
	ADVICE_WIPEONFORK = 18,
	ADVICE_KEEPONFORK = 19,
	ADVICE_COLD = 20,
	ADVICE_PAGEOUT = 21,
	ADVICE_DONTNEED_LOCKED = 24,
	ADVICE_COLLAPSE = 25,
	ADVICE_GUARD_INSTALL = 102,
	ADVICE_GUARD_REMOVE = 103,
};
enum { REMAP_MAYMOVE = 1, REMAP_FIXED = 2, REMAP_DONTUNMAP = 4, SYNC_NOW = 4 };

/* mremap. */

/* Would these pages lie in one region, merged as far as can be? */
static bool alike(const struct model_space *s, unsigned first, unsigned end)
{
	const struct model_page *a = &s->page[first];

	for (unsigned i = first; i < end; i++) {
		const struct model_page *p = &s->page[i];
		if (!p->mapped || p->prot != a->prot || p->prot_max != a->prot_max ||
		    p->shared != a->shared || p->object != a->object ||
		    (a->object >= 0 && p->index != a->index + (i - first)) ||
		    p->dont_fork != a->dont_fork || p->wipe != a->wipe ||
		    p->sealed != a->sealed || p->locked != a->locked || p->on_fault != a->on_fault)
			return false;
	}
	return true;
}

static void model_move(struct model_space *s, unsigned from, unsigned n, unsigned to,
		       unsigned pages, bool keep)
{
	static struct model_page moved[PAGES];
	struct model_page last = s->page[from + n - 1];

	memcpy(moved, &s->page[from], n * sizeof(*moved));
	for (unsigned i = from; i < from + n; i++)
		s->page[i].own = s->page[i].barred = false;
	if (!keep)
		model_clear(s, from, from + n);
	for (unsigned i = 0; i < pages; i++) {
		s->page[to + i] = i < n ? moved[i] : last;
		if (i < n)
			continue;
		s->page[to + i].own = s->page[to + i].barred = false;
		s->page[to + i].index += last.object < 0 ? 0 : i - (n - 1);
	}
}

/* A move that keeps the length takes many regions along. Where it failed, those before stay moved:
 * done: it did not. */
static void model_move_each(struct model *m, struct model_space *s, unsigned from, unsigned n,
			    unsigned to, bool keep, bool done)
{
	for (unsigned i = 0; i < n; i++) {
		struct model_page page = s->page[from + i];
		if (!page.mapped)
			continue;
		if (!done && model_region(m, s, from + i)) {
			if (!model_region(m, s, to + i))
				model_clear(s, to + i, to + i + 1);
			continue;
		}
		s->page[from + i].own = s->page[from + i].barred = false;
		if (!keep)
			model_clear(s, from + i, from + i + 1);
		model_clear(s, to + i, to + i + 1);
		s->page[to + i] = page;
	}
}

/* Pages that a call that failed half way has unmapped all the same, as on Linux. */
static void model_find_gone(struct model *m, struct model_space *s, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		if (!model_region(m, s, i))
			model_clear(s, i, i + 1);
}

/* MREMAP_DONTUNMAP leaves nothing locked in the region that pages were taken from, all of it. */
static void model_unlock(struct model *m, struct model_space *s, uint64_t start, uint64_t end)
{
	for (uint64_t va = start; va < end; va += PAGE_SIZE) {
		struct model_page *p = &s->page[(va - m->base) / PAGE_SIZE];
		p->locked = p->on_fault = false;
	}
}

bool do_remap(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned from = op->page, n = op_end(op) - from,
		 pages = op->value % 4 ? n : 1 + op->value / 4 % 8;
	unsigned flags = op->mode % 3 ? REMAP_MAYMOVE : 0, to = op->to % PAGES;
	if (op->mode % 3 == 2)
		flags |= REMAP_FIXED;
	if (to + pages > PAGES)
		to = PAGES - pages;
	if (flags & REMAP_FIXED && pages == n && op->value & 0x10000)
		flags |= REMAP_DONTUNMAP;
	bool fixed = flags & REMAP_FIXED, shrinks = fixed && pages < n;
	unsigned moved = shrinks ? pages : n;
	bool overlap = from < to + pages && to < from + n, one = alike(s, from, from + moved);
	const struct model_page *p = &s->page[from];
	if (one && p->object >= 0 && p->index + pages > OBJECT_PAGES)
		return true; /* more of an object than the model knows */
	const struct region *r = model_region(m, s, from);
	/* As on Linux, a fork or a move may leave neighbours apart that are alike. */
	one = one && r->end >= model_va(m, from + moved);
	uint64_t r_start = r ? r->start : 0, r_end = r ? r->end : 0;
	/* The new place may have been a part of it. */
	if (fixed && to < from)
		r_start = max_u64(r_start, min_u64(r_end, model_va(m, to + pages)));
	else if (fixed)
		r_end = min_u64(r_end, max_u64(r_start, model_va(m, to)));
	bool stays = !fixed && pages <= n, each = fixed && pages == n;
	if (each && !one && flags & REMAP_DONTUNMAP)
		return true; /* of what failed half way nothing could tell how far it came */
	int want = fixed && overlap                        ? -EINVAL
		   : one || (p->mapped && (stays || each)) ? 0
							   : -EFAULT;
	uint64_t start = 0;
	if (want != -EINVAL && p->sealed)
		want = -EPERM;
	else if (want != -EINVAL && (model_sealed(s, from, from + n) || (fixed && model_sealed(s, to, to + pages))))
		return true; /* of what failed half way nothing could tell how far it came */

	SAY(m, "pid %d: remap %u pages at page %u to %u pages%s%s%s", s->space->pid, n, from, pages,
	    flags & REMAP_MAYMOVE ? ", may move" : "", fixed ? ", fixed" : "",
	    flags & REMAP_DONTUNMAP ? ", keep" : "");
	if (fixed)
		snprintf(m->text + strlen(m->text), 32, " to page %u", to);
	if (!fixed && pages > n && model_place(s, PAGES, pages) == PAGES)
		return true; /* it would go outside of the window */
	model_touch(m, from, from + n);
	model_touch(m, to, to + pages);
	int got = space_remap(s->space, model_va(m, from), (uint64_t)n * PAGE_SIZE,
			      (uint64_t)pages * PAGE_SIZE, flags, model_va(m, to), &start);
	m->refused += got != 0;
	bool grows = pages > n && !fixed;
	if (got == -ENOMEM && want == 0 && grows && !(flags & REMAP_MAYMOVE))
		return true; /* no room right there */
	if (!model_outcome(m, got, want))
		return false;
	if (!want && !got && flags & REMAP_DONTUNMAP)
		model_touch(m, 0, PAGES);
	if (!want && each) {
		model_move_each(m, s, from, n, to, flags & REMAP_DONTUNMAP, !got);
		if (!got && flags & REMAP_DONTUNMAP)
			model_unlock(m, s, r_start, r_end);
		model_find_own(m, s, to, to + pages);
		return got || start == model_va(m, to) || model_wrong(m, "moved elsewhere");
	}
	if (got && !want && fixed) {
		model_find_gone(m, s, to, to + pages);
		model_find_gone(m, s, from + moved, from + n);
	}
	if (got)
		return true;
	if (stays) {
		model_clear(s, from + pages, from + n);
		return start == model_va(m, from) || model_wrong(m, "moved elsewhere");
	}
	if (shrinks)
		model_clear(s, from + pages, from + n);
	unsigned at = (start - m->base) / PAGE_SIZE;
	if (at + pages > PAGES)
		return model_wrong(m, "moved to page %u", at);
	model_touch(m, at, at + pages);
	if (fixed ? at != to : !grows && at != from)
		return model_wrong(m, "moved to page %u", at);
	if (grows && !model_all_mapped(s, at == from ? from + n : at, at + pages, false))
		return model_wrong(m, "moved over what is at page %u", at);
	model_move(s, from, moved, at, pages, flags & REMAP_DONTUNMAP);
	model_find_own(m, s, at, at + pages);
	return true;
}

/* Ranges that stay. */

static bool advise_sealed(const struct model_page *p, int advice)
{
	bool discards = advice == ADVICE_DONTNEED || advice == ADVICE_DONTNEED_LOCKED || advice == ADVICE_FREE ||
			advice == ADVICE_DONTFORK || advice == ADVICE_WIPEONFORK || advice == ADVICE_GUARD_INSTALL;
	return discards && p->sealed && p->object < 0 && !(p->prot & PROT_W);
}

static bool advise_refused(const struct model_page *p, int advice)
{
	if (advise_sealed(p, advice))
		return true;
	switch (advice) {
	case ADVICE_COLD:
	case ADVICE_PAGEOUT:
	case ADVICE_GUARD_INSTALL:
	case ADVICE_DONTNEED: return p->locked;
	case ADVICE_FREE: return p->locked || p->object >= 0;
	case ADVICE_WIPEONFORK: return p->object >= 0;
	case ADVICE_COLLAPSE: return true;
	default: return false;
	}
}

static void advise_page(struct model_page *p, int advice)
{
	switch (advice) {
	case ADVICE_DONTNEED:
	case ADVICE_DONTNEED_LOCKED: p->own = false; break;
	case ADVICE_DONTFORK: p->dont_fork = true; break;
	case ADVICE_DOFORK: p->dont_fork = false; break;
	case ADVICE_WIPEONFORK: p->wipe = true; break;
	case ADVICE_KEEPONFORK: p->wipe = false; break;
	case ADVICE_GUARD_INSTALL:
		p->own = false;
		p->barred = true;
		break;
	case ADVICE_GUARD_REMOVE: p->barred = false; break;
	case ADVICE_FREE: p->given_up = p->own; break; /* it may free later or never */
	default: break;
	}
}

/* What of it was done when memory was wanting: drops all or nothing, flags region by region. */
static bool advise_done(const struct model *m, const struct model_space *s, unsigned page,
			int advice)
{
	const struct region *r = model_region(m, s, page);

	switch (advice) {
	case ADVICE_DONTFORK: return r->flags & REGION_DONTFORK;
	case ADVICE_DOFORK: return !(r->flags & REGION_DONTFORK);
	case ADVICE_WIPEONFORK: return r->flags & REGION_WIPEONFORK;
	case ADVICE_KEEPONFORK: return !(r->flags & REGION_WIPEONFORK);
	case ADVICE_DONTNEED:
	case ADVICE_DONTNEED_LOCKED: return !anon_map_get(&s->space->anons, model_va(m, page));
	case ADVICE_GUARD_INSTALL: return track_get(s->space, model_va(m, page), TRACK_BARRED);
	default: return true;
	}
}

bool do_advise(struct model *m, struct model_space *s, const struct op *op)
{
	static const int known[] = {
	    ADVICE_DONTNEED,  ADVICE_DONTNEED,	ADVICE_DONTNEED,    ADVICE_DONTNEED_LOCKED,
	    ADVICE_FREE,      ADVICE_DONTFORK,	ADVICE_DOFORK,	    ADVICE_WIPEONFORK,
	    ADVICE_KEEPONFORK, ADVICE_SEQUENTIAL, ADVICE_NORMAL,    ADVICE_COLD,
	    ADVICE_NOHUGEPAGE, ADVICE_MERGEABLE, ADVICE_PAGEOUT,    ADVICE_COLLAPSE,
	    ADVICE_GUARD_INSTALL, ADVICE_GUARD_REMOVE, ADVICE_GUARD_REMOVE};
	int advice = known[op->mode % array_size(known)], want = 0;
	unsigned end = op_end(op), limit = op->page;

	SAY(m, "pid %d: advise %d for %u pages at page %u", s->space->pid, advice, end - op->page,
	    op->page);
	/* The first region that refuses ends it; what lies below is done. */
	while (limit < end && !(s->page[limit].mapped && advise_refused(&s->page[limit], advice)))
		limit++;
	if (limit < end)
		want = advise_sealed(&s->page[limit], advice) ? -EPERM : -EINVAL;
	else if (!model_all_mapped(s, op->page, end, true))
		want = -ENOMEM;
	model_touch(m, op->page, end);
	int got = space_advise(s->space, model_va(m, op->page),
			       (uint64_t)(end - op->page) * PAGE_SIZE, advice);
	bool wanting = got == -ENOBUFS && m->world.failed;
	if (!wanting && !model_outcome(m, got, want))
		return false;
	m->refused += got != 0;
	for (unsigned i = op->page; i < limit; i++) {
		struct model_page *p = &s->page[i];
		if (!p->mapped)
			continue;
		if (!m->world.failed || advise_done(m, s, i, advice))
			advise_page(p, advice);
	}
	return true;
}

bool do_populate(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op);
	bool fault = false, whole = model_all_mapped(s, op->page, end, true);

	SAY(m, "pid %d: populate %u pages at page %u", s->space->pid, end - op->page, op->page);
	for (unsigned i = op->page; i < end; i++)
		fault |= s->page[i].mapped && (!s->page[i].prot || s->page[i].barred || model_beyond(m, &s->page[i]));
	int got = space_populate(s->space, model_va(m, op->page),
				 (uint64_t)(end - op->page) * PAGE_SIZE, op->mode & 1);
	m->refused += got != 0;
	model_find_own(m, s, op->page, end);
	if (got == -EFAULT && (fault || m->io == 1))
		return true;
	/* A page without permission that is resident is not looked at. */
	return model_outcome(m, got, whole ? 0 : -ENOMEM);
}

bool do_sync(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op);

	SAY(m, "pid %d: sync %u pages at page %u%s", s->space->pid, end - op->page, op->page,
	    m->io == 2 ? " (files cannot be written)" : "");
	int got = space_sync(s->space, model_va(m, op->page),
			     (uint64_t)(end - op->page) * PAGE_SIZE, SYNC_NOW);
	m->refused += got != 0;
	if (got == -EIO && m->io == 2)
		return true;
	if (!model_outcome(m, got, model_all_mapped(s, op->page, end, true) ? 0 : -ENOMEM))
		return false;
	for (unsigned i = op->page; i < end; i++) {
		const struct model_page *p = &s->page[i];
		if (!p->mapped || !p->shared || p->object >= FILES || model_beyond(m, p))
			continue;
		const struct model_object *o = &m->object[p->object];
		for (unsigned k = 0; k < PROBES; k++)
			if (o->disk[p->index][probe_at[k]] != o->bytes[p->index][k])
				return model_wrong(
				    m, "page %u of file %d: byte %u on disk is %u, not %u",
				    p->index, p->object, probe_at[k],
				    o->disk[p->index][probe_at[k]], o->bytes[p->index][k]);
	}
	return true;
}

static bool same_lock(const struct region *r, uint32_t lock)
{
	return (r->flags & REGION_LOCK_MASK) == lock;
}

static uint32_t lock_of(const struct op *op)
{
	return op->mode % 4 == 0 ? REGION_LOCKED : op->mode % 4 == 1 ? REGION_LOCK_MASK : 0;
}

/* Could bringing in these pages fail, for what they are? */
static bool may_fault(const struct model *m, const struct model_space *s, unsigned first,
		      unsigned end)
{
	for (unsigned i = first; i < end; i++) {
		const struct model_page *p = &s->page[i];
		if (p->mapped && (!p->prot || p->barred || model_beyond(m, p)))
			return true;
	}
	return m->io == 1;
}

/* Locked it stays, even where not all could be brought in. */
static void model_find_locks(const struct model *m, struct model_space *s, unsigned first,
			     unsigned end)
{
	for (unsigned i = first; i < end; i++) {
		const struct region *r = model_region(m, s, i);
		if (!r)
			continue;
		s->page[i].locked = r->flags & REGION_LOCKED;
		s->page[i].on_fault = r->flags & REGION_LOCKONFAULT;
	}
}

bool do_lock(struct model *m, struct model_space *s, const struct op *op)
{
	uint32_t lock = lock_of(op);
	unsigned end = lock && op->pages > 4 ? op->page + 4u : op_end(op), hole = op->page;
	end = end < PAGES ? end : PAGES;
	while (hole < end && s->page[hole].mapped)
		hole++;
	int want = hole == end ? 0 : -ENOMEM;

	SAY(m, "pid %d: %s%s %u pages at page %u", s->space->pid, lock ? "lock" : "unlock",
	    lock & REGION_LOCKONFAULT ? " on fault" : "", end - op->page, op->page);
	model_touch(m, op->page, end);
	bool fault = may_fault(m, s, op->page, end);
	int got = space_lock(s->space, model_va(m, op->page),
			     (uint64_t)(end - op->page) * PAGE_SIZE, lock);
	m->refused += got != 0;
	model_find_own(m, s, op->page, end);
	if (!(got == -ENOMEM && lock && fault) && !model_outcome(m, got, want))
		return false;
	/* What lies before a hole is locked, unless memory was wanting. */
	for (unsigned i = op->page; i < hole; i++)
		if (!same_lock(model_region(m, s, i), lock) && !m->world.failed)
			return model_wrong(m, "page %u is not as it was to be locked", i);
	model_find_locks(m, s, op->page, hole);
	return true;
}

bool do_lock_all(struct model *m, struct model_space *s, const struct op *op)
{
	/* Locked for long, all memory would soon be. */
	uint32_t lock = op->mode % 8 ? 0 : REGION_LOCK_MASK;

	SAY(m, "pid %d: %s all", s->space->pid, lock ? "lock on fault" : "unlock");
	model_touch(m, 0, PAGES);
	int got = space_lock_all(s->space, lock);
	if (got)
		return model_wrong(m, "returned %d", got);
	for (unsigned i = 0; i < PAGES; i++)
		if (s->page[i].mapped)
			s->page[i].locked = s->page[i].on_fault = lock;
	return true;
}

/* A few pages: what is sealed stays until its process ends. */
bool do_seal(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op);

	if (end - op->page > 4)
		end = op->page + 4;
	SAY(m, "pid %d: seal %u pages at page %u", s->space->pid, end - op->page, op->page);
	model_touch(m, op->page, end);
	int got = space_seal(s->space, model_va(m, op->page), (uint64_t)(end - op->page) * PAGE_SIZE);
	m->refused += got != 0;
	if (!model_outcome(m, got, model_all_mapped(s, op->page, end, true) ? 0 : -ENOMEM))
		return false;
	for (unsigned i = op->page; got == 0 && i < end; i++)
		s->page[i].sealed = true;
	return true;
}

bool do_incore(struct model *m, struct model_space *s, const struct op *op)
{
	uint8_t vector[PAGES];
	unsigned end = op_end(op), n = 0;
	const struct region *r = model_region(m, s, op->page);

	SAY(m, "pid %d: incore %u pages at page %u", s->space->pid, end - op->page, op->page);
	int64_t got = space_incore(s->space, model_va(m, op->page),
				   (uint64_t)(end - op->page) * PAGE_SIZE, vector);
	while (r && op->page + n < end && model_va(m, op->page + n) < r->end)
		n++;
	if (got != (r ? (int64_t)n : -ENOMEM))
		return model_wrong(m, "returned %lld", (long long)got);
	for (unsigned i = 0; i < n; i++) {
		const struct model_page *p = &s->page[op->page + i];
		const struct anon *a =
		    p->own ? anon_map_get(&s->space->anons, model_va(m, op->page + i)) : NULL;
		if (a && (a->frame != NO_FRAME) != vector[i])
			return model_wrong(m, "page %u is %sresident", op->page + i,
					   vector[i] ? "not " : "");
		if (!p->own && p->object < 0 && vector[i] &&
		    !m->mm->pmap->lookup(s->space->pmap, model_va(m, op->page + i),
					 &(struct pmap_entry){0}))
			return model_wrong(m, "page %u is resident", op->page + i);
	}
	return true;
}
