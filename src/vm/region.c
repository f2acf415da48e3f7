/* SPDX-License-Identifier: MIT */
#include <stdint.h>

struct region;
static void region_augment(struct region *r);
#define RB_AUGMENT(r) region_augment(r)

#include <string.h>

#include "vm/region.h"

#include "vm/mm.h"

/* ---- The tree, and the largest hole below each node ---- */

static int region_compare(const struct region *a, const struct region *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}

RB_PROTOTYPE_INTERNAL(region_tree, region, tree, region_compare, __attribute__((unused)) static)
RB_GENERATE_INTERNAL(region_tree, region, tree, region_compare, __attribute__((unused)) static)

static uint64_t gap_max_of(const struct region *r)
{
	return r ? r->gap_max : 0;
}

static void region_augment(struct region *r)
{
	uint64_t below = max_u64(gap_max_of(RB_LEFT(r, tree)), gap_max_of(RB_RIGHT(r, tree)));
	r->gap_max = max_u64(r->gap, below);
}

uint64_t region_guarded_start(const struct region *r)
{
	if (!(r->flags & REGION_GROWSDOWN))
		return r->start;
	return r->start > STACK_GUARD ? r->start - STACK_GUARD : 0;
}

/* Measures the hole before r anew, and tells all above it in the tree. */
static void gap_update(struct region *r)
{
	if (!r)
		return;
	struct region *prev = region_prev(r);
	uint64_t from = prev ? prev->end : 0, to = region_guarded_start(r);
	r->gap = to > from ? to - from : 0;
	for (; r; r = RB_PARENT(r, tree))
		region_augment(r);
}

void regions_init(struct regions *rs)
{
	RB_INIT(&rs->tree);
	rs->count = 0;
	rs->near = NULL;
}

struct region *regions_at_or_after(const struct regions *rs, uint64_t va)
{
	struct region *best = rs->near;
	if (best && best->start <= va && va < best->end)
		return best;
	best = NULL;
	for (struct region *r = RB_ROOT(&rs->tree); r;) {
		if (va < r->end) {
			best = r;
			r = va < r->start ? RB_LEFT(r, tree) : NULL;
		} else {
			r = RB_RIGHT(r, tree);
		}
	}
	/* What is remembered is no part of the set. */
	if (best && best->start <= va)
		((struct regions *)(uintptr_t)rs)->near = best;
	return best;
}

struct region *regions_find(const struct regions *rs, uint64_t va)
{
	struct region *r = regions_at_or_after(rs, va);
	return r && r->start <= va ? r : NULL;
}

struct region *regions_first(const struct regions *rs)
{
	return regions_at_or_after(rs, 0);
}

struct region *regions_last(const struct regions *rs)
{
	return RB_MAX(region_tree, (struct region_tree *)&rs->tree);
}

struct region *region_next(const struct region *r)
{
	return RB_NEXT(region_tree, , (struct region *)r);
}

struct region *region_prev(const struct region *r)
{
	return RB_PREV(region_tree, , (struct region *)r);
}

void regions_insert(struct regions *rs, struct region *r)
{
	r->gap = r->gap_max = 0;
	struct region *there = RB_INSERT(region_tree, &rs->tree, r);
	VM_ASSERT(!there && r->start < r->end);
	rs->count++;
	if (r->object)
		object_mapped(r->object, r, rs);
	regions_resized(rs, r);
}

void regions_remove(struct regions *rs, struct region *r)
{
	struct region *next = region_next(r);
	RB_REMOVE(region_tree, &rs->tree, r);
	rs->count--;
	rs->near = NULL;
	if (r->object)
		object_unmapped(r->object, r);
	gap_update(next);
}

void regions_resized(struct regions *rs, struct region *r)
{
	struct region *next = region_next(r);
	VM_ASSERT(r->start < r->end && (!next || r->end <= next->start));
	gap_update(r);
	gap_update(next);
}

/* ---- Holes ---- */

/* Is the hole in front of r, cut to [bottom, top), large enough? */
static bool hole_fits(const struct region *r, uint64_t bottom, uint64_t top, uint64_t length,
		      struct interval *ret_hole)
{
	uint64_t end = region_guarded_start(r);
	struct interval hole = {end - min_u64(r->gap, end), end};
	struct interval h = interval_clip(hole, (struct interval){bottom, top});
	if (h.end - h.start < length)
		return false;
	*ret_hole = h;
	return true;
}

/* Only holes cut by bottom or top disappoint after gap_max promised, and there are two of them. */
static uint64_t hole_highest(const struct region *r, uint64_t bottom, uint64_t top, uint64_t length)
{
	if (!r || r->gap_max < length)
		return 0;
	uint64_t found = r->end < top ? hole_highest(RB_RIGHT(r, tree), bottom, top, length) : 0;
	struct interval h;
	if (!found && hole_fits(r, bottom, top, length, &h))
		found = h.end - length;
	if (!found && r->start > bottom)
		found = hole_highest(RB_LEFT(r, tree), bottom, top, length);
	return found;
}

static uint64_t hole_lowest(const struct region *r, uint64_t bottom, uint64_t top, uint64_t length)
{
	if (!r || r->gap_max < length)
		return 0;
	uint64_t found = r->start > bottom ? hole_lowest(RB_LEFT(r, tree), bottom, top, length) : 0;
	struct interval h;
	if (!found && hole_fits(r, bottom, top, length, &h))
		found = h.start;
	if (!found && r->end < top)
		found = hole_lowest(RB_RIGHT(r, tree), bottom, top, length);
	return found;
}

uint64_t regions_hole_below(const struct regions *rs, uint64_t bottom, uint64_t top,
			    uint64_t length)
{
	struct region *last = regions_last(rs);
	uint64_t from = max_u64(bottom, last ? last->end : 0);
	if (from <= top && top - from >= length)
		return top - length;
	return hole_highest(RB_ROOT(&rs->tree), bottom, top, length);
}

uint64_t regions_hole_above(const struct regions *rs, uint64_t bottom, uint64_t top,
			    uint64_t length)
{
	uint64_t found = hole_lowest(RB_ROOT(&rs->tree), bottom, top, length);
	if (found)
		return found;
	struct region *last = regions_last(rs);
	uint64_t from = max_u64(bottom, last ? last->end : 0);
	return from <= top && top - from >= length ? from : 0;
}

/* ---- One region ---- */

struct extent region_extent(const struct region *r)
{
	return (struct extent){r->start, r->end, r->offset};
}

void region_set_extent(struct region *r, struct extent e)
{
	r->start = e.start;
	r->end = e.end;
	r->offset = e.offset;
}

bool region_allows(const struct region *r, enum access access)
{
	switch (access) {
	/* As on Linux for RISC-V, where a writable page is always readable. */
	case ACCESS_READ: return r->prot & (PROT_R | PROT_W);
	case ACCESS_WRITE: return r->prot & PROT_W;
	case ACCESS_EXEC: return r->prot & PROT_X;
	}
	return false;
}

void region_split(struct regions *rs, struct region *r, uint64_t va, struct region *upper)
{
	struct extent whole = region_extent(r);
	*upper = *r;
	region_set_extent(upper, extent_above(whole, va));
	region_set_extent(r, extent_below(whole, va));
	if (r->object)
		object_get(r->object);
	if (r->name)
		refs_get(&r->name->refs);
	regions_resized(rs, r);
	regions_insert(rs, upper);
}

bool region_names_agree(const struct region_name *a, const struct region_name *b)
{
	return a == b || (a && b && strcmp(a->text, b->text) == 0);
}

/* Apart from what mprotect may change. */
static bool region_continues(const struct region *lower, const struct region *upper)
{
	const uint32_t apart = REGION_INHERITED | REGION_TRACKED;
	return extent_joins(region_extent(lower), region_extent(upper)) &&
	       lower->object == upper->object && lower->source == upper->source &&
	       lower->prot_max == upper->prot_max && region_names_agree(lower->name, upper->name) &&
	       lower->watcher == upper->watcher && mempolicy_same(lower->policy, upper->policy) &&
	       !((lower->flags ^ upper->flags) & ~apart) && !(lower->flags & (REGION_SPECIAL | REGION_APART));
}

static bool lineages_agree(const struct region *a, const struct region *b)
{
	if (a->lineage == b->lineage)
		return true;
	const struct region *one = a->lineage ? a : b;
	return !(a->lineage && b->lineage) && !(one->flags & REGION_INHERITED);
}

bool region_alike(const struct region *lower, const struct region *upper)
{
	return region_continues(lower, upper) && lower->prot == upper->prot &&
	       lineages_agree(lower, upper);
}

/* The next one first, as Linux looks. */
static uint64_t lineage_beside(const struct region *r)
{
	const struct region *next = region_next(r), *prev = region_prev(r);
	if (next && next->lineage && !(next->flags & REGION_INHERITED) && region_continues(r, next))
		return next->lineage;
	if (prev && prev->lineage && !(prev->flags & REGION_INHERITED) && region_continues(prev, r))
		return prev->lineage;
	return 0;
}

void region_begin_lineage(struct region *r, uint64_t *serial)
{
	if (!r->lineage)
		r->lineage = lineage_beside(r);
	if (!r->lineage)
		r->lineage = ++*serial;
}
