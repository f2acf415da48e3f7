/* SPDX-License-Identifier: MIT */
#include "vm/range.h"

#include <errno.h>

int range_check(const struct space *s, uint64_t start, uint64_t length, uint64_t *ret_end)
{
	return interval_end(start, length, s->layout.top, ret_end) ? 0 : -EINVAL;
}

struct region *region_new(struct mm *mm)
{
	return alloc_get(&mm->host.alloc, sizeof(struct region));
}

void region_free(struct mm *mm, struct region *r)
{
	if (r && r->object) {
		object_settle(mm, r->object);
		object_put(mm, r->object);
	}
	if (r)
		region_name_put(mm, r->name);
	alloc_put(&mm->host.alloc, r, sizeof(*r));
}

void region_name_put(struct mm *mm, struct region_name *name)
{
	if (name && refs_put(&name->refs))
		alloc_put(&mm->host.alloc, name, sizeof(*name));
}

/* The region that a cut at va would split. */
static struct region *region_across(const struct space *s, uint64_t va)
{
	struct region *r = regions_find(&s->regions, va);
	return r && r->start < va ? r : NULL;
}

int range_begin(struct range *g, struct space *s, uint64_t start, uint64_t end, bool removes)
{
	VM_ASSERT(start % PAGE_SIZE == 0 && end % PAGE_SIZE == 0 && start < end);
	*g = (struct range){.space = s, .start = start, .end = end};
	const struct region *first = region_across(s, start), *last = region_across(s, end);
	bool low = first, high = last;
	uint64_t more = removes ? first && first == last : low + high;
	if (more && s->regions.count + more > s->mm->regions_max)
		return -ENOMEM;
	g->spare[0] = low ? region_new(s->mm) : NULL;
	g->spare[1] = high ? region_new(s->mm) : NULL;
	if ((!low || g->spare[0]) && (!high || g->spare[1]))
		return 0;
	range_end(g);
	return -ENOMEM;
}

int range_isolate(struct range *g)
{
	struct space *s = g->space;
	int error = anon_map_isolate(s->mm, &s->anons, g->start, g->end, false);
	return error ? error : range_unshare(s, g->start, g->end, true);
}

/* Drops the entries of each shared table that meets the range: of this space, not of the others. */
static void tables_drop(struct space *s, uint64_t start, uint64_t end, bool partial)
{
	const struct pmap_ops *ops = s->mm->pmap;
	struct pmap_entry e;
	for (uint64_t va = align_down(start, SPAN_SIZE); va < end && ops->next(s->pmap, &va, end, &e);) {
		uint64_t span = align_down(va, SPAN_SIZE);
		bool inside = start <= span && span + SPAN_SIZE <= end;
		if (e.shared && !(inside && partial))
			ops->unmap(s->pmap, span, span + SPAN_SIZE);
		va = span + SPAN_SIZE;
	}
}

int range_unshare(struct space *s, uint64_t start, uint64_t end, bool partial)
{
	int error = s->mm->pmap->unshare(s->pmap, start, end, partial);
	if (error != -ENOMEM)
		return error;
	tables_drop(s, start, end, partial);
	return 0;
}

/* Cuts at va with the i-th spare region, if anything lies across it. */
static void cut_at(struct range *g, unsigned i, uint64_t va)
{
	struct region *r = region_across(g->space, va);
	if (!r)
		return;
	region_split(&g->space->regions, r, va, g->spare[i]);
	g->spare[i] = NULL;
}

void range_cut(struct range *g)
{
	cut_at(g, 0, g->start);
	cut_at(g, 1, g->end);
}

struct region *range_take(struct range *g, struct region *r)
{
	uint64_t start = max_u64(r->start, g->start);
	bool low = r->start < g->start, high = g->end < r->end;
	if (low)
		cut_at(g, 0, g->start);
	if (high)
		cut_at(g, 1, g->end);
	return regions_find(&g->space->regions, start);
}

struct region *range_join(struct space *s, struct region *r)
{
	struct region *upper = region_next(r);
	if (!upper || !region_alike(r, upper))
		return r;
	region_set_extent(r, extent_join(region_extent(r), region_extent(upper)));
	/* As Linux does: who joins what was mapped since counts as mapped since. */
	uint32_t tracked = r->flags & upper->flags & REGION_TRACKED;
	r->flags = ((r->flags | upper->flags) & ~(uint32_t)REGION_TRACKED) | tracked;
	r->lineage |= upper->lineage; /* alike: they are the same, or one is 0 */
	regions_remove(&s->regions, upper);
	regions_resized(&s->regions, r);
	region_free(s->mm, upper);
	return r;
}

struct region *range_merge(struct space *s, struct region *r)
{
	struct region *lower = region_prev(r);
	if (lower && region_alike(lower, r))
		r = range_join(s, lower);
	return range_join(s, r);
}

void range_end(struct range *g)
{
	struct space *s = g->space;
	for (unsigned i = 0; i < 2; i++) {
		if (g->spare[i]) {
			alloc_put(&s->mm->host.alloc, g->spare[i], sizeof(*g->spare[i]));
			g->spare[i] = NULL;
		}
	}
	VM_ASSERT_DEEP(mm_verify(s->mm, NULL, 0));
}

bool range_sealed(const struct space *s, uint64_t start, uint64_t end)
{
	RANGE_REGIONS (r, s, start, end) {
		if (r->flags & REGION_SEALED)
			return true;
	}
	return false;
}

bool range_next(const struct space *s, uint64_t *va, uint64_t end)
{
	uint64_t anon = *va, entry = *va;
	struct pmap_entry e;
	if (*va >= end)
		return false;
	bool has_anon = anon_map_next(&s->anons, &anon, end);
	bool has_entry = s->mm->pmap->next(s->pmap, &entry, has_anon ? anon : end, &e);
	if (has_anon || has_entry)
		*va = has_entry ? entry : anon;
	return has_anon || has_entry;
}

void range_zap(struct space *s, uint64_t start, uint64_t end)
{
	s->mm->pmap->unmap(s->pmap, start, end);
	anon_map_clear(s->mm, &s->anons, start, end);
	track_clear(s, start, end, TRACK_STORED);
	track_clear(s, start, end, TRACK_GUARDED);
	track_clear(s, start, end, TRACK_POISONED);
}

void range_remove(struct space *s, uint64_t start, uint64_t end)
{
	int64_t before = space_resident(s);
	range_zap(s, start, end);
	track_clear(s, start, end, TRACK_BARRED);
	for (struct region *r = regions_at_or_after(&s->regions, start), *next; r && r->start < end;
	     r = next) {
		VM_ASSERT(start <= r->start && r->end <= end);
		next = region_next(r);
		regions_remove(&s->regions, r);
		space_account(s, r, -(int64_t)((r->end - r->start) >> PAGE_SHIFT));
		region_free(s->mm, r);
	}
	MM_EVENT(s->mm, s->tally, s->pid, region_unmap, .start = start, .end = end,
		 .resident = space_resident(s) - before);
}

void space_insert(struct space *s, struct region *r)
{
	regions_insert(&s->regions, r);
	space_account(s, r, (r->end - r->start) >> PAGE_SHIFT);
	MM_EVENT(s->mm, s->tally, s->pid, region_map, .start = r->start, .end = r->end,
		 .prot = r->prot, .flags = r->flags);
}

void space_account(struct space *s, const struct region *r, int64_t pages)
{
	s->pages += pages;
	s->pages_peak = max_u64(s->pages, s->pages_peak);
	/* Linux's is_stack_mapping, is_data_mapping and is_exec_mapping. */
	if (r->flags & REGION_GROWSDOWN)
		s->pages_stack += pages;
	else if (r->prot & PROT_W && !(r->flags & REGION_SHARED))
		s->pages_data += pages;
	else if (r->prot & PROT_X && !(r->prot & PROT_W))
		s->pages_exec += pages;
	if (r->flags & REGION_ACCOUNT) {
		s->committed += pages;
		commit_charge(s->mm, s->group, pages);
	}
	if (r->flags & REGION_LOCKED) {
		s->pages_locked += pages;
		s->mm->locked_pages += pages;
	}
}

int64_t space_resident(struct space *s)
{
	uint64_t resident = pmap_resident(s->pmap);
	s->resident_peak = max_u64(resident, s->resident_peak);
	return (int64_t)resident;
}

unsigned region_entry_prot(const struct region *r)
{
	return r->prot | (r->prot & PROT_W ? PROT_R : 0);
}
