/* SPDX-License-Identifier: MIT */
/* fork.c - a copy of an address space by reference
 *
 * The child gets every region. Entries and private pages are carried over only for private regions
 * that ever had a private page (that have a lineage): what others show can be had again by a fault, in
 * the child, as on Linux. They are carried span by span:
 *
 *	all of the span is carried	chunk and leaf table get one reference more each, whatever
 *					they hold
 *	else				the anons of this region get one reference more each, and
 *					its entries are copied without W
 *
 * Either way nothing of it is exclusive or writable any more on either side.
 */
#include <errno.h>
#include <string.h>

#include "vm/range.h"

static bool region_carried(const struct region *r)
{
	return r->lineage &&
	       !(r->flags & (REGION_SHARED | REGION_DONTFORK | REGION_WIPEONFORK));
}

/* Is all that lies in the span carried? A region that has nothing there does no harm. */
static bool span_carried(struct space *s, uint64_t span)
{
	RANGE_REGIONS (r, s, span, span + SPAN_SIZE) {
		uint64_t va = max_u64(r->start, span), end = min_u64(r->end, span + SPAN_SIZE);
		uint64_t anon = va;
		struct pmap_entry e;
		if (!region_carried(r) && (s->mm->pmap->next(s->pmap, &va, end, &e) ||
					   anon_map_next(&s->anons, &anon, end)))
			return false;
	}
	return true;
}

/* May it be shared whole? Not where a part was copied before: an eviction since then may have taken
 * what stood against sharing the rest. */
static bool span_sharable(struct space *parent, struct space *child, uint64_t span)
{
	return !anon_map_chunk(&child->anons, span) &&
	       !child->mm->pmap->has_table(child->pmap, span) && span_carried(parent, span);
}

struct fork {
	struct space *parent, *child;
	uint64_t done;   /* what lies below was carried over */
	int64_t carried; /* entries: an eviction meanwhile is told by itself */
};

/* Sets aside the tables that child needs for a span. An eviction for them may empty a table that child
 * has, and then it needs more. */
static int span_reserve(const struct fork *f, uint64_t span, struct reserve *ret_reserve)
{
	struct mm *mm = f->parent->mm;
	bool table = mm->pmap->has_table(f->parent->pmap, span);
	for (;;) {
		struct need need = {
		    .tables = table ? mm->pmap->share_tables_needed(f->child->pmap, span) : 0};
		struct reserve r;
		int error = reserve_make(mm, &need, 0, &r);
		if (error)
			return error;
		if (!table || mm->pmap->share_tables_needed(f->child->pmap, span) <= r.tables) {
			*ret_reserve = r;
			return 0;
		}
		reserve_drop(mm, &r);
	}
}

static int span_share(struct fork *f, uint64_t span)
{
	struct mm *mm = f->parent->mm;
	struct reserve r;
	bool table = mm->pmap->has_table(f->parent->pmap, span);
	int error = span_reserve(f, span, &r);
	if (error)
		return error;
	if (anon_map_chunk(&f->parent->anons, span)) {
		error = anon_map_prepare(mm, &f->child->anons, span);
		if (!error)
			anon_map_share(&f->parent->anons, &f->child->anons, span);
	}
	/* An eviction may have emptied the table meanwhile, and then it is gone. */
	if (!error && table && mm->pmap->has_table(f->parent->pmap, span)) {
		f->carried -= space_resident(f->child);
		mm->pmap->share(f->parent->pmap, f->child->pmap, span, &r);
		f->carried += space_resident(f->child);
	}
	reserve_drop(mm, &r);
	return error;
}

/* The anon of one page, if it has one. */
static int anon_copy(struct fork *f, uint64_t va, struct anon *a, struct reserve *r)
{
	struct mm *mm = f->parent->mm;
	struct chunk *from = anon_map_chunk(&f->parent->anons, va);
	int error = a ? anon_map_prepare(mm, &f->child->anons, va) : 0;
	if (error || !a)
		return error;
	if (chunk_exclusive(from, va))
		chunk_set_exclusive(from, va, false);
	refs_get(&a->refs);
	chunk_set(mm, anon_map_own(mm, &f->child->anons, va, r), va, a, false);
	return 0;
}

/* The entry of one page, if it is still there: parent may no longer write through it. Child gets it, too, if its
 * tables are as they were: if an eviction emptied one, a fault brings it. */
static void entry_copy(struct fork *f, uint64_t va, struct reserve *r)
{
	const struct pmap_ops *ops = f->parent->mm->pmap;
	struct pmap_entry e;
	if (!ops->lookup(f->parent->pmap, va, &e))
		return;
	if (e.prot & PROT_W)
		ops->protect(f->parent->pmap, va, e.prot & ~PROT_W);
	if (ops->tables_needed(f->child->pmap, va) > r->tables)
		return;
	ops->enter(f->child->pmap, va, e.frame, e.prot & ~PROT_W, e.as, r);
	f->carried += e.frame != f->parent->mm->zero;
}

static int page_copy(struct fork *f, uint64_t va)
{
	struct mm *mm = f->parent->mm;
	struct anon *a = anon_map_get(&f->parent->anons, va);
	struct pmap_entry e;
	bool entry = mm->pmap->lookup(f->parent->pmap, va, &e);
	struct need need = {
	    .chunks = a ? anon_map_needs(&f->child->anons, va) : 0,
	    .tables = entry ? mm->pmap->tables_needed(f->child->pmap, va) : 0,
	};
	struct reserve r;
	int error = reserve_make(mm, &need, 0, &r);
	if (error)
		return error;
	/* An eviction may have taken what MADV_FREE gave up. */
	error = anon_copy(f, va, a ? anon_map_get(&f->parent->anons, va) : NULL, &r);
	if (!error)
		entry_copy(f, va, &r);
	reserve_drop(mm, &r);
	return error;
}

static int pages_copy(struct fork *f, uint64_t va, uint64_t end)
{
	int error = 0;
	for (; !error && range_next(f->parent, &va, end); va += PAGE_SIZE)
		error = page_copy(f, va);
	return error;
}

/* Carries over what lies in r, one span after the other; a span that is shared whole is done for
 * the regions that follow, too. */
static int region_carry(struct fork *f, const struct region *r)
{
	int error = 0;
	uint64_t va = max_u64(f->done, r->start);
	for (; !error && va < r->end && range_next(f->parent, &va, r->end); va = f->done) {
		uint64_t span = align_down(va, SPAN_SIZE);
		bool whole = span_sharable(f->parent, f->child, span);
		f->done = whole ? span + SPAN_SIZE : min_u64(span + SPAN_SIZE, r->end);
		error = whole ? span_share(f, span) : pages_copy(f, va, f->done);
	}
	return error;
}

static int regions_copy(struct space *parent, struct space *child)
{
	for (struct region *r = regions_first(&parent->regions); r; r = region_next(r)) {
		if (r->flags & REGION_DONTFORK)
			continue;
		uint64_t pages = (r->end - r->start) >> PAGE_SHIFT;
		if (r->flags & REGION_ACCOUNT && commit_check(parent->mm, parent, pages) != 0)
			return -ENOMEM;
		struct region *c = region_new(parent->mm);
		if (!c)
			return -ENOMEM;
		*c = *r;
		/* Memory locks are not inherited; a wiped region starts without a page. Others begin a
		 * lineage each, so that they stay apart even where their like was one lineage. */
		c->flags &= ~(uint32_t)(REGION_LOCK_MASK | REGION_INHERITED | REGION_WATCH_MASK);
		c->watcher = 0;
		c->lineage = 0;
		if (r->lineage && !(r->flags & REGION_WIPEONFORK)) {
			c->lineage = ++parent->mm->next_lineage;
			c->flags |= REGION_INHERITED;
		}
		if (c->object)
			object_get(c->object);
		if (c->name)
			refs_get(&c->name->refs);
		regions_insert(&child->regions, c);
		space_account(child, c, (int64_t)pages);
	}
	return 0;
}

int space_fork(struct space *parent, int32_t pid, struct tally *tally, struct space **ret_child)
{
	struct mm *mm = parent->mm;
	struct fork f = {.parent = parent};
	int error = space_create(mm, pid, tally, &parent->layout, &f.child);
	if (error)
		return error;
	f.child->brk_start = parent->brk_start;
	f.child->brk = parent->brk;
	f.child->limits = parent->limits;
	group_join(parent->group, f.child);
	error = regions_copy(parent, f.child);
	if (!error)
		error = track_fork(parent, f.child);
	for (struct region *r = regions_first(&parent->regions); r && !error; r = region_next(r))
		if (region_carried(r))
			error = region_carry(&f, r);

	struct pmap_stats stats;
	mm->pmap->stats(f.child->pmap, &stats);
	MM_EVENT(mm, parent->tally, parent->pid, space_fork, .child = pid, .space = f.child->serial,
		 .resident = f.carried, .tables_shared = stats.tables_shared);
	if (!error)
		error = eager_fork(parent, f.child);
	if (error)
		space_destroy(f.child);
	else
		*ret_child = f.child;
	return error;
}
