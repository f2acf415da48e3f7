/* SPDX-License-Identifier: MIT */
/* advise.c - what a program says of ranges that it keeps: madvise, mlock, msync, mincore */
#include <errno.h>

#include "vm/range.h"

/* Linux's numbers. */
enum advice {
	ADVICE_NORMAL = 0,
	ADVICE_RANDOM = 1,
	ADVICE_SEQUENTIAL = 2,
	ADVICE_WILLNEED = 3,
	ADVICE_DONTNEED = 4,
	ADVICE_FREE = 8,
	ADVICE_REMOVE = 9,
	ADVICE_DONTFORK = 10,
	ADVICE_DOFORK = 11,
	ADVICE_HUGEPAGE = 14,
	ADVICE_NOHUGEPAGE = 15,
	ADVICE_DONTDUMP = 16,
	ADVICE_DODUMP = 17,
	ADVICE_WIPEONFORK = 18,
	ADVICE_KEEPONFORK = 19,
	ADVICE_COLD = 20,
	ADVICE_PAGEOUT = 21,
	ADVICE_POPULATE_READ = 22,
	ADVICE_POPULATE_WRITE = 23,
	ADVICE_DONTNEED_LOCKED = 24,
};

/* Where the first hole of [start, end) begins; end: there is none. */
static uint64_t range_hole(const struct space *s, uint64_t start, uint64_t end)
{
	uint64_t at = start;
	RANGE_REGIONS (r, s, start, end) {
		if (r->start > at)
			return at;
		at = r->end;
	}
	return min_u64(at, end);
}

/* Is every page of the range in a region? */
static bool range_whole(const struct space *s, uint64_t start, uint64_t end)
{
	return range_hole(s, start, end) == end;
}

/* ---- Bringing in ---- */

static int page_populate(struct space *s, uint64_t va, enum access access)
{
	struct pmap_entry e;
	unsigned need = access == ACCESS_WRITE ? PROT_W : 0;
	if (s->mm->pmap->lookup(s->pmap, va, &e) && (e.prot & need) == need)
		return 0;
	switch (
	    fault_handle(s, &(struct fault_request){.va = va, .access = access, .by = BY_KERNEL})) {
	case FAULT_DONE: return 0;
	case FAULT_WAIT: return -EAGAIN;
	case FAULT_NO_MEMORY: return -ENOMEM;
	default: return -EFAULT;
	}
}

/* As Linux's mm_populate: private writable pages are made the program's own at once. */
int space_populate(struct space *s, uint64_t start, uint64_t length, bool write)
{
	uint64_t end;
	if (range_check(s, start, length, &end) != 0)
		return -ENOMEM;
	RANGE_REGIONS (r, s, start, end) {
		bool own = write && r->prot & PROT_W && !(r->flags & REGION_SHARED);
		enum access access = own                           ? ACCESS_WRITE
				     : r->prot & (PROT_R | PROT_W) ? ACCESS_READ
								   : ACCESS_EXEC;
		for (uint64_t va = max_u64(start, r->start); va < min_u64(end, r->end);
		     va += PAGE_SIZE) {
			int error = page_populate(s, va, access);
			if (error)
				return error;
		}
	}
	return range_whole(s, start, end) ? 0 : -ENOMEM;
}

static int advise_populate(struct space *s, uint64_t start, uint64_t end, enum access access)
{
	uint64_t hole = range_hole(s, start, end);
	unsigned need = access == ACCESS_WRITE ? PROT_W : PROT_R;
	RANGE_REGIONS (r, s, start, hole) {
		if (!(r->prot & need))
			return -EINVAL;
		for (uint64_t va = max_u64(start, r->start); va < min_u64(end, r->end);
		     va += PAGE_SIZE) {
			int error = page_populate(s, va, access);
			if (error)
				return error;
		}
	}
	return hole == end ? 0 : -ENOMEM;
}

/* ---- Dropping ---- */

static int advise_drop(struct space *s, uint64_t start, uint64_t end, bool even_locked)
{
	RANGE_REGIONS (r, s, start, end)
		if (r->flags & REGION_LOCKED && !even_locked)
			return -EINVAL;
	struct range g = {.space = s, .start = start, .end = end};
	int error = range_isolate(&g);
	if (error)
		return error;
	int64_t before = space_resident(s);
	range_zap(s, start, end);
	MM_EVENT(s->mm, s->tally, s->pid, region_drop, .start = start, .end = end,
		 .resident = space_resident(s) - before);
	return 0;
}

/* Punches a hole into shared memory or a file: its pages become zeros for all who map it. As on
 * Linux what lies before a region that refuses is done. */
static int advise_remove(struct space *s, uint64_t start, uint64_t end)
{
	RANGE_REGIONS (r, s, start, end) {
		if (r->flags & REGION_LOCKED || !r->object)
			return -EINVAL;
		if (!(r->flags & REGION_SHARED) || !(r->prot_max & PROT_W))
			return -EACCES;
		int error =
		    object_remove(s->mm, r->object, region_index(r, max_u64(start, r->start)),
				  region_index(r, min_u64(end, r->end) - 1));
		if (error)
			return error;
	}
	return 0;
}

/* ---- Flags of regions ---- */

/* Sets and clears flags in whatever regions the range meets, cutting them at its ends. */
static int range_flags(struct space *s, uint64_t start, uint64_t end, uint32_t set, uint32_t clear)
{
	struct range g;
	int error = range_begin(&g, s, start, end);
	if (error)
		return error;
	range_cut(&g);
	RANGE_REGIONS (r, s, start, end) {
		int64_t pages = (r->end - r->start) >> PAGE_SHIFT;
		space_account(s, r, -pages);
		r->flags = (r->flags & ~clear) | set;
		space_account(s, r, pages);
	}
	range_end(&g);
	return 0;
}

static int advise_wipe(struct space *s, uint64_t start, uint64_t end, bool wipe)
{
	RANGE_REGIONS (r, s, start, end)
		if (wipe && r->object)
			return -EINVAL;
	return range_flags(s, start, end, wipe ? REGION_WIPEONFORK : 0,
			   wipe ? 0 : REGION_WIPEONFORK);
}

/* Advice that may be ignored, where some regions refuse it all the same. */
static int advise_ignore(struct space *s, uint64_t start, uint64_t end, int advice)
{
	RANGE_REGIONS (r, s, start, end) {
		if (r->flags & REGION_LOCKED && (advice == ADVICE_COLD || advice == ADVICE_PAGEOUT))
			return -EINVAL;
		/* Without swap nothing gains by freeing later what may be kept. */
		if (r->object && advice == ADVICE_FREE)
			return -EINVAL;
	}
	return 0;
}

/* As on a Linux without KSM: MERGEABLE, UNMERGEABLE and what is unknown are -EINVAL. */
int space_advise(struct space *s, uint64_t start, uint64_t length, int advice)
{
	bool known = (advice >= ADVICE_NORMAL && advice <= ADVICE_DONTNEED) ||
		     (advice >= ADVICE_FREE && advice <= ADVICE_DOFORK) ||
		     (advice >= ADVICE_HUGEPAGE && advice <= ADVICE_DONTNEED_LOCKED);
	uint64_t end = start + page_up(length);
	if (!known || start % PAGE_SIZE || (length && end <= start))
		return -EINVAL;
	if (start == end)
		return 0;
	bool whole = end <= s->layout.top && range_whole(s, start, end);
	end = min_u64(end, s->layout.top);
	int error = 0;
	switch (start < end ? advice : ADVICE_NORMAL) {
	case ADVICE_DONTNEED: error = advise_drop(s, start, end, false); break;
	case ADVICE_DONTNEED_LOCKED: error = advise_drop(s, start, end, true); break;
	case ADVICE_REMOVE: error = advise_remove(s, start, end); break;
	case ADVICE_DONTFORK: error = range_flags(s, start, end, REGION_DONTFORK, 0); break;
	case ADVICE_DOFORK: error = range_flags(s, start, end, 0, REGION_DONTFORK); break;
	case ADVICE_DONTDUMP: error = range_flags(s, start, end, REGION_DONTDUMP, 0); break;
	case ADVICE_DODUMP: error = range_flags(s, start, end, 0, REGION_DONTDUMP); break;
	case ADVICE_WIPEONFORK: error = advise_wipe(s, start, end, true); break;
	case ADVICE_KEEPONFORK: error = advise_wipe(s, start, end, false); break;
	case ADVICE_POPULATE_READ: error = advise_populate(s, start, end, ACCESS_READ); break;
	case ADVICE_POPULATE_WRITE: error = advise_populate(s, start, end, ACCESS_WRITE); break;
	default: error = advise_ignore(s, start, end, advice);
	}
	return error ? error : whole ? 0 : -ENOMEM;
}

int space_lock(struct space *s, uint64_t start, uint64_t length, bool lock)
{
	uint64_t at = page_down(start), end;
	if (range_check(s, at, length + (start - at), &end) != 0)
		return -ENOMEM;
	if (at == end)
		return 0;
	/* As Linux does: what lies before a hole is locked, though nothing is brought in. */
	uint64_t hole = range_hole(s, at, end);
	if (hole == at)
		return -ENOMEM;
	int error = range_flags(s, at, hole, lock ? REGION_LOCKED : 0, lock ? 0 : REGION_LOCKED);
	if (!error && hole < end)
		error = -ENOMEM;
	if (!error && lock)
		error = space_populate(s, at, end - at, true);
	return error == -EFAULT ? -ENOMEM : error;
}

/* ---- Asking and writing back ---- */

int space_sync(struct space *s, uint64_t start, uint64_t length, int flags)
{
	enum { ASYNC = 1, INVALIDATE = 2, SYNC = 4 };
	uint64_t end = start + page_up(length);
	if (flags & ~(ASYNC | INVALIDATE | SYNC) || (flags & ASYNC && flags & SYNC) ||
	    start % PAGE_SIZE)
		return -EINVAL;
	if (end < start)
		return -ENOMEM;
	RANGE_REGIONS (r, s, start, end) {
		if (flags & INVALIDATE && r->flags & REGION_LOCKED)
			return -EBUSY;
		if (!(flags & SYNC) || !(r->flags & REGION_SHARED))
			continue;
		int error = object_sync(s->mm, r->object, region_index(r, max_u64(start, r->start)),
					region_index(r, min_u64(end, r->end) - 1));
		if (error)
			return error;
	}
	return range_whole(s, start, end) ? 0 : -ENOMEM;
}

static bool page_incore(const struct space *s, const struct region *r, uint64_t va)
{
	struct pmap_entry e;
	if (s->mm->pmap->lookup(s->pmap, va, &e))
		return true;
	const struct anon *a = r->flags & REGION_SHARED ? NULL : anon_map_get(&s->anons, va);
	if (a || !r->object)
		return a && a->frame != NO_FRAME;
	return object_cached(r->object, region_index(r, va)) != NO_FRAME;
}

int space_incore(struct space *s, uint64_t start, uint64_t length, uint8_t *ret_vector)
{
	uint64_t end;
	if (start % PAGE_SIZE)
		return -EINVAL;
	if (range_check(s, start, length, &end) != 0 || !range_whole(s, start, end))
		return -ENOMEM;
	RANGE_REGIONS (r, s, start, end)
		for (uint64_t va = max_u64(start, r->start); va < min_u64(end, r->end);
		     va += PAGE_SIZE)
			ret_vector[(va - start) >> PAGE_SHIFT] = page_incore(s, r, va);
	return 0;
}
