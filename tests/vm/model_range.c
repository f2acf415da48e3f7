/* SPDX-License-Identifier: MIT */
/* model_range.c - operations on ranges that stay or move */
#include "model_private.h"

enum {
	ADVICE_DONTNEED = 4,
	ADVICE_FREE = 8,
	ADVICE_DONTFORK = 10,
	ADVICE_DOFORK = 11,
	ADVICE_WIPEONFORK = 18,
	ADVICE_KEEPONFORK = 19
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
		    p->dont_fork != a->dont_fork || p->wipe != a->wipe || p->locked != a->locked)
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
		s->page[i].own = false;
	if (!keep)
		model_clear(s, from, from + n);
	for (unsigned i = 0; i < pages; i++) {
		s->page[to + i] = i < n ? moved[i] : last;
		if (i < n)
			continue;
		s->page[to + i].own = false;
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
		s->page[from + i].own = false;
		if (!keep)
			model_clear(s, from + i, from + i + 1);
		model_clear(s, to + i, to + i + 1);
		s->page[to + i] = page;
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
	bool overlap = from < to + pages && to < from + n, one = alike(s, from, from + n);
	const struct model_page *p = &s->page[from];
	if (one && p->object >= 0 && p->index + pages > OBJECT_PAGES)
		return true; /* more of an object than the model knows */
	const struct region *r = model_region(m, s, from);
	/* As on Linux, a fork or a lock may leave neighbours apart that are alike. */
	one = one && r->end >= model_va(m, from + n);
	bool stays = !(flags & REMAP_FIXED) && pages <= n, each = flags & REMAP_FIXED && pages == n;
	if (each && !one && flags & REMAP_DONTUNMAP)
		return true; /* of what failed half way nothing could tell how far it came */
	int want = flags & REMAP_FIXED && overlap          ? -EINVAL
		   : one || (p->mapped && (stays || each)) ? 0
							   : -EFAULT;
	uint64_t start = 0;

	SAY(m, "pid %d: remap %u pages at page %u to %u pages%s%s%s", s->space->pid, n, from, pages,
	    flags & REMAP_MAYMOVE ? ", may move" : "", flags & REMAP_FIXED ? ", fixed" : "",
	    flags & REMAP_DONTUNMAP ? ", keep" : "");
	if (flags & REMAP_FIXED)
		snprintf(m->text + strlen(m->text), 32, " to page %u", to);
	if (!(flags & REMAP_FIXED) && pages > n && model_place(s, PAGES, pages) == PAGES)
		return true; /* it would go outside of the window */
	model_touch(m, from, from + n);
	model_touch(m, to, to + pages);
	int got = space_remap(s->space, model_va(m, from), (uint64_t)n * PAGE_SIZE,
			      (uint64_t)pages * PAGE_SIZE, flags, model_va(m, to), &start);
	m->refused += got != 0;
	bool grows = pages > n && !(flags & REMAP_FIXED);
	if (got == -ENOMEM && want == 0 && grows && !(flags & REMAP_MAYMOVE))
		return true; /* no room right there */
	if (!model_outcome(m, got, want))
		return false;
	if (!want && each) {
		model_move_each(m, s, from, n, to, flags & REMAP_DONTUNMAP, !got);
		model_find_own(m, s, to, to + pages);
		return got || start == model_va(m, to) || model_wrong(m, "moved elsewhere");
	}
	for (unsigned i = to; got && !want && flags & REMAP_FIXED && i < to + pages; i++)
		if (!model_region(m, s,
				  i)) /* as on Linux, what was at the new place is gone already */
			model_clear(s, i, i + 1);
	if (got)
		return true;
	if (stays) {
		model_clear(s, from + pages, from + n);
		return start == model_va(m, from) || model_wrong(m, "moved elsewhere");
	}
	unsigned at = (start - m->base) / PAGE_SIZE;
	if (at + pages > PAGES)
		return model_wrong(m, "moved to page %u", at);
	model_touch(m, at, at + pages);
	if (flags & REMAP_FIXED ? at != to : !grows && at != from)
		return model_wrong(m, "moved to page %u", at);
	if (grows && !model_all_mapped(s, at == from ? from + n : at, at + pages, false))
		return model_wrong(m, "moved over what is at page %u", at);
	model_move(s, from, n, at, pages, flags & REMAP_DONTUNMAP);
	model_find_own(m, s, at, at + pages);
	return true;
}

/* Ranges that stay. */

static bool advise_refused(const struct model_page *p, int advice)
{
	switch (advice) {
	case ADVICE_DONTNEED: return p->locked;
	case ADVICE_FREE: return p->object >= 0;
	case ADVICE_WIPEONFORK: return p->object >= 0;
	default: return false;
	}
}

static void advise_page(struct model_page *p, int advice)
{
	switch (advice) {
	case ADVICE_DONTNEED: p->own = false; break;
	case ADVICE_DONTFORK: p->dont_fork = true; break;
	case ADVICE_DOFORK: p->dont_fork = false; break;
	case ADVICE_WIPEONFORK: p->wipe = true; break;
	case ADVICE_KEEPONFORK: p->wipe = false; break;
	default: break; /* FREE may free later or never: without swap it never does */
	}
}

/* Was a change of the range made, for which memory may have been wanting? */
static bool advise_done(const struct model *m, const struct model_space *s, unsigned first,
			unsigned end, int advice)
{
	unsigned flag = advice == ADVICE_DONTFORK || advice == ADVICE_DOFORK ? REGION_DONTFORK
									     : REGION_WIPEONFORK;
	bool set = advice == ADVICE_DONTFORK || advice == ADVICE_WIPEONFORK;

	if (advice == ADVICE_FREE)
		return true;
	if (advice == ADVICE_DONTNEED) {
		for (unsigned i = first; i < end; i++)
			if (s->page[i].own && anon_map_get(&s->space->anons, model_va(m, i)))
				return false;
		return true;
	}
	for (unsigned i = first; i < end; i++) {
		const struct region *r = model_region(m, s, i);
		if (r && !(r->flags & flag) == set)
			return false;
	}
	return true;
}

bool do_advise(struct model *m, struct model_space *s, const struct op *op)
{
	static const int known[] = {ADVICE_DONTNEED,   ADVICE_DONTNEED,  ADVICE_DONTNEED,
				    ADVICE_FREE,       ADVICE_DONTFORK,  ADVICE_DOFORK,
				    ADVICE_WIPEONFORK, ADVICE_KEEPONFORK};
	int advice = known[op->mode % array_size(known)], want = 0;
	unsigned end = op_end(op);

	SAY(m, "pid %d: advise %d for %u pages at page %u", s->space->pid, advice, end - op->page,
	    op->page);
	for (unsigned i = op->page; i < end; i++)
		if (s->page[i].mapped && advise_refused(&s->page[i], advice))
			want = -EINVAL;
	if (!want && !model_all_mapped(s, op->page, end, true))
		want = -ENOMEM;
	model_touch(m, op->page, end);
	int got = space_advise(s->space, model_va(m, op->page),
			       (uint64_t)(end - op->page) * PAGE_SIZE, advice);
	if (!model_outcome(m, got, want))
		return false;
	m->refused += got != 0;
	if (got == -EINVAL || !advise_done(m, s, op->page, end, advice))
		return got != 0 || model_wrong(m, "returned 0 but did not do it");
	for (unsigned i = op->page; i < end; i++)
		if (s->page[i].mapped)
			advise_page(&s->page[i], advice);
	return true;
}

bool do_populate(struct model *m, struct model_space *s, const struct op *op)
{
	unsigned end = op_end(op);
	bool fault = false, whole = model_all_mapped(s, op->page, end, true);

	SAY(m, "pid %d: populate %u pages at page %u", s->space->pid, end - op->page, op->page);
	for (unsigned i = op->page; i < end; i++)
		fault |= s->page[i].mapped && (!s->page[i].prot || model_beyond(m, &s->page[i]));
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

bool do_lock(struct model *m, struct model_space *s, const struct op *op)
{
	bool lock = op->mode % 4 == 0, fault = m->io == 1;
	unsigned end = lock && op->pages > 4 ? op->page + 4u : op_end(op);
	end = end < PAGES ? end : PAGES;
	int want = model_all_mapped(s, op->page, end, true) ? 0 : -ENOMEM;

	SAY(m, "pid %d: %slock %u pages at page %u", s->space->pid, lock ? "" : "un",
	    end - op->page, op->page);
	model_touch(m, op->page, end);
	for (unsigned i = op->page; i < end; i++)
		fault |= s->page[i].mapped && (!s->page[i].prot || model_beyond(m, &s->page[i]));
	int got = space_lock(s->space, model_va(m, op->page),
			     (uint64_t)(end - op->page) * PAGE_SIZE, lock);
	m->refused += got != 0;
	model_find_own(m, s, op->page, end);
	if (!(got == -ENOMEM && lock && fault) && !model_outcome(m, got, want))
		return false;
	/* Locked it stays, even where not all could be brought in; before a hole, too. */
	for (unsigned i = op->page; i < end; i++)
		if (!s->page[i].mapped)
			end = i;
	for (unsigned i = op->page; i < end; i++)
		if (!(model_region(m, s, i)->flags & REGION_LOCKED) == lock)
			return got != 0;
	for (unsigned i = op->page; i < end; i++)
		s->page[i].locked = lock;
	return true;
}
