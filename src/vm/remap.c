/* SPDX-License-Identifier: MIT */
/* remap.c - mremap: a region grows, shrinks or moves
 *
 * Moving carries private pages over and, where tables can be had, the entries that show them, so
 * that a program meets no fault for what it had touched. An entry that cannot be carried is left
 * out: it is a cache, and a fault brings it back.
 */
#include <errno.h>

#include "vm/range.h"

enum { MAYMOVE = 1, FIXED = 2, DONTUNMAP = 4 };

struct remap {
	struct space *space;
	struct region *region;
	uint64_t old, old_length, to, length;
	unsigned flags;
};

/* Is it given, or at least always chosen, where to? */
static bool moves(const struct remap *m)
{
	return m->flags & (FIXED | DONTUNMAP);
}

/* What Linux refuses before it looks at regions. */
static int request_check(const struct remap *m)
{
	const struct space *s = m->space;
	if (m->flags & ~(MAYMOVE | FIXED | DONTUNMAP) || m->old % PAGE_SIZE || m->length == 0 ||
	    m->length > s->layout.top)
		return -EINVAL;
	if (!moves(m))
		return 0;
	if (m->to % PAGE_SIZE || m->to > s->layout.top - m->length || !(m->flags & MAYMOVE))
		return -EINVAL;
	if (m->flags & DONTUNMAP && m->old_length != m->length)
		return -EINVAL;
	return m->old < m->to + m->length && m->to < m->old + m->old_length ? -EINVAL : 0;
}

/* What stays where it is, and shrinks at most, may consist of many regions. */
static bool stays(const struct remap *m)
{
	return !moves(m) && m->length <= m->old_length;
}

/* What it refuses before it looks for a place. */
static int region_check(const struct remap *m)
{
	const struct region *r = m->region;
	uint64_t moved = min_u64(m->old_length, m->length);
	bool special = r && r->flags & REGION_SPECIAL;
	if (!r)
		return -EFAULT;
	if (r->flags & REGION_SEALED)
		return -EPERM;
	if (stays(m))
		return 0;
	if (m->old_length == 0 && !(r->flags & REGION_SHARED))
		return -EINVAL;
	if (special && m->flags & DONTUNMAP)
		return -EINVAL;
	if (moved > r->end - m->old || (special && m->length > moved))
		return -EFAULT;
	/* A page of an object has a number of so many bits. */
	uint64_t first = r->object ? region_index(r, m->old) : 0;
	if (r->object && first + (m->length >> PAGE_SHIFT) > UINT64_C(1) << OBJECT_INDEX_BITS)
		return -EINVAL;
	return 0;
}

/* Moves an entry, or drops it. Returns how the resident count changed. */
static int64_t entry_move(struct space *s, uint64_t from, uint64_t to)
{
	struct mm *mm = s->mm;
	const struct pmap_ops *ops = mm->pmap;
	struct pmap_entry e;
	struct reserve r;
	if (!ops->lookup(s->pmap, from, &e))
		return 0;
	struct need need = {.tables = ops->tables_needed(s->pmap, to)};
	bool have = reserve_make(mm, &need, 0, &r) == 0;
	/* An eviction may have taken the entry, or a table. */
	bool there = ops->lookup(s->pmap, from, &e);
	bool can = have && ops->tables_needed(s->pmap, to) == need.tables;
	if (there && can)
		ops->move(s->pmap, from, to, &r);
	else if (there)
		ops->unmap(s->pmap, from, from + PAGE_SIZE);
	if (have)
		reserve_drop(mm, &r);
	return there && !can && e.frame != mm->zero ? -1 : 0;
}

/* Moves an anon, if there is one, to where its chunk was made before. */
static void anon_move(struct space *s, uint64_t from, uint64_t to)
{
	struct chunk *c = anon_map_chunk(&s->anons, from);
	struct anon *a = c ? anon_map_get(&s->anons, from) : NULL;
	if (!a)
		return;
	bool exclusive = chunk_exclusive(c, from);
	refs_get(&a->refs);
	chunk_set(s->mm, anon_map_chunk(&s->anons, to), to, a, exclusive);
	chunk_set(s->mm, c, from, NULL, false);
}

/* Gives every page of [old, old + length) that has an anon a chunk of the space's own at its new
 * place. On failure the empty ones go again. */
static int chunks_prepare(struct space *s, uint64_t old, uint64_t to, uint64_t length)
{
	int error = 0;
	for (uint64_t va = old; !error && anon_map_next(&s->anons, &va, old + length);
	     va += PAGE_SIZE)
		error = anon_map_make(s->mm, &s->anons, va - old + to);
	if (error)
		anon_map_trim(s->mm, &s->anons, to, to + length);
	return error;
}

int range_move_page(struct space *s, uint64_t from, uint64_t to)
{
	int error = anon_map_make(s->mm, &s->anons, to);
	if (error)
		return error;
	int64_t resident = entry_move(s, from, to);
	anon_move(s, from, to);
	/* An eviction may have taken what MADV_FREE gave up. */
	anon_map_trim(s->mm, &s->anons, to, to + PAGE_SIZE);
	anon_map_trim(s->mm, &s->anons, from, from + PAGE_SIZE);
	MM_EVENT(s->mm, s->tally, s->pid, region_move, .start = from, .end = from + PAGE_SIZE, .to = to,
		 .resident = resident);
	return 0;
}

static void range_move(struct space *s, uint64_t old, uint64_t to, uint64_t length)
{
	int64_t resident = 0;
	uint64_t end = old + length;
	for (uint64_t va = old; range_next(s, &va, end); va += PAGE_SIZE) {
		resident += entry_move(s, va, to + (va - old));
		anon_move(s, va, to + (va - old));
	}
	anon_map_trim(s->mm, &s->anons, old, end);
	MM_EVENT(s->mm, s->tally, s->pid, region_move, .start = old, .end = end, .to = to,
		 .resident = resident);
}

/* The new region at the new place: the same, but what has no page yet is as if mapped there. */
static void region_copy(const struct remap *m, struct region *r)
{
	*r = *m->region;
	r->start = m->to;
	r->end = m->to + m->length;
	/* Nobody watches the new place who is not told of it, and as on Linux what moved counts as stored
	 * to. */
	r->flags &= ~(uint32_t)REGION_TRACKED;
	if (!(r->flags & REGION_WATCH_MOVES)) {
		r->flags &= ~(uint32_t)REGION_WATCH_MASK;
		r->watcher = 0;
	}
	r->offset = r->object || r->lineage ? r->offset + (m->old - m->region->start) : m->to;
	if (r->object)
		object_get(r->object);
	if (r->name)
		refs_get(&r->name->refs);
}

/* MREMAP_DONTUNMAP: what stays is no longer locked, all of the region; and if all of it was moved, it is
 * as if it never had a page. */
static void region_left(struct remap *m)
{
	struct space *s = m->space;
	struct region *r = m->region;
	int64_t pages = (r->end - r->start) >> PAGE_SHIFT;
	space_account(s, r, -pages);
	r->flags &= ~(uint32_t)REGION_LOCK_MASK;
	space_account(s, r, pages);
	if (m->old > r->start || m->old + m->old_length < r->end)
		return;
	r->lineage = 0;
	r->flags &= ~(uint32_t)REGION_INHERITED;
}

/* 1. Memory for the new region and for cuts at the old place; everything of the old place is made
 * the space's own.
 * 2. The new place is cleared; as on Linux it stays so if a later step fails. Regions may have
 * changed.
 * 3. What would be left over when it shrinks goes. As on Linux that may be many regions.
 * 4. Chunks for what will come. From here on nothing fails.
 * 5. Pages move, the new region is put in, the old one goes (or stays, empty). */
static int remap_move(struct remap *m)
{
	struct space *s = m->space;
	uint64_t moved = min_u64(m->old_length, m->length), end = m->old + moved;
	/* 1. */
	struct range g;
	struct region *r = region_new(s->mm);
	int error = r ? 0 : -ENOMEM;
	bool begun = false;
	if (!error && moved) {
		error = range_begin(&g, s, m->old, end, true);
		begun = !error;
	}
	if (begun)
		error = anon_map_isolate(s->mm, &s->anons, m->old, end, true);
	if (begun && !error)
		error = range_unshare(s, m->old, end, false);
	/* 2. */
	if (!error)
		error = space_unmap(s, m->to, m->length);
	/* 3. */
	if (!error && moved < m->old_length)
		error = space_unmap(s, end, m->old_length - moved);
	m->region = regions_find(&s->regions, m->old);
	/* 4. */
	if (!error)
		error = track_prepare_move(s, m->old, m->to, moved);
	if (!error)
		error = chunks_prepare(s, m->old, m->to, moved);
	if (error) {
		if (begun)
			range_end(&g);
		alloc_put(&s->mm->host.alloc, r, sizeof(*r));
		return error;
	}
	/* 5. */
	region_copy(m, r);
	space_insert(s, r);
	if (begun) {
		range_move(s, m->old, m->to, moved);
		track_move(s, m->old, m->to, moved, r->flags & REGION_WATCH_MOVES);
		if (m->flags & DONTUNMAP) {
			region_left(m);
		} else {
			range_cut(&g);
			range_remove(s, m->old, end);
		}
		range_end(&g);
	}
	range_merge(s, r);
	VM_ASSERT_DEEP(mm_verify(s->mm, NULL, 0));
	return 0;
}

static bool can_grow_here(const struct remap *m)
{
	const struct region *r = m->region, *next = region_next(r);
	uint64_t end = m->old + m->length;
	return m->old + m->old_length == r->end && end <= m->space->layout.top &&
	       (!next || end <= next->start) && !moves(m) && m->old_length;
}

static void region_extend(const struct remap *m)
{
	struct space *s = m->space;
	struct region *r = m->region;
	uint64_t old_end = r->end;
	r->end = m->old + m->length;
	regions_resized(&s->regions, r);
	space_account(s, r, (r->end - old_end) >> PAGE_SHIFT);
	MM_EVENT(s->mm, s->tally, s->pid, region_map, .start = old_end, .end = r->end,
		 .prot = r->prot, .flags = r->flags);
	range_join(s, r);
}

/* Where it goes: to is a wish unless FIXED. */
static int place_find(struct remap *m)
{
	const struct space *s = m->space;
	if (m->flags & FIXED)
		return 0;
	m->to = space_place(s, m->flags & DONTUNMAP ? m->to : 0, m->length);
	return m->to ? 0 : -ENOMEM;
}

/* What stays behind and what moves are both there in the end, or it is what it grows by. */
static int remap_limits(const struct remap *m)
{
	uint64_t more = m->flags & DONTUNMAP        ? m->length
			: m->length > m->old_length ? m->length - m->old_length
						    : 0;
	if (!more)
		return 0;
	return limits_extend(m->space, m->region, more >> PAGE_SHIFT, m->to,
			     m->flags & FIXED ? m->length : 0);
}

static int remap_one(struct remap *m)
{
	struct space *s = m->space;
	m->region = regions_find(&s->regions, m->old);
	int error = region_check(m);
	if (error)
		return error;
	bool locked = m->region->flags & REGION_LOCKED;
	uint64_t more = m->length > m->old_length ? m->length - m->old_length : 0;

	if (stays(m)) {
		error = m->length < m->old_length
			    ? space_unmap(s, m->old + m->length, m->old_length - m->length)
			    : 0;
		m->to = m->old;
	} else if ((error = remap_limits(m))) {
		return error;
	} else if (can_grow_here(m)) {
		region_extend(m);
		m->to = m->old;
	} else if (!(m->flags & MAYMOVE)) {
		error = -ENOMEM;
	} else {
		error = place_find(m);
		if (!error)
			error = remap_move(m);
	}
	if (error)
		return error;
	if (locked && more)
		space_populate(s, m->to + m->length - more, more, true);
	(void)eager_fill(s, m->to, m->to + m->length);
	return 0;
}

/* A move to a fixed place that keeps the length takes every region with it, and the holes between
 * them, as since Linux 6.17. Like there, what was moved before an error stays moved. */
static int remap_each(const struct remap *all)
{
	const struct regions *regions = &all->space->regions;
	uint64_t end = all->old + all->length;
	const struct region *r = regions_find(regions, all->old);
	if (!r)
		return -EFAULT;
	for (uint64_t va = all->old; r && r->start < end; r = regions_at_or_after(regions, va)) {
		struct remap m = *all;
		m.old = max_u64(va, r->start);
		va = min_u64(end, r->end);
		m.to += m.old - all->old;
		m.length = m.old_length = va - m.old;
		/* One that is watched moves alone. */
		if (r->watcher && (m.old > all->old || va < end))
			return -EFAULT;
		int error = remap_one(&m);
		if (error)
			return error;
		if (va == end)
			break;
	}
	return 0;
}

int space_remap(struct space *s, uint64_t old, uint64_t old_length, uint64_t length, unsigned flags,
		uint64_t to, uint64_t *ret_start)
{
	struct remap m = {
	    .space = s,
	    .old = old,
	    .old_length = page_up(old_length),
	    .to = to,
	    .length = page_up(length),
	    .flags = flags,
	};
	int error = request_check(&m);
	/* As many as may be cut off on the way. */
	if (!error && s->regions.count + 4 > s->mm->regions_max)
		error = -ENOMEM;
	if (!error)
		error = flags & FIXED && m.length == m.old_length ? remap_each(&m) : remap_one(&m);
	if (error)
		return error;
	*ret_start = m.to;
	return 0;
}
