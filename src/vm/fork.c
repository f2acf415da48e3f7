/* SPDX-License-Identifier: MIT */
/* fork.c - a copy of an address space by reference
 *
 * The child gets every region. Entries and private pages are carried over only for private regions
 * that ever had a private page (REGION_ANONED): what others show can be had again by a fault, in
 * the child, as on Linux. They are carried span by span:
 *
 *	all of the span is carried	chunk and leaf table get one reference more each, whatever
 *					they hold
 *	else				the anons of this region get one reference more each, and its
 *					entries are copied without W
 *
 * Either way nothing of it is exclusive or writable any more on either side.
 */
#include <errno.h>
#include <string.h>

#include "vm/range.h"

static bool region_carried(const struct region *r)
{
	return r->flags & REGION_ANONED && !(r->flags & (REGION_SHARED | REGION_DONTFORK | REGION_WIPEONFORK));
}

/* Is all that lies in the span carried? A region that has nothing there does no harm. */
static bool span_carried(struct space *s, uint64_t span)
{
	RANGE_REGIONS(r, s, span, span + SPAN_SIZE) {
		uint64_t va = max_u64(r->start, span), end = min_u64(r->end, span + SPAN_SIZE);
		uint64_t anon = va;
		struct pmap_entry e;
		if (!region_carried(r) &&
		    (s->mm->pmap->next(s->pmap, &va, end, &e) || anon_map_next(&s->anons, &anon, end)))
			return false;
	}
	return true;
}

/* May it be shared whole? Not where a part was copied before: an eviction since then may have taken
 * what stood against sharing the rest. */
static bool span_sharable(struct space *parent, struct space *child, uint64_t span)
{
	return !anon_map_chunk(&child->anons, span) && !child->mm->pmap->has_table(child->pmap, span) &&
	       span_carried(parent, span);
}

static int span_share(struct space *parent, struct space *child, uint64_t span)
{
	struct mm *mm = parent->mm;
	bool table = mm->pmap->has_table(parent->pmap, span);
	struct need need = {.tables = table ? mm->pmap->share_tables_needed(child->pmap, span) : 0};
	struct reserve r;
	int error = reserve_make(mm, &need, 0, &r);
	if (error)
		return error;
	if (anon_map_chunk(&parent->anons, span)) {
		error = anon_map_prepare(mm, &child->anons, span);
		if (!error)
			anon_map_share(&parent->anons, &child->anons, span);
	}
	if (!error && table)
		mm->pmap->share(parent->pmap, child->pmap, span, &r);
	reserve_drop(mm, &r);
	return error;
}

/* One page: its anon, and its entry if there is one. */
static int page_copy(struct space *parent, struct space *child, uint64_t va)
{
	struct mm *mm = parent->mm;
	const struct pmap_ops *ops = mm->pmap;
	struct anon *a = anon_map_get(&parent->anons, va);
	struct pmap_entry e;
	bool entry = ops->lookup(parent->pmap, va, &e);
	struct need need = {
		.chunks = a ? anon_map_needs(&child->anons, va) : 0,
		.tables = entry ? ops->tables_needed(child->pmap, va) : 0,
	};
	struct reserve r;
	int error = reserve_make(mm, &need, 0, &r);
	if (error)
		return error;
	if (a)
		error = anon_map_prepare(mm, &child->anons, va);
	if (!error && a) {
		struct chunk *from = anon_map_chunk(&parent->anons, va);
		if (chunk_exclusive(from, va))
			chunk_set_exclusive(from, va, false);
		a->refs++;
		chunk_set(mm, anon_map_own(mm, &child->anons, va, &r), va, a, false);
	}
	/* An eviction may have taken the entry, or a table of child's, meanwhile: a fault brings it. */
	entry = entry && ops->lookup(parent->pmap, va, &e) && ops->tables_needed(child->pmap, va) <= r.tables;
	if (!error && entry) {
		if (e.prot & PROT_W)
			ops->protect(parent->pmap, va, e.prot & ~PROT_W);
		ops->enter(child->pmap, va, e.frame, e.prot & ~PROT_W, e.as, &r);
	}
	reserve_drop(mm, &r);
	return error;
}

static int pages_copy(struct space *parent, struct space *child, uint64_t start, uint64_t end)
{
	int error = 0;
	for (uint64_t va = start; va < end && !error; va += PAGE_SIZE) {
		struct pmap_entry e;
		uint64_t anon = va, entry = va;
		bool has_anon = anon_map_next(&parent->anons, &anon, end);
		bool has_entry = parent->mm->pmap->next(parent->pmap, &entry, end, &e);
		if (!has_anon && !has_entry)
			break;
		va = min_u64(has_anon ? anon : end, has_entry ? entry : end);
		error = page_copy(parent, child, va);
	}
	return error;
}

/* Carries over what lies in [*at, r->end), one span after the other; spans that are shared whole are
 * done for the regions that follow, too, as *at then says. */
static int region_carry(struct space *parent, struct space *child, const struct region *r, uint64_t *at)
{
	uint64_t va = max_u64(*at, r->start);
	int error = 0;
	while (va < r->end && !error) {
		struct pmap_entry e;
		uint64_t anon = va, entry = va;
		bool has_anon = anon_map_next(&parent->anons, &anon, r->end);
		bool has_entry = parent->mm->pmap->next(parent->pmap, &entry, r->end, &e);
		if (!has_anon && !has_entry)
			break;
		va = min_u64(has_anon ? anon : r->end, has_entry ? entry : r->end);
		uint64_t span = align_down(va, SPAN_SIZE), next = span + SPAN_SIZE;
		if (span_sharable(parent, child, span)) {
			error = span_share(parent, child, span);
			*at = next;
		} else {
			error = pages_copy(parent, child, va, min_u64(next, r->end));
		}
		va = next;
	}
	return error;
}

static int regions_copy(struct space *parent, struct space *child)
{
	for (struct region *r = regions_first(&parent->regions); r; r = region_next(r)) {
		if (r->flags & REGION_DONTFORK)
			continue;
		struct region *c = region_new(parent->mm);
		if (!c)
			return -ENOMEM;
		*c = *r;
		/* Memory locks are not inherited; a wiped region starts without a page. */
		c->flags &= ~(REGION_LOCKED | (r->flags & REGION_WIPEONFORK ? REGION_ANONED : 0));
		if (c->object)
			object_get(c->object);
		regions_insert(&child->regions, c);
		space_account(child, c, (c->end - c->start) >> PAGE_SHIFT);
	}
	return 0;
}

int space_fork(struct space *parent, int32_t pid, struct tally *tally, struct space **ret_child)
{
	struct mm *mm = parent->mm;
	struct space *child;
	int error = space_create(mm, pid, tally, &parent->layout, &child);
	if (error)
		return error;
	child->brk_start = parent->brk_start;
	child->brk = parent->brk;
	error = regions_copy(parent, child);
	uint64_t at = 0;
	for (struct region *r = regions_first(&parent->regions); r && !error; r = region_next(r))
		if (region_carried(r))
			error = region_carry(parent, child, r, &at);

	struct pmap_stats stats;
	mm->pmap->stats(child->pmap, &stats);
	MM_EVENT(mm, parent->tally, parent->pid, space_fork, .child = pid, .space = child->serial,
		 .resident = space_resident(child), .tables_shared = stats.tables_shared);
	if (error)
		space_destroy(child);
	else
		*ret_child = child;
	return error;
}
